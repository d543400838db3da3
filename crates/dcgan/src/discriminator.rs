//! The discriminator: the generator mirrored, layer indices as in PyTorch's example.

use crate::config::Config;
use gan_core::error::Result;
use gan_core::nn::{BatchNorm2d, Conv2d, ConvOptions, Init, Mode, Scope, leaky_relu};
use gan_core::tensor::guard::{ANY, shape};
use tch::Tensor;

/// Images to logits: halvings down to 4x4, then one number.
#[derive(Debug)]
pub struct Discriminator {
    first: Conv2d,
    /// Each followed by leaky ReLU.
    hidden: Vec<(Conv2d, BatchNorm2d)>,
    last: Conv2d,
    image: [i64; 4],
}

impl Discriminator {
    /// A discriminator whose parameters are named `main.0.weight`, `main.2.weight`, ... in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(mut scope: Scope, config: &Config) -> Result<Self> {
        let mut main = scope.sub("main");
        let mut width = config.discriminator_width;
        let first = Conv2d::new(main.sub(0), config.channels, width, HALVE, CONV_INIT)?;
        let mut hidden = Vec::new();
        for layer in 0..config.doublings() - 1 {
            let conv = Conv2d::new(main.sub(3 * layer + 2), width, 2 * width, HALVE, CONV_INIT)?;
            let norm = BatchNorm2d::new(main.sub(3 * layer + 3), 2 * width, NORM_INIT)?;
            hidden.push((conv, norm));
            width *= 2;
        }
        let last = Conv2d::new(main.sub(3 * config.doublings() - 1), width, 1, JUDGE, CONV_INIT)?;
        Ok(Self { first, hidden, last, image: [ANY, config.channels, config.size, config.size] })
    }

    /// # Shapes
    /// `images` `[N, channels, size, size]` in [-1, 1]; out: logits `[N]`, high for reals
    ///
    /// # Errors
    /// Images of another shape; LibTorch's.
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        shape("discriminator input", images, &self.image)?;
        let mut x = leaky(self.first.forward(images)?)?; // [N, width, size / 2, ...]
        for (conv, norm) in &self.hidden {
            x = leaky(norm.forward(&conv.forward(&x)?, mode)?)?; // [N, width * 2^k, size / 2^(k + 1), ...]
        }
        Ok(self.last.forward(&x)?.f_reshape([-1i64])?) // [N, 1, 1, 1] to [N]
    }
}

/// The slope of section 3.
fn leaky(x: Tensor) -> Result<Tensor> {
    Ok(leaky_relu(x, 0.2)?)
}

/// HxW to H/2xW/2.
const HALVE: ConvOptions = ConvOptions { kernel: 4, stride: 2, padding: 1, bias: false };
/// 4x4 to 1x1.
const JUDGE: ConvOptions = ConvOptions { kernel: 4, stride: 1, padding: 0, bias: false };
const CONV_INIT: Init = Init::Normal { mean: 0.0, std: 0.02 };
const NORM_INIT: Init = Init::Normal { mean: 1.0, std: 0.02 };
