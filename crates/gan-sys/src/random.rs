//! Generators: the default one's state, and draws keyed by a seed of their own.

use crate::ffi::{self, ShimError, check, device_index, new_tensor};
use tch::{Device, Tensor};

/// The state of a device's default generator, as a u8 tensor.
///
/// # Errors
/// A device that is not there.
pub fn generator_state(device: Device) -> Result<Tensor, ShimError> {
    new_tensor(|state| unsafe { ffi::gan_generator_get_state(device_index(device), state) })
}

/// Puts back what [`generator_state`] returned.
///
/// # Errors
/// A device that is not there, or bytes that are no state of its generator.
pub fn set_generator_state(device: Device, state: &Tensor) -> Result<(), ShimError> {
    check(unsafe { ffi::gan_generator_set_state(device_index(device), state.as_ptr()) })
}

/// Seeds a device's default generator (dropout and whatever draws without being asked).
///
/// # Errors
/// A device that is not there.
pub fn seed_generator(device: Device, seed: u64) -> Result<(), ShimError> {
    check(unsafe { ffi::gan_generator_seed(device_index(device), seed) })
}

/// Standard normal f32 draws from a fresh generator with this seed: a pure function of its arguments.
///
/// # Errors
/// A device that is not there, or a negative dimension.
pub fn normal(shape: &[i64], seed: u64, device: Device) -> Result<Tensor, ShimError> {
    draw(0, shape, seed, device)
}

/// Uniform f32 draws in [0, 1), likewise.
///
/// # Errors
/// As [`normal`].
pub fn uniform(shape: &[i64], seed: u64, device: Device) -> Result<Tensor, ShimError> {
    draw(1, shape, seed, device)
}

/// Uniform i64 draws in 0..high, likewise.
///
/// # Errors
/// As [`normal`]; `high` below 1.
pub fn integers(high: i64, shape: &[i64], seed: u64, device: Device) -> Result<Tensor, ShimError> {
    new_tensor(|result| unsafe {
        ffi::gan_keyed_integers(high, shape.as_ptr(), shape.len(), seed, device_index(device), result)
    })
}

fn draw(kind: i32, shape: &[i64], seed: u64, device: Device) -> Result<Tensor, ShimError> {
    new_tensor(|result| unsafe {
        ffi::gan_keyed_draw(kind, shape.as_ptr(), shape.len(), seed, device_index(device), result)
    })
}
