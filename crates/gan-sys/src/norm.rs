//! Instance normalisation, which LibTorch computes slowly in channels-last order.

use crate::ffi::{self, ShimError, new_tensor};
use tch::Tensor;

/// Each channel of each image to mean 0 and variance 1 over H, W (Ulyanov et al. 2016), then `slope` times what is negative:
/// 1 leaves everything, 0 is a ReLU. Differentiable twice.
///
/// # Shapes
/// `x` `[N, C, H, W]` to the same
///
/// # Errors
/// Images of one pixel, or a tensor that is not of images.
pub fn instance_norm(x: &Tensor, eps: f64, slope: f64) -> Result<Tensor, ShimError> {
    // SAFETY: the tensor outlives the call.
    new_tensor(|result| unsafe { ffi::gan_instance_norm(x.as_ptr(), eps, slope, result) })
}
