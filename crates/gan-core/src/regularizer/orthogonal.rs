//! Orthogonal regularisation: a weight's rows, one an output channel, are drawn towards right angles.

use crate::error::{Error, Result};
use crate::tensor::wide;
use gan_sys::runtime::{Autocast, AutocastDtype};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// What of W Wᵀ is penalised. W is a weight as `[out, everything else]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Orthogonal {
    /// Only what is off the diagonal, so that lengths are free: M = W Wᵀ ∘ (1 - I) (Brock et al. 2019,
    /// equation 3).
    #[default]
    OffDiagonal,
    /// Lengths too, towards 1: M = W Wᵀ - I (equation 2 there; Brock et al. 2017).
    Full,
}

impl Orthogonal {
    /// ½ ‖M‖², whose gradient is [`Orthogonal::gradient`] at strength 1.
    ///
    /// # Shapes
    /// `weight` `[out, ...]`; out a scalar.
    ///
    /// # Errors
    /// A weight of less than two dimensions; LibTorch's.
    pub fn penalty(self, weight: &Tensor) -> Result<Tensor> {
        let _off = Autocast::enter(weight.device(), AutocastDtype::Off)?;
        Ok(self.excess(&rows(weight)?)?.f_square()?.f_sum(None)?.f_mul_scalar(0.5)?)
    }

    /// 2 `strength` M W, to be added to the weight's gradient: it needs no graph. BigGAN's code adds
    /// this, half the derivative of the paper's β ‖M‖²: `strength` is its `G_ortho`, 1e-4 in the paper.
    ///
    /// # Shapes
    /// `weight` `[out, ...]`; out like it.
    ///
    /// # Errors
    /// As [`Orthogonal::penalty`].
    pub fn gradient(self, weight: &Tensor, strength: f64) -> Result<Tensor> {
        let _off = Autocast::enter(weight.device(), AutocastDtype::Off)?;
        let rows = rows(&weight.f_detach()?)?;
        let gradient = self.excess(&rows)?.f_matmul(&rows)?.f_mul_scalar(2.0 * strength)?;
        Ok(gradient.f_reshape(weight.size())?)
    }

    /// M.
    fn excess(self, rows: &Tensor) -> Result<Tensor> {
        let products = rows.f_matmul(&rows.f_transpose(0, 1)?)?;
        let identity = Tensor::f_eye(rows.size()[0], (products.kind(), products.device()))?;
        match self {
            Self::OffDiagonal => Ok(products.f_mul(&identity.f_neg()?.f_add_scalar(1.0)?)?),
            Self::Full => Ok(products.f_sub(&identity)?),
        }
    }
}

fn rows(weight: &Tensor) -> Result<Tensor> {
    if weight.dim() < 2 {
        return Err(Error::Shape {
            what: "a weight to be orthogonal".to_owned(),
            expected: "[_, _, ...]".to_owned(),
            got: weight.size(),
        });
    }
    wide(&weight.f_flatten(1, -1)?)
}
