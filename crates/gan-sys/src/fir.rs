//! Resampling with a finite impulse response, which LibTorch computes slowly in channels-last order.

use crate::ffi::{self, ShimError, new_tensor};
use tch::{Device, Kind, Tensor};

/// One direction of [`fir`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Line {
    /// Pixels for one: zeros are put behind each.
    pub up: i64,
    /// Of so many pixels the first is kept.
    pub down: i64,
    /// Zeros before the enlarged image; a negative number cuts off.
    pub before: i64,
    /// Zeros after it.
    pub after: i64,
}

/// Whether [`fir`] takes a tensor.
pub fn takes(x: &Tensor) -> bool {
    x.device() == Device::Cpu && matches!(x.kind(), Kind::Float | Kind::BFloat16)
}

/// Enlarges, lays the filter over the image as it is, and reduces. The result lies in channels-last order. Differentiable any
/// number of times along the image; the filter is a constant.
///
/// # Shapes
/// `x` `[N, C, H, W]`, f32 or bf16 on the CPU; `filter` `[h, w]`
///
/// # Errors
/// A filter that is larger than the padded image; a tensor that it does not take.
pub fn fir(x: &Tensor, filter: &Tensor, across: Line, along: Line) -> Result<Tensor, ShimError> {
    // SAFETY: the tensors outlive the call; a line is four numbers.
    new_tensor(|result| unsafe {
        let (across, along) = (std::ptr::from_ref(&across).cast(), std::ptr::from_ref(&along).cast());
        ffi::gan_fir(x.as_ptr(), filter.as_ptr(), across, along, result)
    })
}
