//! The two players and one whole training step.

use crate::{Config, Discriminator, Generator};
use gan_core::data::{ImageBatch, Source};
use gan_core::device::DevicePolicy;
use gan_core::ema::Ema;
use gan_core::error::Result;
use gan_core::game::{self, Draws, Game, Sides};
use gan_core::nn::{Mode, Parameters};
use gan_core::player::Player;
use gan_core::random;
use gan_core::step::StepCtx;
use gan_core::tensor::guard::shape;
use gan_core::variant::{Generate, GenerateOptions, Panel, PreviewCtx, StateVisitor, Variant};
use tch::{Tensor, no_grad};

/// A DCGAN in training.
#[derive(Debug)]
pub struct Dcgan {
    config: Config,
    game: Game,
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
        let generator_player = Player::new("generator", weights, config.generator_optimizer)?
            .with_average(average)
            .with_clip_norm(config.game.clip_norm());

        let mut weights = Parameters::new(policy, seed_of("discriminator"));
        let discriminator = Discriminator::new(weights.root(), &config)?;
        let adam = config.regularizer.adam(config.discriminator_optimizer);
        let discriminator_player =
            Player::new("discriminator", weights, adam)?.with_clip_norm(config.game.clip_norm());
        let game = Game::new(config.loss, config.regularizer, config.game, policy.device)?;
        Ok(Self { config, game, generator, discriminator, averaged, generator_player, discriminator_player })
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
        self.config.batch as u64 * u64::from(self.config.game.discriminator_steps)
    }

    /// Algorithm 1 of Goodfellow et al. 2014.
    fn step(&mut self, ctx: &StepCtx, data: &mut dyn Source<ImageBatch>) -> Result<()> {
        let Self { config, game, generator, discriminator, generator_player, discriminator_player, .. } =
            self;
        let sides = Sides {
            generate: &|z, _| generator.forward(z, Mode::Train),
            judge: &|images, _| discriminator.judge(images, Mode::Train),
        };
        let mut draw = || -> Result<Draws> {
            let real = data.next()?.images;
            shape("batch", &real, &[config.batch, config.channels, config.size, config.size])?;
            let z = ctx.noise().normal("latent", &[config.batch, config.latent, 1, 1])?;
            Ok(Draws::new(ctx.laid_out(&real)?, z))
        };

        // The discriminator, k times: reals and fakes in batches of their own, so that each has its own statistics.
        let mut draws = draw()?;
        game.discriminator(ctx, discriminator_player, &sides, &draws, 0)?;
        for round in 1..config.game.discriminator_steps {
            draws = draw()?;
            game.discriminator(ctx, discriminator_player, &sides, &draws, round)?;
        }
        // The generator: the discriminator as it is now, the same fakes.
        game.generator(ctx, generator_player, &sides, &draws)
    }

    fn extra_state(&mut self, visitor: &mut dyn StateVisitor) -> Result<()> {
        self.game.state(visitor)
    }

    fn players(&self) -> Vec<&Player> {
        vec![&self.generator_player, &self.discriminator_player]
    }

    fn players_mut(&mut self) -> Vec<&mut Player> {
        vec![&mut self.generator_player, &mut self.discriminator_player]
    }

    fn judge(&self, images: &Tensor, _labels: Option<&Tensor>) -> Option<Result<Tensor>> {
        let judge = |packs: &Tensor| self.discriminator.forward(packs, Mode::Eval);
        Some(game::look(images, self.config.game.pack, &judge))
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
