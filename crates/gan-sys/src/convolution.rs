//! Convolutions, with faster gradients where LibTorch's CPU kernels are slow for the shapes of GANs.

use crate::ffi::{self, ShimError, new_tensor};
use tch::Tensor;

/// A 2-D convolution, or a transposed one, with one stride and padding for both directions. Heeds autocast; differentiable
/// any number of times.
///
/// # Shapes
/// `x` `[N, I, H, W]`; `weight` `[O, I, k, k]`, transposed `[I, O, k, k]`; `bias` `[O]`
///
/// # Errors
/// Shapes that do not fit.
pub fn convolution(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    (stride, padding): (i64, i64),
    transposed: bool,
) -> Result<Tensor, ShimError> {
    let bias = bias.map_or(std::ptr::null(), Tensor::as_ptr);
    new_tensor(|result| unsafe {
        ffi::gan_convolution(x.as_ptr(), weight.as_ptr(), bias, stride, padding, transposed.into(), result)
    })
}
