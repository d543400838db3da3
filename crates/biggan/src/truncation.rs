//! The truncation trick (Brock et al. 2019, section 3.1): no number of a latent lies beyond a threshold.

use crate::config::Truncation;
use gan_core::error::{Error, Result};
use tch::{Kind, Tensor};

impl Truncation {
    /// Latents truncated this way.
    ///
    /// # Shapes
    /// f32 of any shape; out the same
    ///
    /// # Errors
    /// A truncation that is not above 0 and at most 2; LibTorch's.
    pub fn apply(self, z: &Tensor, truncation: f64) -> Result<Tensor> {
        if !(truncation > 0.0 && truncation <= 2.0) {
            let why = format!("{truncation} is not above 0 and at most 2; leave it out for none");
            return Err(Error::config("truncation", why));
        }
        match self {
            Self::Threshold => truncated(z, truncation),
            Self::Factor => Ok(truncated(z, 2.0)?.f_mul_scalar(truncation)?),
        }
    }
}

/// Standard normal draws to draws of the normal distribution cut off beyond `threshold` on both sides, which resampling
/// what lies beyond it would give. Each number moves inwards, in order: pictures of one latent at several thresholds can be compared.
///
/// # Shapes
/// f32 of any shape; out the same
///
/// # Errors
/// LibTorch's.
pub fn truncated(z: &Tensor, threshold: f64) -> Result<Tensor> {
    // With Φ the normal distribution: Φ⁻¹ of Φ(z), squeezed into [Φ(-t), Φ(t)].
    let below = Tensor::from(-threshold).f_special_ndtr()?.f_double_value(&[])?;
    let within = z.f_to_kind(Kind::Double)?.f_special_ndtr()?;
    let squeezed = within.f_mul_scalar(1.0 - 2.0 * below)?.f_add_scalar(below)?;
    Ok(squeezed.f_special_ndtri()?.f_to_kind(z.kind())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn draws_are_those_of_a_truncated_normal() {
        let z = gan_core::random::Streams::new(1, 0, 0, Device::Cpu).normal("latent", &[200_000]).expect("z");
        for (threshold, variance) in [(0.5, 0.080_57), (1.0, 0.291_13), (2.0, 0.773_74)] {
            let cut = truncated(&z, threshold).expect("cut");
            assert!(cut.abs().max().double_value(&[]) <= threshold + 1e-6);
            assert!((cut.var(true).double_value(&[]) - variance).abs() < 0.01 * variance, "{threshold}");
            // Close to 0 the density is that of resampling: 1 / (Φ(t) - Φ(-t)) times the normal one.
            let kept = z.abs().le(threshold).to_kind(Kind::Float).mean(Kind::Float).double_value(&[]);
            let near = |x: &Tensor| x.abs().le(0.2).to_kind(Kind::Float).mean(Kind::Float).double_value(&[]);
            assert!((near(&cut) - near(&z) / kept).abs() < 0.01, "{threshold}");
        }
        for (form, wrong) in
            [(Truncation::Threshold, 0.0), (Truncation::Factor, 2.5), (Truncation::Factor, f64::NAN)]
        {
            assert!(form.apply(&z, wrong).is_err(), "{form:?} {wrong}");
        }
        let half = Truncation::Factor.apply(&z, 0.5).expect("half");
        assert!(half.allclose(&(truncated(&z, 2.0).expect("cut") * 0.5), 0.0, 0.0, false));
        let far = truncated(&Tensor::from_slice(&[40f32, -40.0]), 1.0).expect("cut");
        assert!(far.isfinite().all().int64_value(&[]) == 1, "{far}");
    }
}
