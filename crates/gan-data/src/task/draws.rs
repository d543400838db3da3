//! What a batch of tasks is drawn from: numbers for the host and noise for the device, keyed alike.

use gan_core::error::Result;
use gan_core::random::{Streams, key, split_mix};
use gan_core::tensor::range;
use tch::{Device, Tensor};

/// The draws of one batch.
#[derive(Debug)]
pub(super) struct Draws {
    seed: u64,
    device: Device,
}

impl Draws {
    /// One number of `noise` keys all others: it is the only one read from there, and big draws are made on the
    /// images' `device` wherever `noise` lies.
    pub(super) fn new(noise: &Streams, device: Device) -> Result<Self> {
        let number = noise.integers("task", 1 << 62, &[1])?;
        let seed = Vec::<i64>::try_from(&number)?.iter().fold(0, |_, number| *number as u64);
        Ok(Self { seed, device })
    }

    /// Numbers for image `image` of the batch.
    pub(super) fn of_image(&self, purpose: &str, image: i64) -> Host {
        Host(key(self.seed, &[image as u64], purpose))
    }

    /// `images` with Gaussian noise, its standard deviation in grey levels drawn for each image from `std`.
    ///
    /// # Shapes
    /// `images` in [-1, 1], `[N, C, H, W]`; out the same shape, values may leave [-1, 1].
    pub(super) fn with_noise(&self, images: &Tensor, std: [f64; 2]) -> Result<Tensor> {
        if std == [0.0, 0.0] {
            return Ok(images.shallow_clone());
        }
        let streams = Streams::new(self.seed, 0, 0, self.device);
        let draw = streams.uniform("task noise std", &[images.size()[0], 1, 1, 1])?;
        let std = draw.f_mul_scalar(std[1] - std[0])?.f_add_scalar(std[0])?.f_mul_scalar(2.0 / 255.0)?;
        Ok(streams.normal("task noise", &images.size())?.f_mul(&std)?.f_add(images)?)
    }
}

/// As a file of 8 bits would hold them: what a network is given at use is never finer.
pub(super) fn in_grey_levels(images: &Tensor) -> Result<Tensor> {
    range::to_signed(&range::to_bytes(images)?)
}

/// A sequence of numbers on the host.
#[derive(Debug)]
pub(super) struct Host(u64);

impl Host {
    /// Uniform in [low, high].
    pub(super) fn within(&mut self, [low, high]: [f64; 2]) -> f64 {
        self.0 = split_mix(self.0);
        low + (high - low) * (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A whole number from low to high, both among them.
    pub(super) fn whole(&mut self, [low, high]: [u64; 2]) -> u64 {
        self.0 = split_mix(self.0);
        let choices = u128::from(high.saturating_sub(low)) + 1;
        low + ((u128::from(self.0) * choices) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_drawn_and_nothing_beyond() {
        let mut host = Host(1);
        let whole: Vec<u64> = (0..500).map(|_| host.whole([3, 6])).collect();
        assert_eq!((whole.iter().min(), whole.iter().max()), (Some(&3), Some(&6)));
        let within: Vec<f64> = (0..500).map(|_| host.within([-1.0, 2.0])).collect();
        assert!(within.iter().all(|value| (-1.0..=2.0).contains(value)));
        assert!(within.iter().any(|value| *value > 1.9) && within.iter().any(|value| *value < -0.9));
        assert_eq!((host.whole([2, 2]), host.within([0.5, 0.5])), (2, 0.5));
    }
}
