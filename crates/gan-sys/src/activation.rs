//! Activations whose arguments tch leaves out.

use crate::ffi::{self, ShimError, check};
use tch::Tensor;

/// `x` where it is positive, `slope * x` elsewhere. Takes the tensor and works in place; differentiable
/// unless the tensor is a leaf.
///
/// # Errors
/// A leaf that requires a gradient.
pub fn leaky_relu(x: Tensor, slope: f64) -> Result<Tensor, ShimError> {
    check(unsafe { ffi::gan_leaky_relu(x.as_ptr().cast_mut(), slope) })?;
    Ok(x)
}
