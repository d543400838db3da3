//! `gan resume`: goes on exactly where a run stopped.

use crate::config::{RunConfig, amount};
use crate::data::{self, Data};
use crate::failure::usage;
use crate::located::{self, Located};
use crate::say::{note, thousands};
use crate::session::{self, Start};
use anyhow::Result;
use gan_core::error::Error;
use gan_core::trainer::{GuardMode, RunDir};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Which run, and what may differ.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A run's folder (its newest checkpoint is used) or a checkpoint inside one
    #[arg(value_name = "RUN|CHECKPOINT")]
    from: PathBuf,
    /// Train until so many images in all: 500k, 2M
    #[arg(long, value_parser = amount::positive, value_name = "N")]
    images: Option<u64>,
    /// auto, cpu or cuda:N [default: the run's]
    #[arg(long)]
    device: Option<String>,
    /// CPU threads, 0 for all cores [default: the run's; another number changes the last bits of sums]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// off, warn or rollback: what happens when the run collapses [default: the run's]
    #[arg(long, value_parser = guard_mode, value_name = "MODE")]
    guard: Option<GuardMode>,
}

fn guard_mode(word: &str) -> Result<GuardMode, String> {
    match word {
        "off" => Ok(GuardMode::Off),
        "warn" => Ok(GuardMode::Warn),
        "rollback" => Ok(GuardMode::Rollback),
        _ => Err("expected off, warn or rollback".to_owned()),
    }
}

const EXAMPLES: &str = "\
Examples:
  gan resume runs/dcgan-fashion-mnist-32-001
  gan resume runs/dcgan-fashion-mnist-32-001 --images 2M
  gan resume runs/dcgan-fashion-mnist-32-001 --guard rollback
  gan resume runs/mine/checkpoints/000200000        from an older checkpoint; newer ones are set aside";

/// Goes on.
///
/// # Errors
/// A run that cannot be gone on with; whatever ends training early.
pub fn run(args: Args) -> Result<ExitCode> {
    let located = Located::find(&args.from)?;
    let Some(folder) = located.run().map(Path::to_owned) else {
        let why = "lies in no run folder; `gan sample` can use it, `gan resume` needs the run around it";
        return Err(Error::checkpoint(&args.from, why).into());
    };
    let run = RunDir::open(&folder)?;
    let checkpoint = located.checkpoint()?;
    let mut config = match &checkpoint {
        Some(checkpoint) => located::config_of(checkpoint)?,
        None => located::config_in(&folder)?,
    };
    // What an earlier resume changed and no checkpoint has carried yet.
    if folder.join("config.toml").exists() {
        let recorded = located::config_in(&folder).map_err(|error| {
            let why = crate::failure::sentence(&error);
            anyhow::anyhow!("{why}; mend the file, or delete it, since the checkpoint knows the rest")
        })?;
        config.train.images = recorded.train.images;
        config.train.guard = recorded.train.guard;
        config.device = recorded.device;
    }
    let done = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.meta.clock.images);
    let is_stopped = match &checkpoint {
        Some(checkpoint) => checkpoint.watch()?.stopped_on_plateau,
        None => false,
    };
    match args.images {
        None if is_stopped => {
            let (folder, shown, more) = (folder.display(), thousands(done), done * 2);
            note(format_args!(
                "{folder}: the run stopped on a plateau after {shown} images; train on with --images {more}"
            ));
            return Ok(ExitCode::SUCCESS);
        }
        // Not a failure: whoever resumes until it succeeds must come to an end.
        None if done >= config.train.images => {
            let (folder, shown, more) = (folder.display(), thousands(done), done * 2);
            note(format_args!(
                "{folder}: the run is finished, all its {shown} images were shown; train on with --images {more}"
            ));
            return Ok(ExitCode::SUCCESS);
        }
        None => {}
        Some(images) if done >= images => {
            let (folder, shown) = (folder.display(), thousands(done));
            return Err(usage(format!("--images {images}: {folder} has shown {shown} already; name more")));
        }
        Some(images) => config.train.images = images,
    }
    if let Some(guard) = args.guard {
        config.train.guard = guard;
        config.train.validate()?;
    }
    if let Some(device) = args.device {
        config.device.device = device;
    }
    if let Some(threads) = args.threads {
        config.device.threads = threads;
    }
    let policy = config.policy()?;
    policy.apply();
    config.device = crate::config::DeviceConfig::of(&policy);
    let data = data::open(&config)?;
    if let Data::Images(images) = &data {
        // Others are refused; ranges of attributes stay those that the run began with.
        config.gan.clone().take_labels(images.classes(), &images.attributes())?;
    }
    data.check(&config)?;
    let held_out = data::open_held_out(&config)?;
    let (before, now) = (config.data.images, data.count());
    if before != now && before > 0 {
        note(format_args!(
            "warning: the data set holds {} images, {} when the run began: it goes on, but not as it would have",
            thousands(now),
            thousands(before)
        ));
    }
    config.warn_of_rates();
    record(&config, &folder)?;
    match &checkpoint {
        Some(checkpoint) => note(format_args!("going on from {}", checkpoint.path.display())),
        None => note(format_args!("{}: no checkpoint yet; starting anew", folder.display())),
    }
    // Stopped before its first checkpoint, it begins as it did.
    let transfer = if checkpoint.is_none() { located::origin(&config)? } else { None };
    session::train(Start { policy, config, data, held_out, run, from: checkpoint, transfer })
}

/// Keeps `config.toml` true where the run's length, guard or device has changed.
fn record(config: &RunConfig, folder: &Path) -> Result<()> {
    let path = folder.join("config.toml");
    let text = config.to_toml()?;
    if std::fs::read_to_string(&path).is_ok_and(|known| known == text) {
        return Ok(());
    }
    let aside = folder.join(".config.toml.new");
    let written = std::fs::write(&aside, text).and_then(|()| std::fs::rename(&aside, &path));
    written.map_err(|source| Error::file(&path, source).into())
}
