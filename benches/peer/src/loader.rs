//! The case `loader`: a folder of pictures to batches on the CPU, as `torchvision` would make them.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use gan_core::data::Source;
use gan_data::{DataSet, ImageSource, Sampling};

use crate::{Options, photos};

/// Pictures in the folder, as in `benches/pytorch/peer.py`.
const PHOTOS: usize = 2000;

/// Shuffled, mirrored batches of 64.
pub struct Loader {
    source: ImageSource,
    /// Batches that the workers may have made while nobody asked.
    pub ahead: usize,
}

impl Loader {
    /// Opens the folder, or makes its pictures first.
    pub fn new(options: &Options) -> Result<Self> {
        let folder = options.data.as_deref().context("the case `loader` needs --data FOLDER")?;
        photos::make(folder, PHOTOS, 64)?;
        let spec = folder.to_str().context("the path in --data must be UTF-8")?;
        // PyTorch decodes every picture every time; by default this loader does so once.
        let memory = if options.cached { 2 << 30 } else { 0 };
        let chosen =
            gan_data::Options { size: Some(64), mirror: true, memory, ..gan_data::Options::default() };
        let data = Arc::new(DataSet::open(spec, &chosen)?);
        tch::set_num_threads(options.threads as i32);
        let sampling = Sampling { workers: options.workers, ..Sampling::new(64, 1) };
        Ok(Self { source: ImageSource::new(data, sampling, tch::Device::Cpu)?, ahead: 3 })
    }

    /// One batch.
    pub fn iteration(&mut self) -> Result<()> {
        let size = self.source.next()?.images.size();
        ensure!(size == [64, 3, 64, 64], "the loader gave a batch of shape {size:?}");
        Ok(())
    }
}
