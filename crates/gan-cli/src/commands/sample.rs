//! `gan sample`: new pictures from a checkpoint.

use crate::config::amount;
use crate::failure::usage;
use crate::labels::{self, Labels};
use crate::latents;
use crate::located::{self, Located};
use crate::machine::Machine;
use crate::pictures::{self, Format, save};
use crate::samples::Samples;
use crate::say::line;
use crate::styles;
use crate::weights::WeightChoice;
use anyhow::Result;
use gan_core::device::DevicePolicy;
use gan_core::variant::{Generate, GenerateOptions, NoiseInputs};
use gan_data::PointSet;
use std::path::{Path, PathBuf};
use tch::Tensor;

/// How many pictures of what, and where to.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A run's folder (its newest checkpoint is used) or a checkpoint's
    #[arg(value_name = "RUN|CHECKPOINT")]
    from: PathBuf,
    /// The run as it was when its samples were best, instead of its newest checkpoint
    #[arg(long)]
    best: bool,
    /// How many pictures [default: 64], or points [default: 2500]
    #[arg(long, value_parser = amount::positive, value_name = "N")]
    count: Option<u64>,
    /// The seed of the first picture; the next ones have the following seeds
    #[arg(long, default_value = "1", value_parser = amount::argument, value_name = "N")]
    seed: u64,
    /// The seeds of the pictures one by one, such as `0-63` or `85,100,200-207`
    #[arg(long, value_delimiter = ',', value_name = "LIST", conflicts_with_all = ["count", "seed", "classes", "w"])]
    seeds: Vec<String>,
    /// Of StyleGAN: what its layers add to their pixels: the noise that is kept with the weights, nothing, or draws of --seed
    #[arg(long, value_enum, default_value = "const", value_name = "NOISE")]
    noise: Noise,
    /// All pictures on one sheet, which is the default; with a number: so many in a row
    #[arg(long, num_args = 0..=1, default_missing_value = "0", require_equals = true, value_name = "COLUMNS")]
    grid: Option<usize>,
    /// A file for every picture, in its own size; with --grid the sheet as well
    #[arg(long)]
    single: bool,
    /// The files' format
    #[arg(long, value_enum, default_value = "png")]
    format: Format,
    /// A folder, or a file for the sheet [default: `generated` in the run's folder]; points get a CSV beside it
    #[arg(long, value_name = "DIR|FILE")]
    out: Option<PathBuf>,
    /// Less variety, more typical pictures, the lower: latents times X, of BigGAN none beyond X, of StyleGAN psi
    #[arg(long, visible_alias = "psi", value_name = "X")]
    truncation: Option<f64>,
    #[command(flatten)]
    labels: labels::Choice,
    /// A sheet with a row of N pictures for each of these classes, or for all: the same seeds in every row
    #[arg(long, value_delimiter = ',', value_name = "all|A,B,...", conflicts_with_all = ["class", "attributes", "single", "grid"])]
    classes: Vec<String>,
    /// Of StyleGAN: the picture of styles that `gan project` has found, its w.safetensors; can be repeated
    #[arg(long, value_name = "FILE", conflicts_with_all = ["count", "seed", "classes"])]
    w: Vec<PathBuf>,
    #[command(flatten)]
    weights: WeightChoice,
    /// How many are generated at a time
    #[arg(long, default_value = "64", value_parser = amount::positive, value_name = "N")]
    batch: u64,
    #[command(flatten)]
    machine: Machine,
}

/// What StyleGAN's layers add to their pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Noise {
    /// What is kept with the weights: a seed is always the same picture
    Const,
    /// Nothing
    None,
    /// Draws of --seed, others for every picture of a batch
    Random,
}

const EXAMPLES: &str = "\
Examples:
  gan sample runs/dcgan-fashion-mnist-32-001
  gan sample runs/dcgan-fashion-mnist-32-001 --best
  gan sample runs/dcgan-fashion-mnist-32-001 --count 100 --grid=10 --out sheet.png
  gan sample runs/cgan-fashion-mnist-32-001 --class sneaker --count 16
  gan sample runs/stylegan-faces-64-001 --seeds 0-63 --psi 0.7 --noise none
  gan sample runs/cgan-fashion-mnist-32-001 --classes all         a row for each class
  gan sample runs/mine --w runs/mine/projected/face/w.safetensors --psi 0.7
  gan sample runs/vanilla-ring8-001 --count 10000       points: a scatter plot and a CSV
  gan sample runs/mine/checkpoints/000200000 --count 1000 --single --out pictures/ --format webp";

/// Generates and writes.
///
/// # Errors
/// A checkpoint or a place that cannot be used.
pub fn run(args: Args) -> Result<()> {
    check(&args)?;
    let located = Located::find(&args.from)?;
    let checkpoint = if args.best { located.best()? } else { located.some_checkpoint()? };
    let policy = args.machine.policy()?;
    let generator = located::load_generator(&checkpoint, &policy, args.weights.chosen())?;
    if args.noise != Noise::Const {
        let why = match generator.styled().map(|styled| styled.adds_noise()) {
            None => Some("has no noise inputs; stylegan and stylegan1 have"),
            Some(false) => Some("trained without noise inputs (noise = false) has none"),
            Some(true) => None,
        };
        if let Some(why) = why {
            return Err(usage(format!("--noise: a {} {why}", checkpoint.meta.variant)));
        }
    }
    if let (Some(file), None) = (args.w.first(), generator.styled()) {
        let (file, word) = (file.display(), &checkpoint.meta.variant);
        return Err(usage(format!("--w {file}: a {word} has no styles; stylegan and stylegan1 have")));
    }
    let config = located::config_of(&checkpoint)?;
    let is_points = config.gan.size() == 1;
    if !args.classes.is_empty() {
        return rows_of_classes(generator.as_ref(), &args, &located, (checkpoint.meta.clock.images, &policy));
    }
    if !args.w.is_empty() {
        return of_styles(generator.as_ref(), &args, &located, (checkpoint.meta.clock.images, &policy));
    }
    let seeds = if args.seeds.is_empty() { Vec::new() } else { styles::seeds("--seeds", &args.seeds)? };
    let total = match seeds.len() as u64 {
        0 => args.count.unwrap_or(if is_points { 2_500 } else { 64 }),
        listed => listed,
    };
    let asked = args.labels.of(generator.as_ref())?;
    let samples = Samples { listed: &seeds, ..samples(generator.as_ref(), &asked, &args, &policy) };

    let (folder, sheet) = targets(&args, &located, checkpoint.meta.clock.images);
    std::fs::create_dir_all(&folder).map_err(|source| gan_core::error::Error::file(&folder, source))?;
    let mut on_sheet = Vec::new();
    let mut points = Vec::new();
    for first in (0..total).step_by(args.batch as usize) {
        let count = args.batch.min(total - first);
        let images = samples.of(first..first + count)?;
        if is_points {
            points.push(images);
            continue;
        }
        let generated = pictures::of_images(&images)?;
        if args.single {
            let seeds = (first..).map(|number| samples.seed_of(number));
            for (seed, picture) in seeds.zip(&generated) {
                save(
                    picture,
                    &folder.join(format!(
                        "seed{seed:06}{}.{}",
                        args.labels.in_names(),
                        args.format.extension()
                    )),
                    args.format,
                )?;
            }
        }
        if sheet.is_some() {
            on_sheet.extend(generated);
        }
    }
    if is_points {
        let path = sheet.ok_or_else(|| usage("--single: points are drawn together in one picture"))?;
        return save_points(
            &Tensor::f_cat(&points, 0)?,
            PointSet::named(&config.data.source),
            &path,
            args.format,
        );
    }
    if args.single {
        line(format_args!("wrote {total} pictures to {}", folder.display()));
    }
    if let Some(path) = sheet {
        let format =
            path.extension().and_then(|text| clap::ValueEnum::from_str(&text.to_string_lossy(), true).ok());
        save(&pictures::sheet(&on_sheet, args.grid.unwrap_or(0))?, &path, format.unwrap_or(args.format))?;
        line(format_args!("wrote {}", path.display()));
    }
    Ok(())
}

/// A sheet is one picture in memory; past this its encoders give up, too.
const MOST_ON_A_SHEET: u64 = 10_000;
/// Endings of which nobody means a folder.
const OTHER_PICTURES: [&str; 8] = ["gif", "apng", "bmp", "tif", "tiff", "avif", "svg", "pdf"];

fn check(args: &Args) -> Result<()> {
    latents::check_truncation(args.truncation)?;
    let ending =
        args.out.as_deref().and_then(Path::extension).map(|text| text.to_string_lossy().to_lowercase());
    if let Some(ending) = ending.filter(|ending| OTHER_PICTURES.contains(&ending.as_str())) {
        return Err(usage(format!("--out: pictures are written as png, jpg or webp, not {ending}")));
    }
    if args.single && args.grid.is_none() && args.out.as_deref().is_some_and(names_a_file) {
        return Err(usage("--single writes several files: --out must be a folder"));
    }
    if let Some(count) = args.count.filter(|count| !args.single && *count > MOST_ON_A_SHEET) {
        return Err(usage(format!("--count {count}: a sheet holds at most 10,000 pictures; add --single")));
    }
    Ok(())
}

/// Points over the real ones as a picture, and their coordinates, one a line, as CSV beside it.
fn save_points(points: &Tensor, set: Option<PointSet>, path: &Path, format: Format) -> Result<()> {
    let ending =
        path.extension().and_then(|text| clap::ValueEnum::from_str(&text.to_string_lossy(), true).ok());
    save(&pictures::of_points(points, set)?, path, ending.unwrap_or(format))?;
    let mut text = "x,y\n".to_owned();
    for [x, y] in pictures::pairs(points)? {
        text += &format!("{x},{y}\n");
    }
    let table = path.with_extension("csv");
    gan_report::write_file(&table, text.as_bytes())?;
    line(format_args!("wrote {} and {}", path.display(), table.display()));
    Ok(())
}

/// The folder, and the sheet's file if there is to be one.
fn targets(args: &Args, located: &Located, images: u64) -> (PathBuf, Option<PathBuf>) {
    let default = || located.run().map_or_else(|| PathBuf::from("generated"), |run| run.join("generated"));
    let wants_sheet = args.grid.is_some() || !args.single;
    let what = if args.classes.is_empty() { args.labels.in_names() } else { "-classes".to_owned() };
    let from = if args.w.is_empty() { format!("seed{}", args.seed) } else { "w".to_owned() };
    let name = format!("sheet-{images:09}-{from}{what}.{}", args.format.extension());
    match &args.out {
        Some(out) if names_a_file(out) => {
            let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
            (folder.unwrap_or(Path::new(".")).to_owned(), Some(out.clone()))
        }
        out => {
            let folder = out.clone().unwrap_or_else(default);
            let sheet = wants_sheet.then(|| folder.join(name));
            (folder, sheet)
        }
    }
}

fn names_a_file(path: &Path) -> bool {
    !path.is_dir()
        && path
            .extension()
            .is_some_and(|text| <Format as clap::ValueEnum>::from_str(&text.to_string_lossy(), true).is_ok())
}

fn samples<'a>(
    generator: &'a dyn Generate,
    labels: &'a Labels,
    args: &Args,
    policy: &DevicePolicy,
) -> Samples<'a> {
    Samples { generator, labels, options: options(args), seed: args.seed, listed: &[], device: policy.device }
}

fn options(args: &Args) -> GenerateOptions {
    let noise = match args.noise {
        Noise::Const => NoiseInputs::Constant,
        Noise::None => NoiseInputs::None,
        Noise::Random => NoiseInputs::Random(args.seed),
    };
    GenerateOptions { truncation: args.truncation, noise }
}

/// Pictures of styles in files.
fn of_styles(
    generator: &dyn Generate,
    args: &Args,
    located: &Located,
    (images, policy): (u64, &DevicePolicy),
) -> Result<()> {
    let labels = args.labels.of(generator)?;
    let options = options(args);
    let (folder, sheet) = targets(args, located, images);
    std::fs::create_dir_all(&folder).map_err(|source| gan_core::error::Error::file(&folder, source))?;
    let mut all = Vec::new();
    for (file, number) in args.w.iter().zip(1..) {
        let styles = styles::of_file(file, generator, &labels, &options, policy.device)?;
        let styled = generator.styled().ok_or_else(|| usage("--w: it has no styles"))?;
        let pictures = pictures::of_images(&styled.of_styles(&styles, &options)?)?;
        if args.single {
            for (picture, part) in pictures.iter().zip(1..) {
                let name = format!("w{number:03}-{part:03}.{}", args.format.extension());
                save(picture, &folder.join(name), args.format)?;
            }
        }
        all.extend(pictures);
    }
    if args.single {
        line(format_args!("wrote {} pictures to {}", all.len(), folder.display()));
    }
    if let Some(path) = sheet {
        let format =
            path.extension().and_then(|text| clap::ValueEnum::from_str(&text.to_string_lossy(), true).ok());
        save(&pictures::sheet(&all, args.grid.unwrap_or(0))?, &path, format.unwrap_or(args.format))?;
        line(format_args!("wrote {}", path.display()));
    }
    Ok(())
}

/// A row for each class that was named, with a column for each seed.
fn rows_of_classes(
    generator: &dyn Generate,
    args: &Args,
    located: &Located,
    (images, policy): (u64, &DevicePolicy),
) -> Result<()> {
    let names = generator.class_names();
    let classes = match args.classes.as_slice() {
        [word] if word == "all" && !names.is_empty() && !names.contains(word) => {
            (0..names.len() as i64).collect()
        }
        words => words
            .iter()
            .map(|word| labels::class_number("--classes", word, names))
            .collect::<Result<Vec<i64>>>()?,
    };
    let columns = args.count.unwrap_or(8);
    if columns.saturating_mul(classes.len() as u64) > MOST_ON_A_SHEET {
        return Err(usage(format!("--count {columns}: a sheet holds at most 10,000 pictures")));
    }
    let mut rows = Vec::new();
    for class in classes {
        let asked = Labels::Class(class);
        let samples = samples(generator, &asked, args, policy);
        for first in (0..columns).step_by(args.batch as usize) {
            rows.extend(pictures::of_images(&samples.of(first..columns.min(first + args.batch))?)?);
        }
    }
    let (folder, sheet) = targets(args, located, images);
    std::fs::create_dir_all(&folder).map_err(|source| gan_core::error::Error::file(&folder, source))?;
    let path = sheet.ok_or_else(|| usage("--classes makes one sheet"))?;
    let format =
        path.extension().and_then(|text| clap::ValueEnum::from_str(&text.to_string_lossy(), true).ok());
    save(&pictures::sheet(&rows, columns as usize)?, &path, format.unwrap_or(args.format))?;
    line(format_args!("wrote {}", path.display()));
    Ok(())
}
