//! Noise and rectangles cut out (appendix B).

use super::{AdaPipe, Chance};
use crate::error::Result;
use tch::{Kind, Tensor};

/// Of the noise's own strength.
const NOISE_STD: f64 = 0.1;
/// The sides of the rectangle, as a share of the image's.
const CUTOUT: f64 = 0.5;

/// Images that something is lost of.
pub(super) fn apply(pipe: &AdaPipe, chance: &Chance, images: &Tensor) -> Result<Tensor> {
    let mut images = images.shallow_clone();
    let (_, channels, height, width) = images.size4()?;
    if pipe.noise > 0.0 {
        let sigma = chance.normal("augment noise", &[1, 1, 1])?.f_abs()?.f_mul_scalar(NOISE_STD)?;
        let sigma = chance.used(&sigma, 0.0, pipe.noise, &[1, 1, 1])?;
        let drawn = chance.normal("augment noise image", &[channels, height, width])?;
        images = images.f_add(&drawn.f_mul(&sigma)?)?;
    }
    if pipe.cutout > 0.0 {
        let sides = Tensor::f_full([chance.count, 1, 1, 1, 1], CUTOUT, (Kind::Float, images.device()))?;
        let half = chance.used(&sides, 0.0, pipe.cutout, &[1, 1, 1, 1])?.f_mul_scalar(0.5)?.f_select(1, 0)?;
        let centre = chance.uniform("augment cutout", &[2, 1, 1, 1])?;
        // Far enough from the middle of the rectangle: [N, 1, 1, side].
        let outside = |axis: i64, side: i64| -> Result<Tensor> {
            let places = Tensor::f_arange(side, (Kind::Float, images.device()))?;
            let places = places.f_add_scalar(0.5)?.f_div_scalar(side as f64)?;
            Ok(places.f_sub(&centre.f_select(1, axis)?)?.f_abs()?.f_ge_tensor(&half)?)
        };
        let kept = outside(0, width)?.f_logical_or(&outside(1, height)?.f_transpose(2, 3)?)?;
        images = images.f_mul(&kept.f_to_kind(Kind::Float)?)?;
    }
    Ok(images)
}
