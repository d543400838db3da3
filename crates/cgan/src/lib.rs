//! Conditional GANs: *Conditional Generative Adversarial Nets*, Mirza & Osindero 2014 (arXiv 1411.1784), and the ways of
//! conditioning that the field found since.
//!
//! Both players are told a condition y, so that the game is min max E log D(x|y) + E log(1 - D(G(z|y)|y)) (equation 2): one
//! of several classes, or numbers (attributes that are there or not, a rotation, a thickness). How each of them is told is a
//! choice: in the generator beside the latent or by normalisations ([`GeneratorCondition`]), in the discriminator beside
//! the image, by projection (Miyato & Koyama 2018) or as something to be guessed (AC-GAN, Odena et al. 2017;
//! [`DiscriminatorCondition`]). Networks are fully connected, as in the paper, or DCGAN's ([`Network`]).
//!
//! The step stands in [`variant`] and plays a [`Pair`](gan_core::game::Pair), where Algorithm 1 is.

pub mod condition;
mod config;
mod convolutional;
pub mod discriminator;
mod generator;
mod mlp;
mod norm;
pub mod variant;

/// What surrounds the step; re-exported so that a program needs no other dependency.
pub use gan_core;

pub use config::{Condition, Config, DiscriminatorCondition, GeneratorCondition, Network};
pub use discriminator::Discriminator;
pub use gan_core::game::LabelSampling;
pub use gan_core::nn::DiscriminatorNorm;
pub use gan_core::variant::Attribute;
pub use generator::Generator;
pub use variant::Cgan;
