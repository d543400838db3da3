//! The data set of a run: opened, checked against the configuration, looked at.

use crate::config::{DataConfig, RunConfig};
use crate::pictures;
use anyhow::Result;
use gan_core::data::{ImageBatch, Source};
use gan_core::device::DevicePolicy;
use gan_core::error::Error;
use gan_core::variant::{Attribute, Panel};
use gan_data::{
    Broken, DataSet, ImageSource, Options, PointSet, PointSource, Sampling, Stacked, StackedSource,
};
use gan_report::Picture;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tch::Device;

/// A data set of images of one shape, or of points in the plane.
#[derive(Debug, Clone)]
pub enum Opened {
    /// Images from files or built in.
    Images(Arc<DataSet>),
    /// Three grey images as the channels of one, made on the fly.
    Stacked(Stacked),
    /// Points, made on the fly.
    Points {
        /// Of which distribution.
        set: PointSet,
        /// How many are drawn once; 0 for fresh ones forever.
        points: u64,
    },
}

/// A run's batches.
#[derive(Debug)]
pub enum Drawn {
    /// Of images.
    Images(Box<ImageSource>),
    /// Of stacked images.
    Stacked(Box<StackedSource>),
    /// Of points.
    Points(PointSource),
}

/// Opens what a configuration names, for images of so many pixels in height and width; channels are the data's own if none are given.
///
/// # Errors
/// There is no such thing, it holds no image that can be read, or the settings do not go with it.
pub fn open(config: &DataConfig, image: [i64; 2], channels: Option<i64>) -> Result<Opened> {
    open_part(config, image, channels, false)
}

/// Images that training never shows: those held out, or the test images of a set that is known to have some.
///
/// # Errors
/// As [`open`].
pub fn open_held_out(config: &RunConfig) -> Result<Option<Opened>> {
    let (data, image, channels) = (&config.data, config.gan.image(), Some(config.gan.channels()));
    let opened = match gan_data::held_out_of(&data.source) {
        _ if data.holdout > 0.0 => open_part(data, image, channels, true)?,
        Some(name) => {
            open(&DataConfig { source: name.to_owned(), per_class: 0, ..data.clone() }, image, channels)?
        }
        None => return Ok(None),
    };
    Ok(Some(opened))
}

/// Refuses too few images for a run to be watched with.
///
/// # Errors
/// Fewer than a batch.
pub fn check_held_out(held_out: Option<&Opened>, config: &RunConfig) -> Result<()> {
    let Some(opened) = held_out else { return Ok(()) };
    let (batch, count) = (config.gan.batch(), opened.count());
    if batch as u64 > count {
        let why =
            format!("{count} images are held out, fewer than a batch of {batch}; hold out more or none");
        return Err(Error::config("data.holdout", why).into());
    }
    Ok(())
}

fn open_part(
    config: &DataConfig,
    [size, width]: [i64; 2],
    channels: Option<i64>,
    held_out: bool,
) -> Result<Opened> {
    let source = config.source.as_str();
    let attributes = (!config.attributes.is_empty()).then(|| PathBuf::from(&config.attributes));
    if let Some(set) = PointSet::named(source) {
        if let Some(csv) = attributes {
            let why = format!(
                "{} is for images in files, and {source} holds points; leave it empty",
                csv.display()
            );
            return Err(Error::config("data.attributes", why).into());
        }
        if size != 1 || channels.is_some_and(|channels| channels != 2) {
            let why = format!(
                "{source} holds points in the plane, not images: size 1 with 2 channels, as in `gan train vanilla --data {source}`"
            );
            return Err(Error::config("size", why).into());
        }
        return Ok(Opened::Points { set, points: config.points });
    }
    if size == 1 {
        let names = PointSet::ALL.map(PointSet::name).join(", ");
        let why =
            format!("1 is for points ({names}), not for the images of {source}; choose --size 28 or such");
        return Err(Error::config("size", why).into());
    }
    let options = Options {
        size: u32::try_from(size).ok(),
        width: u32::try_from(width).ok(),
        channels: channels.and_then(|channels| u32::try_from(channels).ok()),
        fit: config.fit,
        mirror: config.mirror,
        strict: config.strict,
        memory: config.cache_mb.saturating_mul(1_000_000),
        max_pixels: config.max_pixels,
        holdout: config.holdout,
        per_class: config.per_class,
        held_out,
        attributes,
        ..Options::default()
    };
    if Stacked::is_name(source) {
        return Ok(Opened::Stacked(Stacked::open(source, &options).map_err(Error::from)?));
    }
    let set = DataSet::open(source, &options).map_err(Error::from)?;
    Ok(Opened::Images(Arc::new(set)))
}

/// Whether a run's batches can be drawn from it.
///
/// # Errors
/// A batch larger than the data set; no image that can be read.
pub fn check(data: &Opened, config: &RunConfig) -> Result<()> {
    let (batch, count) = (config.gan.batch(), data.count());
    let endless = matches!(data, Opened::Stacked(_) | Opened::Points { points: 0, .. });
    if endless || u64::try_from(batch).is_ok_and(|batch| batch <= count) {
        // At least one that can be read.
        return data
            .images()
            .map_or(Ok(()), |set| set.samples(1).map(|_| ()).map_err(|error| Error::from(error).into()));
    }
    let field = format!("{}.batch", config.gan.variant().word());
    let why = format!(
        "{batch} is more than the {count} images of {}; use --batch {count} or less",
        config.data.source
    );
    Err(Error::config(field, why).into())
}

/// A name or nothing as it is, a path made absolute, so that a run can be resumed from any folder.
///
/// # Errors
/// The working folder is gone.
pub fn absolute(source: &str) -> String {
    let named = gan_data::list(&Options::default()).iter().any(|set| set.name == source);
    match std::path::absolute(Path::new(source)) {
        Ok(path) if !named => path.to_string_lossy().into_owned(),
        _ => source.to_owned(),
    }
}

/// Where fetched sets are kept, if there is such a place.
pub fn cache_folder() -> Option<PathBuf> {
    gan_data::cache_folder(None).ok()
}

impl Opened {
    /// The files or built-in images behind it, where there are some.
    pub fn images(&self) -> Option<&DataSet> {
        match self {
            Self::Images(set) => Some(set),
            Self::Stacked(stacked) => Some(stacked.base()),
            Self::Points { .. } => None,
        }
    }

    /// What it is, in a line.
    pub fn summary(&self) -> String {
        match self {
            Self::Images(set) => set.describe(),
            Self::Stacked(stacked) => stacked.describe(),
            Self::Points { set, points: 0 } => {
                format!("{}: {}, fresh in every batch", set.name(), set.about())
            }
            Self::Points { set, points } => format!("{}: {}, {points} drawn once", set.name(), set.about()),
        }
    }

    /// What the user should know about how it was read.
    pub fn notes(&self) -> &[String] {
        self.images().map_or(&[], DataSet::notes)
    }

    /// Names of the classes; none for points and stacked images.
    pub fn classes(&self) -> &[String] {
        if let Self::Images(set) = self { set.classes() } else { &[] }
    }

    /// Images of each class.
    pub fn class_counts(&self) -> Vec<u64> {
        let Self::Images(set) = self else { return Vec::new() };
        let mut counts = vec![0; set.classes().len()];
        for label in (0..set.len()).filter_map(|index| set.label(index)) {
            counts[label as usize] += 1;
        }
        counts
    }

    /// What images have numbers of, with the ranges in this set.
    pub fn attributes(&self) -> Vec<Attribute> {
        let Self::Images(set) = self else { return Vec::new() };
        let Some(attributes) = set.attributes() else { return Vec::new() };
        let count = attributes.names.len();
        let is_whole =
            |index: usize| attributes.values.iter().skip(index).step_by(count).all(|v| v.fract() == 0.0);
        let named = attributes.names.iter().zip(attributes.ranges()).enumerate();
        named
            .map(|(index, (name, [low, high]))| Attribute {
                name: name.clone(),
                low: low.into(),
                high: high.into(),
                whole: is_whole(index),
            })
            .collect()
    }

    /// Channels of every image.
    pub fn channels(&self) -> i64 {
        match self {
            Self::Images(set) => set.channels().into(),
            Self::Stacked(_) => 3,
            Self::Points { .. } => 2,
        }
    }

    /// How many images or points it is made of, broken ones included; 0 if they are endless.
    pub fn count(&self) -> u64 {
        match self {
            Self::Points { points, .. } => *points,
            _ => self.images().map_or(0, |set| set.len() as u64),
        }
    }

    /// The run's batches.
    ///
    /// # Errors
    /// A batch larger than the data set.
    pub fn source(&self, config: &RunConfig, policy: &DevicePolicy) -> Result<Drawn> {
        let (seed, device) = (config.train.seed, policy.device);
        let batch = usize::try_from(config.gan.batch()).unwrap_or(usize::MAX);
        Ok(match self {
            Self::Images(set) => {
                let sampling = Sampling { workers: config.data.workers, ..Sampling::new(batch, seed) };
                Drawn::Images(Box::new(ImageSource::new(Arc::clone(set), sampling, device)?))
            }
            Self::Stacked(stacked) => {
                Drawn::Stacked(Box::new(StackedSource::new(stacked.clone(), batch, seed, 0, device)?))
            }
            Self::Points { set, points } => {
                Drawn::Points(PointSource::new(*set, *points, batch, seed, (0, 1), device)?)
            }
        })
    }

    /// Pictures spread over the set, as the GAN will see them; of points one picture of many.
    ///
    /// # Errors
    /// There is none that can be read; a broken one where the set is strict.
    pub fn pictures(&self, count: usize) -> Result<Vec<Picture>> {
        let set = match self {
            Self::Images(set) => set,
            Self::Stacked(stacked) => {
                let mut source = StackedSource::new(stacked.clone(), count, 0, 0, Device::Cpu)?;
                return pictures::of_bytes(&source.next_bytes()?.0);
            }
            Self::Points { set, .. } => {
                let nothing = tch::Tensor::f_zeros([0, 2, 1, 1], (tch::Kind::Float, Device::Cpu))?;
                return Ok(vec![pictures::of_points(&nothing, Some(*set))?]);
            }
        };
        let shape = [1, self.channels(), set.height().into(), set.width().into()];
        let mut pictures = Vec::with_capacity(count);
        for bytes in set.samples(count).map_err(Error::from)? {
            let image = tch::Tensor::f_from_data_size(&bytes, &shape, tch::Kind::Uint8)?;
            pictures.extend(crate::pictures::of_bytes(&image)?);
        }
        Ok(pictures)
    }

    /// A panel of a preview as one picture: points over the real ones, images on a sheet.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn picture_of(&self, panel: &Panel) -> Result<Picture> {
        match self {
            Self::Points { set, .. } => pictures::of_points(&panel.images, Some(*set)),
            _ => pictures::of_panel(panel),
        }
    }

    /// The previews of a finished run as an animation, where each is one picture of points.
    ///
    /// # Errors
    /// Files that cannot be read or written.
    pub fn animate(&self, run: &Path) -> Result<Option<PathBuf>> {
        match self {
            Self::Points { .. } => pictures::animate(run),
            _ => Ok(None),
        }
    }

    /// How many images were found broken so far, and a sentence about them if that is more than `known`.
    pub fn news_of_broken(&self, known: usize) -> (usize, Option<String>) {
        news_of_broken(&self.images().map_or_else(Vec::new, DataSet::broken), known)
    }
}

/// How many images were found broken so far, and a sentence about them if that is more than `known`.
pub fn news_of_broken(broken: &[Broken], known: usize) -> (usize, Option<String>) {
    let first = broken.first().map(|first| format!("{} ({})", first.path.display(), first.why));
    let count = broken.len();
    let sentence = first.filter(|_| count > known).map(|first| match count {
        1 => format!("1 image cannot be read and is left out: {first}"),
        _ => format!("{count} images cannot be read and are left out, such as {first}"),
    });
    (count, sentence)
}

impl Drawn {
    fn source(&mut self) -> &mut dyn Source<ImageBatch> {
        match self {
            Self::Images(source) => source.as_mut(),
            Self::Stacked(source) => source.as_mut(),
            Self::Points(source) => source,
        }
    }
}

impl Source<ImageBatch> for Drawn {
    fn next(&mut self) -> gan_core::error::Result<ImageBatch> {
        self.source().next()
    }

    fn position(&self) -> u64 {
        match self {
            Self::Images(source) => source.position(),
            Self::Stacked(source) => source.position(),
            Self::Points(source) => source.position(),
        }
    }

    fn seek(&mut self, position: u64) -> gan_core::error::Result<()> {
        self.source().seek(position)
    }
}
