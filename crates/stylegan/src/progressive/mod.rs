//! StyleGAN, the first: *A Style-Based Generator Architecture for Generative Adversarial Networks*, Karras et al. 2019
//! (arXiv 1812.04948), grown as in *Progressive Growing of GANs*, Karras et al. 2018 (arXiv 1710.10196).
//!
//! A mapping network makes styles of latents; a synthesis network makes images from a constant. Every convolution is followed by
//! noise and by adaptive instance normalisation, which takes the statistics of an image away and gives it those that its style
//! asks for. Both networks begin at a low resolution and grow: each new one is faded in.
//!
//! The step stands in [`variant`]. Names of parameters are those of style-based-gan-pytorch.
//!
//! Departures from the paper: both layers of a resolution share their noise, as in style-based-gan-pytorch; the batch is as large
//! at every resolution, and Adam's moments outlive a transition; truncation at sampling goes through all layers.

mod config;
mod discriminator;
mod generator;
mod layers;
mod presets;
mod schedule;
mod synthesis;
pub mod variant;

pub use config::Config;
pub use discriminator::Discriminator;
pub use generator::{Generator, Mapping};
pub use layers::{AdaIn, Blur, NoiseScale};
pub use schedule::Stage;
pub use synthesis::Synthesis;
pub use variant::ProgressiveStyleGan;
