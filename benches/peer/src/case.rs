//! The cases: what one iteration of each is.

use anyhow::{Context, Result};
use biggan::BigGan;
use cgan::Cgan;
use clap::ValueEnum;
use dcgan::{Config, Dcgan, DiscriminatorNorm};
use gan_core::data::{ImageBatch, Source};
use gan_core::device::DevicePolicy;
use gan_core::ema::EmaConfig;
use gan_core::game::RegularizerConfig;
use gan_core::loss::AdversarialLoss;
use gan_core::random::Streams;
use gan_core::trainer::{Identity, RunDir, TrainConfig, Trainer};
use gan_core::variant::Variant;
use stylegan::StyleGan;
use tempfile::TempDir;

use crate::Options;
use crate::loader::Loader;
use crate::metric::Metric;
use crate::sampling::{self, Sampling};
use crate::translation::{Domains, Translation};

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
    /// Those networks, told one of 10 classes: conditional normalisation and projection.
    #[value(name = "cgan-32-f32")]
    Cgan32F32,
    /// PyTorch-GAN's conditional GAN of fully connected layers: 32x32x1, batch 64.
    #[value(name = "cgan-mlp")]
    CganMlp,
    /// BigGAN with BigGAN-PyTorch's settings for CIFAR-10: 32x32x3, width 64, batch 50, 4 updates and 1.
    #[value(name = "biggan-32-f32")]
    Biggan32F32,
    /// The same in bf16.
    #[value(name = "biggan-32-bf16")]
    Biggan32Bf16,
    /// 1,000 images of its generator, 50 at a time.
    #[value(name = "biggan-sample")]
    BigganSample,
    /// StyleGAN2 with networks as for CIFAR-10: 32x32x3, batch 16; regularisers in step 0 alone.
    #[value(name = "stylegan-32-f32")]
    Stylegan32F32,
    /// The same in bf16.
    #[value(name = "stylegan-32-bf16")]
    Stylegan32Bf16,
    /// The same with R1 and path lengths in every step, from which amortised time follows.
    #[value(name = "stylegan-32-f32-regs")]
    Stylegan32F32Regs,
    /// That in bf16.
    #[value(name = "stylegan-32-bf16-regs")]
    Stylegan32Bf16Regs,
    /// The plain case with the augmentations `bgc` at a probability of 0.5.
    #[value(name = "stylegan-32-f32-ada")]
    Stylegan32F32Ada,
    /// StyleGAN2 with a residual discriminator: 64x64x3, batch 16; regularisers in step 0 alone.
    #[value(name = "stylegan-64-f32")]
    Stylegan64F32,
    /// The same in bf16.
    #[value(name = "stylegan-64-bf16")]
    Stylegan64Bf16,
    /// 256 images of its generator, 16 at a time.
    #[value(name = "stylegan-sample")]
    StyleganSample,
    /// CycleGAN with 6 residual blocks: 128x128x3, generators 32 wide, batch 1.
    #[value(name = "cyclegan-128-f32")]
    Cyclegan128F32,
    /// The same in bf16.
    #[value(name = "cyclegan-128-bf16")]
    Cyclegan128Bf16,
    /// An image of 1024x1024 through CycleGAN's generator with 9 blocks, 64 wide.
    #[value(name = "translate-1024")]
    Translate1024,
    /// The same in tiles of 512.
    #[value(name = "translate-1024-tiled")]
    Translate1024Tiled,
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
    /// Training on pairs.
    Pairs(Box<TrainingPairs>),
    /// Translating.
    Translation(Box<Translation>),
    /// Generating.
    Sampling(Box<Sampling>),
}

/// A run on two domains, as [`Training`].
pub struct TrainingPairs {
    name: String,
    gan: cyclegan::CycleGan,
    reals: Domains,
    trainer: Trainer,
    _run_folder: TempDir,
}

/// A run as `gan train` does it: steps, averages, log; without pictures and checkpoints.
pub struct Training {
    name: String,
    gan: Box<dyn Variant<Batch = ImageBatch>>,
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
        let in_bf16 = matches!(
            options.case,
            Case::Dcgan64Bf16
                | Case::Biggan32Bf16
                | Case::Cyclegan128Bf16
                | Case::Stylegan32Bf16
                | Case::Stylegan32Bf16Regs
                | Case::Stylegan64Bf16
        );
        let named = if in_bf16 { "bf16" } else { "f32" };
        let precision = options.precision.as_deref().unwrap_or(named);
        let mut policy = DevicePolicy::resolve(&options.device, precision, options.threads)?;
        policy.channels_last &= !options.planes;
        policy.apply();
        if matches!(options.case, Case::Translate1024 | Case::Translate1024Tiled) {
            let tiled = options.case == Case::Translate1024Tiled;
            return Ok(Self::Translation(Box::new(Translation::new(policy, tiled)?)));
        }
        if options.case == Case::BigganSample {
            return Ok(Self::Sampling(Box::new(Sampling::of_classes(policy)?)));
        }
        if options.case == Case::StyleganSample {
            return Ok(Self::Sampling(Box::new(Sampling::of_styles(policy)?)));
        }
        let name = format!("gan {precision}");
        if matches!(options.case, Case::Cyclegan128F32 | Case::Cyclegan128Bf16) {
            let config = crate::translation::small()?;
            let reals = Domains::new(&config, &policy)?;
            let gan = cyclegan::CycleGan::new(config, &policy, 1)?;
            let (trainer, _run_folder) = trainer(policy, Identity::of(&gan, &())?)?;
            return Ok(Self::Pairs(Box::new(TrainingPairs { name, gan, reals, trainer, _run_folder })));
        }
        let (gan, shape) = images(options.case, &policy)?;
        let reals = Reals::new(shape, &policy)?;
        let (trainer, _run_folder) = trainer(policy, Identity::of(gan.as_ref(), &())?)?;
        Ok(Self::Training(Box::new(Training { name, gan, reals, trainer, _run_folder })))
    }

    /// What stands in front of the numbers.
    pub fn name(&self) -> &str {
        match self {
            Self::Training(training) => &training.name,
            Self::Pairs(training) => &training.name,
            Self::Loader(_) | Self::Metric(_) | Self::Translation(_) | Self::Sampling(_) => "gan",
        }
    }

    /// One iteration.
    pub fn iteration(&mut self) -> Result<()> {
        match self {
            Self::Training(training) => {
                let Training { gan, reals, trainer, .. } = &mut **training;
                trainer.advance(gan.as_mut(), reals)?;
                Ok(())
            }
            Self::Pairs(training) => {
                let TrainingPairs { gan, reals, trainer, .. } = &mut **training;
                trainer.advance(gan, reals)?;
                Ok(())
            }
            Self::Translation(translation) => translation.iteration(),
            Self::Sampling(sampling) => sampling.iteration(),
            Self::Loader(loader) => loader.iteration(),
            Self::Metric(metric) => metric.iteration(),
        }
    }

    /// Iterations that may have been worked ahead while nobody asked.
    pub fn ahead(&self) -> usize {
        match self {
            Self::Loader(loader) => loader.ahead,
            _ => 0,
        }
    }
}

/// A trainer that does nothing but steps and the log, in a folder that goes with it.
fn trainer(policy: DevicePolicy, identity: Identity) -> Result<(Trainer, TempDir)> {
    let run_folder = tempfile::tempdir().context("cannot make a folder for the run")?;
    let run = RunDir::create(&run_folder.path().join("run"), "")?;
    Ok((Trainer::new(TrainConfig::endless(), policy, run, identity)?, run_folder))
}

/// A GAN that trains on images, and the shape of its batches.
fn images(case: Case, policy: &DevicePolicy) -> Result<(Box<dyn Variant<Batch = ImageBatch>>, [i64; 4])> {
    if matches!(case, Case::Biggan32F32 | Case::Biggan32Bf16) {
        let config = sampling::cifar10()?;
        let shape = [config.batch, config.channels, config.size, config.size];
        return Ok((Box::new(BigGan::new(config, policy, 1)?), shape));
    }
    if let Some(config) = of_styles(case) {
        let shape = [config.batch, config.channels, config.size, config.size];
        return Ok((Box::new(StyleGan::new(config, policy, 1)?), shape));
    }
    if let Some(config) = conditional(case)? {
        let shape = [config.batch, config.channels, config.size, config.size];
        return Ok((Box::new(Cgan::new(config, policy, 1)?), shape));
    }
    let config = config(case);
    let shape = [config.batch, config.channels, config.size, config.size];
    Ok((Box::new(Dcgan::new(config, policy, 1)?), shape))
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

/// Conditional networks, where the case has some.
fn conditional(case: Case) -> Result<Option<cgan::Config>> {
    let preset = match case {
        Case::Cgan32F32 => "fashion-mnist-32",
        Case::CganMlp => "mlp-32",
        _ => return Ok(None),
    };
    // Their generator has no average.
    let ema = EmaConfig::default();
    Ok(Some(cgan::Config { classes: classes(), ema, ..cgan::Config::preset(preset)? }))
}

/// Networks whose layers are told styles, where the case has some.
fn of_styles(case: Case) -> Option<stylegan::Config> {
    match case {
        Case::Stylegan32F32 | Case::Stylegan32Bf16 => Some(sampling::stylegan_32(sampling::NEVER)),
        Case::Stylegan32F32Regs | Case::Stylegan32Bf16Regs => Some(sampling::stylegan_32(1)),
        Case::Stylegan32F32Ada => Some(sampling::stylegan_32_ada()),
        Case::Stylegan64F32 | Case::Stylegan64Bf16 => Some(sampling::stylegan_64()),
        _ => None,
    }
}

const CLASSES: i64 = 10;

/// Names of the classes that [`Reals`] have.
pub fn classes() -> Vec<String> {
    (0..CLASSES).map(|class| class.to_string()).collect()
}

/// The same few random batches over and over, so that nothing but training is timed.
struct Reals {
    batches: Vec<(tch::Tensor, tch::Tensor)>,
    position: u64,
}

impl Reals {
    fn new(shape: [i64; 4], policy: &DevicePolicy) -> Result<Self> {
        let batch = |number| -> Result<(tch::Tensor, tch::Tensor)> {
            let streams = Streams::new(1, 0, number, policy.device);
            let images = streams.uniform("reals", &shape)?.f_mul_scalar(2.0)?.f_add_scalar(-1.0)?;
            Ok((images, streams.integers("labels", CLASSES, &shape[..1])?))
        };
        Ok(Self { batches: (0..8).map(batch).collect::<Result<_>>()?, position: 0 })
    }
}

impl Source<ImageBatch> for Reals {
    fn next(&mut self) -> gan_core::error::Result<ImageBatch> {
        let (images, labels) = &self.batches[self.position as usize % self.batches.len()];
        self.position += 1;
        Ok(ImageBatch {
            images: images.shallow_clone(),
            labels: Some(labels.shallow_clone()),
            attributes: None,
        })
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn seek(&mut self, position: u64) -> gan_core::error::Result<()> {
        self.position = position;
        Ok(())
    }
}
