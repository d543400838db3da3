//! Instance noise (Sønderby et al. 2017; Arjovsky & Bottou 2017): reals and fakes overlap while noise is
//! added to both.

use crate::clock::Schedule;
use crate::error::{Error, Result};
use crate::random::Streams;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Gaussian noise on what the discriminator sees, fading along a straight line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InstanceNoise {
    /// The noise's standard deviation at the start, in units of images in [-1, 1]. 0 switches it off.
    pub sigma: f64,
    /// Images shown when it has faded to nothing. 0: it never fades.
    pub until_images: u64,
}

impl InstanceNoise {
    /// # Errors
    /// A sigma that is negative or no number.
    pub fn validate(&self, field: &str) -> Result<()> {
        if self.sigma >= 0.0 && self.sigma.is_finite() {
            return Ok(());
        }
        let why = format!("{} is no standard deviation; it must be 0 or more", self.sigma);
        Err(Error::config(format!("{field}.sigma"), why))
    }

    /// The standard deviation after `shown` images.
    pub fn sigma_at(&self, shown: u64) -> f64 {
        match self.until_images {
            0 => self.sigma,
            end => Schedule::Linear { from: self.sigma, to: 0.0, begin: 0, end }.at(shown),
        }
    }

    /// `inputs` with noise on them, as strong as it is after `shown` images; every call draws anew.
    ///
    /// # Shapes
    /// `inputs` of any shape; out the same.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn apply(&self, noise: &Streams, shown: u64, inputs: &Tensor) -> Result<Tensor> {
        let sigma = self.sigma_at(shown);
        if sigma == 0.0 {
            return Ok(inputs.shallow_clone());
        }
        let draw = noise.normal("instance noise", &inputs.size())?.f_mul_scalar(sigma)?;
        Ok(inputs.f_add(&draw.f_to_kind(inputs.kind())?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn noise_fades_to_nothing() {
        let config = InstanceNoise { sigma: 0.2, until_images: 1000 };
        assert_eq!([0, 500, 1000, 5000].map(|shown| config.sigma_at(shown)), [0.2, 0.1, 0.0, 0.0]);
        assert_eq!(InstanceNoise { sigma: 0.2, until_images: 0 }.sigma_at(u64::MAX), 0.2);
        let noise = Streams::new(1, 0, 0, Device::Cpu);
        let images = Tensor::zeros([100, 1, 10, 10], (Kind::Float, Device::Cpu));
        let spread = |shown| {
            let noisy = config.apply(&noise, shown, &images).expect("images");
            noisy.std(true).double_value(&[])
        };
        assert!((spread(0) - 0.2).abs() < 0.01 && (spread(500) - 0.1).abs() < 0.005);
        assert_eq!(spread(1000), 0.0);
    }

    #[test]
    fn kinds_are_kept_and_nonsense_is_refused() {
        let noise = Streams::new(1, 0, 0, Device::Cpu);
        let images = Tensor::zeros([2, 4], (Kind::BFloat16, Device::Cpu));
        let config = InstanceNoise { sigma: 1.0, until_images: 0 };
        let [first, second] = [0, 1].map(|_| config.apply(&noise, 0, &images).expect("images"));
        assert_eq!(first.kind(), Kind::BFloat16);
        assert_ne!(first, second);
        for sigma in [-0.1, f64::NAN, f64::INFINITY] {
            let error = InstanceNoise { sigma, until_images: 0 }.validate("game.instance_noise");
            assert!(error.expect_err("refused").to_string().contains("game.instance_noise.sigma"));
        }
        assert!(config.validate("x").is_ok());
    }
}
