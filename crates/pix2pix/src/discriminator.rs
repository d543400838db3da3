//! The discriminator, which is shown what the generator was given as well (section 3.2.2).

use crate::Config;
use crate::generator::enlarged;
use gan_core::error::Result;
use gan_core::nn::Scope;
use gan_core::translation::{Discriminator, DiscriminatorOptions, Look};
use tch::Tensor;

/// Pairs to a map of logits.
#[derive(Debug)]
pub struct PairDiscriminator {
    network: Discriminator,
    conditional: bool,
    scale: i64,
}

impl PairDiscriminator {
    /// A discriminator whose parameters are named `model.0.weight`, ... in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(scope: Scope, config: &Config) -> Result<Self> {
        let &Config { channels_a, channels_b, scale, conditional, discriminator, norm, .. } = config;
        let options = DiscriminatorOptions {
            kind: discriminator,
            layers: config.discriminator_layers,
            inputs: if conditional { channels_a + channels_b } else { channels_b },
            width: config.discriminator_width,
            norm,
        };
        Ok(Self { network: Discriminator::new(scope, options)?, conditional, scale })
    }

    /// What it looks at: the given images, enlarged where they are smaller, and the others, as channels of one.
    ///
    /// # Shapes
    /// `given` `[N, channels_a, H / scale, W / scale]`, `images` `[N, channels_b, H, W]`; out `[N, channels, H, W]`
    ///
    /// # Errors
    /// Shapes that do not fit; LibTorch's.
    pub fn pair(&self, given: &Tensor, images: &Tensor) -> Result<Tensor> {
        if !self.conditional {
            return Ok(images.shallow_clone());
        }
        let given = enlarged(given, self.scale)?.f_to_kind(images.kind())?;
        Ok(Tensor::f_cat(&[&given, images], 1)?)
    }

    /// # Shapes
    /// `pairs` as from [`PairDiscriminator::pair`]; out: logits `[N, 1, H', W']`, high for reals
    ///
    /// # Errors
    /// Another number of channels; LibTorch's.
    pub fn forward(&self, pairs: &Tensor, look: Look) -> Result<Tensor> {
        self.network.forward(pairs, look)
    }
}
