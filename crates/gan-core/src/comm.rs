//! What ranks tell each other. One process is the group of one.

use crate::error::Result;
use tch::Tensor;

/// A group of processes that train one model together.
pub trait Comm {
    /// This process, from 0.
    fn rank(&self) -> u64;
    /// How many there are.
    fn world_size(&self) -> u64;
    /// Replaces each tensor by its mean over the ranks, in place.
    ///
    /// # Errors
    /// A rank that does not answer.
    fn all_reduce_mean(&self, tensors: &mut [Tensor]) -> Result<()>;
    /// Replaces each tensor by rank 0's, in place.
    ///
    /// # Errors
    /// A rank that does not answer.
    fn broadcast(&self, tensors: &mut [Tensor]) -> Result<()>;
    /// Waits until every rank has come here.
    ///
    /// # Errors
    /// A rank that does not answer.
    fn barrier(&self) -> Result<()>;
}

/// One process alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Solo;

impl Comm for Solo {
    fn rank(&self) -> u64 {
        0
    }
    fn world_size(&self) -> u64 {
        1
    }
    fn all_reduce_mean(&self, _: &mut [Tensor]) -> Result<()> {
        Ok(())
    }
    fn broadcast(&self, _: &mut [Tensor]) -> Result<()> {
        Ok(())
    }
    fn barrier(&self) -> Result<()> {
        Ok(())
    }
}
