//! The networks and one whole training step.

use super::{Config, Discriminator, Generator, Stage};
use crate::{Generator as Styles, LayerNoise};
use gan_core::data::{ImageBatch, Source};
use gan_core::device::DevicePolicy;
use gan_core::ema::EmaConfig;
use gan_core::error::Result;
use gan_core::game::record_scores;
use gan_core::player::Player;
use gan_core::regularizer::gradient_penalty;
use gan_core::step::StepCtx;
use gan_core::tensor::guard::shape;
use gan_core::trainer::Checkpoint;
use gan_core::variant::{
    Generate, GenerateOptions, ImageGan, Panel, PreviewCtx, StateVisitor, Variant, Weights,
};
use tch::{Kind, Tensor, no_grad};

/// What the state calls [`ProgressiveStyleGan::images`].
const IMAGES: &str = "images";

/// The variant's word.
const NAME: &str = "stylegan1";

/// A StyleGAN in training.
#[derive(Debug)]
pub struct ProgressiveStyleGan {
    config: Config,
    generator: Generator,
    discriminator: Discriminator,
    /// Over the tensors of the generator player's moving average.
    averaged: Option<Generator>,
    generator_player: Player,
    discriminator_player: Player,
    /// Where the clock stood at the last step: how far the networks have grown is asked outside of steps, too.
    images: u64,
}

impl ProgressiveStyleGan {
    /// First weights are drawn from `seed`: those of all resolutions, though the higher ones stand still at first.
    ///
    /// # Errors
    /// A setting that cannot work; LibTorch's, such as no memory.
    pub fn new(config: Config, policy: &DevicePolicy, seed: u64) -> Result<Self> {
        config.validate()?;
        let moves = (config.generator_optimizer, config.ema);
        let (generator_player, generator, averaged) =
            Player::with_networks("generator", policy, seed, moves, |scope| Generator::new(scope, &config))?;
        let generator_player = generator_player
            .with_rate_shares(|name| if Generator::maps(name) { config.mapping_lr } else { 1.0 });
        let moves = (config.discriminator_optimizer, EmaConfig::default());
        let (discriminator_player, discriminator, _) =
            Player::with_networks("discriminator", policy, seed, moves, |scope| {
                Discriminator::new(scope, &config)
            })?;
        Ok(Self {
            config,
            generator,
            discriminator,
            averaged,
            generator_player,
            discriminator_player,
            images: 0,
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
        let stage = Stage::at(&config, checkpoint.extra_number(IMAGES)? as u64);
        let mut generator = checkpoint.generator(weights, policy, |scope| Generator::new(scope, &config))?;
        generator.grow(stage);
        Ok(generator)
    }

    /// What it is made of.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How far the networks had grown at the last step.
    pub fn stage(&self) -> Stage {
        Stage::at(&self.config, self.images)
    }

    /// The generator with weights of either kind.
    pub fn network(&self, weights: Weights) -> &Generator {
        weights.of(&self.generator, self.averaged.as_ref())
    }

    /// Lets the networks be as far grown as after so many images.
    fn grow(&mut self, images: u64) {
        self.images = images;
        let stage = self.stage();
        for generator in std::iter::once(&mut self.generator).chain(&mut self.averaged) {
            generator.grow(stage);
        }
    }
}

impl Variant for ProgressiveStyleGan {
    type Batch = ImageBatch;

    fn name(&self) -> &'static str {
        NAME
    }

    fn images_per_step(&self) -> u64 {
        self.config.batch as u64
    }

    /// One update each at the resolution that the clock says, the discriminator's first. Parameters of other resolutions have no
    /// gradient and stand still, their moments too.
    fn step(&mut self, ctx: &StepCtx, data: &mut dyn Source<ImageBatch>) -> Result<()> {
        self.grow(ctx.clock().images);
        let stage = self.stage();
        let Self { config, generator, discriminator, generator_player, discriminator_player, .. } = self;
        let &mut Config { batch, channels, size, loss, r1_gamma, gradient_penalty: lambda, drift, .. } =
            config;
        for player in [&mut *generator_player, &mut *discriminator_player] {
            player.adam_mut().pace = config.pace(stage.level);
        }
        let images = data.next()?.images;
        shape("batch", &images, &[batch, channels, size, size])?;
        let real = ctx.laid_out(&stage.shrunk(&images, config.fade_reals)?)?;
        let judge = |images: &Tensor| discriminator.forward(&ctx.laid_out(images)?, stage);
        let number = |value: f64| Tensor::f_full([] as [i64; 0], value, (Kind::Float, real.device()));
        ctx.record("growth/side", &number(stage.side() as f64)?);
        ctx.record("growth/alpha", &number(stage.fading().unwrap_or(1.0))?);

        let (on_real, penalised, logits_real) = ctx.phase("discriminator", || {
            let real = if r1_gamma > 0.0 { gradient_penalty::watched(&real)? } else { real.shallow_clone() };
            let logits = judge(&real)?;
            let mut on_real = loss.on_real(&logits)?;
            if drift > 0.0 {
                let square = logits.f_to_kind(Kind::Float)?.f_square()?.f_mean(None)?;
                on_real = on_real.f_add(&square.f_mul_scalar(drift)?)?;
            }
            ctx.record("loss/real", &on_real);
            if r1_gamma == 0.0 {
                return Ok((on_real.shallow_clone(), on_real, logits));
            }
            let penalty = gradient_penalty::r1_of(&logits, &real)?;
            ctx.record("penalty/r1", &penalty);
            let penalised = on_real.f_add(&penalty.f_mul_scalar(r1_gamma / 2.0)?)?;
            Ok((on_real, penalised, logits))
        })?;
        discriminator_player.accumulate(ctx, &penalised)?;
        let fake = ctx.phase("discriminator", || no_grad(|| made(ctx, config, generator, stage)))?;
        let (on_fake, logits_fake) = ctx.phase("discriminator", || {
            let logits = judge(&fake)?;
            Ok((loss.on_fake(&logits)?, logits))
        })?;
        ctx.record("loss/fake", &on_fake);
        discriminator_player.accumulate(ctx, &on_fake)?;
        if lambda > 0.0 {
            let penalty = ctx.phase("gradient penalty", || {
                let alpha = ctx.noise().uniform("penalty alpha", &[batch, 1, 1, 1])?;
                gradient_penalty::wgan_gp(&judge, &real, &fake, &alpha)
            })?;
            ctx.record("penalty/wgan_gp", &penalty);
            discriminator_player.accumulate(ctx, &penalty.f_mul_scalar(lambda)?)?;
        }
        discriminator_player.apply(ctx)?;
        ctx.record("loss/discriminator", &on_real.f_detach()?.f_add(&on_fake.f_detach()?)?);
        let _ = record_scores(ctx, loss, &logits_real.f_detach()?, &logits_fake.f_detach()?)?;

        let loss =
            ctx.phase("generator", || loss.generator(&judge(&made(ctx, config, generator, stage)?)?))?;
        ctx.record("loss/generator", &loss);
        generator_player.descend(ctx, &loss)
    }

    fn extra_state(&mut self, visitor: &mut dyn StateVisitor) -> Result<()> {
        let mut images = self.images as f64;
        visitor.number(IMAGES, &mut images)?;
        self.grow(images as u64);
        Ok(())
    }

    fn players(&self) -> Vec<&Player> {
        vec![&self.generator_player, &self.discriminator_player]
    }

    fn players_mut(&mut self) -> Vec<&mut Player> {
        vec![&mut self.generator_player, &mut self.discriminator_player]
    }

    fn judge(&self, images: &Tensor, _: Option<&Tensor>) -> Option<Result<Tensor>> {
        let stage = self.stage();
        Some(no_grad(|| self.discriminator.forward(&stage.shrunk(images, self.config.fade_reals)?, stage)))
    }

    fn preview(&self, ctx: &PreviewCtx) -> Result<Vec<Panel>> {
        let z = ctx.noise.normal("latent", &[64, self.config.style])?;
        let images = self.generator(Weights::Averaged).generate(&z, None, &GenerateOptions::default())?;
        Ok(vec![Panel { name: "samples".to_owned(), images, columns: 8 }])
    }
}

/// Fakes as in training: of two latents now and then (Karras et al. 2019, section 3.1), which change places at a random layer of
/// those that are in use.
fn made(ctx: &StepCtx, config: &Config, generator: &Generator, stage: Stage) -> Result<Tensor> {
    let (noise, latents) = (ctx.noise(), [config.batch, config.style]);
    let styles = |purpose: &str| -> Result<Tensor> {
        generator.for_all_layers(&generator.mapping.styles(&noise.normal(purpose, &latents)?)?)
    };
    let mut chosen = styles("latent")?;
    if config.style_mixing > 0.0 && noise.number("mixing")? < config.style_mixing {
        let others = 2 * stage.level + 1;
        let from = 1 + noise.index("mixing layer", others as usize)? as i64;
        chosen = Styles::mixed(&chosen, &styles("mixing latent")?, from)?;
    }
    generator.forward(&chosen, stage, LayerNoise::Random(noise))
}

impl ImageGan for ProgressiveStyleGan {
    fn generator(&self, weights: Weights) -> &dyn Generate {
        self.network(weights)
    }
}
