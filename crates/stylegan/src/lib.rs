//! StyleGAN2: *Analyzing and Improving the Image Quality of StyleGAN*, Karras et al. 2020 (arXiv 1912.04958), after *A
//! Style-Based Generator Architecture for Generative Adversarial Networks*, 2019 (arXiv 1812.04948).
//!
//! A mapping network makes styles of latents; a synthesis network makes images from a constant, its convolutions modulated by a
//! style each, with noise of their own. A residual discriminator, R1 and path length regularisation, both lazy.
//!
//! The step stands in [`variant`]. Names of parameters are stylegan2-ada-pytorch's. The StyleGAN of 2019, which grows, is a
//! variant of its own: [`progressive`].

mod activation;
mod config;
mod discriminator;
mod generator;
mod layers;
mod layout;
mod mapping;
pub mod path_length;
mod presets;
pub mod progressive;
pub mod projection;
pub mod published;
#[cfg(test)]
mod recorded;
mod synthesis;
pub mod variant;

/// What surrounds the step; re-exported so that a program needs no other dependency.
pub use gan_core;

pub use activation::Activation;
pub use config::{Architecture, Config, LabelSampling, Output};
pub use discriminator::Discriminator;
pub use generator::{Generator, Psi};
pub use mapping::Mapping;
pub use projection::{Projection, ProjectionConfig};
pub use synthesis::{LayerNoise, Synthesis};
pub use variant::StyleGan;
