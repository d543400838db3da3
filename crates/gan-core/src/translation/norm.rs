//! What stands between the layers.

use super::Look;
use crate::error::Result;
use crate::nn::{BatchNorm2d, Init, InstanceNorm2d, Mode, Scope, leaky_relu};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Which normalisation follows a convolution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Each image by itself, without gain and bias (Ulyanov et al. 2016): CycleGAN's.
    #[default]
    Instance,
    /// Over the batch, with gain and bias: pix2pix's. With one image in a batch it normalises that image by itself.
    Batch,
    /// Nothing: what super-resolution learns best with (Lim et al. 2017, section 3.1; Wang et al. 2018, section 3.1).
    None,
}

impl Norm {
    /// Whether the convolution before it has a bias: an affine normalisation brings its own.
    pub(super) fn wants_bias(self) -> bool {
        self != Self::Batch
    }

    pub(super) fn layer(self, scope: Scope, channels: i64) -> Result<NormLayer> {
        Ok(match self {
            Self::Instance => NormLayer::Instance(InstanceNorm2d),
            Self::Batch => NormLayer::Batch(BatchNorm2d::new(scope, channels, GAIN_INIT)?),
            Self::None => NormLayer::None,
        })
    }
}

const GAIN_INIT: Init = Init::Normal { mean: 1.0, std: 0.02 };

/// A normalisation of a network.
#[derive(Debug)]
pub(super) enum NormLayer {
    Instance(InstanceNorm2d),
    Batch(BatchNorm2d),
    None,
}

impl NormLayer {
    /// Then a leaky ReLU of this slope, 0 for a plain one: in one pass over memory where that is to be had.
    ///
    /// # Shapes
    /// `[N, C, H, W]` to the same
    pub fn forward_sloped(&self, x: &Tensor, look: Look, slope: f64) -> Result<Tensor> {
        match self {
            Self::Instance(norm) => norm.forward_sloped(x, slope),
            Self::Batch(_) | Self::None if slope == 0.0 => Ok(self.forward(x, look)?.f_relu()?),
            Self::Batch(_) | Self::None => Ok(leaky_relu(self.forward(x, look)?, slope)?),
        }
    }

    /// # Shapes
    /// `[N, C, H, W]` to the same
    pub fn forward(&self, x: &Tensor, look: Look) -> Result<Tensor> {
        match self {
            Self::None => Ok(x.shallow_clone()),
            Self::Instance(norm) => norm.forward(x),
            Self::Batch(norm) if look.mode == Mode::Eval && look.own_statistics => norm.forward_by_batch(x),
            Self::Batch(norm) => norm.forward(x, look.mode),
        }
    }
}
