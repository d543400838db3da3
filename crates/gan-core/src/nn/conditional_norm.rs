//! Normalisations whose gain and bias depend on a condition (de Vries et al. 2017; for GANs Dumoulin et al. 2017,
//! Miyato & Koyama 2018), with BigGAN's names and habits (Brock et al. 2019, appendix C).
//!
//! y = (1 + gain(c)) · x̂ + bias(c), with x̂ the normalised input and gain, bias two linear maps or two tables.

use crate::error::Result;
use crate::nn::weight::WeightOptions;
use crate::nn::{Embedding, Init, Linear, Mode, Scope};
use tch::Tensor;

/// What gain and bias are computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// A vector of so many numbers, such as a shared class embedding with a slice of the latent.
    Vector(i64),
    /// One of so many classes.
    Classes(i64),
}

/// What the input is normalised by. Running statistics have momentum 0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistics {
    /// The batch's; running ones `stored_mean`, `stored_var` (unbiased) in evaluation.
    Batch,
    /// The batch's with biased running variance, under `bn.`: BigGAN's own batch norm, whose statistics can be
    /// replaced by standing ones.
    OwnBatch,
    /// Each sample's; the running means of these in evaluation.
    Instance,
    /// Not at all.
    Nothing,
}

/// How a conditional normalisation is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConditionalNormOptions {
    /// What gain and bias are computed from.
    pub condition: Condition,
    /// What the input is normalised by.
    pub statistics: Statistics,
    /// Added to the variance.
    pub eps: f64,
    /// The weights of gain and bias.
    pub weight: WeightOptions,
}

/// Where gain and bias come from.
#[derive(Debug)]
enum Map {
    Vector(Linear),
    Classes(Embedding),
}

impl Map {
    fn new(scope: Scope, channels: i64, options: ConditionalNormOptions) -> Result<Self> {
        match options.condition {
            Condition::Vector(size) => {
                Ok(Self::Vector(Linear::without_bias(scope, size, channels, options.weight)?))
            }
            Condition::Classes(classes) => {
                Ok(Self::Classes(Embedding::new(scope, classes, channels, options.weight)?))
            }
        }
    }

    /// `[N, channels, 1, 1]`
    fn forward(&self, condition: &Tensor, mode: Mode) -> Result<Tensor> {
        let values = match self {
            Self::Vector(linear) => linear.forward_in(condition, mode)?,
            Self::Classes(table) => table.forward_in(condition, mode)?,
        };
        Ok(values.f_unsqueeze(-1)?.f_unsqueeze(-1)?)
    }
}

const MOMENTUM: f64 = 0.1;

/// A conditional normalisation: `gain.weight`, `bias.weight` and the statistics' buffers.
#[derive(Debug)]
pub struct ConditionalNorm {
    gain: Map,
    bias: Map,
    statistics: Statistics,
    /// Mean and variance, where any are kept.
    stored: Option<(Tensor, Tensor)>,
    eps: f64,
}

impl ConditionalNorm {
    /// A normalisation of `channels` channels in `scope`.
    ///
    /// # Errors
    /// A name given twice; a spectral normalisation that cannot work; LibTorch's.
    pub fn new(mut scope: Scope, channels: i64, options: ConditionalNormOptions) -> Result<Self> {
        let gain = Map::new(scope.sub("gain"), channels, options)?;
        let bias = Map::new(scope.sub("bias"), channels, options)?;
        let stored = match options.statistics {
            Statistics::Nothing => None,
            Statistics::Batch | Statistics::Instance => Some(stored(&mut scope, channels)?),
            Statistics::OwnBatch => {
                let mut own = scope.sub("bn");
                let stored = stored(&mut own, channels)?;
                // Batches summed into standing statistics; none are.
                let _ = own.buffer("accumulation_counter", &[1], Init::Zeros)?;
                Some(stored)
            }
        };
        Ok(Self { gain, bias, statistics: options.statistics, stored, eps: options.eps })
    }

    /// # Shapes
    /// `x` `[N, channels, H, W]`, `condition` `[N, size]` or i64 `[N]`; out as `x`
    ///
    /// # Errors
    /// Shapes that do not fit; LibTorch's.
    pub fn forward(&self, x: &Tensor, condition: &Tensor, mode: Mode) -> Result<Tensor> {
        let gain = self.gain.forward(condition, mode)?.f_add_scalar(1.0)?;
        let bias = self.bias.forward(condition, mode)?;
        Ok(self.normalised(x, mode)?.f_mul(&gain)?.f_add(&bias)?)
    }

    fn normalised(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let Some((mean, var)) = &self.stored else { return Ok(x.shallow_clone()) };
        let train = mode == Mode::Train;
        let none = None::<&Tensor>;
        match self.statistics {
            Statistics::Instance => {
                Ok(x.f_instance_norm(none, none, Some(mean), Some(var), train, MOMENTUM, self.eps, true)?)
            }
            Statistics::OwnBatch if train => {
                tch::no_grad(|| follow(x, mean, var))?;
                Ok(x.f_batch_norm(none, none, none, none, true, MOMENTUM, self.eps, true)?)
            }
            _ => Ok(x.f_batch_norm(none, none, Some(mean), Some(var), train, MOMENTUM, self.eps, true)?),
        }
    }
}

/// Moves running statistics towards the batch's, the variance biased.
fn follow(x: &Tensor, mean: &Tensor, var: &Tensor) -> Result<()> {
    let (batch_var, batch_mean) =
        x.f_to_kind(mean.kind())?.f_var_mean_dim([0i64, 2, 3].as_slice(), false, false)?;
    let _ = mean.shallow_clone().f_lerp_(&batch_mean, MOMENTUM)?;
    let _ = var.shallow_clone().f_lerp_(&batch_var, MOMENTUM)?;
    Ok(())
}

fn stored(scope: &mut Scope, channels: i64) -> Result<(Tensor, Tensor)> {
    let mean = scope.buffer("stored_mean", &[channels], Init::Zeros)?;
    let var = scope.buffer("stored_var", &[channels], Init::Ones)?;
    Ok((mean, var))
}

/// Batch normalisation without a condition under BigGAN's names: `gain`, `bias`, `stored_mean`, `stored_var`.
#[derive(Debug)]
pub struct GainBatchNorm2d {
    gain: Tensor,
    bias: Tensor,
    stored: (Tensor, Tensor),
    eps: f64,
}

impl GainBatchNorm2d {
    /// A normalisation of `channels` channels in `scope`; gains begin at 1, biases at 0.
    ///
    /// # Errors
    /// A name given twice; LibTorch's.
    pub fn new(mut scope: Scope, channels: i64, eps: f64) -> Result<Self> {
        Ok(Self {
            gain: scope.parameter("gain", &[channels], Init::Ones)?,
            bias: scope.parameter("bias", &[channels], Init::Zeros)?,
            stored: stored(&mut scope, channels)?,
            eps,
        })
    }

    /// # Shapes
    /// `[N, channels, H, W]` to the same
    ///
    /// # Errors
    /// Another number of channels; LibTorch's.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let (gain, bias, (mean, var)) = (Some(&self.gain), Some(&self.bias), &self.stored);
        let train = mode == Mode::Train;
        Ok(x.f_batch_norm(gain, bias, Some(mean), Some(var), train, MOMENTUM, self.eps, true)?)
    }
}
