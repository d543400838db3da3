//! Images sampled anywhere, with the second derivative that LibTorch lacks.

use crate::ffi::{self, ShimError, new_tensor};
use tch::Tensor;

/// Images at the places of a grid, bilinearly, with zeros around them. Differentiable any number of times along the images; the
/// grid is a constant.
///
/// # Shapes
/// `images` `[N, C, H, W]`, `grid` `[N, H', W', 2]` of x and y, where -1 and 1 are the outer edges; out `[N, C, H', W']`
///
/// # Errors
/// Shapes or kinds that do not fit.
pub fn sample(images: &Tensor, grid: &Tensor) -> Result<Tensor, ShimError> {
    // SAFETY: both tensors outlive the call.
    new_tensor(|result| unsafe { ffi::gan_sample(images.as_ptr(), grid.as_ptr(), result) })
}
