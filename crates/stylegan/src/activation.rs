//! A bias, an activation with its gain, and a bound, in one (`bias_act` of the authors' code).

use gan_core::error::Result;
use gan_core::nn::Epilogue;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// What follows a layer's bias.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Nothing.
    Linear,
    /// max(0, x).
    Relu,
    /// x, or 0.2 x where it is negative.
    #[default]
    Lrelu,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e^-x).
    Sigmoid,
    /// x, or e^x - 1 where it is negative.
    Elu,
    /// [`Activation::Elu`] with the constants of Klambauer et al. 2017.
    Selu,
    /// ln(1 + e^x).
    Softplus,
    /// x / (1 + e^-x).
    Swish,
}

/// The slope of [`Activation::Lrelu`] where its input is negative.
pub(crate) const SLOPE: f64 = 0.2;

impl Activation {
    /// What keeps the variance that went in: √2 for those that take about half of it.
    pub fn gain(self) -> f64 {
        match self {
            Self::Relu | Self::Lrelu | Self::Swish => std::f64::consts::SQRT_2,
            _ => 1.0,
        }
    }

    /// The activation of `x` plus `bias`, times `gain`, then within ±`clamp` where that is not 0.
    ///
    /// # Shapes
    /// `x` `[N, C, ...]`, `bias` `[C]`; out as `x`
    ///
    /// # Errors
    /// Shapes that do not fit; LibTorch's.
    pub fn apply(self, x: &Tensor, bias: Option<&Tensor>, gain: f64, clamp: f64) -> Result<Tensor> {
        let slope = match self {
            Self::Linear => Some(1.0),
            Self::Lrelu => Some(SLOPE),
            _ => None,
        };
        if let (Some(slope), 4) = (slope, x.dim()) {
            return Ok(Epilogue { bias, slope, gain, clamp, ..Epilogue::default() }.of(x)?);
        }
        let x = match bias {
            None => x.shallow_clone(),
            Some(bias) => {
                let mut shape = vec![1; x.dim()];
                shape[1] = -1;
                x.f_add(&bias.f_to_kind(x.kind())?.f_reshape(shape)?)?
            }
        };
        let y = match self {
            Self::Linear => x,
            Self::Relu => x.f_relu()?,
            Self::Lrelu => x.f_where_self(&x.f_gt(0.0)?, &x.f_mul_scalar(SLOPE)?)?,
            Self::Tanh => x.f_tanh()?,
            Self::Sigmoid => x.f_sigmoid()?,
            Self::Elu => x.f_elu()?,
            Self::Selu => x.f_selu()?,
            Self::Softplus => x.f_softplus()?,
            Self::Swish => x.f_sigmoid()?.f_mul(&x)?,
        };
        let y = if gain == 1.0 { y } else { y.f_mul_scalar(gain)? };
        Ok(if clamp > 0.0 { y.f_clamp(-clamp, clamp)? } else { y })
    }
}
