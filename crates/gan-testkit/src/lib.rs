//! What every variant is tested with (a dev-dependency only).
//!
//! - [`contract`]: what the trainer relies on, checked on a real variant
//! - [`golden`]: tensors recorded from reference implementations, with their tolerances
//! - [`replay`]: a variant's steps with recorded batches and draws
//! - [`ranks`]: threads that train one model together, as processes would
//! - [`difference`]: gradients against finite differences

use gan_core::device::DevicePolicy;
use tch::Device;

pub mod contract;
pub mod difference;
pub mod golden;
pub mod ranks;
pub mod replay;

/// Where the suites compute: on the CPU, or where the environment variable `GAN_TEST_DEVICE` says (`cuda:0`). What was
/// recorded was recorded in full f32: LibTorch keeps to it on a GPU with `NVIDIA_TF32_OVERRIDE=0`.
///
/// # Panics
/// If that device is not there.
pub fn device() -> Device {
    let asked = std::env::var("GAN_TEST_DEVICE").unwrap_or_else(|_| "cpu".to_owned());
    DevicePolicy::resolve(&asked, "f32", 1).unwrap_or_else(|error| panic!("GAN_TEST_DEVICE: {error}")).device
}

/// How much farther than on the CPU, where they were measured, values may lie from what was recorded: another device's
/// kernels sum in another order.
pub fn slack() -> f64 {
    if device() == Device::Cpu { 1.0 } else { 2.0 }
}

/// [`DevicePolicy::reference`] on that device.
pub fn reference() -> DevicePolicy {
    DevicePolicy { device: device(), ..DevicePolicy::reference() }
}
