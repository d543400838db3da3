//! Memory formats: the order of an NCHW tensor's values in memory.

use crate::ffi::{self, ShimError, new_tensor};
use tch::Tensor;

/// The same NCHW tensor with its values laid out as NHWC. Differentiable; free if it already is so.
///
/// # Errors
/// A tensor that has not four dimensions.
pub fn channels_last(tensor: &Tensor) -> Result<Tensor, ShimError> {
    new_tensor(|result| unsafe { ffi::gan_channels_last(tensor.as_ptr(), result) })
}

/// Whether the values lie in NHWC order.
pub fn is_channels_last(tensor: &Tensor) -> bool {
    unsafe { ffi::gan_is_channels_last(tensor.as_ptr()) != 0 }
}
