//! A player: parameters that move together.

use crate::device::DevicePolicy;
use crate::ema::{Ema, EmaConfig};
use crate::error::{Error, Result};
use crate::nn::{Entry, Parameters, Scope};
use crate::optim::{Adam, AdamConfig};
use crate::random;
use crate::step::StepCtx;
use gan_sys::list;
use gan_sys::runtime::{Autocast, AutocastDtype};
use tch::{Kind, Tensor};

/// One variable store, one Adam, optionally one moving average. Not "a network": CycleGAN has two
/// players and four networks.
///
/// A player descends a loss along **its own** parameters only. Nothing is frozen or zeroed in the
/// other player, and autograd never computes weight gradients that nobody asked for.
#[derive(Debug)]
pub struct Player {
    name: &'static str,
    parameters: Parameters,
    adam: Adam,
    average: Option<Ema>,
    accumulated: Vec<Tensor>,
    clip_norm: Option<f64>,
    /// f32 `[2]` on the device: updates skipped for a gradient that was not finite; step of the first, from 1.
    skipped: Tensor,
}

impl Player {
    /// A player over the parameters of its networks.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(name: &'static str, parameters: Parameters, adam: AdamConfig) -> Result<Self> {
        let adam = Adam::new(adam, &parameters.trainable())?;
        let device = parameters.trainable().first().map_or(tch::Device::Cpu, |parameter| parameter.device());
        let skipped = Tensor::f_zeros([2], (Kind::Float, device))?;
        Ok(Self { name, parameters, adam, average: None, accumulated: Vec::new(), clip_norm: None, skipped })
    }

    /// A player and its networks, made by `new`; once more over the average, where `ema` asks for one. First weights are keyed
    /// by `seed` and the player's name, or two networks with equal names would begin with equal weights.
    ///
    /// # Errors
    /// The networks'; LibTorch's, such as no memory.
    pub fn with_networks<N>(
        name: &'static str,
        policy: &DevicePolicy,
        seed: u64,
        (adam, ema): (AdamConfig, EmaConfig),
        new: impl Fn(Scope) -> Result<N>,
    ) -> Result<(Self, N, Option<N>)> {
        let seed = random::key(seed, &[], name);
        let mut weights = Parameters::new(policy, seed);
        let networks = new(weights.root())?;
        let (mut average, mut averaged) = (None, None);
        if ema.enabled() {
            let mut copy = Parameters::new(policy, seed);
            averaged = Some(new(copy.root())?);
            average = Some(Ema::new(ema, copy, &weights)?);
        }
        Ok((Self::new(name, weights, adam)?.with_average(average), networks, averaged))
    }

    /// The same player, followed by an average.
    #[must_use]
    pub fn with_average(mut self, average: Option<Ema>) -> Self {
        self.average = average;
        self
    }

    /// The same player with its gradient's L2 norm limited to `norm` before every update.
    #[must_use]
    pub fn with_clip_norm(mut self, norm: Option<f64>) -> Self {
        self.clip_norm = norm;
        self
    }

    /// The same player whose parameters move at a share of the learning rate each, by their names: StyleGAN's mapping network
    /// at 0.01 of it.
    #[must_use]
    pub fn with_rate_shares(self, share_of: impl Fn(&str) -> f64) -> Self {
        let shares: Vec<f64> = self.parameters.trainable_names().into_iter().map(share_of).collect();
        Self { adam: self.adam.with_shares(shares), ..self }
    }

    /// `generator`, `discriminator`, ...
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its networks' tensors.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Its optimiser.
    pub fn adam(&self) -> &Adam {
        &self.adam
    }

    /// Its optimiser, to schedule rates or load state.
    pub fn adam_mut(&mut self) -> &mut Adam {
        &mut self.adam
    }

    /// Its moving average, if it has one.
    pub fn average(&self) -> Option<&Ema> {
        self.average.as_ref()
    }

    /// Takes one step down `loss` along this player's parameters: gradient, mean over ranks, non-finite
    /// policy, clipping, Adam.
    ///
    /// # Errors
    /// A loss that does not depend on this player; LibTorch's; a rank that does not answer.
    pub fn descend(&mut self, ctx: &StepCtx, loss: &Tensor) -> Result<()> {
        self.accumulate(ctx, loss)?;
        self.apply(ctx)
    }

    /// The first half of [`Player::descend`], for micro-batches: adds the gradient of `loss` to what
    /// [`Player::apply`] will use. The sum over micro-batches is taken, so scale losses by 1/n for a mean.
    ///
    /// # Errors
    /// As [`Player::descend`].
    pub fn accumulate(&mut self, ctx: &StepCtx, loss: &Tensor) -> Result<()> {
        let _off = Autocast::enter(ctx.policy().device, AutocastDtype::Off)?;
        let gradients = Tensor::f_run_backward(&[loss], &self.parameters.trainable(), false, false)?;
        if gradients.iter().all(|gradient| !gradient.defined()) {
            return Err(Error::config(
                "loss",
                format!("does not depend on the parameters of the {}", self.name),
            ));
        }
        if self.accumulated.is_empty() {
            self.accumulated = gradients;
            return Ok(());
        }
        for (sum, gradient) in self.accumulated.iter_mut().zip(gradients) {
            match (sum.defined(), gradient.defined()) {
                (_, false) => {}
                (false, true) => *sum = gradient,
                // Not in place: the first gradient may share memory with the graph's own buffers.
                (true, true) => *sum = sum.f_add(&gradient)?,
            }
        }
        Ok(())
    }

    /// The second half of [`Player::descend`]: moves the parameters by what was accumulated.
    ///
    /// # Errors
    /// As [`Player::descend`].
    pub fn apply(&mut self, ctx: &StepCtx) -> Result<()> {
        self.apply_unless(ctx, None)
    }

    /// [`Player::apply`], but where `hold` (f32 scalar on the device) is 1 the player stands still: decided on the
    /// device, without a host read.
    ///
    /// # Errors
    /// As [`Player::descend`].
    pub fn apply_unless(&mut self, ctx: &StepCtx, hold: Option<&Tensor>) -> Result<()> {
        let mut gradients = std::mem::take(&mut self.accumulated);
        ctx.comm().all_reduce_mean(&mut gradients)?;
        let used: Vec<Tensor> = gradients.iter().filter(|g| g.defined()).map(Tensor::shallow_clone).collect();
        if used.is_empty() {
            return Ok(());
        }
        // One pass serves three: the norm is logged, clips, and is not finite where a gradient is not (or beyond 1e19).
        let norm = list::total_norm(&used)?;
        ctx.record(&format!("gradient_norm/{}", self.name), &norm);
        if ctx.detailed() {
            for (name, gradient) in self.parameters.trainable_names().iter().zip(&gradients) {
                if gradient.defined() {
                    ctx.record(&format!("gradient_norm/{}/{name}", self.name), &gradient.f_norm()?);
                }
            }
            self.record_weights(ctx)?;
        }
        let skip = norm.f_isfinite()?.f_logical_not()?.f_to_kind(Kind::Float)?;
        if let Some(limit) = self.clip_norm {
            let factor = norm.f_add_scalar(1e-6)?.f_reciprocal()?.f_mul_scalar(limit)?.f_clamp_max(1.0)?;
            // Not in place: two gradients may be one tensor, or share memory with the graph's own buffers.
            for gradient in gradients.iter_mut().filter(|gradient| gradient.defined()) {
                *gradient = gradient.f_mul(&factor)?;
            }
        }
        let still = match hold {
            Some(hold) => skip.f_maximum(&hold.f_reshape(skip.size())?)?,
            None => skip.shallow_clone(),
        };
        self.adam.step(&self.parameters.trainable(), &gradients, &still, ctx.clock().images)?;
        self.note_skip(&skip, ctx.clock().step + 1)
    }

    /// Adds gradients to what [`Player::apply`] will use, for regularisers of weights that know theirs in closed form;
    /// `gradient_of` gives `None` for a parameter that it leaves alone.
    ///
    /// # Errors
    /// LibTorch's.
    pub fn accumulate_each(
        &mut self,
        gradient_of: &dyn Fn(&str, &Tensor) -> Result<Option<Tensor>>,
    ) -> Result<()> {
        if self.accumulated.is_empty() {
            self.accumulated = self.parameters.trainable().iter().map(|_| Tensor::new()).collect();
        }
        let trainable = self.parameters.entries().iter().filter(|entry| entry.trainable);
        for (sum, entry) in self.accumulated.iter_mut().zip(trainable) {
            if let Some(gradient) = gradient_of(&entry.name, &entry.tensor)? {
                *sum = if sum.defined() { sum.f_add(&gradient)? } else { gradient };
            }
        }
        Ok(())
    }

    /// Puts every parameter back into [-limit, limit] (Arjovsky et al. 2017, algorithm 1).
    ///
    /// # Errors
    /// LibTorch's.
    pub fn clip_weights(&mut self, limit: f64) -> Result<()> {
        tch::no_grad(|| {
            for parameter in self.parameters.trainable() {
                let _ = parameter.shallow_clone().f_clamp_(-limit, limit)?;
            }
            Ok(())
        })
    }

    /// Updates skipped since the last call, and the step of the first one. Reads the device: once per tick.
    ///
    /// # Errors
    /// LibTorch's.
    pub fn take_skipped(&mut self) -> Result<Option<(u64, u64)>> {
        let values = Vec::<f32>::try_from(&self.skipped)?;
        if values[0] == 0.0 {
            return Ok(None);
        }
        let _ = self.skipped.f_zero_()?;
        Ok(Some((values[0] as u64, values[1] as u64)))
    }

    /// The lengths of weights and, where BigGAN's spectral normalisation follows them, their singular values (Brock et al. 2019,
    /// section 4.1): what a collapse is seen coming by.
    fn record_weights(&self, ctx: &StepCtx) -> Result<()> {
        for Entry { name, tensor, trainable } in self.parameters.entries() {
            let is_value = name.rsplit('.').next().is_some_and(|last| last.starts_with("sv"));
            if *trainable && tensor.dim() > 1 {
                ctx.record(&format!("weight_norm/{}/{name}", self.name), &tensor.f_detach()?.f_norm()?);
            } else if !trainable && is_value {
                ctx.record(&format!("singular_value/{}/{name}", self.name), &tensor.f_detach_copy()?);
            }
        }
        Ok(())
    }

    pub(crate) fn update_average(&mut self, batch: u64, images: u64) -> Result<()> {
        match &mut self.average {
            Some(average) => average.update(&self.parameters, batch, images),
            None => Ok(()),
        }
    }

    fn note_skip(&mut self, skip: &Tensor, step: u64) -> Result<()> {
        // first = count > 0 ? first : step, on the device.
        let (mut count, mut first) = (self.skipped.f_get(0)?, self.skipped.f_get(1)?);
        let fresh = count.f_eq(0.0)?.f_to_kind(Kind::Float)?.f_mul(skip)?.f_mul_scalar(step as f64)?;
        let _ = first.f_add_(&fresh)?;
        let _ = count.f_add_(skip)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::comm::Solo;
    use crate::nn::Init;
    use crate::recorder::Recorder;

    /// How far one clipped step moves two scalars that begin at 3. With eps 1, Adam's first step is
    /// lr g / (|g| + 1): unlike with a small eps, the gradient's length is seen.
    fn moved(loss: impl Fn(&Tensor, &Tensor) -> Tensor) -> [f64; 2] {
        let policy = DevicePolicy::reference();
        let mut weights = Parameters::new(&policy, 1);
        let three = Init::Uniform { low: 3.0, high: 3.0 };
        let a = weights.root().parameter("a", &[1], three).expect("a");
        let b = weights.root().parameter("b", &[1], three).expect("b");
        let adam = AdamConfig { eps: 1.0, ..AdamConfig::new(1.0, 0.0) };
        let mut player = Player::new("both", weights, adam).expect("player").with_clip_norm(Some(1.0));
        let recorder = Recorder::default();
        let ctx = StepCtx::new(Clock::default(), &policy, &Solo, &recorder, 1);
        player.descend(&ctx, &loss(&a, &b)).expect("step");
        [&a, &b].map(|parameter| 3.0 - parameter.double_value(&[0]))
    }

    #[test]
    fn parameters_move_at_their_share_of_the_rate() {
        let policy = DevicePolicy::reference();
        let mut weights = Parameters::new(&policy, 1);
        let values = ["a", "b", "unused", "c"]
            .map(|name| weights.root().parameter(name, &[1], Init::Zeros).expect("a parameter"));
        let player = Player::new("all", weights, AdamConfig::new(0.5, 0.0)).expect("player");
        let mut player = player.with_rate_shares(|name| if name == "b" { 0.01 } else { 1.0 });
        player.adam_mut().pace = 2.0;
        let recorder = Recorder::default();
        let ctx = StepCtx::new(Clock::default(), &policy, &Solo, &recorder, 1);
        let [a, b, _, c] = &values;
        player.descend(&ctx, &(a + b + c).sum(Kind::Float)).expect("step");
        // Adam's first step is as long as its rate.
        for (value, wanted) in values.iter().zip([-1.0, -0.01, 0.0, -1.0]) {
            assert!((value.double_value(&[0]) - wanted).abs() < 1e-6);
        }
    }

    #[test]
    fn a_long_gradient_is_clipped_once() {
        // Autograd hands out one tensor for both: in place it would be clipped twice.
        let clipped = 0.5f64.sqrt();
        for distance in moved(|a, b| (a + b).square().sum(Kind::Float)) {
            assert!((distance - clipped / (clipped + 1.0)).abs() < 1e-4, "{distance}");
        }
    }

    #[test]
    fn a_gradient_that_is_no_memory_of_its_own_is_clipped() {
        // The gradient of a sum is one number, expanded.
        let clipped = 0.5f64.sqrt();
        for distance in moved(|a, b| a.sum(Kind::Float) + b.sum(Kind::Float)) {
            assert!((distance - clipped / (clipped + 1.0)).abs() < 1e-4, "{distance}");
        }
    }

    #[test]
    fn a_short_gradient_is_left_alone() {
        for distance in moved(|a, b| (a.sum(Kind::Float) + b.sum(Kind::Float)) * 0.1) {
            assert!((distance - 0.1 / 1.1).abs() < 1e-4, "{distance}");
        }
    }
}
