//! The two players and one whole training step.

use crate::{Config, Discriminator, Generator};
use gan_core::data::{ImageBatch, Source};
use gan_core::device::DevicePolicy;
use gan_core::ema::Ema;
use gan_core::error::Result;
use gan_core::game::{self, Draws, Game, Sides};
use gan_core::nn::Parameters;
use gan_core::player::Player;
use gan_core::random;
use gan_core::step::StepCtx;
use gan_core::tensor::guard::shape;
use gan_core::variant::{Generate, GenerateOptions, Panel, PreviewCtx, StateVisitor, Variant};
use tch::{Tensor, no_grad};

/// An original GAN in training.
#[derive(Debug)]
pub struct Vanilla {
    config: Config,
    game: Game,
    generator: Generator,
    discriminator: Discriminator,
    /// Over the tensors of the generator player's moving average.
    averaged: Option<Generator>,
    generator_player: Player,
    discriminator_player: Player,
}

impl Vanilla {
    /// First weights are drawn from `seed`.
    ///
    /// # Errors
    /// A setting that cannot work; LibTorch's, such as no memory.
    pub fn new(config: Config, policy: &DevicePolicy, seed: u64) -> Result<Self> {
        config.validate()?;
        let seed_of = |player| random::key(seed, &[], player);
        let mut weights = Parameters::new(policy, seed_of("generator"));
        let generator = Generator::new(weights.root(), &config)?;
        let (mut average, mut averaged) = (None, None);
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

impl Variant for Vanilla {
    type Batch = ImageBatch;

    fn name(&self) -> &'static str {
        "vanilla"
    }

    fn images_per_step(&self) -> u64 {
        self.config.batch as u64 * u64::from(self.config.game.discriminator_steps)
    }

    /// Algorithm 1.
    fn step(&mut self, ctx: &StepCtx, data: &mut dyn Source<ImageBatch>) -> Result<()> {
        let Self { config, game, generator, discriminator, generator_player, discriminator_player, .. } =
            self;
        let sides =
            Sides { generate: &|z, _| generator.forward(z), judge: &|images, _| discriminator.judge(images) };
        let mut draw = || -> Result<Draws> {
            let real = data.next()?.images;
            shape("batch", &real, &[config.batch, config.channels, config.size, config.size])?;
            Ok(Draws::new(real, ctx.noise().normal("latent", &[config.batch, config.latent])?))
        };

        let mut draws = draw()?;
        game.discriminator(ctx, discriminator_player, &sides, &draws, 0)?;
        for round in 1..config.game.discriminator_steps {
            draws = draw()?;
            game.discriminator(ctx, discriminator_player, &sides, &draws, round)?;
        }
        game.generator(ctx, generator_player, &sides, &draws)
    }

    fn extra_state(&mut self, visitor: &mut dyn StateVisitor) -> Result<()> {
        self.game.state(visitor)
    }

    fn judge(&self, images: &Tensor, _labels: Option<&Tensor>) -> Option<Result<Tensor>> {
        let judge = |packs: &Tensor| Ok(self.discriminator.judge(packs)?.logits);
        Some(game::look(images, self.config.game.pack, &judge))
    }

    fn players(&self) -> Vec<&Player> {
        vec![&self.generator_player, &self.discriminator_player]
    }

    fn players_mut(&mut self) -> Vec<&mut Player> {
        vec![&mut self.generator_player, &mut self.discriminator_player]
    }

    fn preview(&self, ctx: &PreviewCtx) -> Result<Vec<Panel>> {
        // A picture of points needs many to be one.
        let count = if self.config.size == 1 { 2_500 } else { 64 };
        let z = ctx.noise.normal("latent", &[count, self.config.latent])?;
        let images = self.generate(&z, None, &GenerateOptions::default())?;
        Ok(vec![Panel { name: "samples".to_owned(), images, columns: 8 }])
    }
}

impl Generate for Vanilla {
    fn latent_shape(&self) -> Vec<i64> {
        vec![self.config.latent]
    }

    fn generate(&self, z: &Tensor, _labels: Option<&Tensor>, options: &GenerateOptions) -> Result<Tensor> {
        let generator = self.averaged.as_ref().filter(|_| options.average).unwrap_or(&self.generator);
        no_grad(|| generator.forward(&z.f_mul_scalar(options.truncation)?))
    }
}
