//! `gan standing`: a run that generates by standing statistics.

use crate::config::amount;
use crate::located::{self, Located};
use crate::machine::Machine;
use crate::say::{line, quoted};
use anyhow::Result;
use gan_core::data::Synthetic;
use gan_core::random::Streams;
use gan_core::trainer::{Identity, RunDir, Trainer};
use std::path::PathBuf;

/// Of which run, over how many batches.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A run's folder (its newest checkpoint is used) or a checkpoint's
    #[arg(value_name = "RUN|CHECKPOINT")]
    from: PathBuf,
    /// The run as it was when its samples were best, instead of its newest checkpoint
    #[arg(long)]
    best: bool,
    /// Batches whose means and variances are averaged
    #[arg(long, default_value = "16", value_parser = amount::positive, value_name = "N")]
    batches: u64,
    /// Images in each
    #[arg(long, default_value = "64", value_parser = amount::positive, value_name = "N")]
    batch: u64,
    /// The seed of latents and classes
    #[arg(long, default_value = "1", value_parser = amount::argument, value_name = "N")]
    seed: u64,
    /// The folder of the run that is written [default: `standing` in the run's folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    machine: Machine,
}

const EXAMPLES: &str = "\
Examples:
  gan standing runs/biggan-small-32-001
  gan evaluate runs/biggan-small-32-001/standing
  gan standing runs/biggan-small-32-001 --best --batches 64 --out runs/best-standing";

/// Averages and writes.
///
/// # Errors
/// A run whose normalisations keep no standing statistics; a folder that is taken.
pub fn run(args: Args) -> Result<()> {
    let located = Located::find(&args.from)?;
    let checkpoint = if args.best { located.best()? } else { located.some_checkpoint()? };
    let config = located::config_of(&checkpoint)?;
    let policy = args.machine.policy()?;
    let mut gan = config.gan.build(&policy, checkpoint.meta.seed)?.into_generator()?;
    // Before a folder is made: whether it can be done.
    gan.stand(&Streams::new(args.seed, 0, 0, policy.device), 0, 1)?;
    let out = args.out.unwrap_or_else(|| located.run().unwrap_or(&args.from).join("standing"));
    let run = RunDir::create(&out, &config.to_toml()?)?;
    let identity = Identity::of(gan.as_ref(), &config.to_value())?;
    let mut trainer = Trainer::new(config.train.clone(), policy, run, identity)?;
    // Nothing is drawn: a checkpoint wants to know where in its data a run stands.
    let mut nothing = Synthetic::new([1, 1, 4, 4], 0, 1, policy.device);
    trainer.resume(&checkpoint, gan.as_mut(), &mut nothing)?;
    gan.stand(&Streams::new(args.seed, 0, 0, policy.device), args.batches, args.batch as i64)?;
    trainer.save_now(gan.as_mut(), &mut nothing)?;
    trainer.finish()?;
    line(format_args!(
        "means over {} batches of {} images are in {out}\nuse it:  {} sample {out}",
        args.batches,
        args.batch,
        crate::say::program(),
        out = quoted(&out)
    ));
    Ok(())
}
