//! Moving averages of weights, for generating (Karras et al. 2018, section "EMA"; Yaz et al. 2019).

use crate::error::{Error, Result};
use crate::nn::Parameters;
use gan_sys::list;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// What becomes of buffers, such as running statistics, in the average.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmaBuffers {
    /// Copied at every update, as StyleGAN2 does.
    #[default]
    Copy,
    /// Averaged like parameters, as BigGAN does; whole numbers are cut off to whole numbers again.
    Average,
    /// Left as they began, as StyleGAN does.
    Leave,
}

/// How fast an average follows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmaConfig {
    /// Images after which an old value weighs half. 0 switches the average off.
    pub half_life_images: f64,
    /// The half-life is at most this share of the images shown so far, so that early weights fade. 0: no ramp-up.
    pub ramp_up: f64,
    /// Updates before so many images copy everything: the average begins then.
    pub start_images: u64,
    /// What becomes of buffers.
    pub buffers: EmaBuffers,
}

impl Default for EmaConfig {
    fn default() -> Self {
        Self { half_life_images: 0.0, ramp_up: 0.05, start_images: 0, buffers: EmaBuffers::Copy }
    }
}

impl EmaConfig {
    /// An average in which an old value weighs half after so many images; the rest as by default.
    pub fn half_life(images: f64) -> Self {
        Self { half_life_images: images, ..Self::default() }
    }

    /// Whether there is an average at all.
    pub fn enabled(&self) -> bool {
        self.half_life_images > 0.0
    }

    /// # Errors
    /// Negative numbers.
    pub fn validate(&self, field: &str) -> Result<()> {
        if self.half_life_images >= 0.0 && self.ramp_up >= 0.0 {
            return Ok(());
        }
        Err(Error::config(field, "numbers must not be negative"))
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

/// The average of a player's parameters.
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
        let starting = images < self.config.start_images;
        let weight = if starting { 1.0 } else { 1.0 - self.config.beta(batch, images) };
        let pairs = |trainable: bool| -> (Vec<Tensor>, Vec<Tensor>) {
            let pairs = self.parameters.entries().iter().zip(source.entries());
            pairs
                .filter(|(_, source)| source.trainable == trainable)
                .map(|(own, source)| (own.tensor.shallow_clone(), source.tensor.shallow_clone()))
                .unzip()
        };
        let (own, theirs) = pairs(true);
        list::lerp(&own, &theirs, weight)?;
        let (own, theirs) = pairs(false);
        if own.is_empty() {
            return Ok(());
        }
        match self.config.buffers {
            EmaBuffers::Leave if !starting => Ok(()),
            EmaBuffers::Average if !starting => tch::no_grad(|| average(&own, &theirs, weight)),
            _ => Ok(list::copy(&own, &theirs)?),
        }
    }
}

/// own (1 - weight) + theirs weight, in f32, written back in each buffer's own kind.
fn average(own: &[Tensor], theirs: &[Tensor], weight: f64) -> Result<()> {
    for (own, theirs) in own.iter().zip(theirs) {
        let old = own.f_to_kind(Kind::Float)?.f_mul_scalar(1.0 - weight)?;
        let new = theirs.f_to_kind(Kind::Float)?.f_mul_scalar(weight)?;
        own.shallow_clone().f_copy_(&old.f_add(&new)?)?;
    }
    Ok(())
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
        let config = EmaConfig { half_life_images: 640.0, ramp_up: 0.0, ..EmaConfig::default() };
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
        let config = EmaConfig { half_life_images: 10_000.0, ..EmaConfig::default() };
        assert!(config.beta(64, 0) < 1e-9);
        assert!((config.beta(64, 20_000) - 0.5f64.powf(64.0 / 1000.0)).abs() < 1e-12);
        assert!((config.beta(64, 10_000_000) - 0.5f64.powf(64.0 / 10_000.0)).abs() < 1e-12);
    }

    #[test]
    fn an_average_begins_at_its_first_image() {
        let config =
            EmaConfig { half_life_images: 64.0, ramp_up: 0.0, start_images: 128, ..EmaConfig::default() };
        let value = |ema: &Ema, index: usize| ema.parameters.entries()[index].tensor.double_value(&[0]);
        for buffers in [EmaBuffers::Copy, EmaBuffers::Average, EmaBuffers::Leave] {
            let config = EmaConfig { buffers, ..config };
            let mut ema = Ema::new(config, store(Init::Zeros), &store(Init::Zeros)).expect("ema");
            ema.update(&store(Init::Ones), 64, 64).expect("update");
            assert_eq!((value(&ema, 0), value(&ema, 1)), (1.0, 1.0), "everything is copied before the start");
            ema.update(&store(Init::Zeros), 64, 128).expect("update");
            let buffer = match buffers {
                EmaBuffers::Copy => 0.0,
                EmaBuffers::Average => 0.5,
                EmaBuffers::Leave => 1.0,
            };
            assert_eq!((value(&ema, 0), value(&ema, 1)), (0.5, buffer), "{buffers:?}");
        }
    }

    #[test]
    fn configurations_from_before_are_read() {
        let config: EmaConfig =
            serde_json::from_str(r#"{"half_life_images": 5.0, "ramp_up": 0.1}"#).expect("json");
        assert_eq!(config, EmaConfig { half_life_images: 5.0, ramp_up: 0.1, ..EmaConfig::default() });
    }
}
