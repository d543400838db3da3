//! Sums over all pairs of two sets of vectors, without their matrix of products.

use crate::ffi::{self, ShimError};
use tch::Tensor;

/// The sum of (a · b / D + 1)³ over rows of `a` and of `b`; without `b` over pairs of different rows of `a`, each both ways
/// round. Products and cubes are f32, the sum is f64.
///
/// # Shapes
/// `a` `[N, D]`, `b` `[M, D]`, f32, contiguous, on the CPU
///
/// # Errors
/// Rows of another kind or length.
pub fn cubic_kernel_sum(a: &Tensor, b: Option<&Tensor>) -> Result<f64, ShimError> {
    let b = b.map_or(std::ptr::null(), Tensor::as_ptr);
    let mut sum = f64::NAN;
    // SAFETY: both tensors outlive the call; it writes one number.
    ffi::check(unsafe { ffi::gan_cubic_kernel_sum(a.as_ptr(), b, &mut sum) })?;
    Ok(sum)
}
