//! Holding the stronger player back, beside fixed numbers of updates: a player's update is left out while the other has
//! fallen too far behind. Decided on the device from moving averages that are part of the checkpoint, so that a step
//! reads nothing and a resumed run goes the same way.

use crate::error::{Error, Result};
use crate::step::StepCtx;
use crate::variant::StateVisitor;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// What is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BalanceRule {
    /// Nothing: both always move.
    #[default]
    Off,
    /// The discriminator's accuracy, mean of reals and fakes; 0.5 is guessing.
    Accuracy,
    /// The discriminator's loss divided by the generator's.
    LossRatio,
}

/// The band in which both players move.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BalanceConfig {
    /// What is measured.
    pub rule: BalanceRule,
    /// Below it: for `accuracy` the generator stands still, for `loss_ratio` the discriminator.
    pub low: f64,
    /// Above it the other one does.
    pub high: f64,
    /// The weight of the old average in an update.
    pub decay: f64,
}

impl Default for BalanceConfig {
    fn default() -> Self {
        Self { rule: BalanceRule::Off, low: 0.6, high: 0.9, decay: 0.9 }
    }
}

impl BalanceConfig {
    /// # Errors
    /// A band that is none, or a decay outside [0, 1).
    pub fn validate(&self, field: &str) -> Result<()> {
        if !(0.0 <= self.low && self.low < self.high && self.high.is_finite()) {
            let why =
                format!("{} to {} is no band; low must be at least 0 and below high", self.low, self.high);
            return Err(Error::config(field, why));
        }
        if !(0.0..1.0).contains(&self.decay) {
            return Err(Error::config(
                format!("{field}.decay"),
                format!("{} lies outside [0, 1)", self.decay),
            ));
        }
        Ok(())
    }
}

/// The averages: f32 `[4]` on the device: of the discriminator's measure and its weight, of the generator's and its.
#[derive(Debug)]
pub struct Balance {
    config: BalanceConfig,
    averages: Tensor,
}

impl Balance {
    /// No average yet.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(config: BalanceConfig, device: Device) -> Result<Self> {
        Ok(Self { config, averages: Tensor::f_zeros([4], (Kind::Float, device))? })
    }

    /// Whether the discriminator stands still in this update, as a f32 scalar: 1 for yes. `None` without a rule.
    ///
    /// # Errors
    /// LibTorch's.
    pub fn hold_discriminator(
        &mut self,
        ctx: &StepCtx,
        loss: &Tensor,
        accuracy: &Tensor,
    ) -> Result<Option<Tensor>> {
        let measure = match self.config.rule {
            BalanceRule::Off => return Ok(None),
            BalanceRule::Accuracy => accuracy,
            BalanceRule::LossRatio => loss,
        };
        self.follow(0, measure)?;
        let hold = match self.config.rule {
            BalanceRule::LossRatio => self.ratio()?.f_lt(self.config.low)?.f_logical_and(&self.known(2)?)?,
            _ => self.average(0)?.f_gt(self.config.high)?,
        };
        let hold = hold.f_to_kind(Kind::Float)?;
        ctx.record("balance/held_discriminator", &hold);
        Ok(Some(hold))
    }

    /// Whether the generator stands still in this update, likewise.
    ///
    /// # Errors
    /// LibTorch's.
    pub fn hold_generator(&mut self, ctx: &StepCtx, loss: &Tensor) -> Result<Option<Tensor>> {
        let hold = match self.config.rule {
            BalanceRule::Off => return Ok(None),
            // A generator that moves first does so before any accuracy is known.
            BalanceRule::Accuracy => {
                self.average(0)?.f_lt(self.config.low)?.f_logical_and(&self.known(0)?)?
            }
            BalanceRule::LossRatio => {
                self.follow(2, loss)?;
                self.ratio()?.f_gt(self.config.high)?
            }
        };
        let hold = hold.f_to_kind(Kind::Float)?;
        ctx.record("balance/held_generator", &hold);
        Ok(Some(hold))
    }

    /// Part of a checkpoint, if there is a rule.
    ///
    /// # Errors
    /// The visitor's.
    pub fn state(&mut self, visitor: &mut dyn StateVisitor) -> Result<()> {
        if self.config.rule == BalanceRule::Off {
            Ok(())
        } else {
            visitor.tensor("balance", &mut self.averages)
        }
    }

    fn follow(&mut self, at: i64, value: &Tensor) -> Result<()> {
        let value = value.f_detach()?.f_to_kind(Kind::Float)?.f_mean(None)?;
        let new = Tensor::f_stack(&[value.shallow_clone(), value.f_ones_like()?], 0)?;
        let old = self.averages.f_narrow(0, at, 2)?;
        let moved = old.f_lerp(&new, 1.0 - self.config.decay)?;
        let other = self.averages.f_narrow(0, 2 - at, 2)?;
        self.averages = Tensor::f_cat(&if at == 0 { [moved, other] } else { [other, moved] }, 0)?;
        Ok(())
    }

    /// A young average is divided by the weight it has gathered.
    fn average(&self, at: i64) -> Result<Tensor> {
        let weight = self.averages.f_get(at + 1)?.f_clamp_min(1e-8)?;
        Ok(self.averages.f_get(at)?.f_div(&weight)?)
    }

    fn known(&self, at: i64) -> Result<Tensor> {
        Ok(self.averages.f_get(at + 1)?.f_gt(0.0)?)
    }

    fn ratio(&self) -> Result<Tensor> {
        Ok(self.average(0)?.f_div(&self.average(2)?.f_abs()?.f_clamp_min(1e-8)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::comm::Solo;
    use crate::device::DevicePolicy;
    use crate::recorder::Recorder;

    fn held(rule: BalanceRule, rounds: &[(f64, f64, f64)]) -> Vec<(f64, f64)> {
        let (policy, recorder) = (DevicePolicy::reference(), Recorder::default());
        let ctx = StepCtx::new(Clock::default(), &policy, &Solo, &recorder, 1);
        let config = BalanceConfig { rule, low: 0.5, high: 0.9, decay: 0.0 };
        let mut balance = Balance::new(config, Device::Cpu).expect("balance");
        let value = |held: Option<Tensor>| held.map_or(-1.0, |held| held.double_value(&[]));
        let mut all = Vec::new();
        for &(d_loss, accuracy, g_loss) in rounds {
            let d = balance.hold_discriminator(&ctx, &Tensor::from(d_loss), &Tensor::from(accuracy));
            let g = balance.hold_generator(&ctx, &Tensor::from(g_loss));
            all.push((value(d.expect("decided")), value(g.expect("decided"))));
        }
        all
    }

    #[test]
    fn the_stronger_player_waits() {
        let rounds = [(1.0, 0.95, 1.0), (1.0, 0.7, 1.0), (1.0, 0.4, 1.0)];
        assert_eq!(held(BalanceRule::Accuracy, &rounds), [(1.0, 0.0), (0.0, 0.0), (0.0, 1.0)]);
        // The first ratio is known only after the generator's loss; then D's loss over G's.
        let rounds = [(0.7, 0.0, 1.0), (0.1, 0.0, 1.0), (2.0, 0.0, 1.0)];
        assert_eq!(held(BalanceRule::LossRatio, &rounds), [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]);
        assert_eq!(held(BalanceRule::Off, &rounds)[0], (-1.0, -1.0));
    }

    #[test]
    fn bands_that_are_none_are_refused() {
        let config = |low, high, decay| BalanceConfig { low, high, decay, ..BalanceConfig::default() };
        for bad in [config(0.9, 0.6, 0.5), config(-0.1, 0.6, 0.5), config(0.1, 0.6, 1.0)] {
            assert!(bad.validate("game.balance").is_err());
        }
    }
}
