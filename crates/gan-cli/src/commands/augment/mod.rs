//! `gan augment`: a labelled set filled up with generated images, and whether a classifier is better for it.

mod score;

use crate::class_folders::{self, ClassFolders};
use crate::config::{DataConfig, amount};
use crate::dataset::{self, Opened};
use crate::failure::usage;
use crate::labels::{self, Labels};
use crate::located::{self, Located};
use crate::machine::Machine;
use crate::pictures;
use crate::progress;
use crate::samples::Samples;
use crate::say::{line, note, thousands};
use crate::weights::WeightChoice;
use anyhow::Result;
use gan_core::error::Error;
use gan_core::tensor::range;
use gan_core::variant::{Generate, GenerateOptions};
use gan_data::DataSet;
use std::path::PathBuf;
use std::sync::Arc;
use tch::{Device, Kind, Tensor};

/// Which images, how many, what for.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A run or checkpoint of a GAN that knows classes
    #[arg(value_name = "RUN|CHECKPOINT")]
    from: PathBuf,
    /// The real images, with the classes of the GAN [default: what the run was trained on]
    #[arg(long, value_name = "D")]
    data: Option<String>,
    /// Images that each class shall have, real and generated together
    #[arg(long, value_parser = amount::positive, value_name = "N")]
    per_class: u64,
    /// So many generated images of each class instead, and no real ones
    #[arg(long)]
    generated_only: bool,
    /// A new folder, with a folder for each class
    #[arg(long, value_name = "DIR", required_unless_present = "score")]
    out: Option<PathBuf>,
    /// Train the same small classifier on the real images, on --per-class generated ones of each class and on the filled-up
    /// set, and compare them
    #[arg(long)]
    score: bool,
    /// Real images that the classifiers are tested on [default: the test images of a set that has some]
    #[arg(long, value_name = "D", requires = "score")]
    test: Option<String>,
    /// Classifiers of each kind, for the spread
    #[arg(long, default_value = "3", requires = "score", value_parser = amount::positive, value_name = "N")]
    classifiers: u64,
    /// Images that each classifier is shown, the same ones again where there are fewer
    #[arg(long, default_value = "120k", requires = "score", value_parser = amount::positive, value_name = "N")]
    shown: u64,
    /// The table as JSON
    #[arg(long, requires = "score")]
    json: bool,
    /// The seed of the first generated image; the next ones have the following seeds
    #[arg(long, default_value = "1", value_parser = amount::argument, value_name = "N")]
    seed: u64,
    /// Less variety, more typical pictures, the lower: latents times X, of BigGAN none beyond X, of StyleGAN psi
    #[arg(long, visible_alias = "psi", value_name = "X")]
    truncation: Option<f64>,
    /// The run as it was when its samples were best, instead of its newest checkpoint
    #[arg(long)]
    best: bool,
    #[command(flatten)]
    weights: WeightChoice,
    #[command(flatten)]
    machine: Machine,
}

const EXAMPLES: &str = "\
Examples:
  gan augment runs/cgan-mine-001 --per-class 1000 --out balanced/          fills every class up to 1,000
  gan augment runs/cgan-mine-001 --per-class 5k --generated-only --out made/
  gan augment runs/cgan-mine-001 --per-class 1000 --score --test photos-of-another-day/
  gan train cgan --data fashion-mnist --set data.per_class=100    learns from few; augment --score then says what that is worth";

/// Images that are generated at a time.
const AT_A_TIME: u64 = 64;

/// Images with their classes.
pub struct Pool {
    /// u8 `[N, C, H, W]`
    images: Tensor,
    /// i64 `[N]`
    labels: Vec<i64>,
}

/// Generates, writes, compares.
///
/// # Errors
/// A GAN without classes, data with others, a place that cannot be used.
pub fn run(args: Args) -> Result<()> {
    crate::latents::check_truncation(args.truncation)?;
    let located = Located::find(&args.from)?;
    let checkpoint = if args.best { located.best()? } else { located.some_checkpoint()? };
    let policy = args.machine.policy()?;
    let config = located::config_of(&checkpoint)?;
    let generator = located::load_generator(&checkpoint, &policy, args.weights.chosen())?;
    if generator.classes() == 0 {
        let why = "its GAN knows no classes, so that its images have no labels; train a cgan on classes";
        return Err(usage(format!("{}: {why}", args.from.display())));
    }
    if let Some(out) = &args.out {
        class_folders::check(out)?;
    }
    // All sets are fitted as the GAN saw its own.
    let open = |source: &str| -> Result<Arc<DataSet>> {
        let other = DataConfig {
            source: source.to_owned(),
            attributes: String::new(),
            holdout: 0.0,
            per_class: 0,
            ..config.data.clone()
        };
        let data = if source == config.data.source { config.data.clone() } else { other };
        images_of(dataset::open(&data, config.gan.image(), Some(config.gan.channels()))?, source)
    };
    let names = generator.class_names();
    let set = open(args.data.as_ref().unwrap_or(&config.data.source))?;
    let test = match (args.score, &args.test, &args.data) {
        (false, ..) => None,
        (true, Some(name), _) => Some(open(name)?),
        (true, None, None) => dataset::open_held_out(&config)?
            .map(|held_out| images_of(held_out, &config.data.source))
            .transpose()?,
        (true, None, Some(name)) => gan_data::held_out_of(name).map(open).transpose()?,
    };
    if args.score && test.is_none() {
        let why = "has no test images of its own; name real images that it does not hold with --test";
        return Err(usage(format!("--score: {} {why}", set.name())));
    }

    let real = pool(&set, names)?;
    let test = test.map(|test| pool(&test, names)).transpose()?;
    let plan = plan(&args, &real, names.len());
    let generated = generate(generator.as_ref(), &plan, &args, policy.device)?;
    if let Some(out) = &args.out {
        let kept = (!args.generated_only).then_some(&real);
        let mut folders = ClassFolders::new(out, names)?;
        for (kind, pool) in [("real", kept), ("generated", Some(&generated))] {
            let Some(pool) = pool else { continue };
            // One at a time: all as pictures would be all in memory twice.
            for (index, &label) in (0..).zip(&pool.labels) {
                let picture = pictures::of_bytes(&pool.images.f_narrow(0, index, 1)?)?.remove(0);
                folders.save(kind, label as usize, &picture)?;
            }
        }
        let count =
            thousands(generated.labels.len() as u64 + kept.map_or(0, |real| real.labels.len() as u64));
        let generated = thousands(generated.labels.len() as u64);
        let text = format!("wrote {count} images to {}, {generated} of them generated", out.display());
        if args.json { note(format_args!("{text}")) } else { line(format_args!("{text}")) }
    }
    if let Some(test) = test {
        // As many generated images of each class as the set will have in all: what they can do without real ones.
        let alone = match args.generated_only {
            true => None,
            false => {
                Some(generate(generator.as_ref(), &vec![args.per_class; names.len()], &args, policy.device)?)
            }
        };
        let pools = [("real", &real), ("generated", alone.as_ref().unwrap_or(&generated))];
        score::compare(&args, pools, &generated, &test, names, &policy)?;
    }
    Ok(())
}

fn images_of(opened: Opened, source: &str) -> Result<Arc<DataSet>> {
    match opened {
        Opened::Images(set) => Ok(set),
        _ => Err(usage(format!("{source}: holds no images with classes"))),
    }
}

/// All images of a set, with the GAN's numbers for their classes.
fn pool(set: &DataSet, names: &[String]) -> Result<Pool> {
    let numbers: Vec<i64> = set.classes().iter().map(|class| labels::place(class, names)).collect();
    if let Some((class, _)) = set.classes().iter().zip(&numbers).find(|(_, number)| **number < 0) {
        let why = format!(
            "has a class `{class}`, which the GAN was not trained on; it knows {}",
            labels::listed(names)
        );
        return Err(Error::data(set.name(), why).into());
    }
    let (mut bytes, mut labels, mut broken) = (Vec::new(), Vec::new(), 0);
    for index in 0..set.len() {
        let Some(number) = set.label(index).map(|label| numbers[label as usize]) else {
            return Err(Error::data(set.name(), "has no classes; each needs a folder of its own").into());
        };
        match set.load(index) {
            Ok(pixels) => {
                bytes.extend(pixels);
                labels.push(number);
            }
            Err(_) => broken += 1,
        }
    }
    if broken > 0 {
        note(format_args!("warning: {}: {broken} images that cannot be read left out", set.name()));
    }
    let size = [labels.len() as i64, set.channels().into(), set.height().into(), set.width().into()];
    Ok(Pool { images: Tensor::f_from_data_size(&bytes, &size, Kind::Uint8)?, labels })
}

/// Images to generate of each class.
fn plan(args: &Args, real: &Pool, classes: usize) -> Vec<u64> {
    let mut missing = vec![args.per_class; classes];
    if !args.generated_only {
        for &label in &real.labels {
            missing[label as usize] = missing[label as usize].saturating_sub(1);
        }
        let full = missing.iter().filter(|missing| **missing == 0).count();
        if full > 0 {
            note(format_args!(
                "note: {full} of {classes} classes have {} real images or more and get none",
                thousands(args.per_class)
            ));
        }
    }
    missing
}

fn generate(generator: &dyn Generate, plan: &[u64], args: &Args, device: Device) -> Result<Pool> {
    let options = GenerateOptions { truncation: args.truncation, ..GenerateOptions::default() };
    let bar = progress::counted("generating", plan.iter().sum());
    let (mut images, mut labels, mut first) = (Vec::new(), Vec::new(), 0);
    for (class, &count) in (0..).zip(plan) {
        let asked = Labels::Class(class);
        let samples = Samples { generator, labels: &asked, options, seed: args.seed, listed: &[], device };
        for start in (first..first + count).step_by(AT_A_TIME as usize) {
            let numbers = start..(first + count).min(start + AT_A_TIME);
            bar.inc(numbers.end - numbers.start);
            images.push(range::to_bytes(&samples.of(numbers)?)?.f_to_device(Device::Cpu)?);
        }
        labels.resize(labels.len() + count as usize, class);
        first += count;
    }
    bar.finish_and_clear();
    let images = match images.as_slice() {
        [] => Tensor::f_zeros([0, 1, 1, 1], (Kind::Uint8, Device::Cpu))?,
        images => Tensor::f_cat(images, 0)?,
    };
    Ok(Pool { images, labels })
}
