//! Pictures from sketches. Sketches to learn from are the images' own edges: smoothing, gradient, thinning (the first steps
//! of Canny 1986), then a soft threshold in place of tracking.

use super::within;
use gan_core::data::PairBatch;
use gan_core::error::{Error, Result};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// Smooths along an edge and takes the difference across it, as Sobel's filter does. The difference is contrast for each
/// pixel where black to white is 1 and images have 2.
const ALONG: [f64; 3] = [0.25, 0.5, 0.25];
const ACROSS: [f64; 3] = [-0.25, 0.0, 0.25];
/// The tangent of 22.5 degrees: halfway between straight and diagonal.
const HALFWAY: f64 = std::f64::consts::SQRT_2 - 1.0;

/// Pictures from sketches: dark lines, one pixel wide, on white.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Edges {
    /// The standard deviation of the smoothing before, in pixels: larger leaves fewer details.
    pub blur: f64,
    /// The contrast from one pixel to the next, as a share of black to white, below which there is no line.
    pub low: f64,
    /// The contrast from which a line is black.
    pub high: f64,
}

impl Default for Edges {
    fn default() -> Self {
        Self { blur: 1.0, low: 0.02, high: 0.08 }
    }
}

impl Edges {
    pub(super) fn validate(&self, field: &str) -> Result<()> {
        within(&format!("{field}.blur"), [self.blur; 2], [0.0, 20.0])?;
        within(&format!("{field}.low"), [self.low; 2], [0.0, 1.0])?;
        if self.high > self.low && self.high <= 1.0 {
            return Ok(());
        }
        let why = format!("{} is not above {field}.low, {}, and at most 1", self.high, self.low);
        Err(Error::config(format!("{field}.high"), why))
    }

    pub(super) fn pairs(&self, images: &Tensor) -> Result<PairBatch> {
        Ok(PairBatch { a: self.sketch(images)?, b: images.shallow_clone(), weight: None })
    }

    /// # Shapes
    /// `images` in [-1, 1], `[N, C, H, W]`; out `[N, 1, H, W]`
    pub(super) fn sketch(&self, images: &Tensor) -> Result<Tensor> {
        let (downs, rights) = self.slopes(images)?;
        let channel = |index: i64| -> Result<[Tensor; 3]> {
            let [down, right] = [downs.f_narrow(1, index, 1)?, rights.f_narrow(1, index, 1)?];
            Ok([down.f_square()?.f_add(&right.f_square()?)?, down, right])
        };
        // That of the channel where it is strongest: colours can differ where their mean does not.
        let [mut squared, mut down, mut right] = channel(0)?; // [N, 1, H, W] each
        for index in 1..images.size()[1] {
            let other = channel(index)?;
            let is_stronger = other[0].f_gt_tensor(&squared)?;
            let stronger = |other: &Tensor, value: &Tensor| other.f_where_self(&is_stronger, value);
            (down, right) = (stronger(&other[1], &down)?, stronger(&other[2], &right)?);
            squared = other[0].f_maximum(&squared)?;
        }
        let contrast = squared.f_sqrt()?;
        let line = contrast.f_sub_scalar(self.low)?.f_mul_scalar(1.0 / (self.high - self.low))?;
        let line = line.f_clamp(0.0, 1.0)?.f_mul(&ridges(&contrast, &down, &right)?)?;
        Ok(line.f_mul_scalar(-2.0)?.f_add_scalar(1.0)?)
    }

    /// How much lighter each smoothed channel becomes from one pixel to the next, downwards and to the right.
    ///
    /// # Shapes
    /// `images` `[N, C, H, W]`; out the same
    fn slopes(&self, images: &Tensor) -> Result<(Tensor, Tensor)> {
        let (_, _, h, w) = images.size4()?;
        let bell = bell(self.blur);
        let [along, across] = [&ALONG, &ACROSS].map(|filter| convolved(&bell, filter));
        let slope = |of_rows: &[f64], of_columns: &[f64]| -> Result<Tensor> {
            let of_columns = banded(of_columns, w)?.f_tr()?.f_to_device(images.device())?;
            let of_rows = banded(of_rows, h)?.f_to_device(images.device())?;
            Ok(of_rows.f_matmul(&images.f_matmul(&of_columns)?)?)
        };
        Ok((slope(&across, &along)?, slope(&along, &across)?))
    }
}

/// A filter along one side as a matrix, outermost pixels repeated. For images of up to thousands of pixels this is
/// several times faster on a CPU than a convolution of single channels.
///
/// # Shapes
/// out f32 `[side, side]`
fn banded(filter: &[f64], side: i64) -> Result<Tensor> {
    let (length, reach) = (side as usize, filter.len() / 2);
    let mut matrix = vec![0f32; length * length];
    for (row, values) in matrix.chunks_exact_mut(length).enumerate() {
        for (tap, weight) in filter.iter().enumerate() {
            values[(row + tap).saturating_sub(reach).min(length - 1)] += *weight as f32;
        }
    }
    Ok(Tensor::f_from_slice(&matrix)?.f_view([side, side])?)
}

/// The mean of the channels: a sketch that came as a colour picture.
pub(super) fn taken(sketch: &Tensor) -> Result<Tensor> {
    Ok(sketch.f_mean_dim(1, true, None)?)
}

/// 1 where no neighbour along the gradient is stronger, 0 elsewhere. Of two that are alike the first stays: lines are
/// one pixel wide.
///
/// # Shapes
/// All `[N, 1, H, W]`
fn ridges(contrast: &Tensor, down: &Tensor, right: &Tensor) -> Result<Tensor> {
    let (_, _, h, w) = contrast.size4()?;
    let padded = contrast.f_constant_pad_nd([1, 1, 1, 1])?;
    let at = |y: i64, x: i64| padded.f_narrow(2, 1 + y, h)?.f_narrow(3, 1 + x, w);
    let above = |y: i64, x: i64| -> Result<Tensor> {
        Ok(contrast.f_gt_tensor(&at(-y, -x)?)?.f_logical_and(&contrast.f_ge_tensor(&at(y, x)?)?)?)
    };
    let (steep, flat) = (down.f_abs()?, right.f_abs()?);
    let is_flat = steep.f_lt_tensor(&flat.f_mul_scalar(HALFWAY)?)?;
    let is_steep = flat.f_lt_tensor(&steep.f_mul_scalar(HALFWAY)?)?;
    let falls = down.f_mul(right)?.f_gt(0.0)?;
    let diagonal = above(1, 1)?.f_where_self(&falls, &above(1, -1)?)?;
    let straight = above(1, 0)?.f_where_self(&is_steep, &diagonal)?;
    Ok(above(0, 1)?.f_where_self(&is_flat, &straight)?.f_to_kind(Kind::Float)?)
}

/// Gaussian weights that sum to 1, to three standard deviations either way.
fn bell(std: f64) -> Vec<f64> {
    let reach = (3.0 * std).ceil() as i64;
    if reach == 0 {
        return vec![1.0];
    }
    let weights: Vec<f64> = (-reach..=reach).map(|at| (-0.5 * (at as f64 / std).powi(2)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// One filter after the other, as one.
fn convolved(first: &[f64], second: &[f64]) -> Vec<f64> {
    let mut both = vec![0.0; first.len() + second.len() - 1];
    for (at, left) in first.iter().enumerate() {
        for (then, right) in second.iter().enumerate() {
            both[at + then] += left * right;
        }
    }
    both
}
