//! `gan train`: a new run.

use crate::config::{DataConfig, DeviceConfig, Layers, RunConfig, amount};
use crate::data::{self, Data};
use crate::dataset::{self, Opened};
use crate::failure::usage;
use crate::labels;
use crate::located::{self, Located};
use crate::pairs;
use crate::say::{line, note, thousands};
use crate::session::{self, Start};
use crate::variants::{VariantConfig, VariantName};
use anyhow::Result;
use gan_core::device::DevicePolicy;
use gan_core::trainer::{Checkpoint, RunDir};
use gan_data::Task;
use gan_data::task::Inpaint;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to train, on what, where.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Which GAN
    variant: VariantName,
    /// Settings that belong together; an unknown name lists all
    #[arg(long, value_name = "P")]
    preset: Option<String>,
    /// A built-in or fetched data set (see `gan data list`), or a folder, zip, IDX or CIFAR file of images
    #[arg(long, value_name = "D")]
    data: Option<String>,
    /// Of a variant that translates: images of the first domain, or the first images of pairs with names like the second's
    #[arg(long, value_name = "D")]
    domain_a: Option<String>,
    /// Images of the second
    #[arg(long, value_name = "D")]
    domain_b: Option<String>,
    /// Of pix2pix: make pairs of the plain images in --data, to learn to inpaint, superres, colorize, denoise, or to draw
    /// from edges
    #[arg(long, value_name = "TASK")]
    task: Option<String>,
    /// The run's folder [default: runs/VARIANT-PRESET-NNN, with --data runs/VARIANT-DATA-NNN]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Train until so many images were shown: 500k, 2M
    #[arg(long, value_parser = amount::positive, value_name = "N")]
    images: Option<u64>,
    /// Images in a step
    #[arg(long, value_parser = amount::positive, value_name = "N")]
    batch: Option<u64>,
    /// Height and width in pixels [default: the preset's]
    #[arg(long, value_parser = amount::positive, value_name = "N")]
    size: Option<u64>,
    /// 1 grey, 3 colour [default: the data's]
    #[arg(long, value_parser = amount::positive, value_name = "N")]
    channels: Option<u64>,
    /// auto, cpu or cuda:N
    #[arg(long)]
    device: Option<String>,
    /// auto, f32 or bf16; auto takes bf16 where the hardware has it
    #[arg(long)]
    precision: Option<String>,
    /// CPU threads; 0 for all cores
    #[arg(long, value_name = "N")]
    threads: Option<u64>,
    /// Everything random is a function of it
    #[arg(long, value_parser = amount::argument, value_name = "N")]
    seed: Option<u64>,
    /// Stop at the first broken image instead of leaving it out
    #[arg(long)]
    strict: bool,
    /// Show each image mirrored in half of its draws
    #[arg(long)]
    mirror: bool,
    /// When the run collapses: say so, say so and go back to a checkpoint from before with half the learning rates, or
    /// do not look [default: warn]
    #[arg(long, value_parser = ["off", "warn", "rollback"], value_name = "MODE")]
    guard: Option<String>,
    /// Any setting by its key or the end of it; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// A TOML file of settings, such as another run's config.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Begin with the weights of this run or checkpoint of the same variant, and with its settings unless a preset or file is
    /// named: transfer to other data
    #[arg(long, value_name = "RUN")]
    from: Option<PathBuf>,
    /// Print what would be trained on what, and stop
    #[arg(long)]
    dry_run: bool,
}

const EXAMPLES: &str = "\
Examples:
  gan train dcgan                                        the built-in Fashion-MNIST images, 32x32
  gan train dcgan --data photos/ --size 64 --images 2M   a folder of pictures of any size
  gan train dcgan --set loss=hinge --set generator_optimizer.lr=1e-4
  gan train dcgan --guard rollback                       a collapse ends in a new attempt, three at most
  gan train dcgan --images 5M --set stop_on_plateau=10   ends after 10 evaluations without a better one
  gan train dcgan --set data.holdout=0.05                shows whether the discriminator overfits
  gan train dcgan --config runs/mine/config.toml --seed 2
  gan train vanilla --data ring8                         points of which the truth is known
  gan train cyclegan --domain-a horses/ --domain-b zebras/ --preset cyclegan-128
  gan train pix2pix --data facades/ --preset pix2pix-256 pairs: A|B pictures, or folders A and B
  gan train pix2pix --data photos/ --task superres --set task.scale=4
  gan train stylegan --data few/ --from runs/stylegan-many-001 --set freeze_discriminator=10
                                                         begins with that run's weights; Freeze-D
  gan train dcgan --dry-run                              prints every setting there is

Later settings win: preset or --from, then --config, then flags, then --set.";

/// Trains.
///
/// # Errors
/// Settings, data or a place that cannot be used; whatever ends training early.
pub fn run(args: Args) -> Result<ExitCode> {
    let named = args.from.as_deref().map(|run| Located::find(run)?.some_checkpoint()).transpose()?;
    if let Some(other) =
        named.as_ref().map(|from| &from.meta.variant).filter(|word| *word != args.variant.word())
    {
        return Err(usage(format!("--from: is a run of `{other}`, not of `{}`", args.variant.word())));
    }
    let (config, policy, data) = resolve(&args, named.as_ref())?;
    let transfer = located::origin(&config)?;
    let held_out = data::open_held_out(&config)?;
    config.warn_of_rates();
    config.gan.warnings().iter().for_each(|text| note(format_args!("warning: {text}")));
    if let (VariantConfig::Stylegan(stylegan), None) = (&config.gan, &transfer)
        && stylegan.freeze_discriminator > 0
    {
        note(format_args!(
            "warning: stylegan.freeze_discriminator: without --from the frozen layers stay as they were drawn"
        ));
    }
    if args.dry_run {
        describe(&config, &policy, &data)?;
        return Ok(ExitCode::SUCCESS);
    }
    let out = args.out.unwrap_or_else(|| free_folder(&config));
    let run = RunDir::create(&out, &config.to_toml()?)?;
    note(format_args!(
        "training {} on {} in {}\non {}, {}, {} threads, for {} images",
        config.gan.variant().word(),
        data.summary(),
        out.display(),
        config.device.device,
        config.device.precision,
        config.device.threads,
        thousands(config.train.images)
    ));
    data.notes().iter().for_each(|text| note(format_args!("note: {text}")));
    session::train(Start { policy, config, data, held_out, run, from: None, transfer })
}

/// All layers, with what the data and the machine decide filled in.
fn resolve(args: &Args, transfer: Option<&Checkpoint>) -> Result<(RunConfig, DevicePolicy, Data)> {
    // Data with a preset of its own brings it along, unless another one or a file is named.
    let own = args.data.as_deref().filter(|data| {
        args.config.is_none() && args.variant.presets().iter().any(|(preset, _)| preset == data)
    });
    let mut layers = match transfer {
        Some(checkpoint) if args.preset.is_none() && args.config.is_none() => {
            Layers::like(located::config_of(checkpoint)?)
        }
        _ => Layers::new(args.variant, args.preset.as_deref().or(own), args.config.as_deref())?,
    };
    // The run's newest checkpoint may be another one tomorrow.
    layers.flag("from", transfer.map(|checkpoint| dataset::absolute(&checkpoint.path.to_string_lossy())))?;
    layers.task(args.task.as_deref())?;
    if [&args.data, &args.domain_a, &args.domain_b].into_iter().any(Option::is_some) {
        // What was named takes the place of what the preset named.
        layers.flag("data.source", Some(gan_data::DEFAULT))?;
        layers.flag("data.domain_a", Some(""))?;
        layers.flag("data.domain_b", Some(""))?;
    }
    layers.flag("data.source", args.data.clone())?;
    layers.flag("data.domain_a", args.domain_a.clone())?;
    layers.flag("data.domain_b", args.domain_b.clone())?;
    layers.flag("data.strict", args.strict.then_some(true))?;
    layers.flag("data.mirror", args.mirror.then_some(true))?;
    layers.flag("train.images", args.images)?;
    layers.flag("train.seed", args.seed)?;
    layers.flag("train.guard", args.guard.clone())?;
    layers.flag("device.device", args.device.clone())?;
    layers.flag("device.precision", args.precision.clone())?;
    layers.flag("device.threads", args.threads)?;
    let translates = args.variant.translates();
    for (key, value) in [("batch", args.batch), ("size", args.size)] {
        layers.gan_flag(key, value)?;
    }
    match translates {
        true => {
            layers.gan_flag("channels_a", args.channels)?;
            layers.gan_flag("channels_b", args.channels)?;
        }
        false => layers.gan_flag("channels", args.channels)?,
    }
    for assignment in &args.set {
        layers.set(assignment)?;
    }
    if translates {
        return resolve_pairs(layers);
    }
    let channels_given = layers.is_given("channels");
    let mut config = layers.clone().resolve()?;
    let DataConfig { domain_a, domain_b, task, .. } = &config.data;
    for (flag, is_there) in [
        ("--domain-a", !domain_a.is_empty()),
        ("--domain-b", !domain_b.is_empty()),
        ("--task", task.of().is_some()),
    ] {
        if is_there {
            let variant = args.variant.word();
            return Err(usage(format!(
                "{flag}: is for cyclegan and pix2pix; {variant} makes images from noise, and learns from --data"
            )));
        }
    }
    config.train.validate()?;
    config.data.validate()?;
    config.gan.validate()?;
    let policy = config.policy()?;
    policy.apply();

    let channels = channels_given.then(|| config.gan.channels());
    let data = dataset::open(&config.data, config.gan.image(), channels)?;
    if !channels_given {
        layers.gan_flag("channels", Some(data.channels()))?;
        config = layers.resolve()?;
        config.gan.validate()?;
    }
    config.gan.take_labels(data.classes(), &data.attributes())?;
    if config.gan.learns_classes() {
        check_classes(&data)?;
    }
    config.device = DeviceConfig::of(&policy);
    config.data.source = dataset::absolute(&config.data.source);
    config.data.attributes = dataset::absolute(&config.data.attributes);
    config.data.images = data.count();
    dataset::check(&data, &config)?;
    Ok((config, policy, Data::Images(data)))
}

/// The same for a variant that translates: the data say how many channels both sides have.
fn resolve_pairs(mut layers: Layers) -> Result<(RunConfig, DevicePolicy, Data)> {
    let mut config = layers.clone().resolve()?;
    config.train.validate()?;
    config.data.validate()?;
    let policy = config.policy()?;
    policy.apply();
    let given = ["channels_a", "channels_b"].map(|key| layers.is_given(key));
    let opened = pairs::open_as_is(&config, given)?;
    let channels = opened.channels()?;
    if channels[0] != channels[1]
        && !layers.is_given("identity")
        && config.gan.variant() == VariantName::Cyclegan
    {
        note(format_args!(
            "note: the domains have {} and {} channels, so that there is no identity loss",
            channels[0], channels[1]
        ));
        layers.gan_flag("identity", Some(0.0))?;
        config = layers.resolve()?;
    }
    let asked = config.gan.pairs().map(|shape| shape.channels);
    config.gan.take_pairs(channels, opened.scale());
    if let (Some(Task::Colorize {}), Some(asked), Some(now)) =
        (opened.task(), asked, config.gan.pairs().map(|shape| shape.channels))
        && (0..2).any(|side| given[side] && ![3, now[side]].contains(&asked[side]))
    {
        return Err(usage("--channels: colorize takes colour images, and knows the rest; leave it out"));
    }
    config.gan.validate()?;
    opened.check(&config)?;
    config.device = DeviceConfig::of(&policy);
    for place in [&mut config.data.source, &mut config.data.domain_a, &mut config.data.domain_b] {
        *place = dataset::absolute(place);
    }
    if let Some(Task::Inpaint(Inpaint { masks: Some(masks), .. })) = &mut config.data.task.0 {
        *masks = dataset::absolute(&masks.to_string_lossy()).into();
    }
    config.data.images = opened.count();
    Ok((config, policy, Data::Pairs(opened)))
}

/// Every class is asked for in training and needs images to be judged by.
fn check_classes(data: &Opened) -> Result<()> {
    let counts = data.class_counts();
    let of = |wanted: &dyn Fn(u64) -> bool| -> Vec<String> {
        let found = data.classes().iter().zip(&counts).filter(|(_, count)| wanted(**count));
        found.map(|(name, _)| name.clone()).collect()
    };
    let (empty, few) = (of(&|count| count == 0), of(&|count| (1..FEW).contains(&count)));
    if !empty.is_empty() {
        let why = format!("there are no images of {}; a class needs some", labels::listed(&empty));
        return Err(gan_core::error::Error::config("data", why).into());
    }
    if !few.is_empty() {
        let few = labels::listed(&few);
        note(format_args!("warning: fewer than {FEW} images of {few}: they will be learned by heart"));
    }
    Ok(())
}

/// Images of a class that a generator can but repeat.
const FEW: u64 = 10;

fn describe(config: &RunConfig, policy: &DevicePolicy, data: &Data) -> Result<()> {
    line(format_args!("{}", config.to_toml()?.trim_end()));
    line(format_args!("\n# data: {}", data.summary()));
    for player in config.gan.build(policy, config.train.seed)?.players() {
        let parameters = thousands(player.parameters().count() as u64);
        line(format_args!("# {}: {parameters} parameters", player.name()));
    }
    let steps = config.train.images.div_ceil(config.gan.batch().max(1) as u64);
    line(format_args!("# length: {} images, {} steps", thousands(config.train.images), thousands(steps)));
    Ok(())
}

/// `runs/VARIANT-WHAT-NNN`, the next number that is free.
fn free_folder(config: &RunConfig) -> PathBuf {
    let named = [&config.data.domain_b, &config.data.source].into_iter().find(|place| !place.is_empty());
    let what = match named.map_or("", String::as_str) {
        _ if config.data
            == (DataConfig { images: config.data.images, ..DataConfig::of_preset(&config.preset) }) =>
        {
            config.preset.clone()
        }
        gan_data::DEFAULT | "" => config.preset.clone(),
        other => {
            Path::new(other).file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
        }
    };
    let word: String =
        what.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let begin = format!("{}-{word}-", config.gan.variant().word());
    let numbers =
        std::fs::read_dir("runs").into_iter().flatten().flatten().filter_map(|entry| {
            entry.file_name().to_string_lossy().strip_prefix(&begin)?.parse::<u32>().ok()
        });
    let number = numbers.max().unwrap_or(0) + 1;
    Path::new("runs").join(format!("{begin}{number:03}"))
}
