//! The networks and one whole training step.

use crate::{Config, Discriminator, Generator, LabelSampling, LayerNoise, path_length};
use gan_core::augment::AdaController;
use gan_core::data::{ImageBatch, Source};
use gan_core::device::DevicePolicy;
use gan_core::ema::EmaConfig;
use gan_core::error::{Error, Result};
use gan_core::game::record_scores;
use gan_core::nn::Mode;
use gan_core::player::Player;
use gan_core::regularizer::gradient_penalty;
use gan_core::step::StepCtx;
use gan_core::tensor::guard::shape;
use gan_core::trainer::Checkpoint;
use gan_core::variant::{
    Generate, GenerateOptions, ImageGan, Panel, PreviewCtx, StateVisitor, Variant, Weights,
};
use tch::{Kind, Tensor, no_grad};

/// The variant's word.
const NAME: &str = "stylegan";

/// A StyleGAN2 in training.
#[derive(Debug)]
pub struct StyleGan {
    config: Config,
    generator: Generator,
    discriminator: Discriminator,
    /// Over the tensors of the generator player's moving average.
    averaged: Option<Generator>,
    generator_player: Player,
    discriminator_player: Player,
    /// The mean length of paths so far, f32 scalar.
    mean_path_length: Tensor,
    ada: AdaController,
}

impl StyleGan {
    /// First weights are drawn from `seed`.
    ///
    /// # Errors
    /// A setting that cannot work, no classes for a network that wants some; LibTorch's, such as no memory.
    pub fn new(config: Config, policy: &DevicePolicy, seed: u64) -> Result<Self> {
        config.validate()?;
        if config.conditional && config.classes.is_empty() {
            let why =
                "none are named; train on data that has classes, such as a folder with a folder for each";
            return Err(Error::config("stylegan.classes", why));
        }
        let moves = (config.generator_adam(), config.ema);
        let (generator_player, generator, averaged) =
            Player::with_networks("generator", policy, seed, moves, |scope| Generator::new(scope, &config))?;
        let moves = (config.discriminator_adam(), EmaConfig::default());
        let (discriminator_player, discriminator, _) =
            Player::with_networks("discriminator", policy, seed, moves, |scope| {
                Discriminator::new(scope, &config)
            })?;
        let mean_path_length = Tensor::f_zeros([] as [i64; 0], (Kind::Float, policy.device))?;
        let ada = AdaController::new(config.ada, policy.device)?;
        Ok(Self {
            config,
            ada,
            generator,
            discriminator,
            averaged,
            generator_player,
            discriminator_player,
            mean_path_length,
        })
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

    /// The generator with weights of either kind.
    pub fn network(&self, weights: Weights) -> &Generator {
        weights.of(&self.generator, self.averaged.as_ref())
    }

    /// The mean length of paths so far (Karras et al. 2020, section 3.2).
    pub fn mean_path_length(&self) -> &Tensor {
        &self.mean_path_length
    }
}

/// What one part of a batch is made from.
struct Part {
    real: Tensor,
    labels: Option<Tensor>,
}

impl Variant for StyleGan {
    type Batch = ImageBatch;

    fn name(&self) -> &'static str {
        NAME
    }

    fn images_per_step(&self) -> u64 {
        self.config.batch as u64
    }

    /// Four kinds of update (Karras et al. 2020, appendix B): the generator's loss; every few steps the length of its paths;
    /// the discriminator's loss; every few steps R1. Regularisers are lazy: multiplied by the steps in between.
    fn step(&mut self, ctx: &StepCtx, data: &mut dyn Source<ImageBatch>) -> Result<()> {
        let Self { config, generator, discriminator, generator_player, discriminator_player, ada, .. } = self;
        let &mut Config { batch, micro_batches, loss, .. } = config;
        let parts = take(ctx, config, data.next()?)?;
        let (size, share) = (batch / micro_batches, 1.0 / micro_batches as f64);
        let noise = ctx.noise();
        let shown = |ada: &AdaController, images: &Tensor| ctx.laid_out(&ada.apply(noise, images)?);
        let due = |interval: u64| ctx.clock().step.is_multiple_of(interval);
        let generate = |count: i64, labels: Option<&Tensor>| made(ctx, config, generator, count, labels);

        for part in &parts {
            let loss = ctx.phase("generator", || {
                let labels = fake_labels(ctx, config, part)?;
                let (fake, _) = generate(size, labels.as_ref())?;
                loss.generator(&discriminator.forward(&shown(ada, &fake)?, labels.as_ref())?)
            })?;
            ctx.record("loss/generator", &loss);
            generator_player.accumulate(ctx, &loss.f_mul_scalar(share)?)?;
        }
        generator_player.apply(ctx)?;

        if config.path_length > 0.0 && due(config.path_length_interval) {
            let gain = config.path_length * config.path_length_interval as f64;
            for part in &parts {
                let penalty = ctx.phase("path_length", || {
                    let labels = fake_labels(ctx, config, part)?;
                    let count = size / config.path_length_shrink;
                    let labels = labels.map(|labels| labels.f_narrow(0, 0, count)).transpose()?;
                    let (fake, styles) = generate(count, labels.as_ref())?;
                    let lengths = path_length::lengths(&fake, &styles, noise)?;
                    path_length::penalty(&lengths, &mut self.mean_path_length, config.path_length_decay)
                })?;
                ctx.record("penalty/path_length", &penalty);
                generator_player.accumulate(ctx, &penalty.f_mul_scalar(gain * share)?)?;
            }
            ctx.record("path_length", &self.mean_path_length);
            generator_player.accumulate_each(&of_biases)?;
            generator_player.apply(ctx)?;
        }

        for part in &parts {
            let (on_fake, logits_fake) = ctx.phase("discriminator", || {
                let labels = fake_labels(ctx, config, part)?;
                let (fake, _) = no_grad(|| generate(size, labels.as_ref()))?;
                let logits = discriminator.forward(&shown(ada, &fake)?, labels.as_ref())?;
                Ok((loss.on_fake(&logits)?, logits))
            })?;
            discriminator_player.accumulate(ctx, &on_fake.f_mul_scalar(share)?)?;
            let (on_real, logits_real) = ctx.phase("discriminator", || {
                let logits = discriminator.forward(&shown(ada, &part.real)?, part.labels.as_ref())?;
                Ok((loss.on_real(&logits)?, logits))
            })?;
            discriminator_player.accumulate(ctx, &on_real.f_mul_scalar(share)?)?;
            ada.observe(&logits_real)?;
            ctx.record("loss/discriminator", &on_fake.f_detach()?.f_add(&on_real.f_detach()?)?);
            let _ = record_scores(ctx, loss, &logits_real.f_detach()?, &logits_fake.f_detach()?)?;
        }
        discriminator_player.apply(ctx)?;

        if config.r1_gamma > 0.0 && due(config.r1_interval) {
            let gain = config.r1_gamma / 2.0 * config.r1_interval as f64;
            for part in &parts {
                let penalty = ctx.phase("r1", || {
                    let judge =
                        |images: &Tensor| discriminator.forward(&shown(ada, images)?, part.labels.as_ref());
                    gradient_penalty::r1(&judge, &part.real)
                })?;
                ctx.record("penalty/r1", &penalty);
                discriminator_player.accumulate(ctx, &penalty.f_mul_scalar(gain * share)?)?;
            }
            discriminator_player.accumulate_each(&of_biases)?;
            discriminator_player.apply(ctx)?;
        }
        ada.adapt(ctx, batch as u64)
    }

    fn extra_state(&mut self, visitor: &mut dyn StateVisitor) -> Result<()> {
        visitor.tensor("mean_path_length", &mut self.mean_path_length)?;
        self.ada.state(visitor)
    }

    fn players(&self) -> Vec<&Player> {
        vec![&self.generator_player, &self.discriminator_player]
    }

    fn players_mut(&mut self) -> Vec<&mut Player> {
        vec![&mut self.generator_player, &mut self.discriminator_player]
    }

    fn judge(&self, images: &Tensor, labels: Option<&Tensor>) -> Option<Result<Tensor>> {
        if self.config.conditional && labels.is_none() {
            return None;
        }
        Some(no_grad(|| self.discriminator.forward(images, labels)))
    }

    fn preview(&self, ctx: &PreviewCtx) -> Result<Vec<Panel>> {
        let generator = self.network(Weights::Averaged);
        if self.config.conditional {
            return Ok(vec![ctx.rows_of_labels(generator)?]);
        }
        let z = ctx.noise.normal("latent", &[64, self.config.latent])?;
        let images = generator.generate(&z, None, &GenerateOptions::default())?;
        Ok(vec![Panel { name: "samples".to_owned(), images, columns: 8 }])
    }
}

/// Biases that a regulariser does not depend on have a gradient of 0 in the authors' step, and Adam's moments fade by it.
fn of_biases(_: &str, parameter: &Tensor) -> Result<Option<Tensor>> {
    Ok((parameter.dim() < 2).then(|| parameter.f_zeros_like()).transpose()?)
}

/// A batch in its parts.
fn take(ctx: &StepCtx, config: &Config, batch: ImageBatch) -> Result<Vec<Part>> {
    let [height, width] = config.image();
    shape("batch", &batch.images, &[config.batch, config.channels, height, width])?;
    let real = ctx.laid_out(&batch.images)?;
    let labels = match (config.conditional, batch.labels) {
        (false, _) => None,
        (true, Some(labels)) => Some(labels),
        (true, None) => return Err(Error::config("data", "has no classes to learn from")),
    };
    let size = config.batch / config.micro_batches;
    (0..config.micro_batches)
        .map(|n| {
            let cut = |tensor: &Tensor| tensor.f_narrow(0, n * size, size);
            Ok(Part { real: cut(&real)?, labels: labels.as_ref().map(cut).transpose()? })
        })
        .collect()
}

/// Classes for as many fakes as there are reals in a part.
fn fake_labels(ctx: &StepCtx, config: &Config, part: &Part) -> Result<Option<Tensor>> {
    let Some(labels) = &part.labels else { return Ok(None) };
    Ok(Some(match config.label_sampling {
        LabelSampling::Data => labels.shallow_clone(),
        LabelSampling::Balanced => {
            let classes = config.classes.len() as i64;
            ctx.noise().integers("fake labels", classes, &[part.real.size()[0]])?
        }
    }))
}

/// Fakes as in training, and the styles of all layers that made them: of two latents now and then.
fn made(
    ctx: &StepCtx,
    config: &Config,
    generator: &Generator,
    count: i64,
    labels: Option<&Tensor>,
) -> Result<(Tensor, Tensor)> {
    let noise = ctx.noise();
    let z = noise.normal("latent", &[count, config.latent])?;
    let mut styles = generator.for_all_layers(&generator.mapping.forward(&z, labels, Mode::Train)?)?;
    if config.style_mixing > 0.0 {
        let layers = generator.synthesis.layers();
        let from = 1 + noise.index("mixing layer", (layers - 1).max(1) as usize)? as i64;
        let mixes = noise.number("mixing")? < config.style_mixing;
        let other = noise.normal("mixing latent", &[count, config.latent])?;
        if mixes {
            let other = generator.for_all_layers(&generator.mapping.styles(&other, labels)?)?;
            styles = Generator::mixed(&styles, &other, from)?;
        }
    }
    let images = generator.forward(&styles, LayerNoise::Random(noise))?;
    Ok((ctx.laid_out(&images)?, styles))
}

impl ImageGan for StyleGan {
    fn generator(&self, weights: Weights) -> &dyn Generate {
        self.network(weights)
    }
}
