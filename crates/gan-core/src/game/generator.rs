//! The updates of the generator.

use super::discriminator::{accumulate_orthogonal, add, features_of, scaled};
use super::{Draws, Game, Sides};
use crate::error::Result;
use crate::loss::feature_matching;
use crate::player::Player;
use crate::regularizer::consistency::{latent_sensitivity, moved_latents};
use crate::regularizer::mode_seeking;
use crate::step::StepCtx;
use tch::{Tensor, no_grad};

impl Game {
    /// All updates of the generator in a step, against the discriminator as it is now. `draws` are those of its last
    /// update: the first one here takes over their fakes, unless it has latents of its own; further ones `redraw` latents and
    /// the labels of fakes. A generator that moves first leaves its fakes to the discriminator.
    ///
    /// # Errors
    /// As [`Game::discriminator`].
    pub fn generator(
        &mut self,
        ctx: &StepCtx,
        player: &mut Player,
        sides: &Sides,
        draws: &Draws,
        redraw: &mut dyn FnMut(&Draws) -> Result<Draws>,
    ) -> Result<()> {
        let parts = self.config.micro_batches;
        for round in 0..self.config.generator_steps {
            let redrawn = (round > 0 || self.config.own_latents).then(|| redraw(draws)).transpose()?;
            let draws = redrawn.as_ref().unwrap_or(draws);
            let mut losses = Vec::new();
            for n in 0..parts {
                let part = draws.part(n, parts)?;
                let fakes = match self.fakes.take() {
                    Some(fakes) => fakes,
                    None => ctx.phase("generate", || (sides.generate)(&part.z, part.fake_labels.as_ref()))?,
                };
                let loss = ctx.phase("generator", || self.generator_loss(ctx, sides, &part, &fakes))?;
                self.fakes = self.config.generator_first.then(|| fakes.f_detach()).transpose()?;
                player.accumulate(ctx, &scaled(loss.shallow_clone(), 1.0 / parts as f64)?)?;
                losses.push(loss.f_detach()?);
            }
            let loss = if let [one] = losses.as_slice() {
                one.shallow_clone()
            } else {
                Tensor::f_stack(&losses, 0)?.f_mean(None)?
            };
            ctx.record("loss/generator", &loss);
            accumulate_orthogonal(player, self.regularizer.orthogonal_generator)?;
            let hold = self.balance.hold_generator(ctx, &loss)?;
            player.apply_unless(ctx, hold.as_ref())?;
        }
        Ok(())
    }

    fn generator_loss(&self, ctx: &StepCtx, sides: &Sides, part: &Draws, fakes: &Tensor) -> Result<Tensor> {
        let (config, labels) = (&self.config, part.fake_labels.as_ref());
        let verdict = (sides.judge)(&self.shown(ctx, fakes)?, labels)?;
        let mut total = None;
        // Nothing behind the reals moves now.
        let on_real = if self.loss.is_relativistic() || config.feature_matching > 0.0 {
            let labels = part.real_labels.as_ref();
            Some(no_grad(|| (sides.judge)(&self.shown(ctx, &part.real)?, labels))?)
        } else {
            None
        };
        if config.adversarial > 0.0 {
            let count = verdict.logits.size()[0];
            let best = config.top_k.of(count, ctx.clock().images);
            let loss = match &on_real {
                Some(real) if self.loss.is_relativistic() => {
                    let (fake, real) = if best < count {
                        let (fake, chosen) = verdict.logits.f_topk(best, 0, true, false)?;
                        (fake, real.logits.f_index_select(0, &chosen)?)
                    } else {
                        (verdict.logits.shallow_clone(), real.logits.shallow_clone())
                    };
                    self.loss.generator_against(&fake, &real)?
                }
                _ if best < count => self.loss.generator(&verdict.logits.f_topk(best, 0, true, false)?.0)?,
                _ => self.loss.generator(&verdict.logits)?,
            };
            total = Some(scaled(loss, config.adversarial)?);
        }
        if let Some(real) = on_real.filter(|_| config.feature_matching > 0.0) {
            let distance = feature_matching::squared(features_of(&real)?, features_of(&verdict)?)?;
            ctx.record("loss/feature_matching", &distance);
            total = Some(add(total, distance.f_mul_scalar(config.feature_matching)?)?);
        }
        if let Some(loss) = verdict.classification {
            ctx.record("loss/classification_generator", &loss);
            total = Some(add(total, loss)?);
        }
        if config.mode_seeking > 0.0 {
            let ratio = mode_seeking(fakes, &part.z)?;
            ctx.record("loss/mode_seeking", &ratio);
            total = Some(add(total, ratio.f_mul_scalar(config.mode_seeking)?)?);
        }
        if self.regularizer.latent_sensitivity > 0.0 {
            let noise = ctx.noise().normal("latent change", &part.z.size())?;
            let moved = moved_latents(&part.z, &noise, self.regularizer.latent_sigma)?;
            let sensitivity = latent_sensitivity(fakes, &(sides.generate)(&moved, labels)?)?;
            ctx.record("penalty/latent_sensitivity", &sensitivity);
            total = Some(add(total, sensitivity.f_mul_scalar(self.regularizer.latent_sensitivity)?)?);
        }
        total.ok_or_else(|| crate::error::Error::config("game.adversarial", "the generator has no loss"))
    }
}
