//! Layers with equalised learning rate (Karras et al. 2018, section 4.1), √2 of He's gain inside the weight; adaptive instance
//! normalisation, noise and blur (Karras et al. 2019, section 2).

use gan_core::error::Result;
use gan_core::nn::{
    Fir, Init, InstanceNorm2d, Scope, convolution, doubled_convolution, fir_filter, halved_convolution,
    leaky_relu, upfirdn2d,
};
use tch::{Device, Kind, Tensor};

/// Of the leaky ReLU after every layer but those to colours and to logits.
const SLOPE: f64 = 0.2;

const STANDARD_NORMAL: Init = Init::Normal { mean: 0.0, std: 1.0 };

/// √(2 / fan in): what a standard normal weight is multiplied by where it is used.
fn gain(fan_in: i64) -> f64 {
    (2.0 / fan_in as f64).sqrt()
}

/// The activation. Takes a layer's output and works in place.
pub(super) fn activated(x: Tensor) -> Result<Tensor> {
    Ok(leaky_relu(x, SLOPE)?)
}

/// A matrix product and a bias.
#[derive(Debug)]
pub(super) struct EqualLinear {
    weight: Tensor,
    bias: Tensor,
    gain: f64,
}

impl EqualLinear {
    /// `linear.bias`, which begins as it is given, and `linear.weight_orig` in `scope`.
    pub fn new(mut scope: Scope, [inputs, outputs]: [i64; 2], bias: Tensor) -> Result<Self> {
        let mut scope = scope.sub("linear");
        let bias = scope.parameter_of("bias", bias)?;
        let weight = scope.parameter("weight_orig", &[outputs, inputs], STANDARD_NORMAL)?;
        Ok(Self { weight, bias, gain: gain(inputs) })
    }

    /// # Shapes
    /// `[N, inputs]` to `[N, outputs]`
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.f_linear(&self.weight()?, Some(&self.bias))?)
    }

    /// The weight as it is multiplied with, `[outputs, inputs]`.
    pub fn weight(&self) -> Result<Tensor> {
        Ok(self.weight.f_mul_scalar(self.gain)?)
    }
}

/// Zeros to begin with.
pub(super) fn zeros(count: i64) -> Result<Tensor> {
    Ok(Tensor::f_zeros([count], (Kind::Float, Device::Cpu))?)
}

/// How the weight of an [`EqualConv`] is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `conv.bias`, `conv.weight_orig` `[O, I, k, k]`.
    Plain,
    /// Together with a doubling: `weight` `[I, O, k, k]`, `bias`. The mean of four places where the others take the sum.
    FusedUp,
    /// Together with a halving: `weight` `[O, I, k, k]`, `bias`.
    FusedDown,
}

/// A convolution and a bias.
#[derive(Debug)]
pub(super) struct EqualConv {
    weight: Tensor,
    bias: Tensor,
    form: Form,
    gain: f64,
}

impl EqualConv {
    pub fn new(mut scope: Scope, [inputs, outputs]: [i64; 2], kernel: i64, form: Form) -> Result<Self> {
        let gain = gain(inputs * kernel * kernel);
        let shape = match form {
            Form::FusedUp => [inputs, outputs, kernel, kernel],
            Form::Plain | Form::FusedDown => [outputs, inputs, kernel, kernel],
        };
        let (weight, bias);
        if form == Form::Plain {
            let mut scope = scope.sub("conv");
            bias = scope.parameter("bias", &[outputs], Init::Zeros)?;
            weight = scope.parameter("weight_orig", &shape, STANDARD_NORMAL)?;
        } else {
            weight = scope.parameter("weight", &shape, STANDARD_NORMAL)?;
            bias = scope.parameter("bias", &[outputs], Init::Zeros)?;
        }
        Ok(Self { weight, bias, form, gain })
    }

    /// The weight as it is multiplied with, `[O, I, k, k]`.
    fn weight(&self) -> Result<Tensor> {
        match self.form {
            Form::Plain | Form::FusedDown => Ok(self.weight.f_mul_scalar(self.gain)?),
            Form::FusedUp => {
                let mirrored = self.weight.f_mul_scalar(self.gain / 4.0)?.f_flip([2i64, 3])?;
                Ok(mirrored.f_transpose(0, 1)?)
            }
        }
    }

    /// # Shapes
    /// `[N, I, H, W]` to `[N, O, H, W]`
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let weight = self.weight()?;
        let padding = weight.size()[2] / 2;
        Ok(convolution(x, &weight, Some(&self.bias), (1, padding), false)?)
    }

    /// Of an input as large as the kernel: one matrix product.
    ///
    /// # Shapes
    /// `[N, I, k, k]` to `[N, O]`
    pub fn forward_whole(&self, x: &Tensor) -> Result<Tensor> {
        let weight = self.weight()?.f_flatten(1, -1)?;
        Ok(x.f_flatten(1, -1)?.f_linear(&weight, Some(&self.bias))?)
    }

    /// Of the input in twice its size.
    ///
    /// # Shapes
    /// `[N, I, H, W]` to `[N, O, 2 H, 2 W]`
    pub fn forward_doubled(&self, x: &Tensor) -> Result<Tensor> {
        doubled_convolution(x, &self.weight()?, Some(&self.bias))
    }

    /// The output in half its size.
    ///
    /// # Shapes
    /// `[N, I, H, W]` to `[N, O, H / 2, W / 2]`
    pub fn forward_halved(&self, x: &Tensor) -> Result<Tensor> {
        halved_convolution(x, &self.weight()?, Some(&self.bias))
    }
}

/// A filter of 1, 2, 1 in both directions against aliasing (section 2; Zhang 2019).
#[derive(Debug)]
pub struct Blur {
    /// `[3, 3]`, a view into `weight`, whose channels are all alike.
    filter: Tensor,
}

impl Blur {
    /// `weight` and `weight_flip` `[channels, 1, 3, 3]` in `scope`, which are not trained.
    ///
    /// # Errors
    /// A name given twice.
    pub fn new(mut scope: Scope, channels: i64) -> Result<Self> {
        let all = fir_filter(&[1.0, 2.0, 1.0])?.f_repeat([channels, 1, 1, 1])?;
        let flipped = all.f_flip([2i64, 3])?;
        let weight = scope.buffer_of("weight", all)?;
        let _ = scope.buffer_of("weight_flip", flipped)?;
        Ok(Self { filter: weight.f_get(0)?.f_get(0)? })
    }

    /// # Shapes
    /// `[N, channels, H, W]` to the same
    ///
    /// # Errors
    /// LibTorch's.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        upfirdn2d(x, &self.filter, Fir::smoothing(&self.filter))
    }
}

/// The share of noise that each channel is given (section 2, B in figure 1).
#[derive(Debug)]
pub struct NoiseScale {
    weight: Tensor,
    gain: f64,
}

impl NoiseScale {
    /// `weight_orig` `[1, channels, 1, 1]` in `scope`; none at the beginning.
    ///
    /// # Errors
    /// A name given twice.
    pub fn new(mut scope: Scope, channels: i64) -> Result<Self> {
        let weight = scope.parameter("weight_orig", &[1, channels, 1, 1], Init::Zeros)?;
        Ok(Self { weight, gain: gain(channels) })
    }

    /// # Shapes
    /// `x` `[N, channels, H, W]`, `noise` `[N, 1, H, W]` or `[1, 1, H, W]`; out as `x`
    ///
    /// # Errors
    /// LibTorch's.
    pub fn forward(&self, x: &Tensor, noise: &Tensor) -> Result<Tensor> {
        let weight = self.weight.f_mul_scalar(self.gain)?.f_to_kind(x.kind())?;
        Ok(x.f_addcmul(&weight, &noise.f_to_kind(x.kind())?)?)
    }
}

/// Adaptive instance normalisation (equation 1): γ (x - mean) / deviation + β, γ and β by an affine map from a style.
#[derive(Debug)]
pub struct AdaIn {
    style: EqualLinear,
}

impl AdaIn {
    /// `style.linear.bias` and `style.linear.weight_orig` in `scope`; γ begins around 1, β around 0.
    ///
    /// # Errors
    /// A name given twice.
    pub fn new(mut scope: Scope, style: i64, channels: i64) -> Result<Self> {
        let bias = Tensor::f_cat(&[zeros(channels)?.f_add_scalar(1.0)?, zeros(channels)?], 0)?;
        Ok(Self { style: EqualLinear::new(scope.sub("style"), [style, 2 * channels], bias)? })
    }

    /// # Shapes
    /// `x` `[N, channels, H, W]`, `style` `[N, style]`; out as `x`
    ///
    /// # Errors
    /// Images of one pixel; LibTorch's.
    pub fn forward(&self, x: &Tensor, style: &Tensor) -> Result<Tensor> {
        let asked = self.style.forward(style)?.f_to_kind(x.kind())?.f_unsqueeze(-1)?.f_unsqueeze(-1)?;
        let channels = x.size()[1];
        let (gamma, beta) = (asked.f_narrow(1, 0, channels)?, asked.f_narrow(1, channels, channels)?);
        Ok(beta.f_addcmul(&gamma, &InstanceNorm2d.forward(x)?)?)
    }

    /// The weights by which a style becomes γ and β, `[2 channels, style]`.
    pub(super) fn weight(&self) -> Result<Tensor> {
        self.style.weight()
    }
}
