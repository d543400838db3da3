//! Changes to what the discriminator sees: differentiable along the images, twice (under R1), with draws
//! from the step's streams. Reals and fakes get draws of their own.

mod ada;
mod diff_augment;
mod flip_shift;
mod instance_noise;
mod pixels;

pub use ada::{AdaConfig, AdaController, AdaPipe};
pub use diff_augment::DiffAugment;
pub use flip_shift::FlipShift;
pub use instance_noise::InstanceNoise;
