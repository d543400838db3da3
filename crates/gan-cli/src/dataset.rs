//! The data set of a run: opened, checked against the configuration, looked at.

use crate::config::{DataConfig, RunConfig};
use anyhow::Result;
use gan_core::device::DevicePolicy;
use gan_core::error::Error;
use gan_data::{DataSet, ImageSource, Options, Sampling};
use gan_report::Picture;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A data set of images of one shape.
#[derive(Debug, Clone)]
pub struct Opened(Arc<DataSet>);

/// Opens what a configuration names; channels are the data's own if none are given.
///
/// # Errors
/// There is no such thing, it holds no image that can be read, or the settings do not go with it.
pub fn open(config: &DataConfig, size: i64, channels: Option<i64>) -> Result<Opened> {
    let options = Options {
        size: u32::try_from(size).ok(),
        channels: channels.and_then(|channels| u32::try_from(channels).ok()),
        fit: config.fit,
        mirror: config.mirror,
        strict: config.strict,
        memory: config.cache_mb.saturating_mul(1_000_000),
        max_pixels: config.max_pixels,
        ..Options::default()
    };
    let set = DataSet::open(&config.source, &options).map_err(Error::from)?;
    Ok(Opened(Arc::new(set)))
}

/// Whether a run's batches can be drawn from it.
///
/// # Errors
/// A batch larger than the data set; no image that can be read.
pub fn check(data: &Opened, config: &RunConfig) -> Result<()> {
    let (batch, images) = (config.gan.batch(), data.0.len());
    if usize::try_from(batch).is_ok_and(|batch| batch <= images) {
        // At least one that can be read.
        return data.0.samples(1).map(|_| ()).map_err(|error| Error::from(error).into());
    }
    let field = format!("{}.batch", config.gan.variant().word());
    let why = format!(
        "{batch} is more than the {images} images of {}; use --batch {images} or less",
        data.0.name()
    );
    Err(Error::config(field, why).into())
}

/// A name as it is, a path made absolute, so that a run can be resumed from any folder.
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
    /// What it is, in a line.
    pub fn summary(&self) -> String {
        self.0.describe()
    }

    /// What the user should know about how it was read.
    pub fn notes(&self) -> &[String] {
        self.0.notes()
    }

    /// Channels of every image.
    pub fn channels(&self) -> i64 {
        self.0.channels().into()
    }

    /// How many images, broken ones included.
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// The run's batches.
    ///
    /// # Errors
    /// A batch larger than the data set.
    pub fn source(&self, config: &RunConfig, policy: &DevicePolicy) -> Result<ImageSource> {
        let batch = usize::try_from(config.gan.batch()).unwrap_or(usize::MAX);
        let sampling = Sampling { workers: config.data.workers, ..Sampling::new(batch, config.train.seed) };
        Ok(ImageSource::new(Arc::clone(&self.0), sampling, policy.device)?)
    }

    /// Pictures spread over the set, as the GAN will see them.
    ///
    /// # Errors
    /// There is none that can be read; a broken one where the set is strict.
    pub fn pictures(&self, count: usize) -> Result<Vec<Picture>> {
        let shape = [1, self.channels(), self.0.height().into(), self.0.width().into()];
        let mut pictures = Vec::with_capacity(count);
        for bytes in self.0.samples(count).map_err(Error::from)? {
            let image = tch::Tensor::f_from_data_size(&bytes, &shape, tch::Kind::Uint8)?;
            pictures.extend(crate::pictures::of_bytes(&image)?);
        }
        Ok(pictures)
    }

    /// How many images were found broken so far, and a sentence about them if that is more than `known`.
    pub fn news_of_broken(&self, known: usize) -> (usize, Option<String>) {
        let broken = self.0.broken();
        let first = broken.first().map(|first| format!("{} ({})", first.path.display(), first.why));
        let count = broken.len();
        let sentence = first.filter(|_| count > known).map(|first| match count {
            1 => format!("1 image cannot be read and is left out: {first}"),
            _ => format!("{count} images cannot be read and are left out, such as {first}"),
        });
        (count, sentence)
    }
}
