//! What the two players minimise. `D` is the discriminator's logit, before any sigmoid; σ the sigmoid.
//! `Dr` are its logits on reals, `Df` on fakes.

use crate::error::{Error, Result};
use crate::tensor::{guard, wide};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// A pair of losses. Each is a mean over all logits, computed in f32 from logits of any kind and shape.
///
/// Most are *separable*: a term on reals plus a term on fakes. The relativistic ones compare the two, in the
/// generator's loss as well: they are reached through [`AdversarialLoss::discriminator`] and
/// [`AdversarialLoss::generator_against`], which work for every loss.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdversarialLoss {
    /// Cross-entropy; the generator maximises log σ(D(G(z))) (Goodfellow et al. 2014, section 3). StyleGAN's
    /// `logistic` loss is this one (Karras et al. 2019, appendix C).
    #[default]
    #[serde(alias = "logistic")]
    NonSaturating,
    /// Cross-entropy; the generator minimises log(1 - σ(D(G(z)))): the minimax game itself (equation 1).
    Minimax,
    /// Squared distance of logits to 1 and 0 (Mao et al. 2017, equation 9).
    LeastSquares,
    /// Margins of 1 (Lim & Ye 2017; Miyato et al. 2018, equations 16 and 17).
    Hinge,
    /// Difference of means; needs a Lipschitz constraint (Arjovsky et al. 2017).
    Wasserstein,
    /// Cross-entropy of a logit's distance to the mean of the other side, the mean of both halves
    /// (Jolicoeur-Martineau 2018, algorithm 2).
    RelativisticAverage,
    /// The same with squared distances to 1 and -1 (RaLSGAN there).
    RelativisticAverageLeastSquares,
    /// The same with margins of 1 (RaHingeGAN there).
    RelativisticAverageHinge,
    /// Cross-entropy of the difference between a real and a fake (algorithm 1 there; R3GAN's loss, Huang et
    /// al. 2024). As many reals as fakes.
    RelativisticPaired,
}

impl AdversarialLoss {
    /// Every loss.
    pub const ALL: &'static [Self] = &[
        Self::NonSaturating,
        Self::Minimax,
        Self::LeastSquares,
        Self::Hinge,
        Self::Wasserstein,
        Self::RelativisticAverage,
        Self::RelativisticAverageLeastSquares,
        Self::RelativisticAverageHinge,
        Self::RelativisticPaired,
    ];

    /// Whether reals and fakes are compared with each other, so that the generator's loss needs reals too.
    pub fn is_relativistic(self) -> bool {
        matches!(
            self,
            Self::RelativisticAverage
                | Self::RelativisticAverageLeastSquares
                | Self::RelativisticAverageHinge
                | Self::RelativisticPaired
        )
    }

    /// Whether one-sided label smoothing means anything: the two cross-entropies have labels.
    pub fn takes_smoothing(self) -> bool {
        matches!(self, Self::NonSaturating | Self::Minimax)
    }

    /// The discriminator's part on reals.
    ///
    /// # Shapes
    /// `logits` of any shape; out a scalar.
    ///
    /// # Errors
    /// A relativistic loss; LibTorch's, such as no memory.
    pub fn on_real(self, logits: &Tensor) -> Result<Tensor> {
        let d = wide(logits)?;
        let loss = match self {
            Self::NonSaturating | Self::Minimax => d.f_neg()?.f_softplus()?, // -log σ(D)
            Self::LeastSquares => d.f_sub_scalar(1.0)?.f_square()?,
            Self::Hinge => d.f_neg()?.f_add_scalar(1.0)?.f_relu()?, // max(0, 1 - D)
            Self::Wasserstein => d.f_neg()?,
            _ => return Err(self.compares()),
        };
        Ok(loss.f_mean(None)?)
    }

    /// The discriminator's part on reals, whose label is 1 - `smoothing` instead of 1 (Salimans et al. 2016,
    /// section 3.4): -(1 - s) log σ(D) - s log(1 - σ(D)).
    ///
    /// # Shapes
    /// As [`AdversarialLoss::on_real`].
    ///
    /// # Errors
    /// A smoothing outside 0 to below 1; a smoothing above 0 and a loss without labels; as
    /// [`AdversarialLoss::on_real`].
    pub fn on_real_smoothed(self, logits: &Tensor, smoothing: f64) -> Result<Tensor> {
        if smoothing == 0.0 {
            return self.on_real(logits);
        }
        if !(0.0..1.0).contains(&smoothing) {
            let why = format!("{smoothing} is not from 0 to below 1; 0.1 is usual");
            return Err(Error::config("label_smoothing", why));
        }
        if !self.takes_smoothing() {
            let why = format!("{self} has no labels; use non_saturating or minimax, or label_smoothing 0");
            return Err(Error::config("label_smoothing", why));
        }
        let d = wide(logits)?;
        let as_real = d.f_neg()?.f_softplus()?.f_mul_scalar(1.0 - smoothing)?;
        Ok(as_real.f_add(&d.f_softplus()?.f_mul_scalar(smoothing)?)?.f_mean(None)?)
    }

    /// The discriminator's part on fakes.
    ///
    /// # Shapes
    /// `logits` of any shape; out a scalar.
    ///
    /// # Errors
    /// A relativistic loss; LibTorch's, such as no memory.
    pub fn on_fake(self, logits: &Tensor) -> Result<Tensor> {
        let d = wide(logits)?;
        let loss = match self {
            Self::NonSaturating | Self::Minimax => d.f_softplus()?, // -log(1 - σ(D))
            Self::LeastSquares => d.f_square()?,
            Self::Hinge => d.f_add_scalar(1.0)?.f_relu()?, // max(0, 1 + D)
            Self::Wasserstein => d,
            _ => return Err(self.compares()),
        };
        Ok(loss.f_mean(None)?)
    }

    /// The generator's loss, from the discriminator's logits on fakes.
    ///
    /// # Shapes
    /// `fake_logits` of any shape; out a scalar.
    ///
    /// # Errors
    /// A relativistic loss; LibTorch's, such as no memory.
    pub fn generator(self, fake_logits: &Tensor) -> Result<Tensor> {
        let d = wide(fake_logits)?;
        let loss = match self {
            Self::NonSaturating => d.f_neg()?.f_softplus()?, // -log σ(D)
            Self::Minimax => d.f_softplus()?.f_neg()?,       // log(1 - σ(D))
            Self::LeastSquares => d.f_sub_scalar(1.0)?.f_square()?,
            Self::Hinge | Self::Wasserstein => d.f_neg()?,
            _ => return Err(self.compares()),
        };
        Ok(loss.f_mean(None)?)
    }

    /// The discriminator's whole loss, for every loss. For a separable one it is
    /// [`on_real_smoothed`](Self::on_real_smoothed) + [`on_fake`](Self::on_fake).
    ///
    /// # Shapes
    /// Logits of any shape, the same one for [`AdversarialLoss::RelativisticPaired`]; out a scalar.
    ///
    /// # Errors
    /// As [`AdversarialLoss::on_real_smoothed`]; pairs of unequal shapes.
    pub fn discriminator(self, real_logits: &Tensor, fake_logits: &Tensor, smoothing: f64) -> Result<Tensor> {
        if self.is_relativistic() && smoothing == 0.0 {
            return self.higher(real_logits, fake_logits);
        }
        Ok(self.on_real_smoothed(real_logits, smoothing)?.f_add(&self.on_fake(fake_logits)?)?)
    }

    /// The generator's loss, for every loss. A relativistic one is the discriminator's with the sides
    /// exchanged and has a gradient along `real_logits` as well: detach them where nothing behind them moves.
    /// A separable one does not look at them.
    ///
    /// # Shapes
    /// As [`AdversarialLoss::discriminator`].
    ///
    /// # Errors
    /// Pairs of unequal shapes; LibTorch's, such as no memory.
    pub fn generator_against(self, fake_logits: &Tensor, real_logits: &Tensor) -> Result<Tensor> {
        if self.is_relativistic() {
            return self.higher(fake_logits, real_logits);
        }
        self.generator(fake_logits)
    }

    /// What falls when the logits `up` rise above the logits `down`: the relativistic losses.
    fn higher(self, up: &Tensor, down: &Tensor) -> Result<Tensor> {
        let (up, down) = (wide(up)?, wide(down)?);
        if self == Self::RelativisticPaired {
            guard::shape("logits to pair", &down, &up.size())?;
            return Ok(down.f_sub(&up)?.f_softplus()?.f_mean(None)?); // -log σ(up - down)
        }
        let above = up.f_sub(&down.f_mean(None)?)?; // to be high
        let below = down.f_sub(&up.f_mean(None)?)?; // to be low
        let (above, below) = match self {
            Self::RelativisticAverageLeastSquares => {
                (above.f_sub_scalar(1.0)?.f_square()?, below.f_add_scalar(1.0)?.f_square()?)
            }
            Self::RelativisticAverageHinge => {
                (above.f_neg()?.f_add_scalar(1.0)?.f_relu()?, below.f_add_scalar(1.0)?.f_relu()?)
            }
            _ => (above.f_neg()?.f_softplus()?, below.f_softplus()?), // -log σ(above), -log(1 - σ(below))
        };
        Ok(above.f_mean(None)?.f_add(&below.f_mean(None)?)?.f_mul_scalar(0.5)?)
    }

    fn compares(self) -> Error {
        let why = format!(
            "{self} compares reals with fakes; call `discriminator` and `generator_against` with both logits"
        );
        Error::config("loss", why)
    }
}

impl std::fmt::Display for AdversarialLoss {
    /// The word in configurations.
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        self.serialize(f)
    }
}

#[cfg(test)]
mod tests {
    use super::AdversarialLoss::*;
    use super::*;
    use tch::{Device, Kind};

    fn value(loss: Result<Tensor>) -> f64 {
        loss.expect("loss").double_value(&[])
    }

    #[test]
    fn values_are_those_of_the_formulas() {
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

    /// The gradient of each loss along reals and fakes at logits of ±1e4, where it is known by hand. In a
    /// batch of one an average is the logit itself.
    #[test]
    fn far_logits_stay_finite_with_the_right_gradient() {
        // What moves, real logit, fake logit, along the real, along the fake.
        let far = 1e4;
        let d = |loss, real, fake, along_real, along_fake| (loss, true, [real, fake, along_real, along_fake]);
        let g =
            |loss, real, fake, along_real, along_fake| (loss, false, [real, fake, along_real, along_fake]);
        let cases = [
            d(NonSaturating, far, -far, 0.0, 0.0),
            d(NonSaturating, -far, far, -1.0, 1.0),
            g(NonSaturating, 0.0, -far, 0.0, -1.0),
            g(NonSaturating, 0.0, far, 0.0, 0.0),
            g(Minimax, 0.0, -far, 0.0, 0.0),
            g(Minimax, 0.0, far, 0.0, -1.0),
            d(LeastSquares, -far, far, -20_002.0, 20_000.0),
            g(LeastSquares, 0.0, -far, 0.0, -20_002.0),
            d(Hinge, far, -far, 0.0, 0.0),
            d(Hinge, -far, far, -1.0, 1.0),
            g(Hinge, 0.0, -far, 0.0, -1.0),
            d(Wasserstein, far, far, -1.0, 1.0),
            g(Wasserstein, 0.0, far, 0.0, -1.0),
            d(RelativisticAverage, -far, far, -1.0, 1.0),
            d(RelativisticAverage, far, -far, 0.0, 0.0),
            g(RelativisticAverage, far, -far, 1.0, -1.0),
            d(RelativisticAverageLeastSquares, -far, far, -40_002.0, 40_002.0),
            g(RelativisticAverageLeastSquares, far, -far, 40_002.0, -40_002.0),
            d(RelativisticAverageHinge, -far, far, -1.0, 1.0),
            d(RelativisticAverageHinge, far, -far, 0.0, 0.0),
            g(RelativisticAverageHinge, far, -far, 1.0, -1.0),
            d(RelativisticPaired, -far, far, -1.0, 1.0),
            g(RelativisticPaired, far, -far, 1.0, -1.0),
            g(RelativisticPaired, -far, far, 0.0, 0.0),
        ];
        for kind in [Kind::Float, Kind::BFloat16] {
            let leaf = |x: f64| Tensor::full([1], x, (kind, Device::Cpu)).set_requires_grad(true);
            for (loss, discriminator, [real, fake, along_real, along_fake]) in cases {
                let (real, fake) = (leaf(real), leaf(fake));
                let value = match discriminator {
                    true => loss.discriminator(&real, &fake, 0.0),
                    false => loss.generator_against(&fake, &real),
                };
                let value = value.expect("loss");
                assert_eq!(value.kind(), Kind::Float, "{loss}");
                assert!(value.double_value(&[]).is_finite(), "{loss}");
                let grads = Tensor::run_backward(&[value], &[&real, &fake], false, false);
                for (grad, expected) in grads.iter().zip([along_real, along_fake]) {
                    let got = if grad.defined() { grad.double_value(&[0]) } else { 0.0 };
                    // bf16 has 8 bits: ±1e4 is 9984, and a gradient is rounded once more.
                    let allowed = if kind == Kind::Float { 1e-6 } else { 1e-2 } * expected.abs();
                    assert!(
                        (got - expected).abs() <= allowed,
                        "{loss} {discriminator} {kind:?}: {got}, {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn smoothing_moves_the_optimum_to_its_label() {
        // -(1 - s) log σ(D) - s log(1 - σ(D)) is least where σ(D) = 1 - s.
        let best = Tensor::from_slice(&[(0.9f32 / 0.1).ln()]).set_requires_grad(true);
        let loss = NonSaturating.on_real_smoothed(&best, 0.1).expect("loss");
        assert!(Tensor::run_backward(&[loss], &[&best], false, false)[0].double_value(&[0]).abs() < 1e-6);
        let far = Tensor::from_slice(&[1e4f32, -1e4]).set_requires_grad(true);
        let loss = Minimax.on_real_smoothed(&far, 0.1).expect("loss");
        assert!((loss.double_value(&[]) - 5_000.0).abs() < 1e-2);
        let grad = Tensor::run_backward(&[loss], &[&far], false, false).remove(0);
        assert!((grad.double_value(&[0]) - 0.05).abs() < 1e-6, "{grad:?}");
        assert!((grad.double_value(&[1]) + 0.45).abs() < 1e-6, "{grad:?}");
    }

    #[test]
    fn relativistic_losses_do_not_see_a_common_offset() {
        let real = Tensor::from_slice(&[0.5f32, -1.5, 2.0]);
        let fake = Tensor::from_slice(&[-0.25f32, 1.0, 0.5]);
        let (real_moved, fake_moved) = (&real + 3.0, &fake + 3.0);
        for &loss in AdversarialLoss::ALL {
            let near = |a: f64, b: f64| (a - b).abs() < 1e-5;
            let d = [(&real, &fake), (&real_moved, &fake_moved)]
                .map(|(real, fake)| value(loss.discriminator(real, fake, 0.0)));
            let blind = loss.is_relativistic() || loss == Wasserstein;
            assert_eq!(near(d[0], d[1]), blind, "{loss}: {d:?}");
            if loss.is_relativistic() {
                // The generator plays the same game from the other side.
                assert!(near(value(loss.generator_against(&real, &fake)), d[0]), "{loss}");
            } else {
                let sum = value(loss.on_real(&real)) + value(loss.on_fake(&fake));
                assert!(near(d[0], sum), "{loss}");
                assert!(near(value(loss.generator_against(&fake, &real)), value(loss.generator(&fake))));
            }
        }
    }

    #[test]
    fn what_cannot_be_asked_is_refused_in_one_sentence() {
        let logits = Tensor::from_slice(&[0.5f32, -1.5]);
        let refused = |result: Result<Tensor>| result.expect_err("refused").to_string();
        for &loss in AdversarialLoss::ALL {
            for result in [loss.on_real(&logits), loss.on_fake(&logits), loss.generator(&logits)] {
                match loss.is_relativistic() {
                    true => assert!(refused(result).contains("generator_against"), "{loss}"),
                    false => assert!(result.is_ok(), "{loss}"),
                }
            }
            let smoothed = loss.discriminator(&logits, &logits, 0.1);
            assert_eq!(smoothed.is_ok(), loss.takes_smoothing(), "{loss}");
        }
        assert!(refused(Hinge.on_real_smoothed(&logits, 0.1)).contains("hinge has no labels"));
        for smoothing in [-0.1, 1.0, f64::NAN] {
            assert!(refused(Minimax.on_real_smoothed(&logits, smoothing)).contains("label_smoothing"));
        }
        let three = Tensor::from_slice(&[0f32; 3]);
        assert!(refused(RelativisticPaired.discriminator(&logits, &three, 0.0)).contains("pair"));
        assert!(RelativisticAverage.discriminator(&logits, &three, 0.0).is_ok());
    }

    #[test]
    fn words_are_those_of_configurations() {
        let words: Vec<String> = AdversarialLoss::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(words[0], "non_saturating");
        assert_eq!(words[6], "relativistic_average_least_squares");
        for (word, loss) in words.iter().zip(AdversarialLoss::ALL) {
            assert_eq!(serde_json::from_value::<AdversarialLoss>(word.as_str().into()).expect("loss"), *loss);
        }
        let logistic = serde_json::from_str::<AdversarialLoss>("\"logistic\"").expect("alias");
        assert_eq!(logistic, NonSaturating);
    }
}
