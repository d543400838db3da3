//! Mode coverage on mixtures of Gaussians whose means are known: *PacGAN*, Lin, Khetan, Fanti and Oh 2018
//! (arXiv 1712.04086), section 4.1.
//!
//! - A sample belongs to the mode whose mean is nearest.
//! - It is **good** if it lies within three standard deviations of that mean. Of the true distribution in two
//!   dimensions, 1 - exp(-9/2) = 98.9 % are: a generator can score higher, by being too narrow.
//! - A mode is **covered** if it has at least one good sample.
//! - **Reverse KL** is KL(p ‖ q) in nats: p is the share of samples that belong to each mode, good or not, q the
//!   mixture's own weights, here equal.
//!
//! 2,500 samples are drawn ([`SAMPLES`]). A perfect generator of M equal modes has an expected reverse KL of about
//! (M - 1) / (2 N): 0.0014 for 8 modes, 0.0048 for 25. A set without modes, such as the Swiss roll, has no such
//! numbers; use [`crate::sliced_wasserstein()`].

use gan_core::error::{Error, Result};
use gan_core::tensor::guard::{ANY, shape};
use serde::Serialize;
use tch::{Device, Kind, Tensor};

/// Samples that the protocol draws.
pub const SAMPLES: usize = 2_500;

/// Standard deviations within which a sample is good.
pub const THRESHOLD: f64 = 3.0;

/// Equally likely round Gaussians in the plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    /// Their means.
    pub means: Vec<[f64; 2]>,
    /// The standard deviation of each, along every axis.
    pub std: f64,
}

/// What was counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModeReport {
    /// How it was counted, in words.
    pub protocol: String,
    /// Samples looked at.
    pub samples: u64,
    /// Modes that there are.
    pub modes: u64,
    /// Modes with at least one good sample.
    pub covered: u64,
    /// Share of good samples, 0 to 1.
    pub good: f64,
    /// KL(share of samples per mode ‖ equal shares), in nats.
    pub reverse_kl: f64,
    /// Good samples of each mode.
    pub good_per_mode: Vec<u64>,
}

/// Counts modes by PacGAN's protocol; `threshold` in standard deviations is [`THRESHOLD`] there.
///
/// A sample that is not finite belongs to no mode and is not good.
///
/// # Shapes
/// `points` f32 or f64 `[N, 2]` or `[N, 2, 1, 1]`
///
/// # Errors
/// Points of another shape, or none that is finite; a mixture without modes; a threshold or standard deviation that
/// is not above 0.
pub fn score(points: &Tensor, mixture: &Mixture, threshold: f64) -> Result<ModeReport> {
    if mixture.means.is_empty() {
        return Err(Error::config("mixture", "has no modes to count"));
    }
    if !(threshold > 0.0 && mixture.std > 0.0) {
        return Err(Error::config("threshold", "it and the standard deviation must be above 0"));
    }
    let points = crate::rows("points", points)?;
    shape("points", &points, &[ANY, 2])?;
    let samples = points.size()[0];
    let finite = points.f_isfinite()?.f_all_dim(1, false)?.f_nonzero()?.f_reshape([-1i64])?;
    let points = points.f_index_select(0, &finite)?;
    if points.size()[0] == 0 {
        return Err(Error::config("points", "none of the samples is finite: the training diverged"));
    }

    let means = Tensor::f_from_slice(mixture.means.as_flattened())?.f_reshape([-1i64, 2])?;
    let offsets = points.f_unsqueeze(1)?.f_sub(&means)?; // [N, modes, 2]
    let squares = offsets.f_square()?.f_sum_dim_intlist([2i64].as_slice(), false, Kind::Double)?;
    let (nearest, mode) = squares.f_min_dim(1, false)?;
    let limit = (threshold * mixture.std).powi(2);
    let good = nearest.f_le(limit)?.f_to_kind(Kind::Double)?;
    let modes = mixture.means.len() as i64;
    let total = Vec::<f64>::try_from(&mode.f_bincount(None::<Tensor>, modes)?.f_to_kind(Kind::Double)?)?;
    let good = Vec::<f64>::try_from(&mode.f_bincount(Some(&good), modes)?)?;
    Ok(ModeReport {
        protocol: format!("PacGAN (Lin et al. 2018): {samples} samples, good within {threshold} std"),
        samples: samples as u64,
        modes: modes as u64,
        covered: good.iter().filter(|count| **count > 0.0).count() as u64,
        good: good.iter().sum::<f64>() / samples as f64,
        reverse_kl: divergence(&total, &vec![1.0; mixture.means.len()]),
        good_per_mode: good.into_iter().map(|count| count as u64).collect(),
    })
}

/// KL(p ‖ q) in nats of two histograms, each brought to a sum of 1. Infinite where p has what q lacks.
pub fn divergence(p: &[f64], q: &[f64]) -> f64 {
    let (p_sum, q_sum): (f64, f64) = (p.iter().sum(), q.iter().sum());
    let terms = p.iter().zip(q).filter(|(p, _)| **p > 0.0);
    terms.map(|(p, q)| (p / p_sum) * ((p / p_sum) / (q / q_sum)).ln()).sum()
}

/// Points of the mixture itself, keyed by `seed`: what a perfect generator would score.
///
/// # Shapes
/// out: f64 `[count, 2]`
///
/// # Errors
/// LibTorch's, such as no memory.
pub fn draw(mixture: &Mixture, count: i64, seed: u64) -> Result<Tensor> {
    let streams = gan_core::random::Streams::new(seed, 0, 0, Device::Cpu);
    let means = Tensor::f_from_slice(mixture.means.as_flattened())?.f_reshape([-1i64, 2])?;
    let chosen = streams.integers("mode", mixture.means.len() as i64, &[count])?;
    let noise = streams.normal("point", &[count, 2])?.f_to_kind(Kind::Double)?;
    Ok(means.f_index_select(0, &chosen)?.f_add(&noise.f_mul_scalar(mixture.std)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn four() -> Mixture {
        Mixture { means: vec![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], std: 0.1 }
    }

    fn points(values: &[[f64; 2]]) -> Tensor {
        Tensor::from_slice(values.as_flattened()).view([-1, 2])
    }

    #[test]
    fn counts_are_those_of_the_definitions() {
        // Three good ones at the first mean, one good at the second, one near the third but not good.
        let samples =
            points(&[[0.0, 0.0], [0.29, 0.0], [0.0, -0.29], [1.0, 0.2], [0.0, 0.69], [f64::NAN, 0.0]]);
        let report = score(&samples, &four(), 3.0).expect("report");
        assert_eq!((report.samples, report.modes, report.covered), (6, 4, 2));
        assert_eq!(report.good_per_mode, [3, 1, 0, 0]);
        assert!((report.good - 4.0 / 6.0).abs() < 1e-12);
        // Shares 3/5, 1/5, 1/5, 0 against quarters.
        let expected = 0.6 * 2.4f64.ln() + 2.0 * 0.2 * 0.8f64.ln();
        assert!((report.reverse_kl - expected).abs() < 1e-12, "{}", report.reverse_kl);
        // The threshold is in standard deviations.
        assert_eq!(score(&samples, &four(), 2.0).expect("report").covered, 2);
        assert_eq!(score(&samples, &four(), 1.5).expect("report").good_per_mode, [1, 0, 0, 0]);
    }

    #[test]
    fn one_mode_has_the_largest_divergence() {
        let report = score(&points(&[[0.0, 0.0]; 10]), &four(), 3.0).expect("report");
        assert!((report.reverse_kl - 4f64.ln()).abs() < 1e-12);
        assert_eq!((report.covered, report.good), (1, 1.0));
    }

    #[test]
    fn the_true_distribution_scores_as_theory_says() {
        let mixture = four();
        let report = score(&draw(&mixture, 40_000, 7).expect("points"), &mixture, 3.0).expect("report");
        // 1 - exp(-9/2), six standard errors; modes at this distance do not overlap.
        assert!((report.good - 0.98889).abs() < 6.0 * (0.98889f64 * 0.01111 / 40_000.0).sqrt(), "{report:?}");
        assert!(report.reverse_kl < 0.0004 && report.covered == 4, "{report:?}");
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        let sentence = |points: &Tensor, mixture: &Mixture, threshold| {
            score(points, mixture, threshold).expect_err("refused").to_string()
        };
        let none = Mixture { means: Vec::new(), std: 1.0 };
        assert!(sentence(&points(&[[0.0, 0.0]]), &none, 3.0).contains("no modes"));
        assert!(sentence(&points(&[[f64::NAN, 0.0]]), &four(), 3.0).contains("diverged"));
        assert!(sentence(&points(&[[0.0, 0.0]]), &four(), 0.0).contains("above 0"));
        assert!(
            sentence(&Tensor::zeros([4, 3], (Kind::Float, Device::Cpu)), &four(), 3.0).contains("[_, 2]")
        );
    }
}
