//! `gan info`: what a run or checkpoint is.

use crate::config::RunConfig;
use crate::located::{self, Located};
use crate::say::{bytes, duration, line, thousands};
use anyhow::{Context, Result};
use gan_core::device::DevicePolicy;
use gan_core::settings::PairShape;
use gan_core::trainer::{Checkpoint, RunDir, Watch};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What to look at.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A run's or a checkpoint's folder
    #[arg(value_name = "RUN|CHECKPOINT")]
    path: PathBuf,
    /// As JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  gan info runs/dcgan-fashion-mnist-32-001
  gan info runs/dcgan-fashion-mnist-32-001/checkpoints/000200000
  gan info runs/dcgan-fashion-mnist-32-001 --json | jq .images";

/// Looks and prints. A damaged checkpoint is part of the answer, not a failure, unless it was named itself.
///
/// # Errors
/// Nothing there, or nothing that can be read.
pub fn run(args: Args) -> Result<()> {
    let located = Located::find(&args.path)?;
    let (config, stand, checkpoints) = match &located {
        Located::Checkpoint { path, .. } => {
            let checkpoint = Checkpoint::open(path)?;
            (located::config_of(&checkpoint)?, Some(checkpoint), vec![state(path)])
        }
        Located::Run(run) => {
            let all = RunDir::checkpoints_of(run);
            let newest = all.iter().rev().find_map(|path| Checkpoint::open(path).ok());
            (located::config_in(run)?, newest, all.iter().map(|path| state(path)).collect())
        }
    };
    let watch = stand.as_ref().map(Checkpoint::watch).transpose()?.unwrap_or_default();
    let best = located.run().map(RunDir::best_of).filter(|path| path.is_dir()).map(|path| state(&path));
    let facts = Facts {
        watch,
        best,
        path: &args.path,
        run: located.run(),
        parameters: parameters(&config)?,
        last: located.run().and_then(last_report),
        config,
        stand,
        checkpoints,
    };
    if args.json {
        line(format_args!("{}", serde_json::to_string_pretty(&facts.json()).context("JSON")?));
        Ok(())
    } else {
        facts.print()
    }
}

struct Facts<'a> {
    path: &'a Path,
    run: Option<&'a Path>,
    config: RunConfig,
    parameters: Vec<(String, u64)>,
    /// The newest sound checkpoint, or the one that was named.
    stand: Option<Checkpoint>,
    last: Option<gan_report::LogLine>,
    checkpoints: Vec<CheckpointState>,
    /// What was watched until then.
    watch: Watch,
    /// The checkpoint with the best samples.
    best: Option<CheckpointState>,
}

struct CheckpointState {
    path: PathBuf,
    bytes: u64,
    images: Option<u64>,
    damage: Option<String>,
}

fn state(path: &Path) -> CheckpointState {
    let opened = Checkpoint::open(path);
    CheckpointState {
        path: path.to_owned(),
        bytes: size_of(path),
        images: opened.as_ref().ok().map(|checkpoint| checkpoint.meta.clock.images),
        damage: opened.err().map(|error| error.to_string()),
    }
}

fn parameters(config: &RunConfig) -> Result<Vec<(String, u64)>> {
    let gan = config.gan.build(&DevicePolicy::resolve("cpu", "f32", 0)?, config.train.seed)?;
    Ok(gan
        .players()
        .iter()
        .map(|player| (player.name().to_owned(), player.parameters().count() as u64))
        .collect())
}

fn last_report(run: &Path) -> Option<gan_report::LogLine> {
    gan_report::read_log(run.join("log.jsonl")).ok()?.pop()
}

fn size_of(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else {
        return std::fs::symlink_metadata(path).map_or(0, |data| data.len());
    };
    entries.flatten().map(|entry| size_of(&entry.path())).sum()
}

/// What lies in a run's folder, with sizes.
fn files(run: &Path) -> Vec<(String, u64)> {
    let entries = std::fs::read_dir(run).into_iter().flatten().flatten();
    let visible = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    let mut files: Vec<(String, u64)> = visible
        .map(|entry| {
            let slash = if entry.path().is_dir() { "/" } else { "" };
            (format!("{}{slash}", entry.file_name().to_string_lossy()), size_of(&entry.path()))
        })
        .collect();
    files.sort();
    files
}

impl Facts<'_> {
    fn images(&self) -> u64 {
        self.stand.as_ref().map_or(0, |checkpoint| checkpoint.meta.clock.images)
    }

    fn seconds(&self) -> f64 {
        self.stand.as_ref().map_or(0.0, |checkpoint| checkpoint.meta.seconds)
    }

    fn print(&self) -> Result<()> {
        let Self { config, .. } = self;
        let row = |name: &str, text: String| line(format_args!("{name:<14}{text}"));
        row("variant", format!("{} (preset {})", config.gan.variant().word(), config.preset));
        row("data", config.data.words());
        let (size, channels, batch) = (config.gan.size(), config.gan.channels(), config.gan.batch());
        row(
            "images",
            match config.gan.pairs() {
                Some(PairShape { image: [height, width], channels: [a, b], .. }) => {
                    format!("{width} x {height}, {a} to {b} channels, batch {batch}")
                }
                None => format!("{size} x {size}, {channels} channels, batch {batch}"),
            },
        );
        let device = &config.device;
        row("device", format!("{}, {}, {} threads", device.device, device.precision, device.threads));
        for (name, count) in &self.parameters {
            row(name, format!("{} parameters", thousands(*count)));
        }
        let share = 100.0 * self.images() as f64 / config.train.images.max(1) as f64;
        row(
            "trained",
            format!(
                "{} of {} images ({share:.0} %), {}",
                thousands(self.images()),
                thousands(config.train.images),
                duration(self.seconds())
            ),
        );
        if let Some(meta) = self.stand.as_ref().map(|checkpoint| &checkpoint.meta) {
            row(
                "written by",
                format!("gan-core {}, LibTorch {}", meta.versions.gan_core, meta.versions.libtorch),
            );
        }
        if self.stand.is_some() {
            line(format_args!("\n{}", self.watch.summary()));
            for event in &self.watch.events {
                line(format_args!("  at {} images: {}", thousands(event.images), event.sentence));
            }
        }
        if let Some(last) = &self.last {
            let speed = last.images_per_second;
            line(format_args!("\nlast report, after {} images at {speed:.0}/s:", thousands(last.images)));
            for (name, moments) in &last.values {
                line(format_args!("  {name:<30}{:>12.4} ± {:.4}", moments.mean, moments.std));
            }
        }
        line(format_args!("\ncheckpoints:"));
        for checkpoint in &self.checkpoints {
            let verdict = checkpoint.damage.as_deref().unwrap_or("sound");
            line(format_args!("  {}  {:>9}  {verdict}", checkpoint.path.display(), bytes(checkpoint.bytes)));
        }
        if let Some(best) = &self.best {
            let verdict = best.damage.as_deref().unwrap_or("sound");
            let quality = self.best_quality().unwrap_or_default();
            line(format_args!(
                "  {}  {:>9}  {verdict}, the best: {quality}",
                best.path.display(),
                bytes(best.bytes)
            ));
        }
        if self.checkpoints.is_empty() {
            line(format_args!("  none yet"));
        }
        if let Some(run) = self.run {
            line(format_args!("\nfiles in {}:", run.display()));
            for (name, size) in files(run) {
                line(format_args!("  {name:<46}{:>9}", bytes(size)));
            }
        }
        line(format_args!("\n{}", config.to_toml()?.trim_end()));
        Ok(())
    }

    /// The best quality in words, as the best checkpoint itself tells.
    fn best_quality(&self) -> Option<String> {
        let watch = Checkpoint::open(&self.best.as_ref()?.path).ok()?.watch().ok()?;
        let quality = watch.convergence.quality()?;
        let (images, value) = quality.best;
        Some(format!("{} {value:.3} after {} images", quality.name, thousands(images)))
    }

    fn json(&self) -> Value {
        let checkpoints: Vec<Value> = self
            .checkpoints
            .iter()
            .map(|c| json!({"path": c.path, "bytes": c.bytes, "images": c.images, "sound": c.damage.is_none(), "damage": c.damage}))
            .collect();
        let files: Vec<Value> = self
            .run
            .map(files)
            .unwrap_or_default()
            .iter()
            .map(|(n, b)| json!({"name": n, "bytes": b}))
            .collect();
        let parameters: serde_json::Map<String, Value> =
            self.parameters.iter().map(|(name, count)| (name.clone(), json!(count))).collect();
        json!({
            "path": self.path,
            "run": self.run,
            "images": self.images(),
            "steps": self.stand.as_ref().map_or(0, |checkpoint| checkpoint.meta.clock.step),
            "seconds": self.seconds(),
            "parameters": parameters,
            "last_report": self.last,
            "checkpoints": checkpoints,
            "best": self.best.as_ref().map(|b| json!({"path": b.path, "images": b.images, "sound": b.damage.is_none()})),
            "convergence": {
                "standing": self.watch.standing(),
                "summary": self.watch.summary(),
                "qualities": self.watch.convergence.qualities(),
                "signs": self.watch.guard,
                "rollbacks": self.watch.rollbacks,
                "events": self.watch.events,
            },
            "files": files,
            "config": self.config.to_value(),
        })
    }
}
