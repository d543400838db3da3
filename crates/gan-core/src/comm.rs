//! What ranks tell each other. One process is the group of one.

use crate::error::Result;
use std::cell::Cell;
use std::sync::Arc;
use tch::Tensor;

/// A group of processes that train one model together. It lives as long as the process.
pub trait Comm: Sync {
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

thread_local! {
    static CURRENT: Cell<Option<&'static dyn Comm>> = const { Cell::new(None) };
}

/// As long as it lives, batch statistics in this thread are those of all ranks' batches together.
pub(crate) struct Together(Option<&'static dyn Comm>);

impl Together {
    pub(crate) fn enter(comm: &'static dyn Comm) -> Self {
        Self(CURRENT.replace(Some(comm)))
    }
}

impl Drop for Together {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// The ranks whose batches are one, if there are several.
pub(crate) fn current() -> Option<&'static dyn Comm> {
    CURRENT.get().filter(|comm| comm.world_size() > 1)
}

/// The mean of `x` over the ranks, differentiable any number of times. Every rank must come here, and in its backward pass.
///
/// # Errors
/// A rank that does not answer.
pub fn averaged(comm: &'static dyn Comm, x: &Tensor) -> Result<Tensor> {
    let mean = move |tensor: Tensor| {
        let mut tensors = [tensor];
        tch::no_grad(|| comm.all_reduce_mean(&mut tensors)).map_err(|error| error.to_string())
    };
    Ok(gan_sys::averaged::averaged(x, Arc::new(mean))?)
}
