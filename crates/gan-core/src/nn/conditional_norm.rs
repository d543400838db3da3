//! Normalisations whose gain and bias depend on a condition (de Vries et al. 2017; for GANs Dumoulin et al. 2017,
//! Miyato & Koyama 2018), with BigGAN's names and habits (Brock et al. 2019, appendix C).
//!
//! y = (1 + gain(c)) · x̂ + bias(c), with x̂ the normalised input and gain, bias two linear maps or two tables.

use crate::comm::{self, Comm};
use crate::error::{Error, Result};
use crate::nn::batch_norm::BatchNorm;
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
    running: Option<Running>,
    per_sample: bool,
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
        let running = Running::new(&mut scope, channels, options.statistics)?;
        let per_sample = options.statistics == Statistics::Instance;
        Ok(Self { gain, bias, running, per_sample, eps: options.eps })
    }

    /// # Shapes
    /// `x` `[N, channels, H, W]`, `condition` `[N, size]` or i64 `[N]`; out as `x`
    ///
    /// # Errors
    /// Shapes that do not fit; LibTorch's.
    pub fn forward(&self, x: &Tensor, condition: &Tensor, mode: Mode) -> Result<Tensor> {
        let gain = self.gain.forward(condition, mode)?.f_add_scalar(1.0)?;
        let bias = self.bias.forward(condition, mode)?;
        let none = None::<&Tensor>;
        let normalised = match &self.running {
            None => x.shallow_clone(),
            Some(Running { mean, var, .. }) if self.per_sample => {
                let train = mode.by_batch();
                x.f_instance_norm(none, none, Some(mean), Some(var), train, MOMENTUM, self.eps, true)?
            }
            Some(running) => running.normalise(x, [none; 2], mode, self.eps)?,
        };
        Ok(normalised.f_mul(&gain)?.f_add_(&bias)?)
    }
}

/// Statistics that are kept from batch to batch.
#[derive(Debug)]
struct Running {
    /// `[C]` each.
    mean: Tensor,
    var: Tensor,
    /// Of BigGAN's own batch norm: the batches of which mean and variance are sums, 0 while they are running ones; `[1]`.
    batches: Option<Tensor>,
}

impl Running {
    fn new(scope: &mut Scope, channels: i64, statistics: Statistics) -> Result<Option<Self>> {
        let of = |scope: &mut Scope, batches| -> Result<Option<Self>> {
            let mean = scope.buffer("stored_mean", &[channels], Init::Zeros)?;
            let var = scope.buffer("stored_var", &[channels], Init::Ones)?;
            Ok(Some(Self { mean, var, batches }))
        };
        match statistics {
            Statistics::Nothing => Ok(None),
            Statistics::Batch | Statistics::Instance => of(scope, None),
            Statistics::OwnBatch => {
                let mut own = scope.sub("bn");
                let mut running = of(&mut own, None)?;
                let batches = own.buffer("accumulation_counter", &[1], Init::Zeros)?;
                if let Some(running) = &mut running {
                    running.batches = Some(batches);
                }
                Ok(running)
            }
        }
    }

    /// Each channel by the batch's statistics, or by those that are kept.
    fn normalise(&self, x: &Tensor, affine: [Option<&Tensor>; 2], mode: Mode, eps: f64) -> Result<Tensor> {
        let Self { mean, var, batches } = self;
        let norm = BatchNorm {
            affine,
            running: [Some(mean), Some(var)],
            train: mode.by_batch(),
            momentum: MOMENTUM,
            eps,
        };
        match batches {
            None => norm.forward(x),
            Some(batches) if mode == Mode::Eval => {
                let count = batches.f_clamp_min(1.0)?;
                let (mean, var) = (mean.f_div(&count)?, var.f_div(&count)?);
                BatchNorm { running: [Some(&mean), Some(&var)], ..norm }.forward(x)
            }
            Some(batches) => {
                // At momentum 1 running statistics are the batch's own: one pass over it finds them and normalises.
                let (batch_mean, batch_var) = (mean.f_zeros_like()?, var.f_zeros_like()?);
                let running = [Some(&batch_mean), Some(&batch_var)];
                let normalised = BatchNorm { running, momentum: 1.0, ..norm }.forward(x)?;
                let ranks = comm::current().map_or(1, Comm::world_size);
                let count = x.numel() as f64 / mean.numel().max(1) as f64 * ranks as f64;
                let biased = batch_var.f_mul_scalar((count - 1.0) / count)?;
                tch::no_grad(|| self.follow([&batch_mean, &biased], batches, mode))?;
                Ok(normalised)
            }
        }
    }

    /// Moves running statistics towards the batch's, the variance biased; adds up standing ones.
    fn follow(&self, [batch_mean, batch_var]: [&Tensor; 2], batches: &Tensor, mode: Mode) -> Result<()> {
        let [mut mean, mut var, mut batches] = [&self.mean, &self.var, batches].map(Tensor::shallow_clone);
        if mode != Mode::Standing {
            // Training goes on from standing statistics as from running ones.
            let count = batches.f_clamp_min(1.0)?;
            let _ = (mean.f_div_(&count)?, var.f_div_(&count)?, batches.f_zero_()?);
            let _ = (mean.f_lerp_(batch_mean, MOMENTUM)?, var.f_lerp_(batch_var, MOMENTUM)?);
            return Ok(());
        }
        // The first batch takes the place of running statistics.
        let begun = batches.f_gt(0.0)?.f_to_kind(mean.kind())?;
        let _ = (mean.f_mul_(&begun)?.f_add_(batch_mean)?, var.f_mul_(&begun)?.f_add_(batch_var)?);
        let _ = batches.f_add_scalar_(1.0)?;
        Ok(())
    }
}

/// Batch normalisation without a condition under BigGAN's names: `gain`, `bias` and the statistics' buffers.
#[derive(Debug)]
pub struct GainBatchNorm2d {
    gain: Tensor,
    bias: Tensor,
    running: Option<Running>,
    eps: f64,
}

impl GainBatchNorm2d {
    /// A normalisation of `channels` channels in `scope`; gains begin at 1, biases at 0.
    ///
    /// # Errors
    /// Statistics of another kind than a batch's; a name given twice; LibTorch's.
    pub fn new(mut scope: Scope, channels: i64, statistics: Statistics, eps: f64) -> Result<Self> {
        if !matches!(statistics, Statistics::Batch | Statistics::OwnBatch) {
            return Err(Error::config("statistics", "are not a batch's"));
        }
        Ok(Self {
            gain: scope.parameter("gain", &[channels], Init::Ones)?,
            bias: scope.parameter("bias", &[channels], Init::Zeros)?,
            running: Running::new(&mut scope, channels, statistics)?,
            eps,
        })
    }

    /// # Shapes
    /// `[N, channels, H, W]` to the same
    ///
    /// # Errors
    /// Another number of channels; LibTorch's.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let affine = [Some(&self.gain), Some(&self.bias)];
        match &self.running {
            Some(running) => running.normalise(x, affine, mode, self.eps),
            None => Ok(x.shallow_clone()),
        }
    }
}
