//! Where and how numbers are computed: device, precision, threads, layout, allocator.

use crate::error::{Error, Result};
use gan_sys::runtime;
use serde::{Deserialize, Serialize};
use tch::Device;

/// The number format of convolutions and matrix products. Parameters, losses and moments are always f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats everywhere.
    F32,
    /// bfloat16 through autocast.
    Bf16,
}

/// The answers to "where and how", decided once at the start of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DevicePolicy {
    /// Where tensors live.
    pub device: Device,
    /// The format of the heavy operations.
    pub precision: Precision,
    /// CPU threads of one operation.
    pub threads: usize,
    /// Whether images travel through convolutions in NHWC order.
    pub channels_last: bool,
}

impl DevicePolicy {
    /// Reads a user's choice: device `auto`, `cpu` or `cuda:N`; precision `auto`, `f32` or `bf16`; threads, 0 for
    /// all cores. `auto` takes the first GPU if there is one, and bf16 where the hardware has it.
    ///
    /// # Errors
    /// A device that is not there or a word that is none of these.
    pub fn resolve(device: &str, precision: &str, threads: usize) -> Result<Self> {
        let device = resolve_device(device)?;
        let precision = match precision {
            "f32" => Precision::F32,
            "bf16" => Precision::Bf16,
            "auto" if has_native_bf16(device) => Precision::Bf16,
            "auto" => Precision::F32,
            other => {
                return Err(Error::config(
                    "device.precision",
                    format!("`{other}` is none of auto, f32, bf16"),
                ));
            }
        };
        if threads > MOST_THREADS {
            return Err(Error::config("device.threads", format!("{threads} is more than {MOST_THREADS}")));
        }
        let threads = if threads == 0 { available_cores() } else { threads };
        // In f32 cuDNN's kernels for planes are as fast, and nothing around them has to be turned (measured on an H200).
        let channels_last = device == Device::Cpu || precision == Precision::Bf16;
        Ok(Self { device, precision, threads, channels_last })
    }

    /// Applies what belongs to the whole process: threads, the allocator, and on a GPU kernels without chance.
    pub fn apply(&self) {
        tch::set_num_threads(self.threads as i32);
        runtime::keep_memory();
        if self.device.is_cuda() {
            runtime::same_bits_on_cuda();
        }
    }

    /// f32 on one CPU thread, for tests that compare bits.
    pub fn reference() -> Self {
        Self { device: Device::Cpu, precision: Precision::F32, threads: 1, channels_last: false }
    }
}

/// As long as it lives, operations under autocast are in the kind of what they are given.
///
/// # Errors
/// LibTorch's.
pub fn full_precision(device: Device) -> Result<FullPrecision> {
    Ok(FullPrecision { _autocast: runtime::Autocast::enter(device, runtime::AutocastDtype::Off)? })
}

/// See [`full_precision`].
#[derive(Debug)]
pub struct FullPrecision {
    _autocast: runtime::Autocast,
}

/// More than any machine has cores; LibTorch takes any number and then hangs or aborts.
const MOST_THREADS: usize = 1024;

/// Whether the device multiplies bfloat16 natively.
pub fn has_native_bf16(device: Device) -> bool {
    match device {
        // Every GPU that LibTorch 2.11's CUDA 13 build runs on (Turing aside) has it; Turing emulates.
        Device::Cuda(_) => true,
        #[cfg(target_arch = "x86_64")]
        Device::Cpu => {
            std::is_x86_feature_detected!("avx512bf16") || std::is_x86_feature_detected!("avx512fp16")
        }
        #[cfg(not(target_arch = "x86_64"))]
        Device::Cpu => false,
        _ => false,
    }
}

/// Cores this process may use.
pub fn available_cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A device as the user writes it: `cpu`, `cuda:0`.
pub fn device_name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".to_owned(),
    }
}

/// Whether any CUDA device can be used, after trying to load CUDA; the sentence says why not.
pub fn cuda_devices() -> Result<usize, String> {
    let loaded = runtime::load_cuda();
    match (runtime::cuda_device_count(), loaded) {
        (0, Err(why)) => Err(format!(
            "LibTorch's CUDA library could not be loaded ({}); put the lib folder of a torch 2.11.0 CUDA build on \
             LD_LIBRARY_PATH",
            why.0.lines().next().unwrap_or("")
        )),
        (0, Ok(())) => {
            Err("LibTorch's CUDA library is there, but it sees no GPU; check the driver with nvidia-smi"
                .to_owned())
        }
        (count, _) => Ok(count),
    }
}

fn resolve_device(asked: &str) -> Result<Device> {
    let refuse = |why: String| Error::Device { asked: asked.to_owned(), why };
    match asked {
        "cpu" => Ok(Device::Cpu),
        "auto" => Ok(if cuda_devices().is_ok() { Device::Cuda(0) } else { Device::Cpu }),
        "cuda" => resolve_device("cuda:0"),
        _ => {
            let index = asked
                .strip_prefix("cuda:")
                .and_then(|index| index.parse::<usize>().ok())
                .ok_or_else(|| refuse("is none of auto, cpu, cuda:0, cuda:1, ...".to_owned()))?;
            let count = cuda_devices().map_err(&refuse)?;
            if index >= count {
                return Err(refuse(format!("there are {count} GPUs here, numbered from 0")));
            }
            Ok(Device::Cuda(index))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_refused() {
        let policy = DevicePolicy::resolve("cpu", "f32", 1).expect("cpu is always there");
        assert_eq!((policy.device, policy.precision, policy.threads), (Device::Cpu, Precision::F32, 1));
        assert!(DevicePolicy::resolve("cpu", "auto", 0).expect("auto").threads >= 1);
        assert!(DevicePolicy::resolve("cpu", "f32", 3_000_000_000).is_err());
        for (device, precision) in [("gpu", "f32"), ("cuda:x", "f32"), ("cpu", "f16"), ("cuda:99", "f32")] {
            let error = DevicePolicy::resolve(device, precision, 1).expect_err("refused").to_string();
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
