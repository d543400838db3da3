//! Peak signal-to-noise ratio of two images that should be equal: 10 log10(255² / mean squared error), in decibels.

use crate::pair;
use gan_core::error::Result;
use tch::{Kind, Tensor};

/// The most that one pair adds to a mean: equal images have no noise and an infinite ratio. It is what one value in 154,000,
/// wrong by one grey level, gives.
pub const CAP: f64 = 100.0;

/// The ratio of each pair, over all its channels; infinite for equal images.
///
/// # Shapes
/// `generated` and `target` u8 `[N, C, H, W]`; N numbers out
///
/// # Errors
/// Images of another kind, or of two shapes; LibTorch's.
pub fn psnr(generated: &Tensor, target: &Tensor) -> Result<Vec<f64>> {
    pair::check(generated, target)?;
    let apart = generated.f_to_kind(Kind::Int)?.f_sub(&target.f_to_kind(Kind::Int)?)?;
    // Whole numbers: what is equal is exactly so, and no picture is too large for their sum.
    let squares = apart.f_mul(&apart)?.f_flatten(1, -1)?;
    let values = squares.size()[1] as f64;
    let sums = squares.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Int64)?;
    let ratio = |sum: i64| 10.0 * (255.0 * 255.0 * values / sum as f64).log10();
    Ok(Vec::<i64>::try_from(&sums)?.into_iter().map(ratio).collect())
}

/// The mean of ratios, each counted as [`CAP`] at most.
pub fn mean(ratios: &[f64]) -> f64 {
    ratios.iter().map(|ratio| ratio.min(CAP)).sum::<f64>() / ratios.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    fn flat(value: i64) -> Tensor {
        Tensor::full([1, 3, 4, 5], value, (Kind::Uint8, Device::Cpu))
    }

    #[test]
    fn ratios_are_the_formulas() {
        let target = Tensor::cat(&[flat(100), flat(7), flat(0)], 0);
        let generated = Tensor::cat(&[flat(110), flat(7), flat(255)], 0);
        let ratios = psnr(&generated, &target).expect("ratios");
        assert!((ratios[0] - 20.0 * (25.5f64).log10()).abs() < 1e-12, "{ratios:?}");
        assert_eq!((ratios[1], ratios[2]), (f64::INFINITY, 0.0));
        assert_eq!(psnr(&target, &generated).expect("ratios"), ratios);
        assert!((mean(&ratios) - (ratios[0] + CAP) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_pair_is_refused() {
        let refused = |a: &Tensor, b: &Tensor| psnr(a, b).expect_err("no pair").to_string();
        assert!(refused(&flat(1), &flat(1).to_kind(Kind::Float)).contains("must be u8, not Float"));
        let small = flat(1).narrow(3, 0, 4);
        let sentence = refused(&flat(1), &small);
        assert_eq!(sentence, "generated images must have shape [1, 3, 4, 4], got [1, 3, 4, 5]");
    }
}
