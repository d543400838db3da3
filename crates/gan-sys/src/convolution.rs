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
    let border = Border { padding, reflects: false };
    convolve(x, weight, bias, stride, border, transposed.then_some(0))
}

/// As [`convolution`], of an image that is first continued on every side by `padding` of its pixels, mirrored at the
/// outermost.
///
/// # Shapes
/// `x` `[N, I, H, W]`; `weight` `[O, I, k, k]`; `bias` `[O]`
///
/// # Errors
/// Shapes that do not fit; an image that is not larger than `padding`.
pub fn reflected_convolution(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    (stride, padding): (i64, i64),
) -> Result<Tensor, ShimError> {
    convolve(x, weight, bias, stride, Border { padding, reflects: true }, None)
}

/// As a transposed [`convolution`], with `output_padding` more rows and columns on the lower and the right side.
///
/// # Shapes
/// `x` `[N, I, H, W]`; `weight` `[I, O, k, k]`; `bias` `[O]`
///
/// # Errors
/// Shapes that do not fit; an `output_padding` that is not smaller than the stride.
pub fn transposed_convolution(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    (stride, padding): (i64, i64),
    output_padding: i64,
) -> Result<Tensor, ShimError> {
    convolve(x, weight, bias, stride, Border { padding, reflects: false }, Some(output_padding))
}

struct Border {
    padding: i64,
    reflects: bool,
}

/// Transposed where there is an output padding.
fn convolve(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    stride: i64,
    Border { padding, reflects }: Border,
    output_padding: Option<i64>,
) -> Result<Tensor, ShimError> {
    let bias = bias.map_or(std::ptr::null(), Tensor::as_ptr);
    let transposed = output_padding.is_some().into();
    let output_padding = output_padding.unwrap_or(0);
    // SAFETY: all tensors outlive the call.
    new_tensor(|result| unsafe {
        ffi::gan_convolution(
            x.as_ptr(),
            weight.as_ptr(),
            bias,
            stride,
            padding,
            reflects.into(),
            transposed,
            output_padding,
            result,
        )
    })
}
