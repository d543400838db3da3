//! What a classifier beside, or inside, the discriminator minimises.

use crate::error::{Error, Result};
use crate::tensor::guard::{self, ANY};
use crate::tensor::wide;
use tch::{Kind, Reduction, Tensor};

/// The auxiliary classifier's cross-entropy, `-log softmax(logits)[label]`, mean over samples (Odena et
/// al. 2017, equation 3). The same on reals and on fakes, for the discriminator and for the generator.
///
/// Labels must be in 0..K: that is not checked here, where nothing is read from the device.
///
/// # Shapes
/// `logits` `[N, K]`, `labels` i64 `[N]`; out a scalar.
///
/// # Errors
/// Shapes that do not fit; LibTorch's.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    guard::shape("class logits", logits, &[ANY, ANY])?;
    guard::shape("labels", labels, &[logits.size()[0]])?;
    if labels.kind() != Kind::Int64 {
        return Err(Error::config("labels", format!("are {:?}; class numbers must be i64", labels.kind())));
    }
    // -1 is no label that can be left out: it is refused like any other outside 0..K.
    let nothing_ignored = i64::MIN;
    let logits = wide(logits)?;
    Ok(logits.f_cross_entropy_loss::<Tensor>(labels, None, Reduction::Mean, nothing_ignored, 0.0)?)
}

/// The same for attributes that are each there or not: -y log σ(l) - (1 - y) log(1 - σ(l)), mean over samples
/// and attributes (AttGAN, He et al. 2019).
///
/// # Shapes
/// `logits` `[N, K]`, `targets` `[N, K]` of any kind, 0 to 1; out a scalar.
///
/// # Errors
/// Shapes that do not fit; LibTorch's.
pub fn binary_cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    guard::shape("attribute logits", logits, &[ANY, ANY])?;
    guard::shape("attributes", targets, &logits.size())?;
    let logits = wide(logits)?;
    let targets = targets.f_to_kind(logits.kind())?;
    let there = logits.f_neg()?.f_softplus()?.f_mul(&targets)?;
    let absent = logits.f_softplus()?.f_mul(&targets.f_neg()?.f_add_scalar(1.0)?)?;
    Ok(there.f_add(&absent)?.f_mean(None)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient(loss: Tensor, leaf: &Tensor) -> Vec<f32> {
        let gradient = Tensor::run_backward(&[loss], &[leaf], false, false).remove(0);
        Vec::try_from(gradient.to_kind(Kind::Float).flatten(0, -1)).expect("f32")
    }

    #[test]
    fn cross_entropy_is_that_of_the_softmax() {
        let logits = Tensor::from_slice2(&[[1f32, 2.0, 3.0], [0.0, 0.0, 0.0]]).set_requires_grad(true);
        let loss = cross_entropy(&logits, &Tensor::from_slice(&[2i64, 0])).expect("loss");
        let sum = 1f64.exp() + 2f64.exp() + 3f64.exp();
        let expected = (sum.ln() - 3.0 + 3f64.ln()) / 2.0;
        assert!((loss.double_value(&[]) - expected).abs() < 1e-6);
        let got = gradient(loss, &logits);
        assert!((f64::from(got[0]) - 1f64.exp() / sum / 2.0).abs() < 1e-6);
        assert!((got[3] + 1.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn far_logits_stay_finite_with_the_right_gradient() {
        for kind in [Kind::Float, Kind::BFloat16] {
            let logits = Tensor::from_slice2(&[[1e4f32, -1e4]]).to_kind(kind).set_requires_grad(true);
            let loss = cross_entropy(&logits, &Tensor::from_slice(&[1i64])).expect("loss");
            assert!((loss.double_value(&[]) / 2e4 - 1.0).abs() < 1e-2);
            assert_eq!(gradient(loss, &logits), [1.0, -1.0]);
            let targets = Tensor::from_slice2(&[[1i64, 1]]);
            let loss = binary_cross_entropy(&logits, &targets).expect("loss");
            assert!((loss.double_value(&[]) / 5e3 - 1.0).abs() < 1e-2);
            assert_eq!(gradient(loss, &logits), [0.0, -0.5]);
        }
    }

    #[test]
    fn attributes_are_judged_one_by_one() {
        let logits = Tensor::from_slice2(&[[0.5f32, -1.0]]);
        let loss = binary_cross_entropy(&logits, &Tensor::from_slice2(&[[1f32, 0.25]])).expect("loss");
        let softplus = |x: f64| x.exp().ln_1p();
        let expected = (softplus(-0.5) + 0.25 * softplus(1.0) + 0.75 * softplus(-1.0)) / 2.0;
        assert!((loss.double_value(&[]) - expected).abs() < 1e-6);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let logits = Tensor::from_slice2(&[[0f32, 1.0]]);
        let floats = Tensor::from_slice(&[0f32]);
        assert!(cross_entropy(&logits, &floats).expect_err("floats").to_string().contains("i64"));
        assert!(cross_entropy(&logits, &Tensor::from_slice(&[0i64, 1])).is_err());
        assert!(cross_entropy(&logits, &Tensor::from_slice(&[2i64])).is_err());
        assert!(cross_entropy(&logits, &Tensor::from_slice(&[-1i64])).is_err());
        assert!(binary_cross_entropy(&logits, &floats).is_err());
    }
}
