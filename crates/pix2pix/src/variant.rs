//! The pair of networks and one whole training step.

use crate::{Config, PairDiscriminator, Translator};
use gan_core::data::{PairBatch, Source, Synthetic};
use gan_core::device::DevicePolicy;
use gan_core::ema::EmaConfig;
use gan_core::error::{Error, Result};
use gan_core::game::record_scores;
use gan_core::loss::pixels::distance;
use gan_core::player::Player;
use gan_core::step::StepCtx;
use gan_core::tensor::guard::shape;
use gan_core::translation::{Look, Norm};
use gan_core::variant::{Direction, Panel, PreviewCtx, Translate, Variant};
use tch::{Tensor, no_grad};

/// A pix2pix in training.
#[derive(Debug)]
pub struct Pix2Pix {
    config: Config,
    generator: Translator,
    averaged: Option<Translator>,
    discriminator: PairDiscriminator,
    generator_player: Player,
    discriminator_player: Player,
    /// What previews translate; no part of the state.
    shown: Option<PairBatch>,
}

impl Pix2Pix {
    /// First weights are drawn from `seed`.
    ///
    /// # Errors
    /// A setting that cannot work; LibTorch's, such as no memory.
    pub fn new(config: Config, policy: &DevicePolicy, seed: u64) -> Result<Self> {
        config.validate()?;
        let moves = (config.generator_optimizer, config.ema);
        let (generator_player, generator, averaged) =
            Player::with_networks("generator", policy, seed, moves, |scope| Translator::new(scope, &config))?;
        let moves = (config.discriminator_optimizer, EmaConfig::default());
        let (discriminator_player, discriminator, _) =
            Player::with_networks("discriminator", policy, seed, moves, |scope| {
                PairDiscriminator::new(scope, &config)
            })?;
        let shown = None;
        Ok(Self { config, generator, averaged, discriminator, generator_player, discriminator_player, shown })
    }

    /// What it is made of.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the discriminator is shown.
    fn shown_pair(&self, ctx: &StepCtx, given: &Tensor, images: &Tensor) -> Result<Tensor> {
        let pair = self.discriminator.pair(given, images)?;
        match self.config.augment.enabled() {
            true => ctx.laid_out(&self.config.augment.apply(ctx.noise(), &pair)?),
            false => ctx.laid_out(&pair),
        }
    }

    /// As the network was trained: with one image in a batch, batch normalisation knows no other statistics (section 3.3).
    fn look(&self) -> Look<'static> {
        Look { own_statistics: self.config.norm == Norm::Batch && self.config.batch == 1, ..Look::eval() }
    }

    /// Height and width of what is given in training.
    fn given(&self) -> [i64; 2] {
        self.config.image().map(|side| side / self.config.scale)
    }
}

impl Variant for Pix2Pix {
    type Batch = PairBatch;

    fn name(&self) -> &'static str {
        "pix2pix"
    }

    fn images_per_step(&self) -> u64 {
        self.config.batch as u64
    }

    /// The discriminator first, on made pairs and on real ones, then the generator against it as it is now (equation 4).
    fn step(&mut self, ctx: &StepCtx, data: &mut dyn Source<PairBatch>) -> Result<()> {
        let Config { channels_a, channels_b, batch, loss, adversarial, l1, .. } = self.config;
        let ([height, width], [small_height, small_width]) = (self.config.image(), self.given());
        let PairBatch { a, b, weight } = data.next()?;
        shape("batch of what is given", &a, &[batch, channels_a, small_height, small_width])?;
        shape("batch of what is wanted", &b, &[batch, channels_b, height, width])?;
        let (a, b, look) = (ctx.laid_out(&a)?, ctx.laid_out(&b)?, Look::train(ctx.noise()));
        let fake = ctx.phase("generate", || self.generator.forward(&a, look))?;

        if adversarial > 0.0 {
            let (on_real, on_fake, total) = ctx.phase("discriminator", || {
                let judge =
                    |images: &Tensor| self.discriminator.forward(&self.shown_pair(ctx, &a, images)?, look);
                // Fakes before reals, each with statistics of its own.
                let (on_fake, on_real) = (judge(&fake.f_detach()?)?, judge(&b)?);
                let total = loss.on_fake(&on_fake)?.f_add(&loss.on_real(&on_real)?)?.f_mul_scalar(0.5)?;
                Ok((on_real, on_fake, total))
            })?;
            let _accuracy = record_scores(ctx, loss, &on_real.f_detach()?, &on_fake.f_detach()?)?;
            ctx.record("loss/discriminator", &total);
            self.discriminator_player.descend(ctx, &total)?;
        }

        let total = ctx.phase("generator", || {
            let pixels = distance(&fake, &b, weight.as_ref())?.f_mul_scalar(l1)?;
            ctx.record("loss/pixels", &pixels);
            if adversarial == 0.0 {
                return Ok(pixels);
            }
            let logits = self.discriminator.forward(&self.shown_pair(ctx, &a, &fake)?, look)?;
            let fools = loss.generator(&logits)?;
            ctx.record("loss/adversarial", &fools);
            Ok(pixels.f_add(&fools.f_mul_scalar(adversarial)?)?)
        })?;
        ctx.record("loss/generator", &total);
        self.generator_player.descend(ctx, &total)
    }

    fn players(&self) -> Vec<&Player> {
        vec![&self.generator_player, &self.discriminator_player]
    }

    fn players_mut(&mut self) -> Vec<&mut Player> {
        vec![&mut self.generator_player, &mut self.discriminator_player]
    }

    /// What is given, what is made of it, and what is wanted.
    fn preview(&self, ctx: &PreviewCtx) -> Result<Vec<Panel>> {
        let Config { channels_a, channels_b, .. } = self.config;
        let ([height, width], [small_height, small_width]) = (self.config.image(), self.given());
        let made;
        let PairBatch { a, b, .. } = match &self.shown {
            Some(shown) => shown,
            None => {
                let sizes = [[4, channels_a, small_height, small_width], [4, channels_b, height, width]];
                made = Synthetic::pairs(sizes, 1, ctx.policy.device).next()?;
                &made
            }
        };
        let panel = |name: &str, images: &Tensor| Panel {
            name: name.to_owned(),
            images: images.shallow_clone(),
            columns: images.size()[0].clamp(1, 8),
        };
        Ok(vec![panel("made", &self.translate(a, Direction::A2b)?), panel("given", a), panel("wanted", b)])
    }
}

impl Translate for Pix2Pix {
    fn directions(&self) -> &'static [Direction] {
        &[Direction::A2b]
    }

    fn channels(&self, direction: Direction) -> Result<[i64; 2]> {
        match direction {
            Direction::A2b => Ok([self.config.channels_a, self.config.channels_b]),
            Direction::B2a => {
                let why =
                    "b2a: this model was trained one way, from what is given to what is wanted; use a2b";
                Err(Error::config("direction", why))
            }
        }
    }

    fn scale(&self) -> i64 {
        self.config.scale
    }

    fn translate(&self, images: &Tensor, direction: Direction) -> Result<Tensor> {
        self.channels(direction)?;
        let generator = self.averaged.as_ref().unwrap_or(&self.generator);
        no_grad(|| generator.forward(images, self.look()))
    }

    fn show(&mut self, pairs: PairBatch) {
        self.shown = Some(pairs);
    }
}
