//! Convolutions and batch normalisation, with PyTorch's names for their tensors.
//!
//! A convolution's weight is plain when an [`Init`] is given, or spectrally normalised
//! ([`Init::with_spectral_norm`]). Plain layers have `forward`; `forward_in` serves both.

use crate::error::{Error, Result};
use crate::nn::batch_norm::BatchNorm;
use crate::nn::weight::{Weight, WeightOptions};
use crate::nn::{Init, Scope};
use gan_sys::convolution::{convolution, reflected_convolution, transposed_convolution};
use gan_sys::format::{channels_last, is_channels_last};
use tch::Tensor;

/// Which statistics normalisations use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The batch's; running ones move.
    Train,
    /// The running ones; nothing moves.
    Eval,
    /// The batch's; BigGAN's own normalisations add them up to standing ones, all others do as in training.
    Standing,
}

impl Mode {
    /// Whether statistics are the batch's.
    pub fn by_batch(self) -> bool {
        self != Self::Eval
    }
}

/// The sizes of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvOptions {
    /// Kernel height and width.
    pub kernel: i64,
    /// Step between positions.
    pub stride: i64,
    /// Zeros on every side.
    pub padding: i64,
    /// Whether a bias is added.
    pub bias: bool,
}

/// A 2-D convolution: `weight` `[out, in, k, k]`, `bias` `[out]`.
#[derive(Debug)]
pub struct Conv2d {
    weight: Weight,
    bias: Option<Tensor>,
    options: ConvOptions,
}

impl Conv2d {
    /// A convolution in `scope`; the bias begins at 0, under [`Init::PyTorch`] as the weight does.
    ///
    /// # Errors
    /// A name given twice; a normalisation that cannot work; LibTorch's.
    pub fn new(
        mut scope: Scope,
        inputs: i64,
        outputs: i64,
        options: ConvOptions,
        weight: impl Into<WeightOptions>,
    ) -> Result<Self> {
        let shape = [outputs, inputs, options.kernel, options.kernel];
        let bias = options.bias.then_some(outputs);
        let (weight, bias) = Weight::with_bias(&mut scope, &shape, 0, bias, weight.into())?;
        Ok(Self { weight, bias, options })
    }

    /// # Shapes
    /// `[N, in, H, W]` to `[N, out, (H + 2 padding - kernel) / stride + 1, ...]`
    ///
    /// # Errors
    /// A weight that is normalised; LibTorch's.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.convolve(x, self.weight.plain()?)
    }

    /// As [`Conv2d::forward`], of an image that is continued on every side by `padding` of its pixels, mirrored at the
    /// outermost, instead of by zeros.
    ///
    /// # Shapes
    /// `[N, in, H, W]` to `[N, out, (H + 2 padding - kernel) / stride + 1, ...]`
    ///
    /// # Errors
    /// Options that pad with zeros as well; a weight that is normalised; an image that is not larger than `padding`.
    pub fn forward_reflected(&self, x: &Tensor, padding: i64) -> Result<Tensor> {
        if self.options.padding != 0 {
            let why = format!("must be 0 under a reflection, not {}", self.options.padding);
            return Err(Error::Config { field: "padding".to_owned(), why });
        }
        let weight = self.weight.plain()?;
        Ok(reflected_convolution(x, weight, self.bias.as_ref(), (self.options.stride, padding))?)
    }

    /// As [`Conv2d::forward`], for any weight.
    ///
    /// # Errors
    /// LibTorch's.
    pub fn forward_in(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        self.convolve(x, &self.weight.effective(mode)?)
    }

    /// The weight, to look at.
    pub fn weight(&self) -> &Weight {
        &self.weight
    }

    /// The same values in the memory order of the layer's weight, in which it is fast.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn laid_out(&self, x: &Tensor) -> Result<Tensor> {
        match is_channels_last(self.weight.trained()) {
            true => Ok(channels_last(x)?),
            false => Ok(x.shallow_clone()),
        }
    }

    /// Its sizes.
    pub fn options(&self) -> ConvOptions {
        self.options
    }

    pub(super) fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    fn convolve(&self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        let ConvOptions { kernel, stride, padding, .. } = self.options;
        if padding == 0 && x.size().get(2..) == Some(&[kernel; 2]) {
            return whole(x, weight, self.bias.as_ref());
        }
        Ok(convolution(x, weight, self.bias.as_ref(), (stride, padding), false)?)
    }
}

/// A convolution whose kernel is as large as its input: one matrix product, where oneDNN would convert layouts.
fn whole(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let rows = |tensor: &Tensor| -> Result<Tensor> {
        let outer = tensor.size()[0];
        if weight.is_contiguous() {
            return Ok(tensor.f_reshape([outer, -1])?);
        }
        Ok(tensor.f_permute([0, 2, 3, 1])?.f_reshape([outer, -1])?) // as channels-last memory lies: no copy
    };
    Ok(rows(x)?.f_linear(&rows(weight)?, bias)?.f_unsqueeze(-1)?.f_unsqueeze(-1)?)
}

/// A transposed 2-D convolution: `weight` `[in, out, k, k]`, `bias` `[out]`.
#[derive(Debug)]
pub struct ConvTranspose2d {
    weight: Weight,
    bias: Option<Tensor>,
    options: ConvOptions,
    output_padding: i64,
}

impl ConvTranspose2d {
    /// A transposed convolution in `scope`; the bias begins at 0, under [`Init::PyTorch`] as the weight does.
    ///
    /// # Errors
    /// A name given twice; a normalisation that cannot work; LibTorch's.
    pub fn new(
        mut scope: Scope,
        inputs: i64,
        outputs: i64,
        options: ConvOptions,
        weight: impl Into<WeightOptions>,
    ) -> Result<Self> {
        let shape = [inputs, outputs, options.kernel, options.kernel];
        let bias = options.bias.then_some(outputs);
        let (weight, bias) = Weight::with_bias(&mut scope, &shape, 1, bias, weight.into())?;
        Ok(Self { weight, bias, options, output_padding: 0 })
    }

    /// The same with rows and columns added at the bottom and right of what comes out, such as 1 where kernel 3 and stride
    /// 2 are to double a side exactly.
    #[must_use]
    pub fn with_output_padding(self, output_padding: i64) -> Self {
        Self { output_padding, ..self }
    }

    /// # Shapes
    /// `[N, in, H, W]` to `[N, out, (H - 1) stride - 2 padding + kernel + output padding, ...]`
    ///
    /// # Errors
    /// A weight that is normalised; LibTorch's.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.convolve(x, self.weight.plain()?)
    }

    /// As [`ConvTranspose2d::forward`], for any weight.
    ///
    /// # Errors
    /// LibTorch's.
    pub fn forward_in(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        self.convolve(x, &self.weight.effective(mode)?)
    }

    /// The weight, to look at.
    pub fn weight(&self) -> &Weight {
        &self.weight
    }

    fn convolve(&self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        let ConvOptions { stride, padding, .. } = self.options;
        if self.output_padding > 0 {
            let steps = (stride, padding);
            return Ok(transposed_convolution(x, weight, self.bias.as_ref(), steps, self.output_padding)?);
        }
        if padding == 0 && x.size().get(2..) == Some(&[1; 2]) {
            return from_point(x, weight, self.bias.as_ref());
        }
        Ok(convolution(x, weight, self.bias.as_ref(), (stride, padding), true)?)
    }
}

/// A transposed convolution of one pixel: one matrix product, where oneDNN would convert layouts.
fn from_point(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (inputs, outputs, height, width) = weight.size4()?;
    let rows = x.f_reshape([-1, inputs])?;
    let x = if weight.is_contiguous() {
        rows.f_matmul(&weight.f_reshape([inputs, -1])?)?.f_reshape([-1, outputs, height, width])?
    } else {
        // As channels-last memory lies: no copy.
        let weight = weight.f_permute([0, 2, 3, 1])?.f_reshape([inputs, -1])?;
        rows.f_matmul(&weight)?.f_reshape([-1, height, width, outputs])?.f_permute([0, 3, 1, 2])?
    };
    match bias {
        Some(bias) => Ok(x.f_add(&bias.f_reshape([1, -1, 1, 1])?)?),
        None => Ok(x),
    }
}

/// Batch normalisation over N, H, W (Ioffe & Szegedy 2015) as PyTorch does it: normalised by the biased
/// variance, eps 1e-5, running statistics with momentum 0.1 and the unbiased variance.
#[derive(Debug)]
pub struct BatchNorm2d {
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    batches: Tensor,
    eps: f64,
}

impl BatchNorm2d {
    const EPS: f64 = 1e-5;
    const MOMENTUM: f64 = 0.1;

    /// A normalisation of `channels` channels in `scope`; `init` is for the gain, the bias begins at 0.
    ///
    /// # Errors
    /// A name given twice; LibTorch's.
    pub fn new(mut scope: Scope, channels: i64, init: Init) -> Result<Self> {
        Ok(Self {
            weight: scope.parameter("weight", &[channels], init)?,
            bias: scope.parameter("bias", &[channels], Init::Zeros)?,
            running_mean: scope.buffer("running_mean", &[channels], Init::Zeros)?,
            running_var: scope.buffer("running_var", &[channels], Init::Ones)?,
            batches: scope.buffer_of("num_batches_tracked", Tensor::from(0i64))?,
            eps: Self::EPS,
        })
    }

    /// The same with another number added to the variance.
    #[must_use]
    pub fn with_eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }

    /// By the statistics of what is given; nothing moves.
    ///
    /// # Shapes
    /// `[N, channels, H, W]` to the same
    ///
    /// # Errors
    /// LibTorch's.
    pub fn forward_by_batch(&self, x: &Tensor) -> Result<Tensor> {
        self.norm([None; 2], true).forward(x)
    }

    /// # Shapes
    /// `[N, channels, H, W]` to the same
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let train = mode.by_batch();
        if train {
            let _ = self.batches.shallow_clone().f_add_scalar_(1)?;
        }
        self.norm([Some(&self.running_mean), Some(&self.running_var)], train).forward(x)
    }

    fn norm<'a>(&'a self, running: [Option<&'a Tensor>; 2], train: bool) -> BatchNorm<'a> {
        let affine = [Some(&self.weight), Some(&self.bias)];
        BatchNorm { affine, running, train, momentum: Self::MOMENTUM, eps: self.eps }
    }
}
