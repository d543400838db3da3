//! The two players and one whole training step.

use crate::{Config, Discriminator, Generator};
use gan_core::data::{ImageBatch, Source};
use gan_core::device::DevicePolicy;
use gan_core::ema::Ema;
use gan_core::error::Result;
use gan_core::nn::{Mode, Parameters};
use gan_core::player::Player;
use gan_core::random;
use gan_core::step::StepCtx;
use gan_core::tensor::guard::shape;
use gan_core::variant::{Generate, GenerateOptions, Panel, PreviewCtx, Variant};
use tch::{Tensor, no_grad};

/// A DCGAN in training.
#[derive(Debug)]
pub struct Dcgan {
    config: Config,
    generator: Generator,
    discriminator: Discriminator,
    /// Over the tensors of the generator player's moving average.
    averaged: Option<Generator>,
    generator_player: Player,
    discriminator_player: Player,
}

impl Dcgan {
    /// A DCGAN with first weights drawn from `seed`.
    ///
    /// # Errors
    /// A setting that cannot work; LibTorch's, such as no memory.
    pub fn new(config: Config, policy: &DevicePolicy, seed: u64) -> Result<Self> {
        config.validate()?;
        let seed_of = |player| random::key(seed, &[], player);
        let mut weights = Parameters::new(policy, seed_of("generator"));
        let generator = Generator::new(weights.root(), &config)?;
        let mut average = None;
        let mut averaged = None;
        if config.ema.enabled() {
            let mut copy = Parameters::new(policy, seed_of("generator"));
            averaged = Some(Generator::new(copy.root(), &config)?);
            average = Some(Ema::new(config.ema, copy, &weights)?);
        }
        let generator_player =
            Player::new("generator", weights, config.generator_optimizer)?.with_average(average);

        let mut weights = Parameters::new(policy, seed_of("discriminator"));
        let discriminator = Discriminator::new(weights.root(), &config)?;
        let discriminator_player = Player::new("discriminator", weights, config.discriminator_optimizer)?;
        Ok(Self { config, generator, discriminator, averaged, generator_player, discriminator_player })
    }

    /// What it is made of.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

impl Variant for Dcgan {
    type Batch = ImageBatch;

    fn name(&self) -> &'static str {
        "dcgan"
    }

    fn images_per_step(&self) -> u64 {
        self.config.batch as u64
    }

    /// Algorithm 1 of Goodfellow et al. 2014 with k = 1. The generator runs once: its fakes serve both phases.
    fn step(&mut self, ctx: &StepCtx, data: &mut dyn Source<ImageBatch>) -> Result<()> {
        let Self { config, generator, discriminator, generator_player, discriminator_player, .. } = self;
        let real = data.next()?.images;
        shape("batch", &real, &[config.batch, config.channels, config.size, config.size])?;
        let real = ctx.laid_out(&real)?;
        let z = ctx.noise().normal("latent", &[config.batch, config.latent, 1, 1])?;

        // Discriminator: reals and fakes in batches of their own, so that each has its own statistics.
        let fake = ctx.phase("generate", || generator.forward(&z, Mode::Train))?;
        let (on_real, real_score) = ctx.phase("discriminator on reals", || {
            let logits = discriminator.forward(&real, Mode::Train)?;
            Ok((config.loss.on_real(&logits)?, logits.f_detach()?.f_sigmoid()?))
        })?;
        discriminator_player.accumulate(ctx, &on_real)?;
        let (on_fake, fake_score) = ctx.phase("discriminator on fakes", || {
            let logits = discriminator.forward(&fake.f_detach()?, Mode::Train)?;
            Ok((config.loss.on_fake(&logits)?, logits.f_detach()?.f_sigmoid()?))
        })?;
        discriminator_player.accumulate(ctx, &on_fake)?;
        discriminator_player.apply(ctx)?;

        // Generator: the discriminator as it is now, the same fakes.
        let loss =
            ctx.phase("generator", || config.loss.generator(&discriminator.forward(&fake, Mode::Train)?))?;
        generator_player.descend(ctx, &loss)?;

        ctx.record("loss/discriminator", &(on_real.f_detach()? + on_fake.f_detach()?));
        ctx.record("loss/generator", &loss);
        ctx.record("score/real", &real_score);
        ctx.record("score/fake", &fake_score);
        Ok(())
    }

    fn players(&self) -> Vec<&Player> {
        vec![&self.generator_player, &self.discriminator_player]
    }

    fn players_mut(&mut self) -> Vec<&mut Player> {
        vec![&mut self.generator_player, &mut self.discriminator_player]
    }

    fn preview(&self, ctx: &PreviewCtx) -> Result<Vec<Panel>> {
        let z = ctx.noise.normal("latent", &[64, self.config.latent])?;
        let images = self.generate(&z, None, &GenerateOptions::default())?;
        Ok(vec![Panel { name: "samples".to_owned(), images, columns: 8 }])
    }
}

impl Generate for Dcgan {
    fn latent_shape(&self) -> Vec<i64> {
        vec![self.config.latent]
    }

    fn generate(&self, z: &Tensor, _labels: Option<&Tensor>, options: &GenerateOptions) -> Result<Tensor> {
        let generator = self.averaged.as_ref().filter(|_| options.average).unwrap_or(&self.generator);
        no_grad(|| generator.forward(&z.f_mul_scalar(options.truncation)?, Mode::Eval))
    }
}
