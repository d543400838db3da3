//! Samples by seed: what `sample`, `modes` and `evaluate` make in the same way, so that a seed names the same picture in each.

use crate::labels::Labels;
use crate::latents;
use anyhow::Result;
use gan_core::variant::{Generate, GenerateOptions};
use std::ops::Range;
use tch::{Device, Tensor, no_grad};

/// A generator and how it is asked.
pub struct Samples<'a> {
    /// The generator.
    pub generator: &'a dyn Generate,
    /// Classes or attributes.
    pub labels: &'a Labels,
    /// Truncation and noise.
    pub options: GenerateOptions,
    /// The seed of picture 0; the next ones have the following seeds.
    pub seed: u64,
    /// The seeds of the pictures instead, where there are some.
    pub listed: &'a [u64],
    /// Where it computes.
    pub device: Device,
}

impl Samples<'_> {
    /// Pictures by number.
    ///
    /// # Shapes
    /// Out f32 in [-1, 1], `[N, C, H, W]` on the device
    ///
    /// # Errors
    /// A GAN that cannot do without labels; LibTorch's.
    pub fn of(&self, numbers: Range<u64>) -> Result<Tensor> {
        let seeds: Vec<u64> = numbers.clone().map(|number| self.seed_of(number)).collect();
        self.with_latents(&latents::of_seeds(self.generator, &seeds)?, numbers)
    }

    /// The seed of a picture.
    pub fn seed_of(&self, number: u64) -> u64 {
        usize::try_from(number)
            .ok()
            .and_then(|number| self.listed.get(number).copied())
            .unwrap_or_else(|| self.seed.wrapping_add(number))
    }

    /// Pictures of latents that no seed names, with the labels of the numbers.
    ///
    /// # Errors
    /// As [`Samples::of`].
    pub fn with_latents(&self, z: &Tensor, numbers: impl Iterator<Item = u64>) -> Result<Tensor> {
        let numbers: Vec<u64> = numbers.collect();
        let labels = self.labels.tensor(self.generator, &numbers, self.seed, self.device)?;
        let z = z.f_to_device(self.device)?;
        Ok(no_grad(|| self.generator.generate(&z, labels.as_ref(), &self.options))?)
    }
}
