//! What stands between a generator's layers: batch normalisation, or one whose gains and biases are functions of the
//! condition (de Vries et al. 2017).

use crate::condition::Conditions;
use crate::config::{Config, GeneratorCondition};
use gan_core::error::Result;
use gan_core::nn::{BatchNorm2d, ConditionalNorm, ConditionalNormOptions, Init, Mode, Scope, Statistics};
use tch::Tensor;

/// Either of them.
#[derive(Debug)]
pub enum GeneratorNorm {
    /// Told nothing.
    Batch(BatchNorm2d),
    /// Told the condition.
    Conditional(Box<ConditionalNorm>),
}

impl GeneratorNorm {
    /// Of so many channels or units in `scope`; `init` is for gains that are told nothing.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(
        scope: Scope,
        channels: i64,
        init: Init,
        config: &Config,
        conditions: &Conditions,
    ) -> Result<Self> {
        if config.generator_condition == GeneratorCondition::Latent {
            return Ok(Self::Batch(BatchNorm2d::new(scope, channels, init)?.with_eps(config.norm_eps)));
        }
        let options = ConditionalNormOptions {
            condition: conditions.norm(),
            statistics: Statistics::Batch,
            eps: config.norm_eps,
            weight: Init::Normal { mean: 0.0, std: 0.02 }.into(),
        };
        Ok(Self::Conditional(Box::new(ConditionalNorm::new(scope, channels, options)?)))
    }

    /// # Shapes
    /// `x` `[N, channels, H, W]` or `[N, units]`; out as `x`
    ///
    /// # Errors
    /// A class that is not there; LibTorch's.
    pub fn forward(&self, x: &Tensor, told: &Tensor, mode: Mode) -> Result<Tensor> {
        match self {
            Self::Batch(norm) => norm.forward(x, mode),
            Self::Conditional(norm) if x.dim() == 2 => {
                let maps = x.f_unsqueeze(-1)?.f_unsqueeze(-1)?;
                Ok(norm.forward(&maps, told, mode)?.f_flatten(1, -1)?)
            }
            Self::Conditional(norm) => norm.forward(x, told, mode),
        }
    }
}
