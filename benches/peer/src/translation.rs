//! Cases of images to images.

use anyhow::Result;
use cyclegan::{Config, CycleGan};
use gan_core::data::{PairBatch, Source};
use gan_core::device::DevicePolicy;
use gan_core::random::Streams;
use gan_core::tensor::range;
use gan_core::translation::{Area, Tiles};
use gan_core::variant::{Direction, Translate};
use tch::Tensor;

/// CycleGAN with 6 residual blocks and narrow generators, as it is trained on small images.
pub fn small() -> Result<Config> {
    Ok(Config { generator_width: 32, ..Config::preset("cyclegan-128")? })
}

/// The same few random pairs over and over, so that nothing but training is timed.
pub struct Domains {
    batches: Vec<[Tensor; 2]>,
    position: u64,
}

impl Domains {
    /// Pairs as the configuration wants them.
    pub fn new(config: &Config, policy: &DevicePolicy) -> Result<Self> {
        let [height, width] = config.image();
        let batch = |number| -> Result<[Tensor; 2]> {
            let streams = Streams::new(1, 0, number, policy.device);
            let side = |channels: i64| -> Result<Tensor> {
                let draw = streams.uniform("reals", &[config.batch, channels, height, width])?;
                Ok(draw.f_mul_scalar(2.0)?.f_add_scalar(-1.0)?)
            };
            Ok([side(config.channels_a)?, side(config.channels_b)?])
        };
        Ok(Self { batches: (0..8).map(batch).collect::<Result<_>>()?, position: 0 })
    }
}

impl Source<PairBatch> for Domains {
    fn next(&mut self) -> gan_core::error::Result<PairBatch> {
        let [a, b] = &self.batches[self.position as usize % self.batches.len()];
        self.position += 1;
        Ok(PairBatch { a: a.shallow_clone(), b: b.shallow_clone(), weight: None })
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn seek(&mut self, position: u64) -> gan_core::error::Result<()> {
        self.position = position;
        Ok(())
    }
}

/// An image of 1024x1024 through the generator with 9 blocks, whole or in tiles.
pub struct Translation {
    gan: CycleGan,
    policy: DevicePolicy,
    image: Tensor,
    tiles: Option<Tiles>,
}

impl Translation {
    /// Prepares the network and the image.
    pub fn new(policy: DevicePolicy, tiled: bool) -> Result<Self> {
        let gan = CycleGan::new(Config::preset("cyclegan-256")?, &policy, 1)?;
        let image = Streams::new(1, 0, 0, policy.device).uniform("image", &[1, 3, 1024, 1024])?;
        let image = range::to_bytes(&image.f_mul_scalar(2.0)?.f_add_scalar(-1.0)?)?;
        Ok(Self { gan, policy, image, tiles: tiled.then_some(Tiles { size: 512, overlap: 64 }) })
    }

    /// One translation.
    pub fn iteration(&mut self) -> Result<()> {
        let translate = |image: &Tensor| -> gan_core::error::Result<Tensor> {
            let image = range::to_signed(image)?;
            let image =
                if self.policy.channels_last { gan_sys::format::channels_last(&image)? } else { image };
            self.gan.translate(&image, Direction::A2b)
        };
        let _made = match self.tiles {
            None => range::to_bytes(&translate(&self.image)?)?,
            Some(tiles) => tiles.translate([1024, 1024], 1, |Area { top, left, height, width }| {
                translate(&self.image.f_narrow(2, top, height)?.f_narrow(3, left, width)?)
            })?,
        };
        Ok(())
    }
}
