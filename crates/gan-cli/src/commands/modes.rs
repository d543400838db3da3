//! `gan modes`: counts the modes that a run covers, where the truth is known.

use crate::config::amount;
use crate::dataset::{self, Opened};
use crate::failure::usage;
use crate::labels::Choice;
use crate::located::{self, Located};
use crate::machine::Machine;
use crate::samples::Samples;
use crate::say::{line, note, thousands};
use crate::weights::WeightChoice;
use anyhow::{Context, Result};
use gan_core::device::DevicePolicy;
use gan_core::random::Streams;
use gan_core::tensor::range;
use gan_core::variant::{Generate, GenerateOptions};
use gan_data::{DataSet, PointSet};
use gan_metrics::classifier::Recipe;
use gan_metrics::{Classifier, Labelled, Mixture, Projections, modes, sliced_wasserstein, stacked};
use serde_json::{Value, json};
use std::path::PathBuf;
use tch::{Device, Kind, Tensor};

/// Which run, and how it is counted.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A run's folder (its newest checkpoint is used) or a checkpoint's
    #[arg(value_name = "RUN|CHECKPOINT")]
    from: PathBuf,
    /// Samples [default: the protocol's, 2500 points or 26000 stacked images]
    #[arg(long, value_parser = amount::positive, value_name = "N")]
    count: Option<u64>,
    /// The seed of the first sample; the next ones have the following seeds
    #[arg(long, default_value = "1", value_parser = amount::argument, value_name = "N")]
    seed: u64,
    /// Standard deviations from a mode's mean within which a point is good
    #[arg(long, default_value_t = modes::THRESHOLD, value_name = "X")]
    threshold: f64,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    weights: WeightChoice,
    #[command(flatten)]
    machine: Machine,
}

const EXAMPLES: &str = "\
Examples:
  gan modes runs/vanilla-ring8-001
  gan modes runs/vanilla-grid25-001 --count 10000 --json
  gan modes runs/dcgan-stacked-fashion-001";

/// Samples that are generated together.
const AT_A_TIME: usize = 500;

/// Generates, counts and prints.
///
/// # Errors
/// A run on data whose modes are not known; a checkpoint that cannot be used.
pub fn run(args: Args) -> Result<()> {
    let located = Located::find(&args.from)?;
    let checkpoint = located.some_checkpoint()?;
    let config = located::config_of(&checkpoint)?;
    let policy = args.machine.policy()?;
    let generator = located::load_generator(&checkpoint, &policy, args.weights.chosen())?;
    let data = dataset::open(&config.data, config.gan.image(), Some(config.gan.channels()))?;
    let samples = |default: usize| {
        let count = args.count.and_then(|count| usize::try_from(count).ok()).unwrap_or(default);
        generate(generator.as_ref(), count, &args, &policy)
    };
    let facts = match &data {
        Opened::Points { set, .. } => of_points(*set, &samples(modes::SAMPLES)?, args.threshold)?,
        Opened::Stacked(stacked) => {
            let classifier = classifier(stacked.base(), &policy)?;
            let images = range::to_bytes(&samples(stacked::SAMPLES)?)?;
            serde_json::to_value(stacked::score(&images, &classifier)?).context("JSON")?
        }
        Opened::Images(_) => {
            let why = format!(
                "its data, {}, has no modes that are known; ring8, grid25 and the stacked sets have",
                config.data.source
            );
            return Err(usage(format!("{}: {why}", args.from.display())));
        }
    };
    print(&facts, &config.data.source, checkpoint.meta.clock.images, args.json)
}

/// Samples of consecutive seeds, as `gan sample` makes them.
fn generate(generator: &dyn Generate, count: usize, args: &Args, policy: &DevicePolicy) -> Result<Tensor> {
    let options = GenerateOptions::default();
    let labels = Choice::default().of(generator)?;
    let samples =
        Samples { generator, labels: &labels, options, seed: args.seed, listed: &[], device: policy.device };
    let mut parts = Vec::new();
    for first in (0..count).step_by(AT_A_TIME) {
        let numbers = first as u64..count.min(first + AT_A_TIME) as u64;
        parts.push(samples.of(numbers)?.f_to_device(Device::Cpu)?);
    }
    Ok(Tensor::f_cat(&parts, 0)?)
}

/// The mode counts, if there are modes, and the distance to as many real points beside that between two real sets.
fn of_points(set: PointSet, points: &Tensor, threshold: f64) -> Result<Value> {
    let mut facts = json!({});
    if !set.means().is_empty() {
        let mixture = Mixture { means: set.means(), std: set.std() };
        facts = serde_json::to_value(modes::score(points, &mixture, threshold)?).context("JSON")?;
    }
    let count = points.size()[0];
    let real = |seed| -> Result<Tensor> {
        Ok(set.draw(&Streams::new(seed, 0, 0, Device::Cpu), count, Device::Cpu)?.0)
    };
    let (first, second) = (real(1)?, real(2)?);
    let distance = |a: &Tensor, b: &Tensor| sliced_wasserstein(a, b, &Projections::default());
    facts["sliced_wasserstein"] = distance(&points.f_reshape([-1i64, 2])?, &first)?.into();
    facts["sliced_wasserstein_of_real"] = distance(&second, &first)?.into();
    Ok(facts)
}

/// The classifier of a base set's images, from the cache or trained now.
fn classifier(base: &DataSet, policy: &DevicePolicy) -> Result<Classifier> {
    let mut bytes = Vec::with_capacity(base.len() * base.image_bytes());
    let mut labels = Vec::with_capacity(base.len());
    for index in 0..base.len() {
        bytes.extend(base.load(index).map_err(gan_core::error::Error::from)?);
        labels.push(base.label(index).map_or(0, i64::from));
    }
    let size = [base.len() as i64, 1, base.height().into(), base.width().into()];
    let data = Labelled {
        name: base.name().to_owned(),
        images: Tensor::f_from_data_size(&bytes, &size, Kind::Uint8)?,
        labels: Tensor::f_from_slice(&labels)?,
        classes: base.classes().len() as i64,
    };
    let cache = dataset::cache_folder().map(|folder| folder.join("classifiers"));
    note(format_args!("training a classifier of {}, or reading it from the cache ...", base.name()));
    Ok(Classifier::trained(&data, &Recipe::default(), policy, cache.as_deref())?)
}

fn print(facts: &Value, data: &str, images: u64, as_json: bool) -> Result<()> {
    if as_json {
        let mut facts = facts.clone();
        facts["data"] = data.into();
        facts["images"] = images.into();
        line(format_args!("{}", serde_json::to_string_pretty(&facts).context("JSON")?));
        return Ok(());
    }
    let number = |key: &str| facts[key].as_f64();
    line(format_args!("{data} after {} images", thousands(images)));
    match facts["protocol"].as_str() {
        Some(protocol) => line(format_args!("protocol              {protocol}")),
        None => line(format_args!("protocol              none: {data} has no modes to count")),
    }
    if let (Some(covered), Some(modes)) = (facts["covered"].as_u64(), facts["modes"].as_u64()) {
        line(format_args!("modes covered         {covered} of {modes}"));
    }
    let percent = [("good", "good samples"), ("classifier_accuracy", "classifier's accuracy")];
    for (key, words) in percent {
        if let Some(share) = number(key) {
            line(format_args!("{words:<21} {:.2} %", 100.0 * share));
        }
    }
    let others = [
        ("reverse_kl", "reverse KL"),
        ("kl_uniform", "KL to uniform"),
        ("kl_data", "KL to the data"),
        ("sliced_wasserstein", "sliced Wasserstein"),
        ("sliced_wasserstein_of_real", "that of real points"),
    ];
    for (key, words) in others {
        if let Some(value) = number(key) {
            line(format_args!("{words:<21} {value:.4}"));
        }
    }
    Ok(())
}
