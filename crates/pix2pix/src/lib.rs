//! pix2pix: *Image-to-Image Translation with Conditional Adversarial Networks*, Isola et al. 2017 (arXiv 1611.07004).
//!
//! Pairs of images are given: what one has and what one wants. A U-Net makes the second from the first; a discriminator
//! of patches is shown both and tells real pairs from made ones (equation 1). The generator is also held to the wanted
//! image pixel by pixel (L1, equations 3 and 4); its only noise is dropout (section 3.1).
//!
//! Inpainting, super-resolution, colourisation and all that starts from a picture made worse are the same with pairs made on
//! the fly; for super-resolution there is SRGAN's generator (Ledig et al. 2017) as well. The step stands in [`variant`].

mod config;
mod discriminator;
mod generator;
pub mod variant;

/// What surrounds the step; re-exported so that a program needs no other dependency.
pub use gan_core;

pub use config::Config;
pub use discriminator::PairDiscriminator;
pub use generator::Translator;
pub use variant::Pix2Pix;
