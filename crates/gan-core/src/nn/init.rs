//! First values of parameters.

use crate::error::Result;
use tch::{Device, Kind, Tensor};

/// How a parameter begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// All zeros.
    Zeros,
    /// All ones.
    Ones,
    /// Normal draws.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        std: f64,
    },
    /// Uniform draws.
    Uniform {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
}

impl Init {
    /// A new f32 tensor; draws are keyed by `seed` and made on the CPU, so that every device begins alike.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn tensor(self, shape: &[i64], seed: u64, device: Device) -> Result<Tensor> {
        let options = (Kind::Float, device);
        let tensor = match self {
            Self::Zeros => Tensor::f_zeros(shape, options)?,
            Self::Ones => Tensor::f_ones(shape, options)?,
            Self::Normal { mean, std } => {
                gan_sys::random::normal(shape, seed, Device::Cpu)?.f_mul_scalar_(std)?.f_add_scalar_(mean)?
            }
            Self::Uniform { low, high } => gan_sys::random::uniform(shape, seed, Device::Cpu)?
                .f_mul_scalar_(high - low)?
                .f_add_scalar_(low)?,
        };
        Ok(tensor.f_to_device(device)?)
    }
}
