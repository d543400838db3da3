//! How likely augmentations are: as much as keeps the discriminator from overfitting (Karras et al. 2020, section 3.2).

use super::AdaPipe;
use crate::error::{Error, Result};
use crate::random::Streams;
use crate::step::StepCtx;
use crate::variant::StateVisitor;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, no_grad};

/// Which augmentations, and how likely.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdaConfig {
    /// The changes; none by default.
    pub pipe: AdaPipe,
    /// How likely they are at the beginning, and always where `target` is 0.
    pub p: f64,
    /// The share of reals, less that of others, that the discriminator is to think real: r_t, 0.6 in the paper. 0: `p` stays.
    pub target: f64,
    /// Steps from one change of `p` to the next.
    pub interval: u64,
    /// Images in which `p` can go from 0 to 1.
    pub speed_images: f64,
}

impl Default for AdaConfig {
    fn default() -> Self {
        Self { pipe: AdaPipe::default(), p: 0.0, target: 0.6, interval: 4, speed_images: 500_000.0 }
    }
}

impl AdaConfig {
    /// The paper's: pixel blitting, geometry and colours, adaptive.
    pub fn bgc() -> Self {
        Self { pipe: AdaPipe::BGC, ..Self::default() }
    }

    /// Whether images are changed at all.
    pub fn enabled(&self) -> bool {
        self.pipe.enabled() && (self.p > 0.0 || self.target > 0.0)
    }

    /// What was asked for and will not happen.
    pub fn warning(&self, field: &str) -> Option<String> {
        match (self.pipe.enabled(), self.enabled()) {
            (false, _) if self.p > 0.0 => Some(format!(
                "{field}.p changes nothing, since {field}.pipe names no augmentation; bgc is usual"
            )),
            (true, false) => Some(format!(
                "{field}.pipe changes nothing, since both p and target are 0; a target of 0.6 is usual"
            )),
            _ => None,
        }
    }

    /// For images of these channels, height and width.
    ///
    /// # Errors
    /// The first setting that cannot work.
    pub fn validate(&self, field: &str, images: [i64; 3]) -> Result<()> {
        self.pipe.validate(&format!("{field}.pipe"))?;
        if self.enabled() {
            self.pipe.check_images(&format!("{field}.pipe"), images)?;
        }
        for (name, value) in [("p", self.p), ("target", self.target)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::config(
                    format!("{field}.{name}"),
                    format!("{value} is not between 0 and 1"),
                ));
            }
        }
        if self.interval == 0 {
            return Err(Error::config(format!("{field}.interval"), "is 0; 4 is the paper's"));
        }
        if !(self.speed_images > 0.0 && self.speed_images.is_finite()) {
            return Err(Error::config(
                format!("{field}.speed_images"),
                format!("{} is not above 0; 500000 is the paper's", self.speed_images),
            ));
        }
        Ok(())
    }
}

/// The probability, and what it follows. All on the device.
#[derive(Debug)]
pub struct AdaController {
    config: AdaConfig,
    /// f32 scalar.
    p: Tensor,
    /// f32 `[2]`: the sum of signs of logits of reals since the last change, and how many.
    signs: Tensor,
}

impl AdaController {
    /// A controller at its beginning.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(config: AdaConfig, device: Device) -> Result<Self> {
        let p = Tensor::f_full([1], config.p, (Kind::Float, device))?;
        Ok(Self { config, p, signs: Tensor::f_zeros([2], (Kind::Float, device))? })
    }

    /// Changed images; those that are given where nothing is to change.
    ///
    /// # Errors
    /// As [`AdaPipe::apply`].
    pub fn apply(&self, noise: &Streams, images: &Tensor) -> Result<Tensor> {
        if !self.config.enabled() {
            return Ok(images.shallow_clone());
        }
        self.config.pipe.apply(noise, images, &self.p)
    }

    /// Takes note of what the discriminator says about reals, augmented.
    ///
    /// # Shapes
    /// `logits` of any shape
    ///
    /// # Errors
    /// LibTorch's.
    pub fn observe(&mut self, logits: &Tensor) -> Result<()> {
        if !self.config.enabled() {
            return Ok(());
        }
        no_grad(|| {
            let sum = logits.f_detach()?.f_to_kind(Kind::Float)?.f_sign()?.f_sum(Kind::Float)?;
            let count = sum.f_full_like(logits.numel() as f64)?;
            let _ = self.signs.f_add_(&Tensor::f_stack(&[sum, count], 0)?)?;
            Ok(())
        })
    }

    /// After a step of `batch` images: now and then p moves towards where r_t is the target.
    ///
    /// # Errors
    /// LibTorch's.
    pub fn adapt(&mut self, ctx: &StepCtx, batch: u64) -> Result<()> {
        let AdaConfig { target, interval, speed_images, .. } = self.config;
        if !self.config.enabled() {
            return Ok(());
        }
        ctx.record("augment/p", &self.p);
        if target == 0.0 || !(ctx.clock().step + 1).is_multiple_of(interval) {
            return Ok(());
        }
        no_grad(|| {
            let overfits = self.signs.f_narrow(0, 0, 1)?.f_div(&self.signs.f_narrow(0, 1, 1)?)?;
            ctx.record("augment/r_t", &overfits);
            let by = overfits.f_sub_scalar(target)?.f_sign()?;
            let by = by.f_mul_scalar((batch * interval) as f64 / speed_images)?;
            self.p = self.p.f_add(&by)?.f_clamp(0.0, 1.0)?;
            self.signs = self.signs.f_zeros_like()?;
            Ok(())
        })
    }

    /// For [`Variant::extra_state`](crate::variant::Variant::extra_state). What is switched off has no state.
    ///
    /// # Errors
    /// The visitor's.
    pub fn state(&mut self, visitor: &mut dyn StateVisitor) -> Result<()> {
        if !self.config.enabled() {
            return Ok(());
        }
        visitor.tensor("ada_p", &mut self.p)?;
        visitor.tensor("ada_signs", &mut self.signs)
    }

    /// How likely changes are now, f32 `[1]` on the device.
    pub fn p(&self) -> &Tensor {
        &self.p
    }
}
