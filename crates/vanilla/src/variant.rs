//! The pair of networks and one whole training step.

use crate::{Config, Discriminator, Generator};
use gan_core::data::{ImageBatch, Source};
use gan_core::device::DevicePolicy;
use gan_core::error::Result;
use gan_core::game::{Draws, Pair};
use gan_core::nn::Mode;
use gan_core::player::Player;
use gan_core::step::StepCtx;
use gan_core::tensor::guard::shape;
use gan_core::trainer::Checkpoint;
use gan_core::variant::{
    Generate, GenerateOptions, ImageGan, Panel, PreviewCtx, StateVisitor, Variant, Weights,
};
use tch::Tensor;

/// The variant's word.
const NAME: &str = "vanilla";

/// An original GAN in training.
#[derive(Debug)]
pub struct Vanilla {
    config: Config,
    pair: Pair<Generator, Discriminator>,
}

impl Vanilla {
    /// First weights are drawn from `seed`.
    ///
    /// # Errors
    /// A setting that cannot work; LibTorch's, such as no memory.
    pub fn new(config: Config, policy: &DevicePolicy, seed: u64) -> Result<Self> {
        config.validate()?;
        let pair = Pair::new(
            config.rules(),
            policy,
            seed,
            |scope| Generator::new(scope, &config),
            |scope| Discriminator::new(scope, &config),
        )?;
        Ok(Self { config, pair })
    }

    /// The generator of a checkpoint alone, without what trains it.
    ///
    /// # Errors
    /// A checkpoint of another variant or without its configuration; a damaged file; LibTorch's, such as no memory.
    pub fn load_generator(
        policy: &DevicePolicy,
        checkpoint: &Checkpoint,
        weights: Weights,
    ) -> Result<Generator> {
        let config: Config = checkpoint.config(NAME)?;
        config.validate()?;
        checkpoint.generator(weights, policy, |scope| Generator::new(scope, &config))
    }

    /// What it is made of.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

impl Variant for Vanilla {
    type Batch = ImageBatch;

    fn name(&self) -> &'static str {
        NAME
    }

    fn images_per_step(&self) -> u64 {
        self.pair.images_per_step(self.config.batch)
    }

    /// Algorithm 1: `draw` and update the discriminator k times, then the generator.
    fn step(&mut self, ctx: &StepCtx, data: &mut dyn Source<ImageBatch>) -> Result<()> {
        let Config { size, channels, latent, batch, .. } = self.config;
        let latents = || ctx.noise().normal("latent", &[batch, latent]);
        let draw = || {
            let real = data.next()?.images;
            shape("batch", &real, &[batch, channels, size, size])?;
            Ok(Draws::new(real, latents()?))
        };
        self.pair.step(
            ctx,
            draw,
            |last| Ok(last.with_latents(latents()?, None)),
            |generator, z, _| generator.forward(z, Mode::Train),
            |discriminator, images, _| discriminator.judge(images),
        )
    }

    fn extra_state(&mut self, visitor: &mut dyn StateVisitor) -> Result<()> {
        self.pair.state(visitor)
    }

    fn players(&self) -> Vec<&Player> {
        self.pair.players()
    }

    fn players_mut(&mut self) -> Vec<&mut Player> {
        self.pair.players_mut()
    }

    fn judge(&self, images: &Tensor, _labels: Option<&Tensor>) -> Option<Result<Tensor>> {
        Some(self.pair.judge(images, |discriminator, packs| Ok(discriminator.judge(packs)?.logits)))
    }

    fn preview(&self, ctx: &PreviewCtx) -> Result<Vec<Panel>> {
        // A picture of points needs many to be one.
        let count = if self.config.size == 1 { 2_500 } else { 64 };
        let z = ctx.noise.normal("latent", &[count, self.config.latent])?;
        let images = self.generator(Weights::Averaged).generate(&z, None, &GenerateOptions::default())?;
        Ok(vec![Panel { name: "samples".to_owned(), images, columns: 8 }])
    }
}

impl ImageGan for Vanilla {
    fn generator(&self, weights: Weights) -> &dyn Generate {
        self.pair.generator(weights)
    }
}
