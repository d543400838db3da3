//! Adam with its state in the open: named moments, a step count on the device, rates that may be scheduled.

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
}

impl AdamConfig {
    /// Adam for a GAN: the given rate and first decay, 0.999 and 1e-8.
    pub fn new(lr: f64, beta1: f64) -> Self {
        Self { lr, beta1, beta2: 0.999, eps: 1e-8 }
    }

    /// # Errors
    /// A rate that is not above 0, or a decay outside [0, 1).
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
        if self.eps > 0.0 { Ok(()) } else { Err(Error::config(format!("{field}.eps"), "must be above 0")) }
    }
}

/// Adam over a fixed list of parameters.
#[derive(Debug)]
pub struct Adam {
    /// What the next update uses; schedules write here.
    pub config: AdamConfig,
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
        Ok(Self { config, exp_avgs: zeros()?, exp_avg_sqs: zeros()?, steps, step_views })
    }

    /// Moves the parameters that have a gradient (`defined()`); the others keep value and moments, as in
    /// PyTorch. Where `skip` (f32 scalar on the device) is 1, nothing moves.
    ///
    /// # Errors
    /// LibTorch's.
    pub fn step(&mut self, parameters: &[&Tensor], gradients: &[Tensor], skip: &Tensor) -> Result<()> {
        let AdamConfig { lr, beta1, beta2, eps } = self.config;
        let update = AdamUpdate { lr, beta1, beta2, eps, weight_decay: 0.0 };
        let used: Vec<usize> = (0..gradients.len()).filter(|&i| gradients[i].defined()).collect();
        let moved = skip.f_neg()?.f_add_scalar(1.0)?;
        if used.len() == gradients.len() {
            let _ = self.steps.f_add_(&moved)?;
        } else {
            for &i in &used {
                let _ = self.step_views[i].f_add_(&moved)?;
            }
        }
        let pick = |tensors: &[Tensor]| used.iter().map(|&i| tensors[i].shallow_clone()).collect::<Vec<_>>();
        let picked: Vec<&Tensor> = used.iter().map(|&i| parameters[i]).collect();
        if picked.is_empty() {
            return Ok(());
        }
        Ok(list::fused_adam(
            &picked,
            &pick(gradients),
            &pick(&self.exp_avgs),
            &pick(&self.exp_avg_sqs),
            &pick(&self.step_views),
            update,
            Some(skip),
        )?)
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
