//! A GAN of a few hundred weights on images of 4 x 4 pixels, which can be made to go wrong.
#![allow(dead_code, missing_docs)] // each test binary uses its part

use gan_core::data::{ImageBatch, Source};
use gan_core::error::Result;
use gan_core::loss::AdversarialLoss;
use gan_core::nn::{Conv2d, ConvOptions, ConvTranspose2d, Init, Parameters, leaky_relu};
use gan_core::optim::AdamConfig;
use gan_core::player::Player;
use gan_core::random::{Streams, key};
use gan_core::step::StepCtx;
use gan_core::trainer::{Better, Identity, RunDir, Tick, TrainConfig, Trainer};
use gan_core::variant::{Panel, PreviewCtx, Variant};
use gan_testkit::contract::policy;
use std::path::Path;
use tch::{Device, Kind, Tensor, no_grad};

pub const BATCH: i64 = 16;
const LATENT: i64 = 4;
const WIDTH: i64 = 16;

/// What is wrong with it.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub seed: u64,
    pub loss: AdversarialLoss,
    pub generator_rate: f64,
    pub discriminator_rate: f64,
    /// What latents are multiplied by: 0 for a generator that does not listen.
    pub latent_gain: f64,
    /// Added to samples before their tanh.
    pub brightness: f64,
    /// Steps whose generator loss is NaN, while learning rates are at their full height.
    pub nan_from: u64,
    /// Whether they stay NaN at lower rates.
    pub nan_for_good: bool,
    /// Whether the step reads its loss.
    pub reads: bool,
}

impl Settings {
    pub fn healthy(seed: u64) -> Self {
        Self {
            seed,
            loss: AdversarialLoss::NonSaturating,
            generator_rate: 2e-3,
            discriminator_rate: 2e-3,
            latent_gain: 1.0,
            brightness: 0.0,
            nan_from: u64::MAX,
            nan_for_good: false,
            reads: false,
        }
    }
}

pub struct Toy {
    pub settings: Settings,
    generator: (ConvTranspose2d, Conv2d),
    discriminator: (Conv2d, Conv2d),
    pub players: [Player; 2],
}

impl Toy {
    pub fn new(settings: Settings) -> Self {
        let init = Init::Normal { mean: 0.0, std: 0.2 };
        let options = |kernel| ConvOptions { kernel, stride: 1, padding: 0, bias: true };
        let store = |name| Parameters::new(&policy(), key(settings.seed, &[], name));
        let player =
            |name, store, rate| Player::new(name, store, AdamConfig::new(rate, 0.5)).expect("player");

        let mut weights = store("generator");
        let mut root = weights.root();
        let first = ConvTranspose2d::new(root.sub("first"), LATENT, WIDTH, options(4), init).expect("first");
        let last = Conv2d::new(root.sub("last"), WIDTH, 1, options(1), init).expect("last");
        let generator = (first, last);
        let generator_player = player("generator", weights, settings.generator_rate);

        let mut weights = store("discriminator");
        let mut root = weights.root();
        let first = Conv2d::new(root.sub("first"), 1, WIDTH, options(4), init).expect("first");
        let last = Conv2d::new(root.sub("last"), WIDTH, 1, options(1), init).expect("last");
        let players = [generator_player, player("discriminator", weights, settings.discriminator_rate)];
        Self { settings, generator, discriminator: (first, last), players }
    }

    pub fn generate(&self, z: &Tensor) -> Result<Tensor> {
        let (first, last) = &self.generator;
        let hidden = leaky_relu(first.forward(&z.f_mul_scalar(self.settings.latent_gain)?)?, 0.2)?;
        Ok(last.forward(&hidden)?.f_add_scalar(self.settings.brightness)?.f_tanh()?)
    }

    fn logits(&self, images: &Tensor) -> Result<Tensor> {
        let (first, last) = &self.discriminator;
        Ok(last.forward(&leaky_relu(first.forward(images)?, 0.2)?)?.f_flatten(0, -1)?)
    }
}

impl Variant for Toy {
    type Batch = ImageBatch;

    fn name(&self) -> &'static str {
        "toy"
    }

    fn images_per_step(&self) -> u64 {
        BATCH as u64
    }

    fn step(&mut self, ctx: &StepCtx, data: &mut dyn Source<ImageBatch>) -> Result<()> {
        let Settings { loss, nan_from, nan_for_good, reads, .. } = self.settings;
        let real = data.next()?.images;
        let fake = self.generate(&ctx.noise().normal("latent", &[BATCH, LATENT, 1, 1])?)?;
        let (on_real, on_fake) = (self.logits(&real)?, self.logits(&fake.f_detach()?)?);
        let d_loss = loss.on_real(&on_real)?.f_add(&loss.on_fake(&on_fake)?)?;
        self.players[1].descend(ctx, &d_loss)?;
        let mut g_loss = loss.generator(&self.logits(&fake)?)?;
        let slowed = self.players[0].adam().rate_factor < 1.0;
        if ctx.clock().step >= nan_from && (nan_for_good || !slowed) {
            g_loss = g_loss.f_mul_scalar(f64::NAN)?;
        }
        self.players[0].descend(ctx, &g_loss)?;
        if reads {
            let _ = g_loss.f_double_value(&[])?;
        }
        ctx.record("loss/generator", &g_loss);
        ctx.record("loss/discriminator", &d_loss);
        for (name, logits, sign) in [("real", &on_real, 1.0), ("fake", &on_fake, -1.0)] {
            ctx.record(&format!("score/{name}"), &logits.f_detach()?.f_sigmoid()?);
            let right = logits.f_mul_scalar(sign)?.f_gt(0.0)?.f_to_kind(Kind::Float)?;
            ctx.record(&format!("accuracy/{name}"), &right);
        }
        Ok(())
    }

    fn players(&self) -> Vec<&Player> {
        self.players.iter().collect()
    }

    fn players_mut(&mut self) -> Vec<&mut Player> {
        self.players.iter_mut().collect()
    }

    fn preview(&self, ctx: &PreviewCtx) -> Result<Vec<Panel>> {
        let z = ctx.noise.normal("latent", &[4, LATENT, 1, 1])?;
        let images = no_grad(|| self.generate(&z))?;
        Ok(vec![Panel { name: "samples".to_owned(), images, columns: 2 }])
    }
}

/// Images of two shades: the left and the right half vary independently.
pub struct Halves(u64);

impl Halves {
    pub fn new() -> Self {
        Self(0)
    }

    pub fn images(key: u64, count: i64) -> Result<Tensor> {
        let streams = Streams::new(7, 0, key, Device::Cpu);
        let shades = streams.normal("shades", &[count, 1, 1, 2])?.f_mul_scalar(0.5)?;
        let grain = streams.normal("grain", &[count, 1, 4, 4])?.f_mul_scalar(0.1)?;
        Ok(shades
            .f_repeat_interleave_self_int(2, 3, None)?
            .f_expand([count, 1, 4, 4], false)?
            .f_add(&grain)?
            .f_tanh()?)
    }
}

impl Source<ImageBatch> for Halves {
    fn next(&mut self) -> Result<ImageBatch> {
        self.0 += 1;
        Ok(ImageBatch { images: Self::images(self.0, BATCH)?, labels: None, attributes: None })
    }

    fn position(&self) -> u64 {
        self.0
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        self.0 = position;
        Ok(())
    }
}

pub fn train_config(steps: u64) -> TrainConfig {
    let batch = BATCH as u64;
    TrainConfig {
        images: steps * batch,
        seed: 1,
        report_images: 10 * batch,
        preview_images: 0,
        checkpoint_images: 50 * batch,
        keep_checkpoints: 50,
        evaluate_images: 50 * batch,
        ..TrainConfig::default()
    }
}

pub fn trainer(folder: &Path, config: TrainConfig, toy: &Toy) -> Trainer {
    let run = if folder.join("config.toml").exists() {
        RunDir::open(folder)
    } else {
        RunDir::create(folder, "a = 1")
    };
    let identity = Identity::of(toy, &()).expect("identity");
    Trainer::new(config, policy(), run.expect("run folder"), identity).expect("trainer")
}

/// Mean distance between images of a batch.
fn distance(images: &Tensor) -> f64 {
    let flat = images.flatten(1, -1);
    Tensor::cdist(&flat, &flat, 2.0, None).sum(Kind::Double).double_value(&[])
        / (flat.size()[0] * (flat.size()[0] - 1)) as f64
}

/// Evaluates as a program would.
pub fn evaluate(trainer: &mut Trainer, toy: &Toy) {
    let z = Streams::new(3, 0, 0, Device::Cpu).normal("evaluation", &[64, LATENT, 1, 1]).expect("latents");
    let fakes = no_grad(|| toy.generate(&z)).expect("images");
    let reals = Halves::images(u64::MAX, 64).expect("images");
    let gap = (fakes.mean_dim(0i64, false, None) - reals.mean_dim(0i64, false, None)).abs().mean(None);
    let spread = (fakes.std(true) - reals.std(true)).abs();
    trainer.observe_quality("moments", (gap + spread).double_value(&[]), Better::Lower);
    trainer.observe("diversity/samples", distance(&fakes));
    trainer.observe("diversity/reals", distance(&reals));
}

/// One tick, with the evaluation that it asks for.
pub fn advance(trainer: &mut Trainer, toy: &mut Toy, source: &mut Halves) -> Tick {
    let tick = trainer.advance(toy, source).expect("a step");
    if tick.evaluate {
        evaluate(trainer, toy);
    }
    tick
}

/// Trains until `images` are shown or the run ends; every tick.
pub fn run_until(trainer: &mut Trainer, toy: &mut Toy, source: &mut Halves, images: u64) -> Vec<Tick> {
    let mut ticks = Vec::new();
    loop {
        let tick = advance(trainer, toy, source);
        let done = tick.finished || tick.clock.images >= images && !tick.evaluate;
        ticks.push(tick);
        if done || ticks.len() > 100_000 {
            return ticks;
        }
    }
}
