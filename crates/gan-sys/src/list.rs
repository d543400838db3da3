//! Operations over lists of tensors: one call, one (fused) kernel per device, no graph.

use crate::ffi::{self, ShimError, check, pointers};
use tch::Tensor;

/// The numbers of one Adam update (Kingma & Ba 2015, algorithm 1; L2 decay added to the gradient).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamUpdate {
    /// Step size.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// L2 penalty added to the gradient.
    pub weight_decay: f64,
}

/// Moves all `params` by Adam in one fused kernel.
///
/// `steps` are f32 scalar tensors: the number of each parameter's update, from 1. Where the f32 scalar
/// `found_inf` holds 1, parameters and moments stay as they are, decided on the device without a host read.
///
/// # Errors
/// Lists of different lengths, shapes or devices.
pub fn fused_adam<T: AsRef<Tensor>, G: AsRef<Tensor>>(
    params: &[T],
    grads: &[G],
    exp_avgs: &[Tensor],
    exp_avg_sqs: &[Tensor],
    steps: &[Tensor],
    update: AdamUpdate,
    found_inf: Option<&Tensor>,
) -> Result<(), ShimError> {
    same_length(params.len(), &[grads.len(), exp_avgs.len(), exp_avg_sqs.len(), steps.len()])?;
    let AdamUpdate { lr, beta1, beta2, eps, weight_decay } = update;
    check(unsafe {
        ffi::gan_fused_adam(
            pointers(params).as_ptr(),
            pointers(grads).as_ptr(),
            pointers(exp_avgs).as_ptr(),
            pointers(exp_avg_sqs).as_ptr(),
            pointers(steps).as_ptr(),
            params.len(),
            lr,
            beta1,
            beta2,
            weight_decay,
            eps,
            found_inf.map_or(std::ptr::null(), Tensor::as_ptr),
        )
    })
}

/// `target += weight * (end - target)`, tensor by tensor.
///
/// # Errors
/// Lists of different lengths, shapes or devices.
pub fn lerp<T: AsRef<Tensor>, E: AsRef<Tensor>>(
    target: &[T],
    end: &[E],
    weight: f64,
) -> Result<(), ShimError> {
    same_length(target.len(), &[end.len()])?;
    check(unsafe {
        ffi::gan_foreach_lerp(pointers(target).as_ptr(), pointers(end).as_ptr(), target.len(), weight)
    })
}

/// `target = source`, tensor by tensor.
///
/// # Errors
/// Lists of different lengths or shapes.
pub fn copy<T: AsRef<Tensor>, S: AsRef<Tensor>>(target: &[T], source: &[S]) -> Result<(), ShimError> {
    same_length(target.len(), &[source.len()])?;
    check(unsafe {
        ffi::gan_foreach_copy(pointers(target).as_ptr(), pointers(source).as_ptr(), target.len())
    })
}

/// `target += alpha * other`, tensor by tensor.
///
/// # Errors
/// Lists of different lengths, shapes or devices.
pub fn add<T: AsRef<Tensor>, O: AsRef<Tensor>>(
    target: &[T],
    other: &[O],
    alpha: f64,
) -> Result<(), ShimError> {
    same_length(target.len(), &[other.len()])?;
    check(unsafe {
        ffi::gan_foreach_add(pointers(target).as_ptr(), pointers(other).as_ptr(), target.len(), alpha)
    })
}

/// Multiplies every tensor by the scalar tensor `factor` of the same device.
///
/// # Errors
/// A factor that is no scalar or lives on another device.
pub fn mul<T: AsRef<Tensor>>(target: &[T], factor: &Tensor) -> Result<(), ShimError> {
    check(unsafe { ffi::gan_foreach_mul(pointers(target).as_ptr(), target.len(), factor.as_ptr()) })
}

/// The L2 norm over all tensors together, as a scalar tensor on their device.
///
/// # Errors
/// An empty list, or tensors on several devices.
pub fn total_norm<T: AsRef<Tensor>>(tensors: &[T]) -> Result<Tensor, ShimError> {
    ffi::new_tensor(|result| unsafe {
        ffi::gan_total_norm(pointers(tensors).as_ptr(), tensors.len(), result)
    })
}

/// Sets the f32 tensor `found_inf` of shape `[1]` to 1 if any value of any tensor is infinite or NaN;
/// otherwise leaves it alone.
///
/// # Errors
/// Tensors on several devices.
pub fn non_finite<T: AsRef<Tensor>>(tensors: &[T], found_inf: &Tensor) -> Result<(), ShimError> {
    check(unsafe { ffi::gan_non_finite(pointers(tensors).as_ptr(), tensors.len(), found_inf.as_ptr()) })
}

fn same_length(first: usize, others: &[usize]) -> Result<(), ShimError> {
    if others.iter().all(|&other| other == first) {
        Ok(())
    } else {
        Err(ShimError(format!("tensor lists of different lengths: {first} and {others:?}")))
    }
}
