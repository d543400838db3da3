//! Layers with equalised learning rate (Karras et al. 2018, section 4.1): weights are N(0, 1) and scaled where they are used,
//! so that Adam moves all of them alike.

use crate::Activation;
use gan_core::error::Result;
use gan_core::nn::{Fir, Init, Scope, convolution, upfirdn2d};
use tch::{Kind, Tensor};

/// A matrix product, a bias and an activation.
#[derive(Debug)]
pub(crate) struct Dense {
    weight: Tensor,
    bias: Tensor,
    activation: Activation,
    weight_gain: f64,
    bias_gain: f64,
}

/// What a [`Dense`] is besides its sizes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DenseOptions {
    pub activation: Activation,
    /// The share of the learning rate that the layer moves with.
    pub lr_multiplier: f64,
    /// What the bias begins as.
    pub bias: f64,
}

impl Dense {
    pub const LINEAR: DenseOptions =
        DenseOptions { activation: Activation::Linear, lr_multiplier: 1.0, bias: 0.0 };

    pub fn new(mut scope: Scope, inputs: i64, outputs: i64, options: DenseOptions) -> Result<Self> {
        let DenseOptions { activation, lr_multiplier, bias } = options;
        let weight = Init::Normal { mean: 0.0, std: 1.0 / lr_multiplier };
        let bias = Init::Uniform { low: bias, high: bias };
        Ok(Self {
            weight: scope.parameter("weight", &[outputs, inputs], weight)?,
            bias: scope.parameter("bias", &[outputs], bias)?,
            activation,
            weight_gain: lr_multiplier / (inputs as f64).sqrt(),
            bias_gain: lr_multiplier,
        })
    }

    /// # Shapes
    /// `[N, inputs]` to `[N, outputs]`
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let weight = self.weight.f_mul_scalar(self.weight_gain)?;
        let bias = match self.bias_gain {
            1.0 => self.bias.shallow_clone(),
            gain => self.bias.f_mul_scalar(gain)?,
        };
        let y = x.f_linear::<&Tensor>(&weight, None)?;
        self.activation.apply(&y, Some(&bias), self.activation.gain(), 0.0)
    }

    /// The weight as it is multiplied with, `[outputs, inputs]`.
    pub fn weight(&self) -> Result<Tensor> {
        Ok(self.weight.f_mul_scalar(self.weight_gain)?)
    }
}

/// To which resolution a convolution goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resolution {
    Same,
    Doubled,
    Halved,
}

/// What a [`Conv`] is besides its sizes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConvOptions {
    pub kernel: i64,
    pub bias: bool,
    pub activation: Activation,
    pub to: Resolution,
    pub clamp: f64,
}

/// A convolution with a change of resolution, a bias and an activation.
#[derive(Debug)]
pub(crate) struct Conv {
    weight: Tensor,
    bias: Option<Tensor>,
    filter: Tensor,
    options: ConvOptions,
    weight_gain: f64,
}

impl Conv {
    pub fn new(
        mut scope: Scope,
        inputs: i64,
        outputs: i64,
        options: ConvOptions,
        filter: &Tensor,
    ) -> Result<Self> {
        let kernel = options.kernel;
        let weight = scope.parameter("weight", &[outputs, inputs, kernel, kernel], STANDARD_NORMAL)?;
        let bias = options.bias.then(|| scope.parameter("bias", &[outputs], Init::Zeros)).transpose()?;
        let filter = scope.buffer_of("resample_filter", filter.copy())?;
        let weight_gain = 1.0 / ((inputs * kernel * kernel) as f64).sqrt();
        Ok(Self { weight, bias, filter, options, weight_gain })
    }

    /// # Shapes
    /// `[N, inputs, H, W]` to `[N, outputs, H, W]`, or twice or half of it
    pub fn forward(&self, x: &Tensor, gain: f64) -> Result<Tensor> {
        let ConvOptions { activation, to, clamp, .. } = self.options;
        let weight = self.weight.f_mul_scalar(self.weight_gain)?;
        let y = resampled(x, &weight, &self.filter, to)?;
        activation.apply(&y, self.bias.as_ref(), activation.gain() * gain, clamp * gain)
    }
}

/// N(0, 1).
pub(crate) const STANDARD_NORMAL: Init = Init::Normal { mean: 0.0, std: 1.0 };

/// A convolution that keeps the resolution, doubles it, or halves it; with a filter against aliasing.
///
/// # Shapes
/// `x` `[N, I, H, W]`, `weight` `[O, I, k, k]` with k 1 or 3, `filter` as for [`upfirdn2d`]; out `[N, O, H', W']`
pub(crate) fn resampled(x: &Tensor, weight: &Tensor, filter: &Tensor, to: Resolution) -> Result<Tensor> {
    let padding = weight.size()[2] / 2;
    match to {
        Resolution::Same => Ok(convolution(x, weight, None, (1, padding), false)?),
        // A single pixel does not care which comes first: filter the smaller number of pixels.
        Resolution::Doubled if padding == 0 => {
            let y = convolution(x, weight, None, (1, 0), false)?;
            upfirdn2d(&y, filter, Fir::doubling(filter, 2))
        }
        Resolution::Halved if padding == 0 => {
            let y = upfirdn2d(x, filter, Fir::halving(filter, 2))?;
            Ok(convolution(&y, weight, None, (1, 0), false)?)
        }
        Resolution::Doubled => {
            let y = convolution(x, &weight.f_transpose(0, 1)?, None, (2, 0), true)?; // [N, O, 2 H + 1, 2 W + 1]
            // What the kernel reaches beyond the image is padding that is there already.
            let doubling = Fir::doubling(filter, 2);
            let [left, right, above, below] = doubling.padding;
            let padding = [left - 1, right, above - 1, below];
            upfirdn2d(&y, filter, Fir { up: [1; 2], padding, ..doubling })
        }
        Resolution::Halved => {
            let halving = Fir::halving(filter, 2).padded(padding);
            let y = upfirdn2d(x, filter, Fir { down: [1; 2], ..halving })?;
            Ok(convolution(&y, weight, None, (2, 0), false)?)
        }
    }
}

/// Vectors whose mean square is 1.
///
/// # Shapes
/// `[N, D]` to `[N, D]`
pub(crate) fn normalized(x: &Tensor) -> Result<Tensor> {
    let square = x.f_square()?.f_mean_dim([1i64].as_slice(), true, Kind::Float)?;
    Ok(x.f_mul(&square.f_add_scalar(1e-8)?.f_rsqrt()?)?)
}
