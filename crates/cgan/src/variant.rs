//! The pair of networks and one whole training step.

use crate::condition::Conditions;
use crate::discriminator::Look;
use crate::{Condition, Config, Discriminator, Generator, LabelSampling};
use gan_core::data::{ImageBatch, Source};
use gan_core::device::DevicePolicy;
use gan_core::error::{Error, Result};
use gan_core::game::{Draws, Pair};
use gan_core::nn::Mode;
use gan_core::player::Player;
use gan_core::step::StepCtx;
use gan_core::tensor::guard::shape;
use gan_core::trainer::Checkpoint;
use gan_core::variant::{Generate, ImageGan, Panel, PreviewCtx, StateVisitor, Variant, Weights};
use tch::Tensor;

/// The variant's word.
const NAME: &str = "cgan";

/// A conditional GAN in training.
#[derive(Debug)]
pub struct Cgan {
    config: Config,
    conditions: Conditions,
    pair: Pair<Generator, Discriminator>,
}

impl Cgan {
    /// First weights are drawn from `seed`.
    ///
    /// # Errors
    /// A setting that cannot work, no classes or attributes; LibTorch's, such as no memory.
    pub fn new(config: Config, policy: &DevicePolicy, seed: u64) -> Result<Self> {
        config.validate()?;
        let conditions = Conditions::new(&config, policy.device)?;
        let pair = Pair::new(
            config.rules(),
            policy,
            seed,
            |scope| Generator::new(scope, &config, &conditions),
            |scope| Discriminator::new(scope, &config, &conditions),
        )?;
        Ok(Self { config, conditions, pair })
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
        let conditions = Conditions::new(&config, policy.device)?;
        checkpoint.generator(weights, policy, |scope| Generator::new(scope, &config, &conditions))
    }

    /// What it is made of.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What its networks are told.
    pub fn conditions(&self) -> &Conditions {
        &self.conditions
    }
}

impl Variant for Cgan {
    type Batch = ImageBatch;

    fn name(&self) -> &'static str {
        NAME
    }

    fn images_per_step(&self) -> u64 {
        self.pair.images_per_step(self.config.batch)
    }

    /// Algorithm 1 of Goodfellow et al. 2014 with conditions: reals come with theirs, fakes are asked for drawn ones.
    fn step(&mut self, ctx: &StepCtx, data: &mut dyn Source<ImageBatch>) -> Result<()> {
        let Self { config, conditions, pair } = self;
        let &mut Config { size, channels, latent, batch, label_dropout, .. } = config;
        let withheld = |told: Tensor| match label_dropout > 0.0 {
            true => {
                let draws = ctx.noise().uniform("label dropout", &[batch])?;
                conditions.withheld(&told, &draws, label_dropout)
            }
            false => Ok(told),
        };
        let latents = || ctx.noise().normal("latent", &[batch, latent]);
        let draw = || {
            let real = data.next()?;
            shape("batch", &real.images, &[batch, channels, size, size])?;
            let of_reals = conditions.told(labels_of(&real, config)?)?;
            let z = latents()?;
            let of_fakes = match (config.label_sampling, config.classes.len() as i64) {
                (LabelSampling::Balanced, classes) if of_reals.dim() == 1 => {
                    ctx.noise().integers("fake labels", classes, &[batch])?
                }
                _ => of_reals.shallow_clone(),
            };
            let (real_labels, fake_labels) = (Some(withheld(of_reals)?), Some(withheld(of_fakes)?));
            Ok(Draws { real: ctx.laid_out(&real.images)?, real_labels, z, fake_labels })
        };
        pair.step(
            ctx,
            draw,
            |last| Ok(last.with_latents(latents()?, last.fake_labels.as_ref().map(Tensor::shallow_clone))),
            |generator, z, told| generator.forward(z, told_in(told)?, Mode::Train),
            |discriminator, images, told| {
                let look = Look { mode: Mode::Train, noise: Some(ctx.noise()) };
                discriminator.judge(images, told_in(told)?, conditions, look)
            },
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
        Some(self.conditions.told(labels).and_then(|told| {
            self.pair.judge(images, |discriminator, images| {
                Ok(discriminator.judge(images, &told, &self.conditions, Look::STILL)?.logits)
            })
        }))
    }

    fn preview(&self, ctx: &PreviewCtx) -> Result<Vec<Panel>> {
        Ok(vec![ctx.rows_of_labels(self.generator(Weights::Averaged))?])
    }
}

impl ImageGan for Cgan {
    fn generator(&self, weights: Weights) -> &dyn Generate {
        self.pair.generator(weights)
    }
}

/// The labels that the condition is about.
fn labels_of<'a>(batch: &'a ImageBatch, config: &Config) -> Result<&'a Tensor> {
    let (labels, what) = match config.condition {
        Condition::Classes => (&batch.labels, "classes"),
        Condition::Attributes => (&batch.attributes, "attributes"),
    };
    labels
        .as_ref()
        .ok_or_else(|| Error::config("data", format!("has no {what}, which a conditional GAN learns from")))
}

/// Every draw of this variant has labels.
fn told_in(told: Option<&Tensor>) -> Result<&Tensor> {
    told.ok_or_else(|| Error::config("labels", "are missing"))
}
