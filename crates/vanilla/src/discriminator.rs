//! The discriminator: fully connected layers with maxout (section 5) or a rectifier.

use crate::config::Config;
use gan_core::error::Result;
use gan_core::game::Verdict;
use gan_core::nn::{Init, Mlp, MlpStyle, Mode, Scope};
use gan_core::tensor::guard::{ANY, shape};
use tch::Tensor;

/// Points or images, several at a time if packed, to logits.
#[derive(Debug)]
pub struct Discriminator {
    layers: Mlp,
    image: [i64; 4],
}

impl Discriminator {
    /// A discriminator whose parameters are named `layers.0.weight`, `layers.0.bias`, `layers.1.weight`, ... in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(mut scope: Scope, config: &Config) -> Result<Self> {
        let image = [config.game.pack * config.channels, config.size, config.size];
        let sizes = [image.iter().product(), config.discriminator_width, 1];
        let init = Init::normal_or_pytorch(config.init_std);
        let style = MlpStyle { activation: config.activation, batch_norm: false, init };
        let layers = Mlp::new(scope.sub("layers"), config.discriminator_layers, sizes, style)?;
        Ok(Self { layers, image: [ANY, image[0], image[1], image[2]] })
    }

    /// # Shapes
    /// `images` `[N, pack * channels, size, size]`; out: logits `[N]`, high for reals, and as features the last hidden
    /// layer, `[N, width]`
    ///
    /// # Errors
    /// Images of another shape; LibTorch's.
    pub fn judge(&self, images: &Tensor) -> Result<Verdict> {
        shape("discriminator input", images, &self.image)?;
        let (logits, features) = self.layers.forward(&images.f_flatten(1, -1)?, Mode::Eval)?; // [N, 1], [N, width]
        Ok(Verdict { logits: logits.f_reshape([-1i64])?, features: Some(features), classification: None })
    }
}
