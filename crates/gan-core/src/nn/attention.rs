//! Self-attention over the places of a feature map (Zhang et al. 2019, section 3) in BigGAN's form.

use crate::error::{Error, Result};
use crate::nn::weight::WeightOptions;
use crate::nn::{Conv2d, ConvOptions, Init, Mode, Scope};
use tch::Tensor;

/// y = γ · o(g(x) β) + x with β = softmax over places j of θ(x)_i · φ(x)_j. θ and φ have C / 8 channels, g has
/// C / 2; φ and g are pooled 2x2; no biases and no division by a square root; γ begins at 0.
///
/// Departure from the paper: pooling, and a bottleneck g and o, as in its authors' code and in BigGAN.
/// `gamma` `[]`, `theta.weight`, `phi.weight`, `g.weight`, `o.weight`.
#[derive(Debug)]
pub struct SelfAttention {
    gamma: Tensor,
    theta: Conv2d,
    phi: Conv2d,
    g: Conv2d,
    o: Conv2d,
}

/// 1x1, no bias.
const POINTWISE: ConvOptions = ConvOptions { kernel: 1, stride: 1, padding: 0, bias: false };

impl SelfAttention {
    /// Attention over maps of `channels` channels in `scope`.
    ///
    /// # Errors
    /// Fewer than 8 channels; a name given twice; a spectral normalisation that cannot work; LibTorch's.
    pub fn new(mut scope: Scope, channels: i64, weight: impl Into<WeightOptions>) -> Result<Self> {
        if channels < 8 {
            return Err(Error::config("attention", format!("needs at least 8 channels, got {channels}")));
        }
        let weight = weight.into();
        let gamma = scope.parameter("gamma", &[], Init::Zeros)?;
        let mut conv =
            |name, inputs, outputs| Conv2d::new(scope.sub(name), inputs, outputs, POINTWISE, weight);
        Ok(Self {
            gamma,
            theta: conv("theta", channels, channels / 8)?,
            phi: conv("phi", channels, channels / 8)?,
            g: conv("g", channels, channels / 2)?,
            o: conv("o", channels / 2, channels)?,
        })
    }

    /// # Shapes
    /// `[N, C, H, W]` to the same
    ///
    /// # Errors
    /// Another number of channels; LibTorch's.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let pool = |x: Tensor| x.f_max_pool2d([2; 2], [2; 2], [0; 2], [1; 2], false);
        let theta = self.theta.forward_in(x, mode)?.f_flatten(2, 3)?; // [N, C / 8, HW]
        let phi = pool(self.phi.forward_in(x, mode)?)?.f_flatten(2, 3)?; // [N, C / 8, HW / 4]
        let g = pool(self.g.forward_in(x, mode)?)?.f_flatten(2, 3)?; // [N, C / 2, HW / 4]
        // Not LibTorch's fused attention: that has no second derivative, and R1 needs it.
        let beta = theta.f_transpose(1, 2)?.f_bmm(&phi)?.f_softmax(-1, None)?; // [N, HW, HW / 4]
        let seen = g.f_bmm(&beta.f_transpose(1, 2)?)?; // [N, C / 2, HW]
        let size = x.size();
        let seen = seen.f_reshape([size[0], -1, size[2], size[3]])?;
        Ok(self.o.forward_in(&seen, mode)?.f_mul(&self.gamma)?.f_add(x)?)
    }
}
