//! Blitting and geometric changes: one affine warp an image, between an enlargement and a reduction by the wavelet `sym6`
//! against aliasing (appendix B, algorithm 1).

use super::{AdaPipe, Chance};
use crate::error::Result;
use crate::nn::{Fir, fir_filter, upfirdn2d};
use std::f64::consts::PI;
use tch::{Kind, Tensor};

/// The low-pass of the wavelet sym6 (Daubechies 1992, table 6.3).
const SYM6: [f64; 12] = [
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
];
/// What an enlarged image lags behind by this filter, in its pixels.
const LAG: f64 = 0.5;
/// The largest shift by whole pixels, as a share of a side.
const MOST_SHIFT: f64 = 0.125;
/// Of the logarithm of a scale, to base 2.
const SCALE_STD: f64 = 0.2;
const ANISO_STD: f64 = 0.2;
/// Of a shift, as a share of a side.
const SHIFT_STD: f64 = 0.125;

/// Images warped, each in its own way. All are, if any of these changes has a strength, also those that draw none.
pub(super) fn apply(pipe: &AdaPipe, chance: &Chance, images: &Tensor) -> Result<Tensor> {
    let of_these = [pipe.xflip, pipe.rotate90, pipe.xint, pipe.scale, pipe.rotate, pipe.aniso, pipe.xfrac];
    if of_these.iter().all(|strength| *strength == 0.0) {
        return Ok(images.shallow_clone());
    }
    let (_, _, height, width) = images.size4()?;
    let back = where_from(pipe, chance, [width as f64, height as f64])?;
    warp(images, &back)
}

/// From places in what comes out to places in what goes in, in pixels from the middle: `[N, 2, 3]`.
fn where_from(pipe: &AdaPipe, chance: &Chance, [width, height]: [f64; 2]) -> Result<Tensor> {
    let mut all = Affine::identity(chance)?;
    if pipe.xflip > 0.0 {
        let side = chance.uniform("augment xflip", &[])?.f_mul_scalar(2.0)?.f_floor()?;
        let side = chance.used(&side, 0.0, pipe.xflip, &[])?;
        all = all.scaled(&side.f_mul_scalar(-2.0)?.f_add_scalar(1.0)?, &side.f_ones_like()?)?;
    }
    if pipe.rotate90 > 0.0 {
        let quarters = chance.uniform("augment rotate90", &[])?.f_mul_scalar(4.0)?.f_floor()?;
        let quarters = chance.used(&quarters, 0.0, pipe.rotate90, &[])?;
        all = all.turned(&quarters.f_mul_scalar(PI / 2.0)?)?;
    }
    if pipe.xint > 0.0 {
        let shift = chance.uniform("augment xint", &[2])?.f_mul_scalar(2.0)?.f_sub_scalar(1.0)?;
        let shift = chance.used(&shift.f_mul_scalar(MOST_SHIFT)?, 0.0, pipe.xint, &[1])?;
        let [x, y] = columns(&shift)?;
        all = all.shifted(&x.f_mul_scalar(width)?.f_round()?, &y.f_mul_scalar(height)?.f_round()?)?;
    }
    if pipe.scale > 0.0 {
        let factor = chance.normal("augment scale", &[])?.f_mul_scalar(SCALE_STD)?.f_exp2()?;
        let factor = chance.used(&factor, 1.0, pipe.scale, &[])?;
        all = all.scaled(&factor, &factor)?;
    }
    // Before and after the next one; that either happens has the probability that is asked for.
    let once = chance.p.f_mul_scalar(-pipe.rotate)?.f_add_scalar(1.0)?.f_clamp(0.0, 1.0)?.f_sqrt()?;
    let once = once.f_neg()?.f_add_scalar(1.0)?;
    let turn = |all: Affine| -> Result<Affine> {
        if pipe.rotate == 0.0 {
            return Ok(all);
        }
        let angle = chance.uniform("augment rotate", &[])?.f_mul_scalar(2.0)?.f_sub_scalar(1.0)?;
        let angle = chance.used_with(&angle.f_mul_scalar(PI)?, 0.0, &once, &[])?;
        all.turned(&angle)
    };
    all = turn(all)?;
    if pipe.aniso > 0.0 {
        let factor = chance.normal("augment aniso", &[])?.f_mul_scalar(ANISO_STD)?.f_exp2()?;
        let factor = chance.used(&factor, 1.0, pipe.aniso, &[])?;
        all = all.scaled(&factor, &factor.f_reciprocal()?)?;
    }
    all = turn(all)?;
    if pipe.xfrac > 0.0 {
        let shift = chance.normal("augment xfrac", &[2])?.f_mul_scalar(SHIFT_STD)?;
        let shift = chance.used(&shift, 0.0, pipe.xfrac, &[1])?;
        let [x, y] = columns(&shift)?;
        all = all.shifted(&x.f_mul_scalar(width)?, &y.f_mul_scalar(height)?)?;
    }
    Ok(all.0)
}

/// The way back of changes that are made one after the other: `[N, 2, 3]`, each new one's inverse from the right.
struct Affine(Tensor);

impl Affine {
    fn identity(chance: &Chance) -> Result<Self> {
        let eye = Tensor::f_eye(3, (Kind::Float, chance.p.device()))?.f_narrow(0, 0, 2)?;
        Ok(Self(eye.f_expand([chance.count, 2, 3], false)?))
    }

    /// The matrix `[N, 2, 2]` of [a b; c d] and the shift that follows it.
    fn then(&self, [a, b, c, d]: [&Tensor; 4], shift: Option<[&Tensor; 2]>) -> Result<Self> {
        let (linear, constant) = (self.0.f_narrow(2, 0, 2)?, self.0.f_narrow(2, 2, 1)?);
        let matrix = Tensor::f_stack(&[a, b, c, d], 1)?.f_reshape([-1, 2, 2])?;
        let constant = match shift {
            None => constant,
            Some([x, y]) => {
                let shift = Tensor::f_stack(&[x, y], 1)?.f_unsqueeze(2)?;
                linear.f_matmul(&shift)?.f_add(&constant)?
            }
        };
        Ok(Self(Tensor::f_cat(&[linear.f_matmul(&matrix)?, constant], 2)?))
    }

    fn scaled(&self, x: &Tensor, y: &Tensor) -> Result<Self> {
        let zero = x.f_zeros_like()?;
        self.then([&x.f_reciprocal()?, &zero, &zero, &y.f_reciprocal()?], None)
    }

    /// By an angle in radians, `[N]`, against the clock in what comes out.
    fn turned(&self, angle: &Tensor) -> Result<Self> {
        let (sine, cosine) = (angle.f_sin()?, angle.f_cos()?);
        self.then([&cosine, &sine.f_neg()?, &sine, &cosine], None)
    }

    fn shifted(&self, x: &Tensor, y: &Tensor) -> Result<Self> {
        let (zero, one) = (x.f_zeros_like()?, x.f_ones_like()?);
        self.then([&one, &zero, &zero, &one], Some([&x.f_neg()?, &y.f_neg()?]))
    }
}

fn columns(pairs: &Tensor) -> Result<[Tensor; 2]> {
    Ok([pairs.f_select(1, 0)?, pairs.f_select(1, 1)?])
}

/// Images at the places of an affine map, with what mirrors at their edges around them.
///
/// The authors look at the corners to pad no more than is needed; that would be read on the host, and what is padded further
/// is never looked at. An enlarged pixel's centre lies half a pixel off where the filter, which is not quite symmetric, puts
/// it: both ways take that into account, as theirs do.
fn warp(images: &Tensor, back: &Tensor) -> Result<Tensor> {
    let filter = fir_filter(&SYM6)?.f_to_device(images.device())?;
    let reach = SYM6.len() as i64 / 4;
    let (n, c, height, width) = images.size4()?;
    let (wide, high) = (width - 1, height - 1);
    let padded = images.f_reflection_pad2d([wide, wide, high, high])?;
    let enlarged = upfirdn2d(&padded, &filter, Fir::doubling(&filter, 2))?;
    // Places of the enlarged output's pixels, in pixels of the input from its middle.
    let places = |side: i64| -> Result<Tensor> {
        let out = (side + 2 * reach) * 2;
        let middle = (out as f64 - 1.0) / 2.0;
        let numbers = Tensor::f_arange(out, (Kind::Float, images.device()))?;
        Ok(numbers.f_sub_scalar(middle - LAG)?.f_mul_scalar(0.5)?)
    };
    let (xs, ys) = (places(width)?, places(height)?);
    let (out_width, out_height) = (xs.size()[0], ys.size()[0]);
    let xs = xs.f_unsqueeze(0)?.f_expand([out_height, out_width], false)?;
    let ys = ys.f_unsqueeze(1)?.f_expand([out_height, out_width], false)?;
    let points = Tensor::f_stack(&[&xs, &ys, &xs.f_ones_like()?], 0)?.f_reshape([3, -1])?; // [3, H' W']
    let from = back.f_matmul(&points)?; // [N, 2, H' W'], pixels from the middle
    // To [-1, 1] over the enlarged, padded input, where a pixel is half of one.
    let sides = Tensor::from_slice(&[(width + 2 * wide) as f32, (height + 2 * high) as f32]);
    let sides = sides.f_to_device(images.device())?.f_reshape([1, 2, 1])?;
    let grid = from.f_mul_scalar(2.0)?.f_sub_scalar(LAG)?.f_div(&sides)?;
    let grid = grid.f_transpose(1, 2)?.f_reshape([n, out_height, out_width, 2])?;
    let warped = gan_sys::warp::sample(&enlarged.f_contiguous()?, &grid)?;
    debug_assert_eq!(warped.size()[..2], [n, c]);
    let halving = Fir { correlates: true, ..Fir::halving(&filter, 2).padded(-2 * reach) };
    upfirdn2d(&warped, &filter, halving)
}
