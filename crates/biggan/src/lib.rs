//! BigGAN: *Large Scale GAN Training for High Fidelity Natural Image Synthesis*, Brock et al. 2019 (arXiv 1809.11096).
//!
//! A class-conditional generator of residual blocks, whose normalisations are told the class and a piece of the latent each,
//! against a discriminator by projection; spectral normalisation in both, orthogonal first weights, the hinge loss, large
//! batches. [`Form::Deep`] is BigGAN-deep (appendix B). Its ancestors SNGAN (Miyato et al. 2018) and SAGAN (Zhang et al.
//! 2019) are presets: the same blocks with less.
//!
//! The step stands in [`variant`] and plays a [`Pair`](gan_core::game::Pair), where Algorithm 1 is. Names of parameters are
//! BigGAN-PyTorch's.

mod block;
mod config;
mod discriminator;
mod generator;
mod layout;
mod presets;
pub mod published;
pub mod truncation;
pub mod variant;

/// What surrounds the step; re-exported so that a program needs no other dependency.
pub use gan_core;

pub use config::{Config, FirstWeights, Form, LabelSampling, NormStatistics, Truncation};
pub use discriminator::Discriminator;
pub use generator::Generator;
pub use variant::BigGan;
