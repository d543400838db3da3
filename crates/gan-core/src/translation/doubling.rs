//! The layers with which generators double their resolution.

use super::layers::{CONV_INIT, conv};
use crate::error::Result;
use crate::nn::{Conv2d, ConvTranspose2d, Mode, Scope};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// How a generator doubles its resolution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upsampling {
    /// By transposed convolutions, as the authors' networks do.
    #[default]
    Transposed,
    /// Every pixel twice, then a 3x3 convolution: no checkerboards (Odena et al. 2016, "Deconvolution and Checkerboard
    /// Artifacts").
    Resize,
}

/// One doubling.
#[derive(Debug)]
pub(super) enum Doubling {
    Transposed(ConvTranspose2d),
    Resize(Conv2d),
}

impl Doubling {
    /// A transposed convolution of so large a `kernel`, 3 or 4 pixels, or what stands in its place.
    pub fn new(
        scope: Scope,
        [from, to]: [i64; 2],
        kernel: i64,
        bias: bool,
        upsampling: Upsampling,
    ) -> Result<Self> {
        match upsampling {
            Upsampling::Transposed => {
                let layer = ConvTranspose2d::new(scope, from, to, conv(kernel, 2, 1, bias), CONV_INIT)?;
                Ok(Self::Transposed(layer.with_output_padding(4 - kernel)))
            }
            Upsampling::Resize => {
                Ok(Self::Resize(Conv2d::new(scope, from, to, conv(3, 1, 1, bias), CONV_INIT)?))
            }
        }
    }

    /// # Shapes
    /// `[N, from, H, W]` to `[N, to, 2 H, 2 W]`
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Transposed(layer) => layer.forward(x),
            // No weight here is normalised, so that training and evaluation are the same.
            Self::Resize(layer) => layer.forward_doubled(x, Mode::Eval),
        }
    }
}
