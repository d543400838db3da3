//! DCGAN: *Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks*,
//! Radford, Metz and Chintala 2015 (arXiv 1511.06434).
//!
//! Both networks are all-convolutional: strided (transposed) convolutions instead of pooling, batch
//! normalisation everywhere but at the generator's output and the discriminator's input, ReLU in the
//! generator, leaky ReLU of slope 0.2 in the discriminator, tanh at the end (section 3). Weights begin as
//! N(0, 0.02), Adam runs with 2e-4 and β1 = 0.5 (section 4).
//!
//! Shapes and parameter names are those of PyTorch's `examples/dcgan`, at any power of two from 16 to 256.
//! The step stands in [`variant`] and plays a [`Pair`](gan_core::game::Pair), where Goodfellow's Algorithm 1 is.

mod config;
mod discriminator;
mod generator;
pub mod variant;

/// What surrounds the step; re-exported so that a program needs no other dependency.
pub use gan_core;

pub use config::{Config, Minibatch};
pub use discriminator::Discriminator;
pub use gan_core::nn::DiscriminatorNorm;
pub use generator::Generator;
pub use variant::Dcgan;
