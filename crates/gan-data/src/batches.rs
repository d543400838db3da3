//! Batches of a data set as bytes, in the order of [`crate::Order`], made ahead of time by worker threads.

use crate::attributes::Attributes;
use crate::dataset::{DataSet, Scratch};
use crate::error::Result;
use crate::loader::{Loader, Stock};
use crate::order::Pick;
use std::sync::Arc;

/// How batches are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampling {
    /// Images in a batch of one rank.
    pub batch: usize,
    /// Decides order and mirroring.
    pub seed: u64,
    /// This process, from 0.
    pub rank: usize,
    /// Number of processes that share the data.
    pub world: usize,
    /// Threads that decode; 0 for one per core, at most 8.
    pub workers: usize,
}

impl Sampling {
    /// Batches for a single process with the default number of workers.
    pub fn new(batch: usize, seed: u64) -> Self {
        Self { batch, seed, rank: 0, world: 1, workers: 0 }
    }
}

/// Images, their classes and their attributes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// `[N, C, H, W]` bytes.
    pub images: Vec<u8>,
    /// `[N]`, empty if the set has no labels.
    pub labels: Vec<i64>,
    /// `[N, K]` numbers as the CSV has them, empty if the set has no attributes.
    pub attributes: Vec<f32>,
}

/// An endless sequence of batches. Batch n is a pure function of (data, seed, rank, world, n).
#[derive(Debug)]
pub struct Batches {
    loader: Loader<DataSet>,
}

impl Batches {
    /// Batches of `data`. Threads start with the first draw, and only if there is something to decode.
    ///
    /// # Errors
    /// A batch, over all ranks, that is empty or larger than the data set; a rank not below the world size.
    pub fn new(data: Arc<DataSet>, sampling: Sampling) -> Result<Self> {
        Ok(Self { loader: Loader::new(data, sampling)? })
    }

    /// The data set behind it.
    pub fn data(&self) -> &Arc<DataSet> {
        self.loader.stock()
    }

    /// Batches drawn so far.
    pub fn position(&self) -> u64 {
        self.loader.position()
    }

    /// Goes to a position: the next batch is number `position`.
    pub fn seek(&mut self, position: u64) {
        self.loader.seek(position);
    }

    /// The next batch, valid until the one after it is asked for.
    ///
    /// # Errors
    /// No image can be read; a broken image under `strict`; a worker failed. Asking again tries again.
    #[allow(clippy::should_implement_trait)] // it lends its buffer, which an iterator cannot
    pub fn next(&mut self) -> Result<&Batch> {
        self.loader.next()
    }
}

impl Stock for DataSet {
    const NOUN: &str = "images";

    fn name(&self) -> &str {
        self.name()
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn item_bytes(&self) -> usize {
        self.image_bytes()
    }

    fn is_whole(&self) -> bool {
        self.is_whole()
    }

    fn place(&self, pick: &Pick, scratch: &mut Scratch, out: &mut [u8]) -> Result<usize> {
        self.place(pick, scratch, out)
    }

    fn label(&self, index: usize) -> Option<u32> {
        self.label(index)
    }

    fn attributes(&self) -> Option<&Attributes> {
        self.attributes()
    }
}
