//! Pairs as the trainer draws them.

use super::Task;
use super::mask::MaskFolder;
use gan_core::data::{ImageBatch, PairBatch, Source};
use gan_core::error::Result;
use gan_core::random::{Streams, key};
use tch::Device;

/// A task's pairs, made of another source's images on the device where these lie. What is drawn for a batch is a pure
/// function of (seed, rank, position).
#[derive(Debug)]
pub struct TaskSource<S> {
    images: S,
    task: Task,
    seed: u64,
    rank: u64,
    /// Opened with the first batch, when the images' size is known.
    masks: Option<MaskFolder>,
}

impl<S: Source<ImageBatch>> TaskSource<S> {
    /// Pairs of `task` from `images` for one rank.
    pub fn new(images: S, task: Task, seed: u64, rank: u64) -> Self {
        Self { images, task, seed: key(seed, &[], "task"), rank, masks: None }
    }

    /// Where the images come from.
    pub fn images(&self) -> &S {
        &self.images
    }

    /// What is made of them.
    pub fn task(&self) -> &Task {
        &self.task
    }
}

impl<S: Source<ImageBatch>> Source<PairBatch> for TaskSource<S> {
    fn next(&mut self) -> Result<PairBatch> {
        // On the CPU: numbers are read from it, which would stall a GPU.
        let noise = Streams::new(self.seed, self.rank, self.images.position(), Device::Cpu);
        let images = self.images.next()?.images;
        if let Task::Inpaint(inpaint) = &self.task
            && let Some(path) = &inpaint.masks
        {
            let (_, _, h, w) = images.size4()?;
            let size = [h as usize, w as usize];
            if self.masks.as_ref().is_none_or(|masks| masks.size() != size) {
                self.masks = Some(MaskFolder::open(path, size)?);
            }
        }
        self.task.pairs_with(&images, &noise, self.masks.as_ref())
    }

    fn position(&self) -> u64 {
        self.images.position()
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        self.images.seek(position)
    }
}
