//! Convolutions and batch normalisation, with PyTorch's names for their tensors.

use crate::error::Result;
use crate::nn::{Init, Scope};
use tch::Tensor;

/// Which statistics normalisations use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The batch's; running ones move.
    Train,
    /// The running ones; nothing moves.
    Eval,
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
    weight: Tensor,
    bias: Option<Tensor>,
    options: ConvOptions,
}

impl Conv2d {
    /// A convolution in `scope`; the bias begins at 0.
    ///
    /// # Errors
    /// A name given twice; LibTorch's.
    pub fn new(
        mut scope: Scope,
        inputs: i64,
        outputs: i64,
        options: ConvOptions,
        init: Init,
    ) -> Result<Self> {
        let weight = scope.parameter("weight", &[outputs, inputs, options.kernel, options.kernel], init)?;
        let bias = options.bias.then(|| scope.parameter("bias", &[outputs], Init::Zeros)).transpose()?;
        Ok(Self { weight, bias, options })
    }

    /// # Shapes
    /// `[N, in, H, W]` to `[N, out, (H + 2 padding - kernel) / stride + 1, ...]`
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let ConvOptions { stride, padding, .. } = self.options;
        Ok(x.f_conv2d(&self.weight, self.bias.as_ref(), [stride; 2], [padding; 2], [1; 2], 1)?)
    }
}

/// A transposed 2-D convolution: `weight` `[in, out, k, k]`, `bias` `[out]`.
#[derive(Debug)]
pub struct ConvTranspose2d {
    weight: Tensor,
    bias: Option<Tensor>,
    options: ConvOptions,
}

impl ConvTranspose2d {
    /// A transposed convolution in `scope`; the bias begins at 0.
    ///
    /// # Errors
    /// A name given twice; LibTorch's.
    pub fn new(
        mut scope: Scope,
        inputs: i64,
        outputs: i64,
        options: ConvOptions,
        init: Init,
    ) -> Result<Self> {
        let weight = scope.parameter("weight", &[inputs, outputs, options.kernel, options.kernel], init)?;
        let bias = options.bias.then(|| scope.parameter("bias", &[outputs], Init::Zeros)).transpose()?;
        Ok(Self { weight, bias, options })
    }

    /// # Shapes
    /// `[N, in, H, W]` to `[N, out, (H - 1) stride - 2 padding + kernel, ...]`
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let ConvOptions { stride, padding, .. } = self.options;
        Ok(x.f_conv_transpose2d(
            &self.weight,
            self.bias.as_ref(),
            [stride; 2],
            [padding; 2],
            [0; 2],
            1,
            [1; 2],
        )?)
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
        })
    }

    /// # Shapes
    /// `[N, channels, H, W]` to the same
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let train = mode == Mode::Train;
        if train {
            let _ = self.batches.shallow_clone().f_add_scalar_(1)?;
        }
        Ok(x.f_batch_norm(
            Some(&self.weight),
            Some(&self.bias),
            Some(&self.running_mean),
            Some(&self.running_var),
            train,
            Self::MOMENTUM,
            Self::EPS,
            true,
        )?)
    }
}
