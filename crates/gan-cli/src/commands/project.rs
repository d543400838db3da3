//! `gan project`: the styles whose picture is nearest an image (Karras et al. 2020, section 5).

use crate::commands::evaluate::extractor;
use crate::config::amount;
use crate::failure::usage;
use crate::labels;
use crate::located::{self, Located};
use crate::machine::Machine;
use crate::pictures::{self, Format, save};
use crate::progress::counted;
use crate::say::{line, note, program, quoted};
use crate::styles;
use crate::variants::VariantConfig;
use crate::weights::WeightChoice;
use anyhow::Result;
use gan_core::device::DevicePolicy;
use gan_core::error::Error;
use gan_core::tensor::range;
use gan_core::variant::{GenerateOptions, Styled};
use gan_data::{Options, Originals};
use gan_metrics::extract::{Clothes, Extract};
use std::path::{Path, PathBuf};
use stylegan::StyleGan;
use stylegan::projection::{LATENTS, Projection, ProjectionConfig};
use tch::{Kind, Tensor, no_grad};

/// Which image into which run, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A run's folder (its newest checkpoint is used) or a checkpoint's, of StyleGAN
    #[arg(value_name = "RUN|CHECKPOINT")]
    from: PathBuf,
    /// An image of any size; the largest centred piece of the run's proportions is taken
    #[arg(value_name = "IMAGE")]
    image: PathBuf,
    /// The run as it was when its samples were best, instead of its newest checkpoint
    #[arg(long)]
    best: bool,
    /// Steps of the search
    #[arg(long, default_value = "1000", value_parser = amount::positive, value_name = "N")]
    steps: u64,
    /// A style for every layer (W+) instead of one for all: nearer to the image, further from what can be edited
    #[arg(long)]
    w_plus: bool,
    /// The class among whose styles the search begins, by name or number, for GANs that know classes [default: all]
    #[arg(long, value_name = "NAME|N")]
    class: Option<String>,
    /// What sees how near they are: lpips (the paper's; weights of --vgg and --lpips), mobilenet (for colour; `gan data fetch
    /// mobilenet-v2` gets its weights), clothes (built in, sees grey, 32 x 32 pixels) or auto: the first whose weights are there
    /// and that suits the images
    #[arg(long, value_enum, default_value = "auto")]
    extractor: Eyes,
    /// MobileNetV2's weights, torchvision's of PyTorch or safetensors [default: those that were fetched]
    #[arg(long, value_name = "FILE")]
    mobilenet: Option<PathBuf>,
    #[command(flatten)]
    lpips: extractor::LpipsFiles,
    /// Every draw of the search is a function of it
    #[arg(long, default_value = "1", value_parser = amount::argument, value_name = "N")]
    seed: u64,
    /// A folder for the results [default: `projected/IMAGE` in the run's folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    weights: WeightChoice,
    #[command(flatten)]
    machine: Machine,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Eyes {
    Auto,
    Lpips,
    Mobilenet,
    Clothes,
}

const EXAMPLES: &str = "\
Examples:
  gan project runs/stylegan-small-64-001 photo.jpg
  gan project runs/stylegan-small-64-001 photo.jpg --w-plus --steps 500
  gan sample runs/stylegan-small-64-001 --w runs/stylegan-small-64-001/projected/photo/w.safetensors
  gan directions runs/stylegan-small-64-001 --w runs/stylegan-small-64-001/projected/photo/w.safetensors";

/// Pictures of the strip between the image and what was found.
const SHOWN: u64 = 8;
/// Steps from one number beside the bar to the next.
const BETWEEN_NUMBERS: u64 = 10;
/// The weight of the mean square difference of pixels in [-1, 1], for eyes that see grey and are fine with any brightness.
const PIXELS: f64 = 1.0;

/// Searches and writes.
///
/// # Errors
/// A run of another variant; an image or a place that cannot be used.
pub fn run(args: Args) -> Result<()> {
    let located = Located::find(&args.from)?;
    let checkpoint = if args.best { located.best()? } else { located.some_checkpoint()? };
    let config = located::config_of(&checkpoint)?;
    let VariantConfig::Stylegan(config) = config.gan else {
        let word = config.gan.variant().word();
        return Err(usage(format!(
            "{}: is a {word}; it is the styles of a stylegan that are searched",
            args.from.display()
        )));
    };
    if ![1, 3].contains(&config.channels) {
        let why =
            format!("it makes images of {} channels; images of 1 or 3 can be searched for", config.channels);
        return Err(usage(format!("{}: {why}", args.from.display())));
    }
    let policy = args.machine.policy()?;
    let target = target(&args.image, config.image(), config.channels)?.f_to_device(policy.device)?;
    let eyes = eyes(&args, config.channels, &policy)?;
    let generator = StyleGan::load_generator(&policy, &checkpoint, args.weights.chosen())?;
    let named = labels::Choice { class: args.class.clone(), ..labels::Choice::default() }.of(&generator)?;
    let numbers: Vec<u64> = (0..LATENTS as u64).collect();
    let labels = named.tensor(&generator, &numbers, 0, policy.device)?;

    let default = || located.run().unwrap_or(Path::new(".")).join("projected").join(stem(&args.image));
    let folder = args.out.clone().unwrap_or_else(default);
    std::fs::create_dir_all(&folder).map_err(|source| Error::file(&folder, source))?;
    let wanted = no_grad(|| eyes.extractor.depths(&grey_levels(&target)?))?;
    let distance = |image: &Tensor| -> gan_core::error::Result<Tensor> {
        let features = eyes
            .extractor
            .apart(&eyes.extractor.depths(&grey_levels(image)?)?, &wanted)?
            .f_mean(Kind::Float)?;
        let pixels = image.f_sub(&target)?.f_square()?.f_mean(Kind::Float)?;
        Ok(features.f_add(&pixels.f_mul_scalar(eyes.pixels)?)?)
    };
    let search = ProjectionConfig {
        steps: args.steps,
        each_layer: args.w_plus,
        seed: args.seed,
        ..ProjectionConfig::default()
    };
    let mut projection = Projection::new(&generator, labels.as_ref(), search)?;
    let read = |distance: &Tensor| -> Result<f64> { Ok(distance.f_double_value(&[])?) };
    let at_first = read(&no_grad(|| distance(&projection.image()?))?)?;
    let bar = counted("searching", args.steps);
    let mut strip = vec![target.shallow_clone()];
    for step in 0..args.steps {
        let seen = projection.step(&distance)?;
        // The first step of each part.
        if step == 0 || step * SHOWN / args.steps > (step - 1) * SHOWN / args.steps {
            strip.push(seen.image);
        }
        bar.inc(1);
        if step % BETWEEN_NUMBERS == 0 && !bar.is_hidden() {
            bar.set_message(format!("searching, distance {:.4}", read(&seen.distance)?));
        }
    }
    bar.finish_and_clear();

    let found = projection.image()?;
    let at_last = read(&no_grad(|| distance(&found))?)?;
    let styles = projection.styles()?;
    let options = GenerateOptions::default();
    let with_own_noise = if generator.adds_noise() {
        let own = read(&no_grad(|| distance(&generator.of_styles(&styles, &options)?))?)?;
        format!("; {own:.4} with the network's own noise")
    } else {
        String::new()
    };
    strip.push(found.shallow_clone());
    for (name, image) in [("target.png", &target), ("projected.png", &found)] {
        let picture = pictures::of_images(image)?.pop().ok_or_else(|| usage("there is no picture"))?;
        save(&picture, &folder.join(name), Format::Png)?;
    }
    let shown = pictures::of_images(&Tensor::f_cat(&strip, 0)?)?;
    save(&pictures::sheet(&shown, shown.len())?, &folder.join("strip.png"), Format::Png)?;
    let path = folder.join("w.safetensors");
    styles::to_file(&path, styles, (&generator, &named, &options, policy.device))?;
    line(format_args!(
        "distance ({}): {at_first:.4} at the average style, {at_last:.4} at the end{with_own_noise}",
        eyes.extractor.short_name()
    ));
    line(format_args!(
        "wrote target.png, projected.png, strip.png and w.safetensors to {}",
        folder.display()
    ));
    line(format_args!("use it:  {} sample {} --w {}", program(), quoted(&args.from), quoted(&path)));
    Ok(())
}

/// What sees how near images are.
struct Sight {
    extractor: Box<dyn Extract>,
    /// The weight of pixels beside features.
    pixels: f64,
}

fn eyes(args: &Args, channels: i64, policy: &DevicePolicy) -> Result<Sight> {
    if args.extractor == Eyes::Lpips || (args.extractor == Eyes::Auto && args.lpips.are_named()) {
        return Ok(Sight { extractor: args.lpips.open(policy)?, pixels: 0.0 });
    }
    let is_colour = channels == 3;
    let is_there = args.mobilenet.is_some() || extractor::has_mobilenet();
    let mobilenet = match args.extractor {
        Eyes::Auto => is_colour && is_there,
        eyes => eyes == Eyes::Mobilenet,
    };
    if mobilenet {
        let extractor = extractor::mobilenet(args.mobilenet.as_deref(), policy)?;
        return Ok(Sight { extractor, pixels: 0.0 });
    }
    if is_colour && args.extractor == Eyes::Auto {
        note(format_args!(
            "note: the built-in extractor, which sees grey and knows clothes; `gan data fetch mobilenet-v2` gets one for colour"
        ));
    }
    Ok(Sight { extractor: Box::new(Clothes::new(policy)?), pixels: PIXELS })
}

/// The image as the network would make it: f32 in [-1, 1], `[1, channels, height, width]`.
fn target(path: &Path, [height, width]: [i64; 2], channels: i64) -> Result<Tensor> {
    let set = Originals::open_any(&path.to_string_lossy(), &Options::default()).map_err(Error::from)?;
    if set.len() != 1 {
        return Err(usage(format!("{}: holds {} images; name one", path.display(), set.len())));
    }
    let own = set.load(0).map_err(Error::from)?;
    if [own.height, own.width].map(i64::from) != [height, width] {
        note(format_args!(
            "note: {} has {} x {} pixels; its middle is resized to {width} x {height}",
            path.display(),
            own.width,
            own.height
        ));
    }
    let fitted = set.load_fitted(0, [height as u32, width as u32], channels as u32).map_err(Error::from)?;
    let size = [1, channels, height, width];
    Ok(range::to_signed(&Tensor::f_from_data_size(&fitted.pixels, &size, Kind::Uint8)?)?)
}

/// From [-1, 1] to 0 to 255, unrounded.
fn grey_levels(image: &Tensor) -> gan_core::error::Result<Tensor> {
    Ok(image.f_add_scalar(1.0)?.f_mul_scalar(127.5)?)
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(|| "image".to_owned(), |stem| stem.to_string_lossy().into_owned())
}
