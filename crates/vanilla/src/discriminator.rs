//! The discriminator: fully connected layers with maxout (section 5) or a rectifier.

use crate::config::{Activation, Config};
use crate::generator::layers;
use gan_core::error::Result;
use gan_core::game::Verdict;
use gan_core::nn::{Linear, Scope, leaky_relu};
use gan_core::tensor::guard::{ANY, shape};
use tch::Tensor;

/// Points or images, several at a time if packed, to logits.
#[derive(Debug)]
pub struct Discriminator {
    /// Each followed by the activation.
    hidden: Vec<Linear>,
    last: Linear,
    activation: Activation,
    image: [i64; 4],
}

impl Discriminator {
    /// A discriminator whose parameters are named `layers.0.weight`, `layers.0.bias`, `layers.1.weight`, ... in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(scope: Scope, config: &Config) -> Result<Self> {
        let pieces = if config.activation == Activation::Maxout { PIECES } else { 1 };
        let inputs = config.game.pack * config.channels * config.size * config.size;
        let sizes = [inputs, config.discriminator_width, 1];
        let (hidden, last) = layers(scope, config.discriminator_layers, sizes, pieces)?;
        let image = [ANY, config.game.pack * config.channels, config.size, config.size];
        Ok(Self { hidden, last, activation: config.activation, image })
    }

    /// # Shapes
    /// `images` `[N, pack * channels, size, size]`; out: logits `[N]`, high for reals, and as features the last hidden
    /// layer, `[N, width]`
    ///
    /// # Errors
    /// Images of another shape; LibTorch's.
    pub fn judge(&self, images: &Tensor) -> Result<Verdict> {
        shape("discriminator input", images, &self.image)?;
        let mut x = images.f_flatten(1, -1)?; // [N, pack * channels * size * size]
        for layer in &self.hidden {
            x = layer.forward(&x)?; // [N, width], with maxout [N, width * 5]
            x = match self.activation {
                Activation::Relu => x.f_relu()?,
                Activation::LeakyRelu => leaky_relu(x, 0.2)?,
                Activation::Maxout => x.f_unflatten(1, [-1, PIECES])?.f_amax([2i64].as_slice(), false)?,
            };
        }
        let logits = self.last.forward(&x)?.f_reshape([-1i64])?; // [N, 1] to [N]
        Ok(Verdict { logits, features: Some(x) })
    }
}

/// Linear functions that a maxout unit takes the largest of (Goodfellow et al. 2013; PacGAN's appendix).
const PIECES: i64 = 5;
