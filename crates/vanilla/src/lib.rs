//! The original GAN: *Generative Adversarial Networks*, Goodfellow et al. 2014 (arXiv 1406.2661).
//!
//! Two fully connected networks play a minimax game (equation 1): the generator turns noise into samples, the
//! discriminator tells them from data. Section 5 uses ReLU in the generator and maxout in the discriminator.
//!
//! It works on points in the plane, where the truth is known (images of one pixel and two channels, f32 of any
//! size), and on small images. It is the example of how a variant crate is made; its step stands in [`variant`] and plays
//! a [`Pair`](gan_core::game::Pair), where Algorithm 1 is.

mod config;
mod discriminator;
mod generator;
pub mod variant;

/// What surrounds the step; re-exported so that a program needs no other dependency.
pub use gan_core;

pub use config::Config;
pub use discriminator::Discriminator;
pub use gan_core::nn::Activation;
pub use generator::Generator;
pub use variant::Vanilla;
