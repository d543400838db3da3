//! Adam with its state in the open: named moments, a step count on the device, rates that may be scheduled.

use crate::clock::Schedule;
use crate::error::{Error, Result};
use gan_sys::list::{self, AdamUpdate};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// Adam's settings (Kingma & Ba 2015).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamConfig {
    /// Step size.
    pub lr: f64,
    /// Decay of the first moment; GANs use 0.5 or 0.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// How the step size changes over a run: a factor, 1 up to `begin`.
    #[serde(default)]
    pub lr_schedule: Ramp,
    /// How the first decay changes over a run.
    #[serde(default)]
    pub beta1_schedule: Ramp,
    /// How the second decay changes over a run.
    #[serde(default)]
    pub beta2_schedule: Ramp,
}

/// The way of a number from its own value up to `begin` to `to` from `end` on. Off while `end` is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ramp {
    /// The last value.
    pub to: f64,
    /// Images shown when the way begins.
    pub begin: u64,
    /// Images shown when it ends; 0 switches the ramp off.
    pub end: u64,
    /// Along a line or half a cosine.
    pub shape: RampShape,
}

/// How a [`Ramp`] goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RampShape {
    /// A straight line.
    #[default]
    Linear,
    /// Half a cosine.
    Cosine,
}

impl Ramp {
    /// The number after `images` images, if it is `from` at the beginning.
    pub fn at(self, from: f64, images: u64) -> f64 {
        let Self { to, begin, end, shape } = self;
        match (end, shape) {
            (0, _) => from,
            (_, RampShape::Linear) => Schedule::Linear { from, to, begin, end }.at(images),
            (_, RampShape::Cosine) => Schedule::Cosine { from, to, begin, end }.at(images),
        }
    }
}

impl AdamConfig {
    /// Adam for a GAN: the given rate and first decay, 0.999 and 1e-8, no schedules.
    pub fn new(lr: f64, beta1: f64) -> Self {
        let off = Ramp::default();
        Self {
            lr,
            beta1,
            beta2: 0.999,
            eps: 1e-8,
            lr_schedule: off,
            beta1_schedule: off,
            beta2_schedule: off,
        }
    }

    /// The same with a rate that falls to 0 along a line over the second half of so many images.
    #[must_use]
    pub fn falling_over_second_half_of(self, images: u64) -> Self {
        Self { lr_schedule: Ramp { to: 0.0, begin: images / 2, end: images, ..Ramp::default() }, ..self }
    }

    /// The settings after `images` images.
    #[must_use]
    pub fn at(self, images: u64) -> Self {
        Self {
            lr: self.lr * self.lr_schedule.at(1.0, images),
            beta1: self.beta1_schedule.at(self.beta1, images),
            beta2: self.beta2_schedule.at(self.beta2, images),
            ..self
        }
    }

    /// The settings for a player that also takes a step of its own for a regulariser every `interval` updates: with
    /// c = interval / (interval + 1), the rate times c and the decays to the power c (Karras et al. 2020, appendix B).
    #[must_use]
    pub fn lazy(self, interval: u64) -> Self {
        let c = interval as f64 / (interval as f64 + 1.0);
        Self { lr: self.lr * c, beta1: self.beta1.powf(c), beta2: self.beta2.powf(c), ..self }
    }

    /// # Errors
    /// A rate that is not above 0, a decay outside [0, 1), or a schedule that leads there.
    pub fn validate(&self, field: &str) -> Result<()> {
        if !(self.lr > 0.0 && self.lr.is_finite()) {
            return Err(Error::config(
                format!("{field}.lr"),
                format!("{} is not a positive number", self.lr),
            ));
        }
        for (name, beta) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            if !(0.0..1.0).contains(&beta) {
                return Err(Error::config(format!("{field}.{name}"), format!("{beta} lies outside [0, 1)")));
            }
        }
        let ramps = [
            ("lr_schedule", self.lr_schedule, 0.0..f64::MAX),
            ("beta1_schedule", self.beta1_schedule, 0.0..1.0),
            ("beta2_schedule", self.beta2_schedule, 0.0..1.0),
        ];
        for (name, ramp, range) in ramps {
            if ramp.end > 0 && (ramp.end < ramp.begin || !range.contains(&ramp.to)) {
                let why = format!(
                    "from {} to {} images to {}: that is no way to go",
                    ramp.begin, ramp.end, ramp.to
                );
                return Err(Error::config(format!("{field}.{name}"), why));
            }
        }
        if self.eps > 0.0 { Ok(()) } else { Err(Error::config(format!("{field}.eps"), "must be above 0")) }
    }
}

/// Adam over a fixed list of parameters.
#[derive(Debug)]
pub struct Adam {
    /// Settings at the beginning of a run; what an update uses is [`AdamConfig::at`] of them.
    pub config: AdamConfig,
    /// The rate is multiplied by it: 1, but for a run whose guard went back (`trainer::Watch::rate_factor`).
    pub rate_factor: f64,
    /// The rate is multiplied by it, too: what a variant sets from the clock before an update; 1 for most.
    pub pace: f64,
    /// What each parameter's rate is multiplied by besides.
    shares: Vec<f64>,
    exp_avgs: Vec<Tensor>,
    exp_avg_sqs: Vec<Tensor>,
    /// f32 `[parameters]`: updates so far of each parameter.
    steps: Tensor,
    step_views: Vec<Tensor>,
}

impl Adam {
    /// Zero moments for `parameters`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(config: AdamConfig, parameters: &[&Tensor]) -> Result<Self> {
        let zeros = || -> Result<Vec<Tensor>> {
            parameters.iter().map(|parameter| Ok(parameter.f_detach()?.f_zeros_like()?)).collect()
        };
        let device = parameters.first().map_or(tch::Device::Cpu, |parameter| parameter.device());
        let steps = Tensor::f_zeros([parameters.len() as i64], (Kind::Float, device))?;
        let step_views = (0..parameters.len() as i64).map(|i| Ok(steps.f_get(i)?)).collect::<Result<_>>()?;
        let shares = vec![1.0; parameters.len()];
        let (exp_avgs, exp_avg_sqs) = (zeros()?, zeros()?);
        Ok(Self { config, rate_factor: 1.0, pace: 1.0, shares, exp_avgs, exp_avg_sqs, steps, step_views })
    }

    /// The same with a share of the rate for each parameter, in their order; 1 where there is none.
    #[must_use]
    pub fn with_shares(mut self, shares: impl IntoIterator<Item = f64>) -> Self {
        self.shares.iter_mut().zip(shares).for_each(|(own, share)| *own = share);
        self
    }

    /// Moves the parameters that have a gradient (`defined()`) with the settings after `images` images; the others
    /// keep value and moments, as in PyTorch. Where `skip` (f32 scalar on the device) is 1, nothing moves.
    ///
    /// # Errors
    /// LibTorch's.
    pub fn step(
        &mut self,
        parameters: &[&Tensor],
        gradients: &[Tensor],
        skip: &Tensor,
        images: u64,
    ) -> Result<()> {
        let AdamConfig { lr, beta1, beta2, eps, .. } = self.config.at(images);
        let used: Vec<usize> = (0..gradients.len()).filter(|&i| gradients[i].defined()).collect();
        let moved = skip.f_neg()?.f_add_scalar(1.0)?;
        if used.len() == gradients.len() {
            let _ = self.steps.f_add_(&moved)?;
        } else {
            for &i in &used {
                let _ = self.step_views[i].f_add_(&moved)?;
            }
        }
        let mut shares: Vec<f64> = used.iter().map(|&i| self.shares[i]).collect();
        shares.sort_by(f64::total_cmp);
        shares.dedup();
        // One call for all that move at one rate: one for almost every player.
        for share in shares {
            let lr = lr * self.rate_factor * self.pace * share;
            let alike: Vec<usize> = used.iter().copied().filter(|&i| self.shares[i] == share).collect();
            let pick = |all: &[Tensor]| alike.iter().map(|&i| all[i].shallow_clone()).collect::<Vec<_>>();
            list::fused_adam(
                &alike.iter().map(|&i| parameters[i]).collect::<Vec<_>>(),
                &pick(gradients),
                &pick(&self.exp_avgs),
                &pick(&self.exp_avg_sqs),
                &pick(&self.step_views),
                AdamUpdate { lr, beta1, beta2, eps, weight_decay: 0.0 },
                Some(skip),
            )?;
        }
        Ok(())
    }

    /// The state under PyTorch's names: `exp_avg/NAME`, `exp_avg_sq/NAME`, and `step` for all.
    pub fn named(&self, names: &[&str]) -> Vec<(String, Tensor)> {
        let under = |kind: &str, tensors: &[Tensor]| -> Vec<(String, Tensor)> {
            let pairs = names.iter().zip(tensors);
            pairs.map(|(name, tensor)| (format!("{kind}/{name}"), tensor.shallow_clone())).collect()
        };
        let mut state = under("exp_avg", &self.exp_avgs);
        state.extend(under("exp_avg_sq", &self.exp_avg_sqs));
        state.push(("step".to_owned(), self.steps.shallow_clone()));
        state
    }

    /// Puts back what [`Adam::named`] gave.
    ///
    /// # Errors
    /// A tensor that is missing or has another shape.
    pub fn load(&mut self, names: &[&str], values: &[(String, Tensor)]) -> Result<()> {
        for (name, target) in self.named(names) {
            let (_, value) = values
                .iter()
                .find(|(other, value)| *other == name && value.size() == target.size())
                .ok_or_else(|| {
                    Error::config("optimiser", format!("`{name}` is missing or has another shape"))
                })?;
            let mut target = target;
            tch::no_grad(|| target.f_copy_(value))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_functions_of_the_images_shown() {
        let lr_schedule = Ramp { to: 0.0, begin: 100, end: 300, shape: RampShape::Linear };
        let beta2_schedule = Ramp { to: 0.99, begin: 0, end: 100, shape: RampShape::Cosine };
        let config = AdamConfig { beta2: 0.9, lr_schedule, beta2_schedule, ..AdamConfig::new(2e-4, 0.5) };
        let lrs = [0, 100, 200, 300, 999].map(|images| config.at(images).lr);
        assert_eq!(lrs, [2e-4, 2e-4, 1e-4, 0.0, 0.0]);
        assert!((config.at(50).beta2 - 0.945).abs() < 1e-12 && config.at(200).beta2 == 0.99);
        assert_eq!(config.at(200).beta1, 0.5);
        config.validate("x").expect("valid");
        let backwards = Ramp { begin: 400, ..lr_schedule };
        let error = AdamConfig { lr_schedule: backwards, ..config }.validate("x").expect_err("backwards");
        assert!(error.to_string().contains("x.lr_schedule"), "{error}");
    }

    #[test]
    fn the_lazy_correction_is_the_paper_s() {
        let lazy = AdamConfig { beta2: 0.99, ..AdamConfig::new(0.002, 0.0) }.lazy(16);
        assert!((lazy.lr - 0.002 * 16.0 / 17.0).abs() < 1e-15 && lazy.beta1 == 0.0);
        assert!((lazy.beta2 - 0.99f64.powf(16.0 / 17.0)).abs() < 1e-15);
    }
}
