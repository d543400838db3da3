//! The four networks and one whole training step.

use crate::{Config, Discriminators, Generators};
use gan_core::data::{PairBatch, Source, Synthetic};
use gan_core::device::DevicePolicy;
use gan_core::ema::EmaConfig;
use gan_core::error::{Error, Result};
use gan_core::game::record_scores;
use gan_core::loss::pixels::distance;
use gan_core::player::Player;
use gan_core::step::StepCtx;
use gan_core::tensor::grid::side_by_side;
use gan_core::tensor::guard::shape;
use gan_core::translation::{Discriminator, Generator, ImagePool, Look, Norm};
use gan_core::variant::{Direction, Panel, PreviewCtx, StateVisitor, Translate, Variant};
use tch::{Tensor, no_grad};

/// A CycleGAN in training.
#[derive(Debug)]
pub struct CycleGan {
    config: Config,
    generators: Generators,
    averaged: Option<Generators>,
    discriminators: Discriminators,
    generator_player: Player,
    discriminator_player: Player,
    /// What the discriminator of A is shown of the generator to A.
    pool_a: ImagePool,
    pool_b: ImagePool,
    /// What previews translate; no part of the state.
    shown: Option<PairBatch>,
}

impl CycleGan {
    /// First weights are drawn from `seed`.
    ///
    /// # Errors
    /// A setting that cannot work; LibTorch's, such as no memory.
    pub fn new(config: Config, policy: &DevicePolicy, seed: u64) -> Result<Self> {
        config.validate()?;
        let moves = (config.generator_optimizer, config.ema);
        let (generator_player, generators, averaged) =
            Player::with_networks("generator", policy, seed, moves, |scope| Generators::new(scope, &config))?;
        let moves = (config.discriminator_optimizer, EmaConfig::default());
        let (discriminator_player, discriminators, _) =
            Player::with_networks("discriminator", policy, seed, moves, |scope| {
                Discriminators::new(scope, &config)
            })?;
        let (pool_a, pool_b) = (ImagePool::new("pool_a", config.pool), ImagePool::new("pool_b", config.pool));
        Ok(Self {
            config,
            generators,
            averaged,
            discriminators,
            generator_player,
            discriminator_player,
            pool_a,
            pool_b,
            shown: None,
        })
    }

    /// What it is made of.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What a discriminator is shown of images.
    fn augmented(&self, ctx: &StepCtx, images: &Tensor) -> Result<Tensor> {
        match self.config.augment.enabled() {
            true => ctx.laid_out(&self.config.augment.apply(ctx.noise(), images)?),
            false => Ok(images.shallow_clone()),
        }
    }

    /// What a network makes of two batches: in one pass, unless its normalisation would mix them. Where images lie in NCHW
    /// order a step is the authors' to the last rounding, pass by pass.
    fn of_both(
        &self,
        ctx: &StepCtx,
        x: &Tensor,
        y: &Tensor,
        network: impl Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<[Tensor; 2]> {
        if self.config.norm == Norm::Batch || !ctx.policy().channels_last {
            return Ok([network(x)?, network(y)?]);
        }
        let both = network(&Tensor::f_cat(&[x, y], 0)?)?;
        let [of_x, of_y] = [0, self.config.batch].map(|first| both.f_narrow(0, first, self.config.batch));
        Ok([of_x?, of_y?])
    }

    fn best_generators(&self) -> &Generators {
        self.averaged.as_ref().unwrap_or(&self.generators)
    }

    /// As the networks were trained: with one image in a batch, batch normalisation knows no other statistics.
    fn look(&self) -> Look<'static> {
        Look { own_statistics: self.config.norm == Norm::Batch && self.config.batch == 1, ..Look::eval() }
    }
}

impl Variant for CycleGan {
    type Batch = PairBatch;

    fn name(&self) -> &'static str {
        "cyclegan"
    }

    fn images_per_step(&self) -> u64 {
        self.config.batch as u64
    }

    /// Both generators first (equation 3), then both discriminators on real images and on fakes from the pools.
    fn step(&mut self, ctx: &StepCtx, data: &mut dyn Source<PairBatch>) -> Result<()> {
        let Config { channels_a, channels_b, batch, loss, cycle_a, cycle_b, identity, .. } = self.config;
        let [height, width] = self.config.image();
        let PairBatch { a, b, .. } = data.next()?;
        shape("batch of A", &a, &[batch, channels_a, height, width])?;
        shape("batch of B", &b, &[batch, channels_b, height, width])?;
        let (a, b, look) = (ctx.laid_out(&a)?, ctx.laid_out(&b)?, Look::train(ctx.noise()));
        let (Generators { a2b, b2a }, Discriminators { of_a, of_b }) =
            (&self.generators, &self.discriminators);

        let (fake_a, fake_b, total) = ctx.phase("generators", || {
            let (to_a, to_b) = (|x: &Tensor| b2a.forward(x, look), |x: &Tensor| a2b.forward(x, look));
            let (fake_b, fake_a, same) = if identity > 0.0 {
                let ([fake_b, same_b], [fake_a, same_a]) =
                    (self.of_both(ctx, &a, &b, to_b)?, self.of_both(ctx, &b, &a, to_a)?);
                (fake_b, fake_a, Some((same_a, same_b)))
            } else {
                (to_b(&a)?, to_a(&b)?, None)
            };
            let (back_a, back_b) = (to_a(&fake_b)?, to_b(&fake_a)?);
            let fools_b = loss.generator(&of_b.forward(&self.augmented(ctx, &fake_b)?, look)?)?;
            let fools_a = loss.generator(&of_a.forward(&self.augmented(ctx, &fake_a)?, look)?)?;
            let returns_a = distance(&back_a, &a, None)?.f_mul_scalar(cycle_a)?;
            let returns_b = distance(&back_b, &b, None)?.f_mul_scalar(cycle_b)?;
            ctx.record("loss/adversarial_a2b", &fools_b);
            ctx.record("loss/adversarial_b2a", &fools_a);
            ctx.record("loss/cycle_a", &returns_a);
            ctx.record("loss/cycle_b", &returns_b);
            let mut total = fools_a.f_add(&fools_b)?.f_add(&returns_a)?.f_add(&returns_b)?;
            if let Some((same_a, same_b)) = same {
                let stays_a = distance(&same_a, &a, None)?.f_mul_scalar(cycle_a * identity)?;
                let stays_b = distance(&same_b, &b, None)?.f_mul_scalar(cycle_b * identity)?;
                ctx.record("loss/identity_a", &stays_a);
                ctx.record("loss/identity_b", &stays_b);
                total = total.f_add(&stays_a)?.f_add(&stays_b)?;
            }
            Ok((fake_a, fake_b, total))
        })?;
        ctx.record("loss/generator", &total);
        self.generator_player.descend(ctx, &total)?;

        let (old_b, old_a) =
            (self.pool_b.exchange(&fake_b, ctx.noise())?, self.pool_a.exchange(&fake_a, ctx.noise())?);
        let (on_real, on_fake, total) = ctx.phase("discriminators", || {
            let judge = |discriminator: &Discriminator, real: &Tensor, fake: &Tensor| {
                let (real, fake) = (self.augmented(ctx, real)?, self.augmented(ctx, &ctx.laid_out(fake)?)?);
                let [on_real, on_fake] =
                    self.of_both(ctx, &real, &fake, |x| discriminator.forward(x, look))?;
                let value = loss.on_real(&on_real)?.f_add(&loss.on_fake(&on_fake)?)?.f_mul_scalar(0.5)?;
                Ok::<_, Error>((on_real.f_flatten(0, -1)?, on_fake.f_flatten(0, -1)?, value))
            };
            let (real_b, fake_b, value_b) = judge(of_b, &b, &old_b)?;
            let (real_a, fake_a, value_a) = judge(of_a, &a, &old_a)?;
            ctx.record("loss/discriminator_a", &value_a);
            ctx.record("loss/discriminator_b", &value_b);
            let (reals, fakes) = (Tensor::f_cat(&[real_a, real_b], 0)?, Tensor::f_cat(&[fake_a, fake_b], 0)?);
            Ok((reals, fakes, value_a.f_add(&value_b)?))
        })?;
        let _accuracy = record_scores(ctx, loss, &on_real.f_detach()?, &on_fake.f_detach()?)?;
        ctx.record("loss/discriminator", &total);
        self.discriminator_player.descend(ctx, &total)
    }

    fn players(&self) -> Vec<&Player> {
        vec![&self.generator_player, &self.discriminator_player]
    }

    fn players_mut(&mut self) -> Vec<&mut Player> {
        vec![&mut self.generator_player, &mut self.discriminator_player]
    }

    fn extra_state(&mut self, visitor: &mut dyn StateVisitor) -> Result<()> {
        self.pool_a.state(visitor)?;
        self.pool_b.state(visitor)
    }

    /// For each domain: real, translated, back again, and what the other generator makes of it.
    fn preview(&self, ctx: &PreviewCtx) -> Result<Vec<Panel>> {
        let Config { channels_a, channels_b, .. } = self.config;
        let [height, width] = self.config.image();
        let made;
        let PairBatch { a, b, .. } = match &self.shown {
            Some(shown) => shown,
            None => {
                let sizes = [[4, channels_a, height, width], [4, channels_b, height, width]];
                made = Synthetic::pairs(sizes, 1, ctx.policy.device).next()?;
                &made
            }
        };
        let (Generators { a2b, b2a }, look) = (self.best_generators(), self.look());
        no_grad(|| {
            let row = |name: &str, real: &Tensor, there: &Generator, back: &Generator| {
                let fake = there.forward(real, look)?;
                let mut columns =
                    vec![real.shallow_clone(), fake.shallow_clone(), back.forward(&fake, look)?];
                if channels_a == channels_b {
                    columns.push(back.forward(real, look)?);
                }
                let count = columns.len() as i64;
                Ok::<_, Error>(Panel {
                    name: name.to_owned(),
                    images: side_by_side(&columns)?,
                    columns: count,
                })
            };
            Ok(vec![row("a2b", a, a2b, b2a)?, row("b2a", b, b2a, a2b)?])
        })
    }
}

impl Translate for CycleGan {
    fn directions(&self) -> &'static [Direction] {
        &[Direction::A2b, Direction::B2a]
    }

    fn channels(&self, direction: Direction) -> Result<[i64; 2]> {
        let Config { channels_a, channels_b, .. } = self.config;
        Ok(match direction {
            Direction::A2b => [channels_a, channels_b],
            Direction::B2a => [channels_b, channels_a],
        })
    }

    fn translate(&self, images: &Tensor, direction: Direction) -> Result<Tensor> {
        let Generators { a2b, b2a } = self.best_generators();
        let generator = match direction {
            Direction::A2b => a2b,
            Direction::B2a => b2a,
        };
        no_grad(|| generator.forward(images, self.look()))
    }

    fn show(&mut self, pairs: PairBatch) {
        self.shown = Some(pairs);
    }
}
