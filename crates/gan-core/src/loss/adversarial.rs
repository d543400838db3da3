//! What the two players minimise. `D` is the discriminator's logit, before any sigmoid; σ the sigmoid.

use crate::error::Result;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// A pair of losses. Each is a mean over the batch, computed in f32 from logits of any kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdversarialLoss {
    /// Cross-entropy; the generator maximises log σ(D(G(z))) (Goodfellow et al. 2014, section 3).
    #[default]
    NonSaturating,
    /// Cross-entropy; the generator minimises log(1 - σ(D(G(z)))): the minimax game itself (equation 1).
    Minimax,
    /// Squared distance of logits to 1 and 0 (Mao et al. 2017, equation 9).
    LeastSquares,
    /// Margins of 1 (Lim & Ye 2017; Miyato et al. 2018, equations 16 and 17).
    Hinge,
    /// Difference of means; needs a Lipschitz constraint (Arjovsky et al. 2017).
    Wasserstein,
}

impl AdversarialLoss {
    /// The discriminator's part on reals.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn on_real(self, logits: &Tensor) -> Result<Tensor> {
        let d = logits.f_to_kind(Kind::Float)?;
        let loss = match self {
            Self::NonSaturating | Self::Minimax => softplus(&d.f_neg()?)?, // -log σ(D)
            Self::LeastSquares => d.f_sub_scalar(1.0)?.f_square()?,
            Self::Hinge => d.f_neg()?.f_add_scalar(1.0)?.f_relu()?, // max(0, 1 - D)
            Self::Wasserstein => d.f_neg()?,
        };
        Ok(loss.f_mean(Kind::Float)?)
    }

    /// The discriminator's part on fakes.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn on_fake(self, logits: &Tensor) -> Result<Tensor> {
        let d = logits.f_to_kind(Kind::Float)?;
        let loss = match self {
            Self::NonSaturating | Self::Minimax => softplus(&d)?, // -log(1 - σ(D))
            Self::LeastSquares => d.f_square()?,
            Self::Hinge => d.f_add_scalar(1.0)?.f_relu()?, // max(0, 1 + D)
            Self::Wasserstein => d,
        };
        Ok(loss.f_mean(Kind::Float)?)
    }

    /// The generator's loss, from the discriminator's logits on fakes.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn generator(self, fake_logits: &Tensor) -> Result<Tensor> {
        let d = fake_logits.f_to_kind(Kind::Float)?;
        let loss = match self {
            Self::NonSaturating => softplus(&d.f_neg()?)?, // -log σ(D)
            Self::Minimax => softplus(&d)?.f_neg()?,       // log(1 - σ(D))
            Self::LeastSquares => d.f_sub_scalar(1.0)?.f_square()?,
            Self::Hinge | Self::Wasserstein => d.f_neg()?,
        };
        Ok(loss.f_mean(Kind::Float)?)
    }
}

/// log(1 + e^x), linear above 20 where the difference is below f32's resolution.
fn softplus(x: &Tensor) -> Result<Tensor> {
    Ok(x.f_softplus()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(loss: Result<Tensor>) -> f64 {
        loss.expect("loss").double_value(&[])
    }

    #[test]
    fn values_are_those_of_the_formulas() {
        use AdversarialLoss::*;
        let logits = Tensor::from_slice(&[0.5f32, -1.5]);
        let mean = |f: fn(f64) -> f64| (f(0.5) + f(-1.5)) / 2.0;
        let log1p_exp: fn(f64) -> f64 = |x| x.exp().ln_1p();
        let cases = [
            (value(NonSaturating.on_real(&logits)), mean(|x| (-x).exp().ln_1p())),
            (value(NonSaturating.on_fake(&logits)), mean(log1p_exp)),
            (value(NonSaturating.generator(&logits)), mean(|x| (-x).exp().ln_1p())),
            (value(Minimax.generator(&logits)), -mean(log1p_exp)),
            (value(LeastSquares.on_real(&logits)), mean(|x| (x - 1.0).powi(2))),
            (value(LeastSquares.on_fake(&logits)), mean(|x| x * x)),
            (value(Hinge.on_real(&logits)), mean(|x| (1.0 - x).max(0.0))),
            (value(Hinge.on_fake(&logits)), mean(|x| (1.0 + x).max(0.0))),
            (value(Wasserstein.on_real(&logits)), 0.5),
            (value(Wasserstein.generator(&logits)), 0.5),
        ];
        for (index, (got, expected)) in cases.into_iter().enumerate() {
            assert!((got - expected).abs() < 1e-6, "case {index}: {got} and {expected}");
        }
    }

    #[test]
    fn far_logits_stay_finite_with_the_right_gradient() {
        for loss in [AdversarialLoss::NonSaturating, AdversarialLoss::Minimax, AdversarialLoss::Hinge] {
            let logits = Tensor::from_slice(&[1e4f32, -1e4]).set_requires_grad(true);
            for value in [loss.on_real(&logits), loss.on_fake(&logits), loss.generator(&logits)] {
                let value = value.expect("loss");
                assert!(value.double_value(&[]).is_finite());
                let grads = Tensor::run_backward(&[value], &[&logits], false, false);
                assert_eq!(grads[0].isfinite().all().int64_value(&[]), 1);
            }
        }
        let logits = Tensor::from_slice(&[-1e4f32]).set_requires_grad(true);
        let loss = AdversarialLoss::NonSaturating.generator(&logits).expect("loss");
        assert_eq!(Tensor::run_backward(&[loss], &[&logits], false, false)[0].double_value(&[0]), -1.0);
    }
}
