//! CycleGAN: *Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks*, Zhu et al. 2017
//! (arXiv 1703.10593).
//!
//! Two domains, A and B, and no pairs between them. A generator turns A to B and another one B to A; a discriminator of
//! each domain tells what was made from what is real (section 3.1). What makes it more than two GANs is the cycle: an
//! image that goes there and back is to come back as it was (section 3.2, equation 2). An image that already belongs to
//! the other domain is to stay as it is (section 5.2, the identity loss). Discriminators are shown fakes from a pool of
//! earlier ones (section 4). The step stands in [`variant`].

mod config;
mod discriminator;
mod generator;
pub mod variant;

/// What surrounds the step; re-exported so that a program needs no other dependency.
pub use gan_core;

pub use config::Config;
pub use discriminator::Discriminators;
pub use generator::Generators;
pub use variant::CycleGan;
