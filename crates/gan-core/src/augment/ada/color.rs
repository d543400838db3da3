//! Changes of colour: one affine map of colours an image (appendix B, algorithm 1).

use super::{AdaPipe, Chance};
use crate::error::Result;
use std::f64::consts::PI;
use tch::{Kind, Tensor};

const BRIGHTNESS_STD: f64 = 0.2;
/// Of the logarithm of a contrast, to base 2.
const CONTRAST_STD: f64 = 0.5;
/// Of the logarithm of a saturation, to base 2.
const SATURATION_STD: f64 = 1.0;

/// Images with other colours.
pub(super) fn apply(pipe: &AdaPipe, chance: &Chance, images: &Tensor) -> Result<Tensor> {
    let of_these = [pipe.brightness, pipe.contrast, pipe.lumaflip, pipe.hue, pipe.saturation];
    if of_these.iter().all(|strength| *strength == 0.0) {
        return Ok(images.shallow_clone());
    }
    let (n, channels, height, width) = images.size4()?;
    let map = map(pipe, chance, channels == 3)?; // [N, 4, 4]
    let flat = images.f_reshape([n, channels, height * width])?;
    let colours = map.f_narrow(1, 0, 3)?;
    let changed = if channels == 3 {
        colours.f_narrow(2, 0, 3)?.f_matmul(&flat)?.f_add(&colours.f_narrow(2, 3, 1)?)?
    } else {
        let grey = colours.f_mean_dim([1i64].as_slice(), true, Kind::Float)?; // [N, 1, 4]
        let factor = grey.f_narrow(2, 0, 3)?.f_sum_dim_intlist([2i64].as_slice(), true, Kind::Float)?;
        flat.f_mul(&factor)?.f_add(&grey.f_narrow(2, 3, 1)?)?
    };
    Ok(changed.f_reshape([n, channels, height, width])?)
}

/// The affine map of colours of each image, `[N, 4, 4]`: each change from the left.
fn map(pipe: &AdaPipe, chance: &Chance, is_colour: bool) -> Result<Tensor> {
    let options = (Kind::Float, chance.p.device());
    let eye = Tensor::f_eye(4, options)?;
    // Onto the axis of greys.
    let third = Tensor::f_full([3, 3], 1.0 / 3.0, options)?;
    let grey = third.f_constant_pad_nd([0i64, 1, 0, 1])?;
    let mut map = eye.f_expand([chance.count, 4, 4], false)?;
    if pipe.brightness > 0.0 {
        let by = chance.normal("augment brightness", &[])?.f_mul_scalar(BRIGHTNESS_STD)?;
        let by = chance.used(&by, 0.0, pipe.brightness, &[])?.f_reshape([-1, 1, 1])?;
        let shift = Tensor::f_ones([3, 1], options)?.f_constant_pad_nd([3i64, 0, 0, 1])?;
        map = by.f_mul(&shift)?.f_add(&eye)?.f_matmul(&map)?;
    }
    if pipe.contrast > 0.0 {
        let by = chance.normal("augment contrast", &[])?.f_mul_scalar(CONTRAST_STD)?.f_exp2()?;
        let by = chance.used(&by, 1.0, pipe.contrast, &[])?.f_reshape([-1, 1, 1])?;
        let colours = Tensor::f_eye(3, options)?.f_constant_pad_nd([0i64, 1, 0, 1])?;
        map = by.f_mul(&colours)?.f_add(&eye.f_sub(&colours)?)?.f_matmul(&map)?;
    }
    if pipe.lumaflip > 0.0 {
        let flips = chance.uniform("augment lumaflip", &[1, 1])?.f_mul_scalar(2.0)?.f_floor()?;
        let flips = chance.used(&flips, 0.0, pipe.lumaflip, &[1, 1])?;
        map = eye.f_sub(&grey.f_mul(&flips.f_mul_scalar(2.0)?)?)?.f_matmul(&map)?;
    }
    if pipe.hue > 0.0 && is_colour {
        let angle = chance.uniform("augment hue", &[])?.f_mul_scalar(2.0)?.f_sub_scalar(1.0)?;
        let angle = chance.used(&angle.f_mul_scalar(PI)?, 0.0, pipe.hue, &[])?;
        map = around_grey(&angle)?.f_matmul(&map)?;
    }
    if pipe.saturation > 0.0 && is_colour {
        let by = chance.normal("augment saturation", &[1, 1])?.f_mul_scalar(SATURATION_STD)?.f_exp2()?;
        let by = chance.used(&by, 1.0, pipe.saturation, &[1, 1])?;
        map = eye.f_sub(&grey)?.f_mul(&by)?.f_add(&grey)?.f_matmul(&map)?;
    }
    Ok(map)
}

/// Rotations around the axis of greys (Rodrigues' formula): `[N]` angles to `[N, 4, 4]`.
fn around_grey(angle: &Tensor) -> Result<Tensor> {
    let root = 1.0 / 3f32.sqrt();
    let cross = Tensor::from_slice(&[0.0, -root, root, root, 0.0, -root, -root, root, 0.0]);
    let cross = cross.f_reshape([3, 3])?.f_to_device(angle.device())?;
    let options = (Kind::Float, angle.device());
    let eye = Tensor::f_eye(3, options)?;
    let along = Tensor::f_full([3, 3], 1.0 / 3.0, options)?;
    let (sine, cosine) = (angle.f_sin()?.f_reshape([-1, 1, 1])?, angle.f_cos()?.f_reshape([-1, 1, 1])?);
    let turned = cosine.f_mul(&eye.f_sub(&along)?)?.f_add(&along)?.f_add(&sine.f_mul(&cross)?)?;
    let corner = Tensor::f_ones([1, 1], options)?.f_constant_pad_nd([3i64, 0, 3, 0])?;
    Ok(turned.f_constant_pad_nd([0i64, 1, 0, 1])?.f_add(&corner)?)
}
