//! One update of the discriminator.

use super::{Draws, Game, RegularizerConfig, Sides, Verdict};
use crate::error::{Error, Result};
use crate::loss::AdversarialLoss;
use crate::player::Player;
use crate::regularizer::consistency::{consistency, moved_latents};
use crate::regularizer::{Orthogonal, gradient_penalty};
use crate::step::StepCtx;
use tch::{Kind, Tensor, no_grad};

/// What the discriminator says of one side, and the penalties that belong to that side alone.
struct Half {
    logits: Tensor,
    penalty: Option<Tensor>,
}

impl Game {
    /// The `round`-th of the step's updates of the discriminator (from 0): generate, judge, penalise, descend.
    ///
    /// # Errors
    /// Draws that do not fit together or to the networks; LibTorch's; a rank that does not answer.
    pub fn discriminator(
        &mut self,
        ctx: &StepCtx,
        player: &mut Player,
        sides: &Sides,
        draws: &Draws,
        round: u32,
    ) -> Result<()> {
        let parts = self.config.micro_batches;
        if draws.real_labels.is_some() && self.config.pack > 1 {
            return Err(Error::config("game.pack", "packs have no class; conditional variants take pack 1"));
        }
        let generator_first = self.config.generator_first;
        // The fakes of the last update keep their graph: the generator descends along it.
        let is_last = round + 1 == self.config.discriminator_steps;
        let kept = parts == 1 && is_last && !generator_first && !self.config.own_latents;
        let mut seen = Vec::new();
        for n in 0..parts {
            let part = if parts == 1 { draws } else { &draws.part(n, parts)? };
            let (fake, labels) = (part.fake_labels.as_ref(), &part.z);
            let generate = || (sides.generate)(labels, fake);
            let fakes = match self.fakes.take().filter(|_| generator_first) {
                Some(fakes) => fakes,
                None => ctx.phase("generate", || if kept { generate() } else { no_grad(generate) })?,
            };
            self.fakes = kept.then(|| fakes.shallow_clone());
            seen.push(self.judge_part(ctx, player, sides, part, &fakes.f_detach()?, parts)?);
        }
        let join = |pick: fn(&[Tensor; 3]) -> &Tensor| -> Result<Tensor> {
            let picked: Vec<&Tensor> = seen.iter().map(pick).collect();
            Ok(if let [one] = picked.as_slice() { one.shallow_clone() } else { Tensor::f_cat(&picked, 0)? })
        };
        let (on_real, on_fake) = (join(|part| &part[0])?, join(|part| &part[1])?);
        let loss = join(|part| &part[2])?.f_mean(None)?;
        let accuracy = record_scores(ctx, self.loss, &on_real, &on_fake)?;
        ctx.record("loss/discriminator", &loss);
        self.ada.observe(&on_real)?;
        if is_last {
            self.ada.adapt(ctx, draws.real.size()[0] as u64 * u64::from(self.config.discriminator_steps))?;
        }

        let strength = self.regularizer.orthogonal_discriminator;
        accumulate_orthogonal(player, strength)?;
        let hold = self.balance.hold_discriminator(ctx, &loss, &accuracy)?;
        player.apply_unless(ctx, hold.as_ref())?;

        if self.regularizer.is_lazy() && ctx.clock().step.is_multiple_of(self.regularizer.every) && round == 0
        {
            self.lazy_update(ctx, player, sides, draws)?;
        }
        if self.regularizer.clip_weights > 0.0 {
            player.clip_weights(self.regularizer.clip_weights)?;
        }
        Ok(())
    }

    /// Accumulates one part's gradients. Reals and fakes go one after the other where the loss allows it, each with a
    /// graph of its own: half the memory. Out: logits on reals, on fakes, and the adversarial loss, `[1]`.
    fn judge_part(
        &mut self,
        ctx: &StepCtx,
        player: &mut Player,
        sides: &Sides,
        part: &Draws,
        fakes: &Tensor,
        parts: i64,
    ) -> Result<[Tensor; 3]> {
        let share = 1.0 / parts as f64;
        let (loss, smoothing) = (self.loss, self.config.label_smoothing);
        let between = self.between(ctx, sides, part, fakes)?;
        if let Some(penalty) = between {
            let strength = self.regularizer.strength(ctx.clock().images);
            player.accumulate(ctx, &penalty.f_mul_scalar(share * strength)?)?;
        }
        let (real, fake, value);
        if loss.is_relativistic() || self.regularizer.lecam > 0.0 || self.config.together {
            let (halves, total, both) = ctx.phase("discriminator", || {
                let (real, fake) = match self.config.together {
                    true => self.on_both(ctx, sides, part, fakes)?,
                    false => (self.on_real(ctx, sides, part)?, self.on_fake(ctx, sides, part, fakes)?),
                };
                let value = loss.discriminator(&real.logits, &fake.logits, smoothing)?;
                let mut total = plus(plus(value.shallow_clone(), &real.penalty)?, &fake.penalty)?;
                if self.regularizer.lecam > 0.0 {
                    self.lecam.update(ctx.comm(), &real.logits, &fake.logits)?;
                    let penalty = self.lecam.penalty(&real.logits, &fake.logits)?;
                    ctx.record("penalty/lecam", &penalty);
                    total = total.f_add(&penalty.f_mul_scalar(self.regularizer.lecam)?)?;
                }
                Ok(((real.logits, fake.logits), total, value))
            })?;
            player.accumulate(ctx, &total.f_mul_scalar(share)?)?;
            ((real, fake), value) = (halves, both);
        } else {
            let (on_real, real_loss) = ctx.phase("discriminator on reals", || {
                let half = self.on_real(ctx, sides, part)?;
                let loss = loss.on_real_smoothed(&half.logits, smoothing)?;
                Ok((half, loss))
            })?;
            player.accumulate(ctx, &scaled(plus(real_loss.shallow_clone(), &on_real.penalty)?, share)?)?;
            real = on_real.logits.f_detach()?;
            drop(on_real.penalty);
            let (on_fake, fake_loss) = ctx.phase("discriminator on fakes", || {
                let half = self.on_fake(ctx, sides, part, fakes)?;
                let loss = loss.on_fake(&half.logits)?;
                Ok((half, loss))
            })?;
            player.accumulate(ctx, &scaled(plus(fake_loss.shallow_clone(), &on_fake.penalty)?, share)?)?;
            fake = on_fake.logits;
            value = real_loss.f_detach()?.f_add(&fake_loss.f_detach()?)?;
        }
        Ok([real.f_detach()?, fake.f_detach()?, value.f_detach()?.f_reshape([1i64])?])
    }

    /// Fakes and reals as one batch, in BigGAN's order.
    fn on_both(&self, ctx: &StepCtx, sides: &Sides, part: &Draws, fakes: &Tensor) -> Result<(Half, Half)> {
        let images = self.shown(ctx, &Tensor::f_cat(&[fakes, &part.real], 0)?)?;
        let labels = match (&part.fake_labels, &part.real_labels) {
            (Some(fake), Some(real)) => Some(Tensor::f_cat(&[fake, real], 0)?),
            _ => None,
        };
        let Verdict { logits, classification, .. } = (sides.judge)(&images, labels.as_ref())?;
        // A mean over both sides; each of them counts in full.
        let penalty = classification.map(|loss| loss.f_mul_scalar(2.0)).transpose()?;
        if let Some(loss) = &penalty {
            ctx.record("loss/classification", loss);
        }
        let count = logits.size()[0] - part.real.size()[0] / self.config.pack;
        let fake = Half { logits: logits.f_narrow(0, 0, count)?, penalty };
        let real = Half { logits: logits.f_narrow(0, count, logits.size()[0] - count)?, penalty: None };
        Ok((real, fake))
    }

    fn on_real(&self, ctx: &StepCtx, sides: &Sides, part: &Draws) -> Result<Half> {
        let RegularizerConfig { r1, consistency_real, .. } = self.regularizer;
        let r1 =
            if self.regularizer.is_lazy() { 0.0 } else { r1 * self.regularizer.strength(ctx.clock().images) };
        let labels = part.real_labels.as_ref();
        self.half(
            ctx,
            sides,
            &part.real,
            labels,
            ("penalty/r1", r1 / 2.0),
            ("penalty/consistency_real", consistency_real),
        )
    }

    fn on_fake(&self, ctx: &StepCtx, sides: &Sides, part: &Draws, fakes: &Tensor) -> Result<Half> {
        let RegularizerConfig { r2, consistency_fake, consistency_latent, latent_sigma, .. } =
            self.regularizer;
        let r2 =
            if self.regularizer.is_lazy() { 0.0 } else { r2 * self.regularizer.strength(ctx.clock().images) };
        let labels = part.fake_labels.as_ref();
        let change = ("penalty/consistency_fake", consistency_fake);
        let mut half = self.half(ctx, sides, fakes, labels, ("penalty/r2", r2 / 2.0), change)?;
        if consistency_latent > 0.0 {
            let noise = ctx.noise().normal("latent change", &part.z.size())?;
            let moved = moved_latents(&part.z, &noise, latent_sigma)?;
            let others = no_grad(|| (sides.generate)(&moved, labels))?;
            let logits = (sides.judge)(&self.shown(ctx, &others)?, labels)?.logits;
            let penalty = consistency(&half.logits, &logits)?;
            ctx.record("penalty/consistency_latent", &penalty);
            half.penalty = Some(add(half.penalty, penalty.f_mul_scalar(consistency_latent)?)?);
        }
        Ok(half)
    }

    /// Logits of one side, with R1 (or R2) from the same forward and consistency with changed images.
    fn half(
        &self,
        ctx: &StepCtx,
        sides: &Sides,
        images: &Tensor,
        labels: Option<&Tensor>,
        (gradient_name, gradient_weight): (&str, f64),
        (change_name, change_weight): (&str, f64),
    ) -> Result<Half> {
        let mut shown = self.shown(ctx, images)?;
        if gradient_weight > 0.0 {
            shown = gradient_penalty::watched(&shown)?;
        }
        let Verdict { logits, classification, .. } = (sides.judge)(&shown, labels)?;
        let mut penalty = None;
        if let Some(loss) = classification {
            ctx.record("loss/classification", &loss);
            penalty = Some(loss);
        }
        if gradient_weight > 0.0 {
            let squared = gradient_penalty::r1_of(&logits, &shown)?;
            ctx.record(gradient_name, &squared);
            penalty = Some(add(penalty, squared.f_mul_scalar(gradient_weight)?)?);
        }
        if change_weight > 0.0 {
            let changed = self.regularizer.consistency_change.apply(ctx.noise(), images)?;
            let others = (sides.judge)(&self.shown(ctx, &changed)?, labels)?.logits;
            let distance = consistency(&logits, &others)?;
            ctx.record(change_name, &distance);
            penalty = Some(add(penalty, distance.f_mul_scalar(change_weight)?)?);
        }
        Ok(Half { logits, penalty })
    }

    /// Penalties at places of their own, between reals and fakes or around reals; `None` if there are none now.
    fn between(&self, ctx: &StepCtx, sides: &Sides, part: &Draws, fakes: &Tensor) -> Result<Option<Tensor>> {
        let RegularizerConfig { wgan_gp, dragan, zero_centered, .. } = self.regularizer;
        if self.regularizer.is_lazy() || wgan_gp + dragan + zero_centered == 0.0 {
            return Ok(None);
        }
        ctx.phase("gradient penalty", || self.penalties_between(ctx, sides, part, fakes).map(Some))
    }

    fn penalties_between(
        &self,
        ctx: &StepCtx,
        sides: &Sides,
        part: &Draws,
        fakes: &Tensor,
    ) -> Result<Tensor> {
        let RegularizerConfig { wgan_gp, dragan, zero_centered, .. } = self.regularizer;
        let (real, fake) = (self.shown(ctx, &part.real)?, self.shown(ctx, fakes)?);
        let judge = |x: &Tensor| Ok((sides.judge)(&ctx.laid_out(x)?, part.real_labels.as_ref())?.logits);
        let alpha = || ctx.noise().uniform("penalty alpha", &[real.size()[0], 1, 1, 1]);
        let mut total: Option<Tensor> = None;
        let mut count = |name: &str, weight: f64, penalty: Tensor| -> Result<()> {
            ctx.record(name, &penalty);
            total = Some(add(total.take(), penalty.f_mul_scalar(weight)?)?);
            Ok(())
        };
        if wgan_gp > 0.0 {
            count("penalty/wgan_gp", wgan_gp, gradient_penalty::wgan_gp(&judge, &real, &fake, &alpha()?)?)?;
        }
        if dragan > 0.0 {
            let noise = ctx.noise().uniform("penalty noise", &real.size())?;
            count("penalty/dragan", dragan, gradient_penalty::dragan(&judge, &real, &alpha()?, &noise)?)?;
        }
        if zero_centered > 0.0 {
            let penalty = gradient_penalty::zero_centered(&judge, &real, &fake, &alpha()?)?;
            count("penalty/zero_centered", zero_centered, penalty)?;
        }
        total.ok_or_else(|| Error::config("regularizer", "no gradient penalty is switched on"))
    }

    /// All gradient penalties as an update of their own, as many times as strong as they are rare.
    fn lazy_update(&self, ctx: &StepCtx, player: &mut Player, sides: &Sides, draws: &Draws) -> Result<()> {
        let RegularizerConfig { r1, r2, wgan_gp, dragan, zero_centered, every, .. } = self.regularizer;
        let parts = self.config.micro_batches;
        for n in 0..parts {
            let part = if parts == 1 { draws } else { &draws.part(n, parts)? };
            let fakes = no_grad(|| (sides.generate)(&part.z, part.fake_labels.as_ref()))?;
            let penalty = ctx.phase("gradient penalty", || {
                let mut total = None;
                let own = [
                    ("penalty/r1", r1, &part.real, &part.real_labels),
                    ("penalty/r2", r2, &fakes, &part.fake_labels),
                ];
                for (name, weight, images, labels) in own.into_iter().filter(|(_, weight, ..)| *weight > 0.0)
                {
                    let judge = |x: &Tensor| Ok((sides.judge)(x, labels.as_ref())?.logits);
                    let squared = gradient_penalty::r1(&judge, &self.shown(ctx, images)?)?;
                    ctx.record(name, &squared);
                    total = Some(add(total, squared.f_mul_scalar(weight / 2.0)?)?);
                }
                if wgan_gp + dragan + zero_centered > 0.0 {
                    total = Some(add(total, self.penalties_between(ctx, sides, part, &fakes)?)?);
                }
                total.ok_or_else(|| Error::config("regularizer", "no gradient penalty is switched on"))
            })?;
            let strength = self.regularizer.strength(ctx.clock().images) * every as f64;
            player.accumulate(ctx, &penalty.f_mul_scalar(strength / parts as f64)?)?;
        }
        player.apply(ctx)
    }
}

/// Records D's outputs as probabilities and how often it is right; gives its accuracy, the mean of both sides.
///
/// What separates reals from fakes is 0 for logits of cross-entropy and hinge, 0.5 for least squares, and the middle
/// between both sides' means where only differences count.
///
/// # Shapes
/// `on_real` and `on_fake` `[N]`; out a f32 scalar.
///
/// # Errors
/// LibTorch's.
pub fn record_scores(
    ctx: &StepCtx,
    loss: AdversarialLoss,
    on_real: &Tensor,
    on_fake: &Tensor,
) -> Result<Tensor> {
    let (real, fake) = (on_real.f_to_kind(Kind::Float)?, on_fake.f_to_kind(Kind::Float)?);
    let (real, fake) = match loss {
        AdversarialLoss::LeastSquares => (real.f_sub_scalar(0.5)?, fake.f_sub_scalar(0.5)?),
        _ if loss.is_relativistic() || loss == AdversarialLoss::Wasserstein => {
            let middle = real.f_mean(None)?.f_add(&fake.f_mean(None)?)?.f_mul_scalar(0.5)?;
            (real.f_sub(&middle)?, fake.f_sub(&middle)?)
        }
        _ => (real, fake),
    };
    let right_on_real = real.f_gt(0.0)?.f_to_kind(Kind::Float)?.f_mean(None)?;
    let right_on_fake = fake.f_lt(0.0)?.f_to_kind(Kind::Float)?.f_mean(None)?;
    ctx.record("score/real", &real.f_sigmoid()?);
    ctx.record("score/fake", &fake.f_sigmoid()?);
    ctx.record("accuracy/real", &right_on_real);
    ctx.record("accuracy/fake", &right_on_fake);
    Ok(right_on_real.f_add(&right_on_fake)?.f_mul_scalar(0.5)?)
}

/// Off-diagonal orthogonal regularisation of every weight but embeddings (Brock et al. 2019, appendix C), which are known by
/// their names: `shared`, `label_emb`, `label_embedding`, `projection`.
pub(super) fn accumulate_orthogonal(player: &mut Player, strength: f64) -> Result<()> {
    if strength == 0.0 {
        return Ok(());
    }
    player.accumulate_each(&|name, weight| {
        let is_embedding = ["shared", "emb", "projection"].iter().any(|word| name.contains(word));
        let wanted = weight.dim() >= 2 && !is_embedding;
        wanted.then(|| Orthogonal::OffDiagonal.gradient(weight, strength)).transpose()
    })
}

/// A verdict's features.
pub(super) fn features_of(verdict: &Verdict) -> Result<&Tensor> {
    verdict.features.as_ref().ok_or_else(|| {
        Error::config("game.feature_matching", "this variant's discriminator shows no features; set it to 0")
    })
}

/// `sum` with a term, if there is one.
fn plus(sum: Tensor, term: &Option<Tensor>) -> Result<Tensor> {
    Ok(match term {
        Some(term) => sum.f_add(term)?,
        None => sum,
    })
}

/// A sum, if there is one, with a term.
pub(super) fn add(sum: Option<Tensor>, term: Tensor) -> Result<Tensor> {
    Ok(match sum {
        Some(sum) => sum.f_add(&term)?,
        None => term,
    })
}

/// A loss by its share in the batch.
pub(super) fn scaled(loss: Tensor, share: f64) -> Result<Tensor> {
    Ok(if share == 1.0 { loss } else { loss.f_mul_scalar(share)? })
}
