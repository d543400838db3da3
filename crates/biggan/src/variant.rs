//! The pair of networks and one whole training step.

use crate::generator::labels_in;
use crate::{Config, Discriminator, Generator, LabelSampling, NormStatistics};
use gan_core::data::{ImageBatch, Source};
use gan_core::device::DevicePolicy;
use gan_core::error::{Error, Result};
use gan_core::game::{Draws, Pair};
use gan_core::nn::Mode;
use gan_core::player::Player;
use gan_core::random::Streams;
use gan_core::step::StepCtx;
use gan_core::tensor::guard::{ANY, shape};
use gan_core::trainer::Checkpoint;
use gan_core::variant::{Generate, ImageGan, Panel, PreviewCtx, StateVisitor, Variant, Weights};
use tch::{Tensor, no_grad};

/// The variant's word.
const NAME: &str = "biggan";

/// A BigGAN in training.
#[derive(Debug)]
pub struct BigGan {
    config: Config,
    pair: Pair<Generator, Discriminator>,
}

impl BigGan {
    /// First weights are drawn from `seed`.
    ///
    /// # Errors
    /// A setting that cannot work, no classes; LibTorch's, such as no memory.
    pub fn new(config: Config, policy: &DevicePolicy, seed: u64) -> Result<Self> {
        config.validate()?;
        if config.classes.is_empty() {
            let why =
                "none are named; train on data that has classes, such as a folder with a folder for each";
            return Err(Error::config("biggan.classes", why));
        }
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

impl Variant for BigGan {
    type Batch = ImageBatch;

    fn name(&self) -> &'static str {
        NAME
    }

    fn images_per_step(&self) -> u64 {
        self.pair.images_per_step(self.config.batch)
    }

    /// Algorithm 1 of Goodfellow et al. 2014 with classes: `draw` and update the discriminator k times, then the generator on
    /// latents of its own.
    fn step(&mut self, ctx: &StepCtx, data: &mut dyn Source<ImageBatch>) -> Result<()> {
        let Self { config, pair } = self;
        let &mut Config { size, channels, latent, batch, label_sampling, .. } = config;
        let classes = config.classes.len() as i64;
        let noise = ctx.noise();
        let latents = |count, of_reals: &Tensor| -> Result<(Tensor, Tensor)> {
            let z = noise.normal("latent", &[count, latent])?;
            let labels = match label_sampling {
                LabelSampling::Balanced => noise.integers("fake labels", classes, &[count])?,
                LabelSampling::Data if of_reals.size()[0] == count => of_reals.shallow_clone(),
                LabelSampling::Data => {
                    of_reals.f_index_select(0, &noise.integers("fake labels", batch, &[count])?)?
                }
            };
            Ok((z, labels))
        };
        let draw = || {
            let real = data.next()?;
            shape("batch", &real.images, &[batch, channels, size, size])?;
            let of_reals =
                real.labels.ok_or_else(|| Error::config("data", "has no classes to learn from"))?;
            shape("labels", &of_reals, &[ANY])?;
            let (z, of_fakes) = latents(batch, &of_reals)?;
            let (real_labels, fake_labels) = (Some(of_reals), Some(of_fakes));
            Ok(Draws { real: ctx.laid_out(&real.images)?, real_labels, z, fake_labels })
        };
        let redraw = |last: &Draws| {
            let (z, labels) = latents(config.fakes(), labels_in(last.real_labels.as_ref())?)?;
            Ok(last.with_latents(z, Some(labels)))
        };
        pair.step(
            ctx,
            draw,
            redraw,
            |generator, z, labels| generator.forward(z, labels_in(labels)?, Mode::Train),
            |discriminator, images, labels| discriminator.judge(images, labels_in(labels)?, Mode::Train),
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

    fn judge(&self, images: &Tensor, labels: Option<&Tensor>) -> Option<Result<Tensor>> {
        let labels = labels?;
        Some(self.pair.judge(images, |discriminator, images| {
            Ok(discriminator.judge(images, labels, Mode::Eval)?.logits)
        }))
    }

    fn preview(&self, ctx: &PreviewCtx) -> Result<Vec<Panel>> {
        Ok(vec![ctx.rows_of_labels(self.generator(Weights::Averaged))?])
    }
}

impl ImageGan for BigGan {
    fn generator(&self, weights: Weights) -> &dyn Generate {
        self.pair.generator(weights)
    }

    /// Each class as often as the others; of the average, where there is one, as well.
    fn stand(&mut self, noise: &Streams, batches: u64, size: i64) -> Result<()> {
        if self.config.norm_statistics != NormStatistics::Standing {
            let why = "is running: this network's normalisations can keep no others; train with norm_statistics=standing";
            return Err(Error::config("biggan.norm_statistics", why));
        }
        for _ in 0..batches {
            let z = noise.normal("latent", &[size, self.config.latent])?;
            let labels = noise.integers("labels", self.config.classes.len() as i64, &[size])?;
            for generator in self.pair.generators() {
                let _ = no_grad(|| generator.forward(&z, &labels, Mode::Standing))?;
            }
        }
        Ok(())
    }
}
