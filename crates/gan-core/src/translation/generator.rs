//! The generators of images from images.

use super::doubling::Upsampling;
use super::layers::at_multiple;
use super::resnet::{self, Resnet};
use super::super_resolution::SuperResolution;
use super::unet::Unet;
use super::{Look, Norm};
use crate::error::{Error, Result};
use crate::nn::Scope;
use crate::tensor::guard::{ANY, shape};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Which network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GeneratorKind {
    /// Six residual blocks: CycleGAN's for images of 128 pixels.
    #[serde(rename = "resnet_6")]
    Resnet6,
    /// Nine residual blocks: CycleGAN's for 256 pixels and more.
    #[default]
    #[serde(rename = "resnet_9")]
    Resnet9,
    /// A U-Net of five levels, for images from 32 pixels.
    #[serde(rename = "unet_32")]
    Unet32,
    /// A U-Net of six levels, for images from 64 pixels.
    #[serde(rename = "unet_64")]
    Unet64,
    /// A U-Net of seven levels, for images from 128 pixels.
    #[serde(rename = "unet_128")]
    Unet128,
    /// A U-Net of eight levels: pix2pix's, for images from 256 pixels.
    #[serde(rename = "unet_256")]
    Unet256,
    /// SRGAN's, for super-resolution: it works at the low resolution and enlarges at the end.
    SuperResolution,
}

impl GeneratorKind {
    /// Halvings of a U-Net.
    fn levels(self) -> Option<u32> {
        match self {
            Self::Unet32 => Some(5),
            Self::Unet64 => Some(6),
            Self::Unet128 => Some(7),
            Self::Unet256 => Some(8),
            Self::Resnet6 | Self::Resnet9 | Self::SuperResolution => None,
        }
    }

    /// The shortest side of an image that makes sense.
    pub fn smallest(self) -> i64 {
        match self.levels() {
            Some(levels) => 1 << levels,
            // Reflection by 3 pixels, and more than one pixel to normalise after two halvings.
            None => 8,
        }
    }

    /// The shortest side that the layers can work on; shorter ones are padded.
    fn least(self) -> i64 {
        if self == Self::SuperResolution { 1 } else { self.smallest() }
    }

    /// What sides are padded to a multiple of.
    pub fn multiple(self) -> i64 {
        match (self, self.levels()) {
            (Self::SuperResolution, _) => 1,
            (_, Some(levels)) => 1 << levels,
            (_, None) => resnet::MULTIPLE,
        }
    }
}

/// What a generator is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GeneratorOptions {
    /// Which network.
    pub kind: GeneratorKind,
    /// Channels of what it is given.
    pub inputs: i64,
    /// Channels of what it makes.
    pub outputs: i64,
    /// Channels of the first layer (ngf).
    pub width: i64,
    /// What stands between the layers.
    pub norm: Norm,
    /// Whether half of some layers' values are dropped in training: pix2pix's only noise.
    pub dropout: bool,
    /// How ResNets and U-Nets double their resolution.
    pub upsampling: Upsampling,
    /// Whether it makes a difference, added to what it is given (Kupyn et al. 2018, "DeblurGAN", section 3.2;
    /// `learn_residual`): it begins near that, and has to learn only what is to change. For as many channels out as in.
    pub residual: bool,
    /// How much larger a [`GeneratorKind::SuperResolution`] makes images: 2, 4 or 8; 1 for all others.
    pub scale: i64,
}

/// Images to images.
#[derive(Debug)]
pub struct Generator {
    network: Network,
    options: GeneratorOptions,
}

#[derive(Debug)]
enum Network {
    Resnet(Box<Resnet>),
    Unet(Box<Unet>),
    SuperResolution(Box<SuperResolution>),
}

impl Generator {
    /// A generator whose parameters are named `model.1.weight`, ... in `scope`.
    ///
    /// # Errors
    /// A scale that the network does not have; LibTorch's, such as no memory.
    pub fn new(scope: Scope, options: GeneratorOptions) -> Result<Self> {
        let GeneratorOptions { kind, scale, inputs, outputs, residual, .. } = options;
        let enlarges = kind == GeneratorKind::SuperResolution;
        if enlarges != matches!(scale, 2 | 4 | 8) || (!enlarges && scale != 1) {
            let why =
                format!("enlarges by 2, 4 or 8 as super_resolution, and all others by 1, not by {scale}");
            return Err(Error::config("generator", why));
        }
        if residual && inputs != outputs {
            let why =
                format!("is residual, which needs as many channels out as in, not {outputs} and {inputs}");
            return Err(Error::config("generator", why));
        }
        let network = match (kind, kind.levels()) {
            (GeneratorKind::SuperResolution, _) => {
                Network::SuperResolution(Box::new(SuperResolution::new(scope, &options, scale.ilog2())?))
            }
            (_, Some(levels)) => Network::Unet(Box::new(Unet::new(scope, &options, levels)?)),
            (GeneratorKind::Resnet6, _) => Network::Resnet(Box::new(Resnet::new(scope, &options, 6)?)),
            _ => Network::Resnet(Box::new(Resnet::new(scope, &options, 9)?)),
        };
        Ok(Self { network, options })
    }

    /// Images of any size: sides that the network cannot halve are padded with their edges, and cut back.
    ///
    /// # Shapes
    /// `images` `[N, inputs, H, W]`; out `[N, outputs, scale H, scale W]` in [-1, 1]
    ///
    /// # Errors
    /// Another number of channels, images that are too small; LibTorch's.
    pub fn forward(&self, images: &Tensor, look: Look) -> Result<Tensor> {
        let GeneratorOptions { kind, inputs, residual, .. } = self.options;
        shape("generator input", images, &[ANY, inputs, ANY, ANY])?;
        at_multiple(images, [kind.multiple(), kind.least()], |images| {
            let made = match &self.network {
                Network::Resnet(network) => network.forward(images, look)?.f_tanh()?,
                Network::Unet(network) => network.forward(images, look)?.f_tanh()?,
                Network::SuperResolution(network) => return network.forward(images, look),
            };
            Ok(if residual { made.f_add(images)?.f_clamp(-1.0, 1.0)? } else { made })
        })
    }

    /// What it is made of.
    pub fn options(&self) -> &GeneratorOptions {
        &self.options
    }
}
