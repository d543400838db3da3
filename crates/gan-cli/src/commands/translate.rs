//! `gan translate`: images to images with a trained translator.

use crate::config::amount;
use crate::failure::usage;
use crate::located::{self, Located};
use crate::machine::Machine;
use crate::pictures::{self, Format};
use crate::progress::counted;
use crate::say::{line, note};
use anyhow::{Context, Result};
use gan_core::device::DevicePolicy;
use gan_core::error::Error;
use gan_core::tensor::grid::side_by_side;
use gan_core::tensor::range;
use gan_core::translation::{Area, Tiles};
use gan_core::variant::{Direction, ImageTranslator};
use gan_data::{Options, Original, Originals, Task};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use tch::{Device, Kind, Tensor};

/// What to translate, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A run's folder (its newest checkpoint is used) or a checkpoint's
    #[arg(value_name = "RUN|CHECKPOINT")]
    from: PathBuf,
    /// Images, folders or zips of images, or named sets
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<String>,
    /// The run as it was when its translations were best, instead of its newest checkpoint
    #[arg(long)]
    best: bool,
    /// From the first domain to the second, or back
    #[arg(long, default_value = "a2b", value_parser = ["a2b", "b2a"])]
    direction: String,
    /// A folder for the results, which keeps the folders within an input [default: `translated` in the run's folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The files' format
    #[arg(long, value_enum, default_value = "png")]
    format: Format,
    /// In tiles of so many pixels, for images that do not fit into memory whole
    #[arg(long, num_args = 0..=1, default_missing_value = "512", require_equals = true, value_parser = amount::positive, value_name = "N")]
    tile: Option<u64>,
    /// Pixels that neighbouring tiles share, in which one fades into the other [default: 64, less in small tiles]
    #[arg(long, value_parser = amount::argument, value_name = "N")]
    overlap: Option<u64>,
    /// What is to be filled in, white on black or on nothing: an image for all, or a folder with one of the same name for each (of a
    /// run with the task inpaint)
    #[arg(long, value_name = "FILE|DIR")]
    mask: Option<PathBuf>,
    /// The images are sketches already (of a run with the task edges)
    #[arg(long)]
    sketch: bool,
    /// What was given beside what was made, in one picture
    #[arg(long)]
    compare: bool,
    /// Images with more pixels are refused unread [default: the run's `data.max_pixels`]
    #[arg(long, value_parser = amount::positive, value_name = "N")]
    max_pixels: Option<u64>,
    #[command(flatten)]
    machine: Machine,
}

const EXAMPLES: &str = "\
Examples:
  gan translate runs/cyclegan-emoji-64-001 photo.png
  gan translate runs/cyclegan-emoji-64-001 zebras/ --direction b2a --out horses/
  gan translate runs/pix2pix-photos-001 large.jpg --tile                 in tiles of 512, any size
  gan translate runs/inpaint scan.png --mask scratches.png
  gan translate runs/superres small/ --compare";

/// Images with more pixels are tiled unasked.
const MOST_AT_ONCE: i64 = 4_000_000;

/// Translates and writes.
///
/// # Errors
/// A checkpoint, an image or a place that cannot be used.
pub fn run(args: Args) -> Result<()> {
    let located = Located::find(&args.from)?;
    let checkpoint = if args.best { located.best()? } else { located.some_checkpoint()? };
    let policy = args.machine.policy()?;
    let gan = located::load_translator(&checkpoint, &policy)?;
    let config = located::config_of(&checkpoint)?;
    let direction = if args.direction == "b2a" { Direction::B2a } else { Direction::A2b };
    let channels = gan.channels(direction)?;
    let task = config.data.task.of();
    let size = args.tile.unwrap_or(512) as i64;
    let overlap = args.overlap.map_or((size / 2 - 16).clamp(0, 64), |overlap| overlap as i64);
    let tiles = Tiles { size, overlap };
    tiles.validate()?;
    let work = Work { gan, policy, direction, channels, task, tiles, args: &args };
    work.check()?;

    let max_pixels = args.max_pixels.unwrap_or(config.data.max_pixels);
    let options = Options { max_pixels, ..Options::default() };
    let inputs = Inputs::open(&args.inputs, &options)?;
    let masks = args.mask.as_deref().map(|path| Masks::open(path, &options)).transpose()?;
    let folder = args.out.clone().unwrap_or_else(|| match located.run() {
        Some(run) => run.join("translated"),
        None => PathBuf::from("translated"),
    });
    if folder.exists() && !folder.is_dir() {
        return Err(usage(format!("--out {}: is a file; name a folder", folder.display())));
    }
    inputs.check_apart(&folder, args.format)?;
    let bar = counted("translating", inputs.count() as u64);
    let (mut written, mut failed, mut idle) = (0, Vec::new(), 0);
    for (name, place, image) in inputs.iter(work.transparent()) {
        bar.inc(1);
        // One that cannot be read is no reason to leave the others.
        match image.and_then(|image| {
            let mask = masks.as_ref().map(|masks| masks.of(&place)).transpose()?;
            idle += usize::from(mask.as_ref().is_some_and(is_black));
            work.translate(&image, mask.as_ref()).with_context(|| name.display().to_string())
        }) {
            Ok(picture) => {
                let target = target(&folder, &place, args.format);
                let parent = target.parent().unwrap_or(&folder);
                std::fs::create_dir_all(parent).map_err(|source| Error::file(parent, source))?;
                pictures::save(&picture, &target, args.format)?;
                written += 1;
            }
            Err(error) => failed.push(crate::failure::sentence(&error)),
        }
    }
    bar.finish_and_clear();
    for sentence in failed.iter().take(if written > 0 { 3 } else { 0 }) {
        note(format_args!("warning: {sentence}"));
    }
    if idle > 0 {
        note(format_args!(
            "note: {idle} of the masks have no white, which is what is to be filled in: their pictures stay as they are"
        ));
    }
    match (written, failed.len()) {
        (0, _) => {
            Err(anyhow::anyhow!("nothing could be translated: {}", failed.first().map_or("", String::as_str)))
        }
        (_, 0) => {
            line(format_args!("wrote {written} pictures to {}", folder.display()));
            Ok(())
        }
        (_, failed) => {
            line(format_args!(
                "wrote {written} pictures to {}; {failed} could not be translated",
                folder.display()
            ));
            Ok(())
        }
    }
}

/// Everything that stays the same from image to image.
struct Work<'a> {
    gan: Box<dyn ImageTranslator>,
    policy: DevicePolicy,
    direction: Direction,
    channels: [i64; 2],
    task: Option<Task>,
    tiles: Tiles,
    args: &'a Args,
}

impl Work<'_> {
    /// Refuses options that do not go with the run.
    fn check(&self) -> Result<()> {
        let word = self.task.as_ref().map(Task::word);
        if self.args.mask.is_none() && word == Some("inpaint") {
            return Err(usage(
                "--mask: this run fills holes; name an image, white where something is to be filled in",
            ));
        }
        if self.args.mask.is_some() && word != Some("inpaint") {
            return Err(usage("--mask: this run fills no holes; it is for runs with the task inpaint"));
        }
        if self.args.sketch && word != Some("edges") {
            return Err(usage("--sketch: is for runs with the task edges"));
        }
        Ok(())
    }

    /// Channels that files are read with, where the network sees transparency.
    fn transparent(&self) -> Option<u32> {
        let channels = self.channels[0];
        (self.task.is_none() && channels % 2 == 0).then_some(channels as u32)
    }

    fn translate(&self, image: &Original, mask: Option<&Original>) -> Result<gan_report::Picture> {
        let (height, width) = (i64::from(image.height), i64::from(image.width));
        let given = pixels_of(image)?;
        let mask = mask.map(pixels_of).transpose()?;
        if let Some(mask) = &mask {
            let size = mask.size();
            if size[2..] != [height, width] {
                let why = format!(
                    "the mask has {} x {} pixels and the image {width} x {height}; make them alike",
                    size[3], size[2]
                );
                return Err(usage(why));
            }
        }
        let scale = self.gan.scale();
        let in_tiles = self.args.tile.is_some() || height * width > MOST_AT_ONCE;
        let made = if in_tiles {
            self.tiles.translate([height, width], scale, |Area { top, left, height, width }| {
                let cut = |image: &Tensor| image.f_narrow(2, top, height)?.f_narrow(3, left, width);
                let mask = mask.as_ref().map(cut).transpose()?;
                self.made(&cut(&given)?, mask.as_ref())
            })?
        } else {
            range::to_bytes(&self.made(&given, mask.as_ref())?)?.f_squeeze_dim(0)?
        };
        let made = made.f_unsqueeze(0)?;
        let shown = match self.args.compare {
            true => {
                let given = given.f_upsample_nearest2d([height * scale, width * scale], None, None)?;
                Tensor::f_cat(&side_by_side(&[given, made])?.f_split(1, 0)?, 3)?
            }
            false => made,
        };
        pictures::of_bytes(&shown)?.pop().context("one picture")
    }

    /// What the network makes of pixels, as a picture in [-1, 1].
    fn made(&self, given: &Tensor, mask: Option<&Tensor>) -> gan_core::error::Result<Tensor> {
        let signed = |pixels: &Tensor| -> gan_core::error::Result<Tensor> {
            range::to_signed(&pixels.f_to_device(self.policy.device)?)
        };
        let Some(task) = &self.task else {
            let given = signed(&with_channels(given, self.channels[0])?)?;
            return self.gan.translate(&self.laid_out(given)?, self.direction);
        };
        // What the task's images had: a mask's channel comes on top, lightness and sketches stand for colour.
        let wanted = match task {
            Task::Colorize {} | Task::Edges(_) => given.size()[1],
            _ => self.channels[1],
        };
        let given = signed(&with_channels(given, wanted)?)?;
        let prepared = if self.args.sketch {
            task.prepare_sketch(&given)?
        } else {
            let mask = mask.map(|mask| signed(&with_channels(mask, 1)?)).transpose()?;
            task.prepare(&given, mask.as_ref())?
        };
        let output = self.gan.translate(&self.laid_out(prepared.shallow_clone())?, self.direction)?;
        task.finish(&prepared, &output)
    }

    fn laid_out(&self, images: Tensor) -> gan_core::error::Result<Tensor> {
        Ok(if self.policy.channels_last { gan_sys::format::channels_last(&images)? } else { images })
    }
}

/// u8 `[1, C, H, W]`
fn pixels_of(image: &Original) -> Result<Tensor> {
    let size = [1, i64::from(image.channels), i64::from(image.height), i64::from(image.width)];
    Ok(Tensor::f_from_data_size(&image.pixels, &size, Kind::Uint8)?)
}

/// Grey as colour or colour as grey (ITU-R BT.601); alpha, which most files have lost when they were read, is opaque.
fn with_channels(pixels: &Tensor, wanted: i64) -> gan_core::error::Result<Tensor> {
    let (n, channels, h, w) = pixels.size4()?;
    if channels == wanted {
        return Ok(pixels.shallow_clone());
    }
    let colours = match (channels, wanted) {
        (1, 3 | 4) => pixels.f_expand([-1, 3, -1, -1], false)?,
        (3, 1 | 2) => {
            let weights = Tensor::f_from_slice(&[0.299f32, 0.587, 0.114])?.f_reshape([1, 3, 1, 1])?;
            let grey = pixels.f_to_kind(Kind::Float)?.f_mul(&weights)?;
            grey.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?.f_round()?.f_to_kind(Kind::Uint8)?
        }
        _ => pixels.shallow_clone(),
    };
    if wanted % 2 == 1 {
        return Ok(colours);
    }
    let opaque = Tensor::f_full([n, 1, h, w], 255, (Kind::Uint8, Device::Cpu))?;
    Ok(Tensor::f_cat(&[colours, opaque], 1)?)
}

/// The images that were named, one after another, each with what was named.
struct Inputs(Vec<(PathBuf, Originals)>);

impl Inputs {
    fn open(specs: &[String], options: &Options) -> Result<Self> {
        let open = |spec: &String| match Originals::open_any(spec, options) {
            Ok(set) => Ok((PathBuf::from(spec), set)),
            Err(error) => Err(Error::from(error)),
        };
        let opened = Self(specs.iter().map(open).collect::<Result<Vec<_>, _>>()?);
        let mut seen = BTreeMap::new();
        for (_, name, place) in opened.each() {
            if let Some(other) = seen.insert(place, name.clone()) {
                let (other, name) = (other.display(), name.display());
                return Err(usage(format!(
                    "{other} and {name} would be written under one name; translate them apart"
                )));
            }
        }
        Ok(opened)
    }

    /// Of each image its set and number, its name, and its place among the results.
    fn each(&self) -> impl Iterator<Item = ((&Originals, usize), PathBuf, PathBuf)> {
        self.0.iter().flat_map(|(root, set)| {
            (0..set.len()).map(move |index| {
                let name = set.image_name(index);
                let place = place_of(root, &name);
                ((set, index), name, place)
            })
        })
    }

    /// Refuses to write over what is translated.
    fn check_apart(&self, folder: &Path, format: Format) -> Result<()> {
        for (_, name, place) in self.each() {
            let real = |path: &Path| path.canonicalize().ok();
            if real(&target(folder, &place, format)).is_some_and(|target| real(&name) == Some(target)) {
                let why = format!(
                    "--out {}: {} would be written over; name another folder",
                    folder.display(),
                    name.display()
                );
                return Err(usage(why));
            }
        }
        Ok(())
    }

    fn count(&self) -> usize {
        self.0.iter().map(|(_, set)| set.len()).sum()
    }

    fn iter(&self, channels: Option<u32>) -> impl Iterator<Item = (PathBuf, PathBuf, Result<Original>)> {
        self.each().map(move |((set, index), name, place)| {
            let image = channels.map_or_else(|| set.load(index), |channels| set.load_as(index, channels));
            (name, place, image.map_err(|error| Error::from(error).into()))
        })
    }
}

/// Where what is made of a file belongs: its folders within `root` and its name without the ending. What a zip calls its
/// entries leads nowhere else.
fn place_of(root: &Path, name: &Path) -> PathBuf {
    let within = name.strip_prefix(root).ok().and_then(Path::parent).unwrap_or(Path::new(""));
    let folders = within.components().filter(|part| matches!(part, Component::Normal(_)));
    let mut place: PathBuf = folders.collect();
    place.push(name.file_stem().unwrap_or("image".as_ref()));
    place
}

/// The file of a place.
fn target(folder: &Path, place: &Path, format: Format) -> PathBuf {
    let mut path = folder.join(place).into_os_string();
    path.push(".");
    path.push(format.extension());
    path.into()
}

/// One mask for all, or one for each.
enum Masks {
    One(Box<Original>),
    Each(PathBuf, BTreeMap<PathBuf, usize>, Box<Originals>),
}

impl Masks {
    fn open(path: &Path, options: &Options) -> Result<Self> {
        let set = Originals::open_any(&path.to_string_lossy(), options).map_err(Error::from)?;
        if path.is_file() && set.len() == 1 {
            return Ok(Self::One(Box::new(set.load_mask(0).map_err(Error::from)?)));
        }
        let places = (0..set.len()).map(|index| (place_of(path, &set.image_name(index)), index)).collect();
        Ok(Self::Each(path.to_owned(), places, Box::new(set)))
    }

    fn of(&self, place: &Path) -> Result<Original> {
        match self {
            Self::One(mask) => Ok((**mask).clone()),
            Self::Each(folder, places, set) => {
                let index = the_one(places, place).with_context(|| {
                    format!("{}: there is no mask named as the image {}", folder.display(), place.display())
                })?;
                Ok(set.load_mask(index).map_err(Error::from)?)
            }
        }
    }
}

/// What lies in a place, or else the only one of that name in any folder: zips often have a folder around everything.
fn the_one(places: &BTreeMap<PathBuf, usize>, place: &Path) -> Option<usize> {
    places.get(place).copied().or_else(|| {
        let mut alike = places.iter().filter(|(other, _)| other.file_name() == place.file_name());
        alike.next().filter(|_| alike.next().is_none()).map(|(_, index)| *index)
    })
}

/// Whether a mask has no hole.
fn is_black(mask: &Original) -> bool {
    mask.pixels.iter().all(|grey| *grey < 128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_folders_and_leave_none() {
        let place = |root: &str, name: &str| place_of(root.as_ref(), name.as_ref());
        assert_eq!(place("photos/", "photos/day/a.b.jpg"), Path::new("day/a.b"));
        assert_eq!(place("photos/a.jpg", "photos/a.jpg"), Path::new("a"));
        assert_eq!(place("x.zip", "x.zip/../../etc/a.png"), Path::new("etc/a"));
        assert_eq!(place("a-named-set", "cache/elsewhere/a.png"), Path::new("a"));
        assert_eq!(target("out".as_ref(), "day/a.b".as_ref(), Format::Png), Path::new("out/day/a.b.png"));
    }

    #[test]
    fn masks_are_found_by_place_or_by_a_name_of_one() {
        let places = ["day/a", "night/a", "night/b"].map(PathBuf::from).into_iter().zip(0..).collect();
        let found = ["night/a", "b", "other/b", "a", "c"].map(|place| the_one(&places, place.as_ref()));
        assert_eq!(found, [Some(1), Some(2), Some(2), None, None]);
    }
}
