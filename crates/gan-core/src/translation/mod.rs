//! Networks that turn images into images, and those that judge them: what CycleGAN (Zhu et al. 2017) and pix2pix (Isola
//! et al. 2017) have in common. Names of parameters, first values and biases are those of the authors' PyTorch
//! repository, so that its weights load.
//!
//! - [`Generator`]: ResNet with 6 or 9 blocks, U-Net, or a residual network that enlarges (SRGAN)
//! - [`Discriminator`]: PatchGAN or one that judges pixels
//! - [`ImagePool`]: fakes from earlier steps
//! - [`Tiles`]: large images piece by piece

mod check;
mod discriminator;
mod doubling;
mod generator;
mod layers;
mod norm;
mod pool;
mod published;
mod resnet;
mod super_resolution;
mod tiles;
mod unet;

pub use check::check;
pub use discriminator::{Discriminator, DiscriminatorKind, DiscriminatorOptions};
pub use doubling::Upsampling;
pub use generator::{Generator, GeneratorKind, GeneratorOptions};
pub use layers::Look;
pub use norm::Norm;
pub use pool::ImagePool;
pub use tiles::{Area, Tiles};
