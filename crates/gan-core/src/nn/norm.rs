//! Normalisations of each sample by itself: no running statistics, the same in training and evaluation, and
//! allowed under a gradient penalty, which judges samples one by one (Gulrajani et al. 2017, section 4).

use crate::error::{Error, Result};
use crate::nn::{Init, Scope};
use gan_sys::norm::instance_norm;
use tch::Tensor;

const EPS: f64 = 1e-5;

/// Each channel of each sample to mean 0 and variance 1 over H, W (Ulyanov et al. 2016): eps 1e-5, no
/// parameters, as CycleGAN uses it.
#[derive(Debug, Clone, Copy)]
pub struct InstanceNorm2d;

impl InstanceNorm2d {
    /// # Shapes
    /// `[N, C, H, W]` to the same
    ///
    /// # Errors
    /// Images of one pixel, which would all become 0; LibTorch's.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_sloped(x, 1.0)
    }

    /// As [`InstanceNorm2d::forward`], then a leaky ReLU of this slope, in one pass over memory; 0 is a plain ReLU.
    ///
    /// # Shapes
    /// `[N, C, H, W]` to the same
    ///
    /// # Errors
    /// As [`InstanceNorm2d::forward`].
    pub fn forward_sloped(&self, x: &Tensor, slope: f64) -> Result<Tensor> {
        let size = x.size();
        if size.len() != 4 || size[2] * size[3] < 2 {
            let expected = "[_, _, H, W] with more than one pixel".to_owned();
            return Err(Error::Shape { what: "instance norm input".to_owned(), expected, got: size });
        }
        Ok(instance_norm(x, EPS, slope)?)
    }
}

/// Each sample to mean 0 and variance 1 over all its values (Ba et al. 2016), then a gain and a bias per
/// channel: `weight`, `bias` `[C]`. PyTorch's `GroupNorm(1, C)`, eps 1e-5.
#[derive(Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
}

impl LayerNorm {
    /// A normalisation of `channels` channels in `scope`; gains begin at 1, biases at 0.
    ///
    /// # Errors
    /// A name given twice; LibTorch's.
    pub fn new(mut scope: Scope, channels: i64) -> Result<Self> {
        Ok(Self {
            weight: scope.parameter("weight", &[channels], Init::Ones)?,
            bias: scope.parameter("bias", &[channels], Init::Zeros)?,
        })
    }

    /// # Shapes
    /// `[N, C, ...]` to the same
    ///
    /// # Errors
    /// Another number of channels; LibTorch's.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.f_group_norm(1, Some(&self.weight), Some(&self.bias), EPS, true)?)
    }
}
