//! DCGAN's discriminator up to its last layer: halvings down to 4x4 (Radford et al. 2015, section 3), layer indices as in
//! PyTorch's example. Conditional discriminators stand on the same.

use crate::error::Result;
use crate::nn::{
    BatchNorm2d, Conv2d, ConvOptions, Init, LayerNorm, Mode, Scope, SpectralNorm, WeightOptions, leaky_relu,
};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// What stands between a discriminator's layers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiscriminatorNorm {
    /// Batch normalisation, as in the paper.
    #[default]
    Batch,
    /// Nothing; convolutions have biases.
    None,
    /// Nothing, and every weight is divided by its largest singular value (SNGAN, Miyato et al. 2018).
    Spectral,
    /// Normalisation of each sample by itself, as WGAN-GP asks for (Gulrajani et al. 2017, section 4).
    Layer,
}

impl DiscriminatorNorm {
    /// How weights begin, and whether they are normalised.
    pub fn weight(self) -> WeightOptions {
        match self {
            Self::Spectral => CONV_INIT.with_spectral_norm(SpectralNorm::TORCH),
            _ => WeightOptions::from(CONV_INIT),
        }
    }
}

/// Images to feature maps of 4x4.
#[derive(Debug)]
pub struct Halvings {
    first: Conv2d,
    /// Each followed by leaky ReLU.
    hidden: Vec<(Conv2d, Norm)>,
    outputs: i64,
}

#[derive(Debug)]
enum Norm {
    Batch(BatchNorm2d),
    Layer(LayerNorm),
    Nothing,
}

impl Halvings {
    /// Layers named `0`, `2`, `3`, `5`, `6`, ... in `scope` for images of `channels` and 8 pixels times 2 to the `doublings - 1`;
    /// the first has `width` channels, each after twice as many.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(
        mut scope: Scope,
        [channels, mut width]: [i64; 2],
        doublings: u32,
        norm: DiscriminatorNorm,
    ) -> Result<Self> {
        let halve = ConvOptions { bias: norm != DiscriminatorNorm::Batch, ..HALVE };
        let first = Conv2d::new(scope.sub(0), channels, width, halve, norm.weight())?;
        let mut hidden = Vec::new();
        for layer in 0..doublings - 1 {
            let conv = Conv2d::new(scope.sub(3 * layer + 2), width, 2 * width, halve, norm.weight())?;
            let scope = scope.sub(3 * layer + 3);
            let norm = match norm {
                DiscriminatorNorm::Batch => Norm::Batch(BatchNorm2d::new(scope, 2 * width, NORM_INIT)?),
                DiscriminatorNorm::Layer => Norm::Layer(LayerNorm::new(scope, 2 * width)?),
                DiscriminatorNorm::None | DiscriminatorNorm::Spectral => Norm::Nothing,
            };
            hidden.push((conv, norm));
            width *= 2;
        }
        Ok(Self { first, hidden, outputs: width })
    }

    /// Channels of the last feature maps.
    pub fn outputs(&self) -> i64 {
        self.outputs
    }

    /// # Shapes
    /// `images` `[N, channels, size, size]`; out `[N, outputs, 4, 4]`
    ///
    /// # Errors
    /// Images of another shape; LibTorch's.
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut x = leaky_relu(self.first.forward_in(images, mode)?, SLOPE)?; // [N, width, size / 2, ...]
        for (conv, norm) in &self.hidden {
            x = conv.forward_in(&x, mode)?; // [N, width * 2^k, size / 2^(k + 1), ...]
            x = match norm {
                Norm::Batch(norm) => norm.forward(&x, mode)?,
                Norm::Layer(norm) => norm.forward(&x)?,
                Norm::Nothing => x,
            };
            x = leaky_relu(x, SLOPE)?;
        }
        Ok(x)
    }
}

/// The leaky ReLU's, section 3.
const SLOPE: f64 = 0.2;
/// HxW to H/2xW/2.
const HALVE: ConvOptions = ConvOptions { kernel: 4, stride: 2, padding: 1, bias: false };
const CONV_INIT: Init = Init::Normal { mean: 0.0, std: 0.02 };
const NORM_INIT: Init = Init::Normal { mean: 1.0, std: 0.02 };
