//! The cases: what one iteration of each is.

use anyhow::{Context, Result};
use clap::ValueEnum;
use dcgan::{Config, Dcgan, DiscriminatorNorm};
use gan_core::data::{ImageBatch, Source};
use gan_core::device::DevicePolicy;
use gan_core::game::RegularizerConfig;
use gan_core::loss::AdversarialLoss;
use gan_core::random::Streams;
use gan_core::trainer::{Identity, RunDir, TrainConfig, Trainer};
use tempfile::TempDir;

use crate::Options;
use crate::loader::Loader;
use crate::metric::Metric;

/// A benchmark case; the same names as in `benches/pytorch/peer.py`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Case {
    /// DCGAN as in PyTorch's example: 64x64x3, latent 100, widths 64, batch 64.
    #[value(name = "dcgan-64-f32")]
    Dcgan64F32,
    /// The same in bf16.
    #[value(name = "dcgan-64-bf16")]
    Dcgan64Bf16,
    /// One stage fewer: 32x32x1, batch 128.
    #[value(name = "dcgan-32-f32")]
    Dcgan32F32,
    /// That without batch normalisation in the discriminator, with R1 (γ = 1) in every update.
    #[value(name = "dcgan-32-r1")]
    Dcgan32R1,
    /// Those networks with the Wasserstein loss and its gradient penalty (λ = 10), one critic update a step.
    #[value(name = "dcgan-32-wgan-gp")]
    Dcgan32WganGp,
    /// Inception's 2,048 features of 32 pictures of 299x299.
    #[value(name = "inception")]
    Inception,
    /// The same in bf16.
    #[value(name = "inception-bf16")]
    InceptionBf16,
    /// The Fréchet distance from 10,000 features of 2,048 against as many.
    #[value(name = "fid")]
    Fid,
    /// The kernel distance of those.
    #[value(name = "kid")]
    Kid,
    /// Precision, recall, density and coverage of those.
    #[value(name = "prdc")]
    Prdc,
    /// A folder of 2,000 PNGs of 64x64, batch 64.
    #[value(name = "loader")]
    Loader,
}

/// A case at work.
pub enum Work {
    /// Training.
    Training(Box<Training>),
    /// Loading.
    Loader(Box<Loader>),
    /// Scoring.
    Metric(Box<Metric>),
}

/// A run as `gan train` does it: steps, averages, log; without pictures and checkpoints.
pub struct Training {
    name: String,
    gan: Dcgan,
    reals: Reals,
    trainer: Trainer,
    _run_folder: TempDir,
}

impl Work {
    /// Prepares a case.
    pub fn new(options: &Options) -> Result<Self> {
        if options.case == Case::Loader {
            return Ok(Self::Loader(Box::new(Loader::new(options)?)));
        }
        if let Some(metric) = Metric::new(options)? {
            return Ok(Self::Metric(Box::new(metric)));
        }
        let named = if options.case == Case::Dcgan64Bf16 { "bf16" } else { "f32" };
        let precision = options.precision.as_deref().unwrap_or(named);
        let policy = DevicePolicy::resolve(&options.device, precision, options.threads)?;
        policy.apply();
        let config = config(options.case);
        let reals = Reals::new(&config, &policy)?;
        let gan = Dcgan::new(config, &policy, 1)?;
        let run_folder = tempfile::tempdir().context("cannot make a folder for the run")?;
        let run = RunDir::create(&run_folder.path().join("run"), "")?;
        let train = TrainConfig {
            images: u64::MAX,
            checkpoint_images: 0,
            preview_images: 0,
            evaluate_images: 0,
            ..TrainConfig::default()
        };
        let identity = Identity::of(&gan, gan.config())?;
        let trainer = Trainer::new(train, policy, run, identity)?;
        let name = format!("gan {precision}");
        Ok(Self::Training(Box::new(Training { name, gan, reals, trainer, _run_folder: run_folder })))
    }

    /// What stands in front of the numbers.
    pub fn name(&self) -> &str {
        match self {
            Self::Training(training) => &training.name,
            Self::Loader(_) | Self::Metric(_) => "gan",
        }
    }

    /// One iteration.
    pub fn iteration(&mut self) -> Result<()> {
        match self {
            Self::Training(training) => {
                let Training { gan, reals, trainer, .. } = &mut **training;
                trainer.advance(gan, reals)?;
                Ok(())
            }
            Self::Loader(loader) => loader.iteration(),
            Self::Metric(metric) => metric.iteration(),
        }
    }

    /// Iterations that may have been worked ahead while nobody asked.
    pub fn ahead(&self) -> usize {
        match self {
            Self::Training(_) | Self::Metric(_) => 0,
            Self::Loader(loader) => loader.ahead,
        }
    }
}

/// The networks and what they play.
fn config(case: Case) -> Config {
    let small = || Config { size: 32, channels: 1, batch: 128, ..Config::default() };
    let penalised =
        |regularizer| Config { discriminator_norm: DiscriminatorNorm::None, regularizer, ..small() };
    let none = RegularizerConfig::default();
    match case {
        Case::Dcgan32F32 => small(),
        Case::Dcgan32R1 => penalised(RegularizerConfig { r1: 1.0, ..none }),
        Case::Dcgan32WganGp => Config {
            loss: AdversarialLoss::Wasserstein,
            ..penalised(RegularizerConfig { wgan_gp: 10.0, ..none })
        },
        _ => Config::default(),
    }
}

/// The same few random batches over and over, so that nothing but training is timed.
struct Reals {
    batches: Vec<tch::Tensor>,
    position: u64,
}

impl Reals {
    fn new(config: &Config, policy: &DevicePolicy) -> Result<Self> {
        let shape = [config.batch, config.channels, config.size, config.size];
        let batch = |number| -> Result<tch::Tensor> {
            let uniform = Streams::new(1, 0, number, policy.device).uniform("reals", &shape)?;
            Ok(uniform.f_mul_scalar(2.0)?.f_add_scalar(-1.0)?)
        };
        Ok(Self { batches: (0..8).map(batch).collect::<Result<_>>()?, position: 0 })
    }
}

impl Source<ImageBatch> for Reals {
    fn next(&mut self) -> gan_core::error::Result<ImageBatch> {
        let images = self.batches[self.position as usize % self.batches.len()].shallow_clone();
        self.position += 1;
        Ok(ImageBatch { images, labels: None, attributes: None })
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn seek(&mut self, position: u64) -> gan_core::error::Result<()> {
        self.position = position;
        Ok(())
    }
}
