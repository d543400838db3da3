//! Feature matching (Salimans et al. 2016, section 3.1): the generator meets the statistics of what the
//! discriminator sees in reals, instead of its verdict.

use crate::error::Result;
use crate::tensor::{guard, wide};
use tch::Tensor;

/// (E f(x) - E f(G(z)))², mean over features where the paper takes the sum: its weight does not depend on
/// the layer. Along the fakes only: reals are detached.
///
/// # Shapes
/// Features `[N, ...]` and `[M, ...]`, alike but for the batch; out a scalar.
///
/// # Errors
/// Features of different shapes; LibTorch's.
pub fn squared(real_features: &Tensor, fake_features: &Tensor) -> Result<Tensor> {
    Ok(mean_difference(real_features, fake_features)?.f_square()?.f_mean(None)?)
}

/// |E f(x) - E f(G(z))|, mean over features.
///
/// # Shapes
/// As [`squared`].
///
/// # Errors
/// As [`squared`].
pub fn absolute(real_features: &Tensor, fake_features: &Tensor) -> Result<Tensor> {
    Ok(mean_difference(real_features, fake_features)?.f_abs()?.f_mean(None)?)
}

fn mean_difference(real_features: &Tensor, fake_features: &Tensor) -> Result<Tensor> {
    let mut shape = real_features.size();
    if let Some(batch) = shape.first_mut() {
        *batch = guard::ANY;
    }
    guard::shape("fake features", fake_features, &shape)?;
    let mean = |features: &Tensor| -> Result<Tensor> { Ok(wide(features)?.f_mean_dim(0, false, None)?) };
    Ok(mean(fake_features)?.f_sub(&mean(&real_features.f_detach()?)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn means_are_compared_not_samples() {
        let real = Tensor::from_slice2(&[[1f32, 0.0], [3.0, 0.0], [2.0, 3.0]]); // means 2, 1
        let fake = Tensor::from_slice2(&[[4f32, -1.0], [2.0, 1.0]]).set_requires_grad(true); // 3, 0
        let loss = squared(&real, &fake).expect("loss");
        assert!((loss.double_value(&[]) - 1.0).abs() < 1e-6);
        let gradient = Tensor::run_backward(&[loss], &[&fake], false, false).remove(0);
        assert_eq!(Vec::<f32>::try_from(gradient.flatten(0, -1)).expect("f32"), [0.5, -0.5, 0.5, -0.5]);
        assert!((absolute(&real, &fake).expect("loss").double_value(&[]) - 1.0).abs() < 1e-6);
        let swapped = real.flip([0]);
        assert_eq!(squared(&real, &swapped).expect("loss").double_value(&[]), 0.0);
    }

    #[test]
    fn maps_of_low_precision_are_averaged_in_f32() {
        let maps = |value: f64| Tensor::full([300, 2, 3, 3], value, (Kind::BFloat16, Device::Cpu));
        let loss = squared(&maps(1e4), &maps(-1e4)).expect("loss");
        assert!((loss.double_value(&[]) / (2.0 * 9984f64).powi(2) - 1.0).abs() < 1e-5);
        let other = Tensor::zeros([4, 3], (Kind::Float, Device::Cpu));
        assert!(squared(&other, &Tensor::zeros([4, 2], (Kind::Float, Device::Cpu))).is_err());
    }
}
