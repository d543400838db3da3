//! Cases of classes to images.

use anyhow::Result;
use biggan::{BigGan, Config};
use gan_core::device::DevicePolicy;
use gan_core::ema::EmaConfig;
use gan_core::random::Streams;
use gan_core::tensor::range;
use gan_core::variant::{Generate, GenerateOptions};

use crate::case;

/// BigGAN-PyTorch's settings for CIFAR-10, averaging from the first step on.
pub fn cifar10() -> Result<Config> {
    let preset = Config::preset("cifar10")?;
    let ema = EmaConfig { start_images: 0, ..preset.ema };
    Ok(Config { classes: case::classes(), ema, ..preset })
}

/// 1,000 images of that generator, as many at a time as a batch has.
pub struct Sampling {
    gan: BigGan,
    policy: DevicePolicy,
    done: u64,
}

impl Sampling {
    const IMAGES: i64 = 1_000;

    /// Prepares the network.
    pub fn new(policy: DevicePolicy) -> Result<Self> {
        Ok(Self { gan: BigGan::new(cifar10()?, &policy, 1)?, policy, done: 0 })
    }

    /// All images once, in bytes.
    pub fn iteration(&mut self) -> Result<()> {
        let &Config { batch, latent, .. } = self.gan.config();
        for _ in 0..Self::IMAGES / batch {
            let noise = Streams::new(1, 0, self.done, self.policy.device);
            let z = noise.normal("latent", &[batch, latent])?;
            let labels = self.gan.draw_labels(&noise, batch)?;
            let images = self.gan.generate(&z, labels.as_ref(), &GenerateOptions::default())?;
            let _made = range::to_bytes(&images)?;
            self.done += 1;
        }
        Ok(())
    }
}
