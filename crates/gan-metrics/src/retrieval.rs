//! Whether generated images are found to be those of their own targets: of all targets, the nearest in an extractor's features.

use crate::neighbours::{BLOCK, squared_distances};
use gan_core::error::{Error, Result};
use gan_core::tensor::guard::shape;
use tch::{Kind, Tensor};

/// Shares of the generated images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retrieval {
    /// Whose own target is the nearest; 1 / count by chance.
    pub top1: f64,
    /// Whose own target is among the nearest ten; 10 / count by chance.
    pub top10: f64,
    /// Pairs, each the others' rival.
    pub count: i64,
}

/// Squared distances that differ by less, of the squared lengths, are equal: features are f32.
const SAME: f64 = 1e-9;

/// Generated image i belongs to target i. Targets that lie equally far share their place, as if lots were drawn: a network
/// that sees no differences finds by chance.
///
/// # Shapes
/// both `[N, D]`
///
/// # Errors
/// Other shapes, features that are not finite; LibTorch's.
pub fn retrieval(generated: &Tensor, targets: &Tensor) -> Result<Retrieval> {
    let (generated, targets) = (crate::rows("features", generated)?, crate::rows("features", targets)?);
    shape("features of generated images", &generated, &targets.size())?;
    let count = targets.size()[0];
    for features in [&generated, &targets] {
        if features.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
            return Err(Error::config("features", "hold numbers that are not finite"));
        }
    }
    let lengths = |x: &Tensor| x.f_square()?.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Double); // [N, 1]
    let (mut top1, mut top10) = (0.0, 0.0);
    for begin in (0..count).step_by(BLOCK as usize) {
        let size = BLOCK.min(count - begin);
        let block = generated.f_narrow(0, begin, size)?;
        let apart = squared_distances(&block, &targets)?; // [size, N]
        let own = apart.f_narrow(1, begin, size)?.f_diagonal(0, 0, 1)?.f_unsqueeze(1)?; // [size, 1]
        let slack =
            lengths(&block)?.f_add(&lengths(&targets.f_narrow(0, begin, size)?)?)?.f_mul_scalar(SAME)?;
        let sum = |mask: Tensor| mask.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Double);
        let nearer = sum(apart.f_lt_tensor(&own.f_sub(&slack)?)?)?; // [size]
        let equal = sum(apart.f_le_tensor(&own.f_add(&slack)?)?)?.f_sub(&nearer)?; // its own among them
        let found = |places: f64| -> Result<f64> {
            let share = nearer.f_neg()?.f_add_scalar(places)?.f_div(&equal)?.f_clamp(0.0, 1.0)?;
            Ok(share.f_sum(Kind::Double)?.f_double_value(&[])?)
        };
        top1 += found(1.0)?;
        top10 += found(10.0)?;
    }
    Ok(Retrieval { top1: top1 / count as f64, top10: top10 / count as f64, count })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gan_core::random::Streams;
    use tch::Device;

    fn draws(name: &str) -> Tensor {
        Streams::new(1, 0, 0, Device::Cpu).normal(name, &[1_500, 16]).expect("draws")
    }

    #[test]
    fn partners_are_found_and_strangers_by_chance() {
        let targets = draws("targets");
        let found = retrieval(&(&targets + 0.01 * draws("noise")), &targets).expect("shares");
        assert_eq!(found, Retrieval { top1: 1.0, top10: 1.0, count: 1_500 });
        let strangers = retrieval(&draws("others"), &targets).expect("shares");
        assert!(strangers.top1 < 0.005 && strangers.top10 < 0.02, "{strangers:?}");
        // Another's partner is nearest.
        let shifted = retrieval(&targets.roll([1], [0]), &targets).expect("shares");
        assert_eq!(shifted.top1, 0.0);
        // Half of them fall onto one point, which is nobody's partner but one's.
        let collapsed =
            Tensor::cat(&[targets.narrow(0, 0, 750), targets.narrow(0, 0, 1).repeat([750, 1])], 0);
        assert_eq!(retrieval(&collapsed, &targets).expect("shares").top1, 0.5);
    }

    #[test]
    fn equal_targets_share_their_place() {
        let same = Tensor::ones([40, 3], (Kind::Float, Device::Cpu));
        let blind = retrieval(&same, &same).expect("shares");
        assert!((blind.top1 - 1.0 / 40.0).abs() < 1e-12 && (blind.top10 - 0.25).abs() < 1e-12, "{blind:?}");
        let nothing = &same * f64::NAN;
        assert!(retrieval(&same, &nothing).expect_err("not finite").to_string().contains("not finite"));
        assert!(retrieval(&same, &same.narrow(0, 0, 3)).is_err());
    }
}
