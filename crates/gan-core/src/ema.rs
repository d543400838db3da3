//! Moving averages of weights, for generating (Karras et al. 2018, section "EMA"; Yaz et al. 2019).

use crate::error::Result;
use crate::nn::Parameters;
use gan_sys::list;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// How fast an average follows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmaConfig {
    /// Images after which an old value weighs half. 0 switches the average off.
    pub half_life_images: f64,
    /// The half-life is at most this share of the images shown so far, so that early weights fade. 0: no ramp-up.
    pub ramp_up: f64,
}

impl Default for EmaConfig {
    fn default() -> Self {
        Self { half_life_images: 0.0, ramp_up: 0.05 }
    }
}

impl EmaConfig {
    /// Whether there is an average at all.
    pub fn enabled(&self) -> bool {
        self.half_life_images > 0.0
    }

    /// The weight of the old average in a step of `batch` images after `images` images:
    /// 0.5 ^ (batch / half-life).
    pub fn beta(&self, batch: u64, images: u64) -> f64 {
        let mut half_life = self.half_life_images;
        if self.ramp_up > 0.0 {
            half_life = half_life.min(images as f64 * self.ramp_up);
        }
        0.5f64.powf(batch as f64 / half_life.max(1e-8))
    }
}

/// The average of a player's parameters; buffers are copied.
#[derive(Debug)]
pub struct Ema {
    /// How fast it follows.
    pub config: EmaConfig,
    /// Its tensors; a second instance of the network is built over them.
    pub parameters: Parameters,
}

impl Ema {
    /// An average that begins as a copy of `source`. `parameters` is a store of the same names and shapes.
    ///
    /// # Errors
    /// Stores that differ.
    pub fn new(config: EmaConfig, parameters: Parameters, source: &Parameters) -> Result<Self> {
        parameters.load(&source.named())?;
        for entry in parameters.entries() {
            let _ = entry.tensor.f_set_requires_grad(false)?;
        }
        Ok(Self { config, parameters })
    }

    /// Follows `source` after a step of `batch` images, `images` shown before it.
    ///
    /// # Errors
    /// LibTorch's.
    pub fn update(&mut self, source: &Parameters, batch: u64, images: u64) -> Result<()> {
        let weight = 1.0 - self.config.beta(batch, images);
        let select = |parameters: &Parameters, trainable: bool| -> Vec<Tensor> {
            let same_kind = source.entries().iter().zip(parameters.entries());
            same_kind
                .filter(|(s, _)| s.trainable == trainable)
                .map(|(_, e)| e.tensor.shallow_clone())
                .collect()
        };
        list::lerp(&select(&self.parameters, true), &select(source, true), weight)?;
        let buffers = select(&self.parameters, false);
        if !buffers.is_empty() {
            list::copy(&buffers, &select(source, false))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::DevicePolicy;
    use crate::nn::Init;

    fn store(init: Init) -> Parameters {
        let mut parameters = Parameters::new(&DevicePolicy::reference(), 0);
        let _ = parameters.root().parameter("w", &[2], init).expect("w");
        let _ = parameters.root().buffer("b", &[2], init).expect("b");
        parameters
    }

    #[test]
    fn half_of_the_distance_is_left_after_a_half_life() {
        let config = EmaConfig { half_life_images: 640.0, ramp_up: 0.0 };
        let (source, zeros) = (store(Init::Ones), store(Init::Zeros));
        let mut ema = Ema::new(config, store(Init::Ones), &zeros).expect("ema");
        for step in 0..10 {
            ema.update(&source, 64, step * 64).expect("update");
        }
        assert!((ema.parameters.entries()[0].tensor.double_value(&[0]) - 0.5).abs() < 1e-6);
        assert_eq!(ema.parameters.entries()[1].tensor.double_value(&[0]), 1.0);
    }

    #[test]
    fn ramp_up_shortens_the_half_life_early() {
        let config = EmaConfig { half_life_images: 10_000.0, ramp_up: 0.05 };
        assert!(config.beta(64, 0) < 1e-9);
        assert!((config.beta(64, 20_000) - 0.5f64.powf(64.0 / 1000.0)).abs() < 1e-12);
        assert!((config.beta(64, 10_000_000) - 0.5f64.powf(64.0 / 10_000.0)).abs() < 1e-12);
    }
}
