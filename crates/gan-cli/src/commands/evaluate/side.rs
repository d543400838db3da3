//! One side of a comparison: where its images come from, and their features.

use super::Args;
use super::images::{self, Images, Loaded};
use crate::config::RunConfig;
use crate::dataset::{self, Opened};
use crate::failure::usage;
use crate::labels::{self, Choice, Labels};
use crate::located::{self, Located};
use crate::progress;
use crate::samples::Samples;
use crate::say::{note, thousands};
use anyhow::{Context, Result};
use gan_core::device::DevicePolicy;
use gan_core::error::Error;
use gan_core::tensor::range;
use gan_core::variant::{Generate, GenerateOptions, Weights};
use gan_data::{Options, Originals};
use gan_metrics::Gaussian;
use gan_metrics::extract::Extract;
use gan_metrics::scores::Gathered;
use sha2::Sha256;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use tch::Tensor;

/// Images that are extracted together.
const AT_A_TIME: usize = 64;
/// The word for images that training never showed.
const HELD_OUT: &str = "held-out";
/// Batches that are decoded ahead.
const AHEAD: usize = 4;

/// Where images, or statistics of their features, come from.
pub enum Side {
    /// A checkpoint's generator.
    Generated(Box<Generated>),
    /// A set of images.
    Images(Images),
    /// Mean and covariance in a file.
    Statistics(PathBuf, Gaussian),
}

/// A generator and how it is asked.
pub struct Generated {
    generator: Box<dyn Generate>,
    /// Classes in turn, attributes by seed.
    labels: Labels,
    config: RunConfig,
    /// The run's folder.
    pub run: Option<PathBuf>,
    name: String,
    /// Images it had been trained on.
    pub images: u64,
    policy: DevicePolicy,
    seed: u64,
    weights: Weights,
    options: GenerateOptions,
}

impl Side {
    /// What the first argument names.
    ///
    /// # Errors
    /// Nothing of the kind there.
    pub fn subject(args: &Args, policy: &DevicePolicy) -> Result<Self> {
        let path = Path::new(&args.subject);
        if !Located::is_there(path) {
            let images = Self::images(&args.subject)?;
            if args.against.is_none() {
                return Err(usage(format!("{}: name the real images with --against", args.subject)));
            }
            return Ok(images);
        }
        let located = Located::find(path)?;
        let checkpoint = if args.best { located.best()? } else { located.some_checkpoint()? };
        let config = located::config_of(&checkpoint)?;
        if config.gan.size() == 1 {
            return Err(usage(format!(
                "{}: it makes points, not images; `gan modes` scores those",
                args.subject
            )));
        }
        let weights = checkpoint.generator_weights(args.weights.chosen());
        let generator = located::load_generator(&checkpoint, policy, weights)?;
        Ok(Self::Generated(Box::new(Generated {
            labels: Choice::default().of(generator.as_ref())?,
            generator,
            config,
            run: located.run().map(Path::to_owned),
            name: args.subject.clone(),
            images: checkpoint.meta.clock.images,
            policy: *policy,
            seed: args.seed,
            weights,
            options: GenerateOptions { truncation: args.truncation, ..GenerateOptions::default() },
        })))
    }

    /// What `--against` names, or a run's own data.
    ///
    /// # Errors
    /// Nothing of the kind there.
    pub fn real(args: &Args, subject: &Self) -> Result<Self> {
        match (&args.against, subject) {
            (Some(word), Self::Generated(generated)) if word == HELD_OUT => {
                match dataset::open_held_out(&generated.config)? {
                    Some(Opened::Images(set)) => Ok(Self::Images(Images::fitted(set))),
                    Some(_) => Err(usage(format!(
                        "--against {HELD_OUT}: {} are made as they are needed; name images",
                        generated.config.data.source
                    ))),
                    None => Err(usage(format!(
                        "--against {HELD_OUT}: {} was trained on all of {}; train with --set data.holdout=0.1, or name other images",
                        generated.name, generated.config.data.source
                    ))),
                }
            }
            (Some(name), _) => Self::images(name),
            (None, Self::Generated(generated)) => {
                let config = &generated.config;
                match dataset::open(&config.data, config.gan.image(), Some(config.gan.channels()))? {
                    Opened::Images(set) => Ok(Self::Images(Images::fitted(set))),
                    _ => Err(usage(format!(
                        "{}: {} are made as they are needed; name real images with --against, or use `gan modes`",
                        generated.name, config.data.source
                    ))),
                }
            }
            _ => Err(usage("name the real images with --against")),
        }
    }

    fn images(name: &str) -> Result<Self> {
        if Path::new(name).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npz")) {
            return Ok(Self::Statistics(PathBuf::from(name), statistics(Path::new(name))?));
        }
        let set = Originals::open(name, &Options::default()).map_err(Error::from)?;
        set.notes().iter().for_each(|text| note(format_args!("note: {text}")));
        Ok(Self::Images(Images::original(set)))
    }

    /// Names of its classes; none where it has none.
    pub fn class_names(&self) -> &[String] {
        match self {
            Self::Generated(generated) => generated.generator.class_names(),
            Self::Images(images) => images.class_names(),
            Self::Statistics(..) => &[],
        }
    }

    /// Numbers the classes of images as `names` does.
    pub fn number_by(&mut self, names: &[String]) {
        let Self::Images(images) = self else { return };
        let strangers = images.number_by(names);
        if !strangers.is_empty() && !names.is_empty() {
            note(format_args!(
                "note: classes of {} that the other side does not have are left out where classes are scored: {}",
                images.name(),
                labels::listed(&strangers)
            ));
        }
    }

    /// Lets a generator be asked for what the real images are: for each of them one of its class, or with its attributes.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn ask_like(&mut self, real: &Self, count: u64) -> Result<()> {
        let (Self::Generated(generated), Self::Images(images)) = (self, real) else { return Ok(()) };
        let names: Vec<&str> = generated.generator.attributes().iter().map(|a| a.name.as_str()).collect();
        let found = match (generated.generator.classes(), names.as_slice()) {
            (0, []) => None,
            (0, names) => images.attributes(count, names)?.map(Labels::Rows),
            _ => images.labels(count).map(Labels::Like),
        };
        if let Some(labels) = found {
            generated.labels = labels;
        }
        Ok(())
    }

    /// As the user named it.
    pub fn name(&self) -> String {
        match self {
            Self::Generated(generated) => generated.name.clone(),
            Self::Images(images) => images.name().to_owned(),
            Self::Statistics(path, _) => path.display().to_string(),
        }
    }

    /// What was looked at, in a line.
    pub fn describe(&self, count: i64) -> String {
        let count = thousands(count.max(0) as u64);
        match self {
            Self::Generated(generated) => {
                let weights = match generated.weights {
                    Weights::Averaged => "averaged weights",
                    Weights::Raw => "raw weights",
                };
                let asked = generated.labels.describe();
                let truncation = match generated.options.truncation {
                    Some(truncation) => format!("truncation {truncation}"),
                    None => "no truncation".to_owned(),
                };
                format!(
                    "{count} samples of {} after {} images, {weights}, seeds from {}, {truncation}{asked}",
                    generated.name,
                    thousands(generated.images),
                    generated.seed
                )
            }
            Self::Images(images) => format!("{count} of {}", images.describe()),
            Self::Statistics(path, _) => format!("statistics in {}", path.display()),
        }
    }

    /// How many images there are; `None` for as many as one wants.
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::Images(images) => Some(images.len()),
            Self::Generated(_) | Self::Statistics(..) => None,
        }
    }

    /// Whether there are no images to look at.
    pub fn is_statistics(&self) -> bool {
        matches!(self, Self::Statistics(..))
    }

    /// Whether both are the same files.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let place = |side: &Self| match side {
            Self::Generated(_) => None,
            _ => Some(std::fs::canonicalize(side.name()).unwrap_or_else(|_| side.name().into())),
        };
        place(self).is_some_and(|path| Some(path) == place(other))
    }

    /// What differs in the shapes of the first images, for the user to know.
    pub fn compare_shapes(&self, other: &Self) -> Vec<String> {
        let (Some(ours), Some(theirs)) = (self.shape(), other.shape()) else { return Vec::new() };
        let mut notes = Vec::new();
        if ours[0] != theirs[0] {
            let colour = |channels| if channels == 1 { "grey" } else { "in colour" };
            notes.push(format!(
                "the generated are {} and the real {}; the extractor takes both",
                colour(ours[0]),
                colour(theirs[0])
            ));
        }
        if ours[1..] != theirs[1..] {
            notes.push(format!(
                "the generated are {} x {} and the real {} x {}; the extractor resizes each to its own size",
                ours[2], ours[1], theirs[2], theirs[1]
            ));
        }
        notes
    }

    /// Channels, height and width of the first image.
    pub fn shape(&self) -> Option<[u32; 3]> {
        match self {
            Self::Generated(generated) => {
                let (channels, [height, width]) =
                    (generated.config.gan.channels(), generated.config.gan.image());
                Some([channels, height, width].map(|side| side as u32))
            }
            Self::Images(images) => images.shape(),
            Self::Statistics(..) => None,
        }
    }

    /// A hash of all that is looked at, where that is a matter of files.
    pub fn content(&self, count: u64) -> Option<Sha256> {
        match self {
            Self::Images(images) => Some(images.content(count)),
            _ => None,
        }
    }

    /// Features of up to `count` images.
    ///
    /// # Errors
    /// No image can be read; what the extractor refuses.
    pub fn gather(&self, extractor: &dyn Extract, keeps: bool, count: u64) -> Result<Gathered> {
        match self {
            Self::Statistics(path, gaussian) => {
                if gaussian.dimensions() != extractor.dimensions() {
                    let why = format!(
                        "holds statistics of {} dimensions; the features have {}",
                        gaussian.dimensions(),
                        extractor.dimensions()
                    );
                    return Err(Error::data(path, why).into());
                }
                Ok(Gathered::of_statistics(statistics(path)?)?)
            }
            _ => {
                let mut gathered = Gathered::new(extractor, keeps)?;
                self.look(count, "features", &mut |images, classes| {
                    Ok(gathered.push(extractor.extract(&images)?, classes)?)
                })?;
                Ok(gathered)
            }
        }
    }

    /// Hands over up to `count` images in batches of one shape, u8 `[N, C, H, W]` with their classes.
    ///
    /// # Errors
    /// Fewer than two images that can be read; what is done with them.
    pub fn look(&self, count: u64, what: &str, hand_over: HandOver) -> Result<()> {
        match self {
            Self::Generated(generated) => generated.look(count, what, hand_over),
            Self::Images(images) => look(images, count, what, hand_over),
            Self::Statistics(path, _) => Err(Error::data(path, "holds no images").into()),
        }
    }
}

/// What is done with a batch of images and their classes.
pub type HandOver<'a> = &'a mut dyn FnMut(Tensor, &[i64]) -> Result<()>;

impl Generated {
    /// How its samples are made.
    pub fn samples(&self) -> Samples<'_> {
        let Self { generator, labels, options, seed, .. } = self;
        Samples {
            generator: generator.as_ref(),
            labels,
            options: *options,
            seed: *seed,
            listed: &[],
            device: self.policy.device,
        }
    }

    /// The shape of one latent.
    pub fn latent_shape(&self) -> Vec<i64> {
        self.generator.latent_shape()
    }

    fn look(&self, count: u64, what: &str, hand_over: HandOver) -> Result<()> {
        let bar = progress::counted(&format!("{what} of samples"), count);
        for first in (0..count).step_by(AT_A_TIME) {
            let numbers = first..count.min(first + AT_A_TIME as u64);
            let classes = self.labels.classes(numbers.clone(), self.seed);
            hand_over(range::to_bytes(&self.samples().of(numbers.clone())?)?, &classes)?;
            bar.inc(numbers.end - numbers.start);
        }
        bar.finish_and_clear();
        Ok(())
    }
}

/// Decodes on a thread of its own, batches of one shape ahead.
fn look(set: &Images, count: u64, what: &str, hand_over: HandOver) -> Result<()> {
    let bar = progress::counted(&format!("{what} of {}", set.name()), set.chosen(count).len() as u64);
    let mut broken: Option<(usize, String)> = None;
    let mut seen = 0;
    std::thread::scope(|scope| -> Result<()> {
        let (send, receive) = sync_channel::<Loaded>(AHEAD);
        scope.spawn(move || set.decode(AT_A_TIME, count, |loaded| send.send(loaded).is_ok()));
        for loaded in receive {
            match loaded {
                Loaded::Broken(why) => {
                    broken.get_or_insert((0, why)).0 += 1;
                }
                Loaded::Batch(images, labels) => {
                    hand_over(images::tensor(&images)?, &labels)?;
                    seen += images.len();
                    bar.inc(images.len() as u64);
                }
            }
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    if let Some((count, first)) = broken {
        note(format_args!("warning: {count} that cannot be read left out, such as {first}"));
    }
    if seen < 2 {
        let why = format!("has {seen} images that can be read; a comparison needs two at least");
        return Err(Error::data(set.name(), why).into());
    }
    Ok(())
}

/// `mu` and `sigma` as pytorch-fid saves them. How many images they are of is not in the file; the distance does not ask.
fn statistics(path: &Path) -> Result<Gaussian> {
    if !path.is_file() {
        return Err(Error::file(path, std::io::ErrorKind::NotFound.into()).into());
    }
    let arrays = Tensor::read_npz(path).map_err(|error| {
        let why = format!("is no readable .npz ({})", error.to_string().lines().next().unwrap_or_default());
        Error::data(path, why)
    })?;
    let array = |name: &str| {
        let found = arrays.iter().find(|(key, _)| key == name).map(|(_, array)| array);
        found.ok_or_else(|| {
            Error::data(path, format!("has no array `{name}`; pytorch-fid's have mu and sigma"))
        })
    };
    Gaussian::of_statistics(array("mu")?, array("sigma")?, u64::from(u32::MAX))
        .with_context(|| path.display().to_string())
}
