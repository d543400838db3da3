//! Colours for grey images. The network is given the lightness of CIELAB and answers with the two axes of hue.

use super::pictures;
use gan_core::data::PairBatch;
use gan_core::error::Result;
use gan_core::tensor::guard::{self, ANY};
use gan_core::tensor::lab;
use tch::Tensor;

/// Half the range of L.
const LIGHTNESS: f64 = 50.0;
/// What 1 stands for in a and b; no colour of sRGB goes beyond.
const HUE: f64 = 110.0;

pub(super) fn pairs(images: &Tensor) -> Result<PairBatch> {
    let lab = lab::to_lab(images)?;
    let b = lab.f_narrow(1, 1, 2)?.f_mul_scalar(1.0 / HUE)?.f_clamp(-1.0, 1.0)?;
    Ok(PairBatch { a: lightness(&lab)?, b, weight: None })
}

/// Grey pictures and colour ones alike.
pub(super) fn prepare(images: &Tensor) -> Result<Tensor> {
    let (n, _, h, w) = images.size4()?;
    lightness(&lab::to_lab(&images.f_expand([n, 3, h, w], false)?)?)
}

pub(super) fn finish(prepared: &Tensor, output: &Tensor) -> Result<Tensor> {
    guard::shape("input of colorize", prepared, &[ANY, 1, ANY, ANY])?;
    let (n, _, h, w) = prepared.size4()?;
    pictures("output", output, &[n, 2, h, w])?;
    let lightness = prepared.f_add_scalar(1.0)?.f_mul_scalar(LIGHTNESS)?;
    lab::to_rgb(&Tensor::f_cat(&[lightness, output.f_clamp(-1.0, 1.0)?.f_mul_scalar(HUE)?], 1)?)
}

/// Without any colour.
pub(super) fn grey(prepared: &Tensor) -> Result<Tensor> {
    finish(prepared, &Tensor::f_cat(&[prepared, prepared], 1)?.f_zeros_like()?)
}

fn lightness(lab: &Tensor) -> Result<Tensor> {
    Ok(lab.f_narrow(1, 0, 1)?.f_mul_scalar(1.0 / LIGHTNESS)?.f_sub_scalar(1.0)?)
}
