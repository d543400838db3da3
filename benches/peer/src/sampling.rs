//! Cases of latents, or of classes, to images.

use anyhow::Result;
use gan_core::augment::AdaConfig;
use gan_core::device::DevicePolicy;
use gan_core::ema::EmaConfig;
use gan_core::nn::Parameters;
use gan_core::random::Streams;
use gan_core::tensor::range;
use gan_core::variant::{Generate, GenerateOptions};
use stylegan::Architecture;

use crate::case;

/// BigGAN-PyTorch's settings for CIFAR-10, averaging from the first step on.
pub fn cifar10() -> Result<biggan::Config> {
    let preset = biggan::Config::preset("cifar10")?;
    let ema = EmaConfig { start_images: 0, ..preset.ema };
    Ok(biggan::Config { classes: case::classes(), ema, ..preset })
}

/// An interval of regularisers that only step 0 is to have.
pub const NEVER: u64 = 1_000_000_000;

/// stylegan2-ada-pytorch's networks for CIFAR-10, with both regularisers every `interval` steps.
pub fn stylegan_32(interval: u64) -> stylegan::Config {
    stylegan::Config {
        size: 32,
        discriminator: Architecture::Orig,
        minibatch_group: 16,
        r1_gamma: 0.01,
        r1_interval: interval,
        path_length_interval: interval,
        ..stylegan::Config::default()
    }
}

/// The same with augmentations of a fixed probability.
pub fn stylegan_32_ada() -> stylegan::Config {
    let ada = AdaConfig { p: 0.5, target: 0.0, ..AdaConfig::bgc() };
    stylegan::Config { ada, ..stylegan_32(NEVER) }
}

/// Those of larger images: a residual discriminator, a deeper mapping network; regularisers in step 0 alone.
pub fn stylegan_64() -> stylegan::Config {
    stylegan::Config {
        size: 64,
        discriminator: Architecture::Resnet,
        mapping_layers: 8,
        ..stylegan_32(NEVER)
    }
}

/// Images of a generator in bytes, as many at a time as a batch has: of one alone, as `gan sample` loads it.
pub struct Sampling {
    generator: Box<dyn Generate>,
    images: i64,
    batch: i64,
    policy: DevicePolicy,
    done: u64,
}

impl Sampling {
    /// 1,000 images of [`cifar10`]'s generator.
    pub fn of_classes(policy: DevicePolicy) -> Result<Self> {
        let config = cifar10()?;
        let batch = config.batch;
        let mut weights = Parameters::new(&policy, 1);
        let generator = biggan::Generator::new(weights.root().frozen(true), &config)?;
        Ok(Self { generator: Box::new(generator), images: 1_000, batch, policy, done: 0 })
    }

    /// 256 images of [`stylegan_64`]'s generator.
    pub fn of_styles(policy: DevicePolicy) -> Result<Self> {
        let config = stylegan_64();
        let batch = config.batch;
        let mut weights = Parameters::new(&policy, 1);
        let generator = stylegan::Generator::new(weights.root().frozen(true), &config)?;
        Ok(Self { generator: Box::new(generator), images: 256, batch, policy, done: 0 })
    }

    /// All images once, in bytes.
    pub fn iteration(&mut self) -> Result<()> {
        for _ in 0..self.images / self.batch {
            let noise = Streams::new(1, 0, self.done, self.policy.device);
            let z = noise.normal("latent", &[vec![self.batch], self.generator.latent_shape()].concat())?;
            let labels = self.generator.draw_labels(&noise, self.batch)?;
            let images = self.generator.generate(&z, labels.as_ref(), &GenerateOptions::default())?;
            let _made = range::to_bytes(&images)?;
            self.done += 1;
        }
        Ok(())
    }
}
