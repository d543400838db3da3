//! The generator, whatever the size of what it is given.

use crate::Config;
use gan_core::error::Result;
use gan_core::nn::Scope;
use gan_core::translation::{Generator, GeneratorKind, GeneratorOptions, Look};
use tch::Tensor;

/// What one has to what one wants.
#[derive(Debug)]
pub struct Translator {
    network: Generator,
    /// How much larger its input is made before the network sees it.
    enlarged_first: i64,
}

impl Translator {
    /// A generator whose parameters are named as the network's in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(scope: Scope, config: &Config) -> Result<Self> {
        let &Config { channels_a, channels_b, scale, generator, norm, dropout, .. } = config;
        let enlarges = generator == GeneratorKind::SuperResolution;
        let options = GeneratorOptions {
            kind: generator,
            inputs: channels_a,
            outputs: channels_b,
            width: config.generator_width,
            norm,
            dropout,
            upsampling: config.upsampling,
            residual: config.residual,
            scale: if enlarges { scale } else { 1 },
        };
        Ok(Self {
            network: Generator::new(scope, options)?,
            enlarged_first: if enlarges { 1 } else { scale },
        })
    }

    /// # Shapes
    /// `images` `[N, channels_a, H, W]`; out `[N, channels_b, scale H, scale W]` in (-1, 1)
    ///
    /// # Errors
    /// Another number of channels; LibTorch's.
    pub fn forward(&self, images: &Tensor, look: Look) -> Result<Tensor> {
        self.network.forward(&enlarged(images, self.enlarged_first)?, look)
    }
}

/// Images so many times larger, bicubically.
///
/// # Shapes
/// `[N, C, H, W]` to `[N, C, scale H, scale W]`
///
/// # Errors
/// LibTorch's.
pub(crate) fn enlarged(images: &Tensor, scale: i64) -> Result<Tensor> {
    if scale == 1 {
        return Ok(images.shallow_clone());
    }
    let (_, _, height, width) = images.size4()?;
    Ok(images.f_upsample_bicubic2d([height * scale, width * scale], false, None, None)?.f_clamp(-1.0, 1.0)?)
}
