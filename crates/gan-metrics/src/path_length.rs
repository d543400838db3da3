//! Perceptual path length: *A Style-Based Generator Architecture for Generative Adversarial Networks*, Karras, Laine and
//! Aila 2019, section 4.1.
//!
//! How far apart, to the eye, two images are whose latents are neighbours on the way between two drawn ones:
//! E d(G(slerp(z₁, z₂; t)), G(slerp(z₁, z₂; t + ε))) / ε². Short where the latent space is smooth. d is the squared distance
//! of an extractor's features: the paper's, if the extractor gives LPIPS's, as a TorchScript of it does.
//!
//! Like the authors' program it leaves out the lowest and highest hundredth of the lengths.

use crate::Extract;
use gan_core::error::{Error, Result};
use gan_core::random::Streams;
use tch::{Device, Kind, Tensor};

/// How long a step on the way is; 1e-4 in the paper.
pub const EPSILON: f64 = 1e-4;

/// Ways that are taken at a time.
const AT_A_TIME: i64 = 32;

/// Paths that are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paths {
    /// How many.
    pub count: i64,
    /// The ways are a function of it.
    pub seed: u64,
}

/// The mean length of paths in the space of latents, whole ways (t evenly from 0 to 1).
///
/// # Shapes
/// `generate` takes latents `[2 N, latent...]` and the number of the first of N paths, each of which has one of the first N latents
/// and one of the last N; it gives f32 in [-1, 1] `[2 N, C, H, W]`
///
/// # Errors
/// No paths; lengths that are not finite; the generator's and the extractor's.
pub fn path_length(
    generate: &mut dyn FnMut(&Tensor, i64) -> Result<Tensor>,
    extractor: &dyn Extract,
    latent: &[i64],
    paths: Paths,
) -> Result<f64> {
    let mut lengths = Vec::new();
    for first in (0..paths.count).step_by(AT_A_TIME as usize) {
        let count = AT_A_TIME.min(paths.count - first);
        let draws = Streams::new(paths.seed, 0, first as u64, Device::Cpu);
        let size = [&[count], latent].concat();
        let (from, to) = (draws.normal("path from", &size)?, draws.normal("path to", &size)?);
        let t = draws.uniform("path at", &[count])?.f_to_kind(Kind::Double)?;
        let here = slerp(&from, &to, &t)?;
        let there = slerp(&from, &to, &t.f_add_scalar(EPSILON)?)?;
        let images = generate(&Tensor::f_cat(&[here, there], 0)?, first)?;
        let features = extractor.describe(&images.f_mul_scalar(127.5)?.f_add_scalar(127.5)?)?.pooled;
        let [here, there] = [0, count].map(|start| features.f_narrow(0, start, count));
        let moved = there?.f_to_kind(Kind::Double)?.f_sub(&here?.f_to_kind(Kind::Double)?)?;
        let squared = moved.f_square()?.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Double)?;
        lengths.extend(Vec::<f64>::try_from(squared.f_div_scalar(EPSILON * EPSILON)?)?);
    }
    within_percentiles(lengths)
}

/// Spherical interpolation of each pair, `t` f64 `[N]`: computed in f64, for `t` differs by little.
fn slerp(from: &Tensor, to: &Tensor, t: &Tensor) -> Result<Tensor> {
    let size = from.size();
    let flat = |x: &Tensor| x.f_flatten(1, -1)?.f_to_kind(Kind::Double);
    let (from, to) = (flat(from)?, flat(to)?);
    let dot = |a: &Tensor, b: &Tensor| a.f_mul(b)?.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Double);
    let lengths = dot(&from, &from)?.f_mul(&dot(&to, &to)?)?.f_sqrt()?;
    let angle = dot(&from, &to)?.f_div(&lengths)?.f_clamp(-1.0, 1.0)?.f_acos()?;
    let sine = angle.f_sin()?.f_clamp_min(1e-12)?;
    let t = t.f_unsqueeze(1)?;
    let left = t.f_neg()?.f_add_scalar(1.0)?.f_mul(&angle)?.f_sin()?.f_div(&sine)?;
    let right = t.f_mul(&angle)?.f_sin()?.f_div(&sine)?;
    let between = from.f_mul(&left)?.f_add(&to.f_mul(&right)?)?;
    Ok(between.f_to_kind(Kind::Float)?.f_reshape(&size)?)
}

/// The mean of what lies from the 1st to the 99th percentile.
fn within_percentiles(mut lengths: Vec<f64>) -> Result<f64> {
    if lengths.is_empty() || lengths.iter().any(|length| !length.is_finite()) {
        let why = format!("{} path lengths, not all of them finite", lengths.len());
        return Err(Error::config("path length", why));
    }
    lengths.sort_by(f64::total_cmp);
    let cut = (lengths.len() - 1) / 100;
    let kept = &lengths[cut..lengths.len() - cut];
    Ok(kept.iter().sum::<f64>() / kept.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Features;

    /// Features are the values themselves.
    struct Values;

    impl Extract for Values {
        fn name(&self) -> String {
            "values".to_owned()
        }
        fn short_name(&self) -> String {
            self.name()
        }
        fn dimensions(&self) -> i64 {
            64
        }
        fn describe(&self, images: &Tensor) -> Result<Features> {
            Ok(Features { pooled: images.f_flatten(1, -1)?, logits: None })
        }
    }

    #[test]
    fn of_a_linear_generator_it_is_the_angle_between_latents() {
        // |d slerp / dt| is between the chords of both ends; for latents of one length r it is r times the angle.
        let mut generate = |z: &Tensor, _: i64| {
            let unit = z / (z * z).sum_dim_intlist([1i64].as_slice(), true, Kind::Float).sqrt();
            Ok((unit * 0.5).view([-1, 1, 8, 8]))
        };
        let paths = Paths { count: 300, seed: 3 };
        let length = path_length(&mut generate, &Values, &[64], paths).expect("a length");
        let mut angles = Vec::new();
        for first in (0..paths.count).step_by(AT_A_TIME as usize) {
            let count = AT_A_TIME.min(paths.count - first);
            let draws = Streams::new(paths.seed, 0, first as u64, Device::Cpu);
            let ends = ["path from", "path to"].map(|name| draws.normal(name, &[count, 64]).expect("draws"));
            for n in 0..count {
                let [a, b] = [0, 1].map(|end: usize| ends[end].get(n));
                let cosine = f64::try_from(a.dot(&b)).expect("a number")
                    / f64::try_from(a.norm() * b.norm()).expect("a number");
                angles.push(cosine.acos());
            }
        }
        // Directions turn by the angle where both have one length, and nearly so where they have not.
        let expected = angles.iter().map(|angle| (angle * 0.5 * 127.5).powi(2)).sum::<f64>() / 300.0;
        assert!((length / expected - 1.0).abs() < 0.02, "{length} and {expected}");
    }

    #[test]
    fn a_generator_that_stands_still_has_none_and_one_that_breaks_says_so() {
        let paths = Paths { count: 40, seed: 1 };
        let mut still =
            |z: &Tensor, _: i64| Ok(Tensor::zeros([z.size()[0], 1, 8, 8], (Kind::Float, Device::Cpu)));
        assert_eq!(path_length(&mut still, &Values, &[4], paths).expect("a length"), 0.0);
        let mut broken = |z: &Tensor, _: i64| Ok(z.view([-1, 1, 2, 2]) / 0.0);
        assert!(path_length(&mut broken, &Values, &[4], paths).is_err());
    }

    #[test]
    fn the_ends_of_the_list_are_left_out() {
        let mut lengths: Vec<f64> = (0..1001).map(f64::from).collect();
        lengths[1000] = 1e9;
        assert!((within_percentiles(lengths).expect("a mean") - 500.0).abs() < 1e-9);
    }
}
