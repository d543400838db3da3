//! Resampling with finite impulse responses: enlarge, filter, reduce in one step (Zhang 2019, "Making Convolutional Networks
//! Shift-Invariant Again"; Karras et al. 2019, section 2, and 2021 for the name `upfirdn2d`).

use crate::device::full_precision;
use crate::error::{Error, Result};
use gan_sys::fir::Line;
use gan_sys::format::is_channels_last;
use tch::{Kind, Tensor};

/// Taps from which on a filter of one direction stays one: two passes instead of a product of both.
const SEPARABLE: usize = 8;
/// Below so many channels lines of pixels are filtered instead of pixels: a vector's lanes would stay empty.
const FEW_CHANNELS: i64 = 16;

/// What [`upfirdn2d`] does beside filtering. Pairs are of x and y.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fir {
    /// Zeros put behind every pixel, up to so many pixels for one.
    pub up: [i64; 2],
    /// Of so many pixels the first is kept.
    pub down: [i64; 2],
    /// Zeros left, right, above and below of the enlarged image; negative numbers cut off.
    pub padding: [i64; 4],
    /// Whether the filter is laid over the image as it is, instead of mirrored as in a convolution.
    pub correlates: bool,
    /// What the result is multiplied by.
    pub gain: f64,
}

impl Default for Fir {
    fn default() -> Self {
        Self { up: [1; 2], down: [1; 2], padding: [0; 4], correlates: false, gain: 1.0 }
    }
}

impl Fir {
    /// Twice the resolution, or so many times, in both directions, with as much of the filter on either side.
    pub fn doubling(filter: &Tensor, up: i64) -> Self {
        let [width, height] = taps(filter);
        let padding = [(width + up - 1) / 2, (width - up) / 2, (height + up - 1) / 2, (height - up) / 2];
        Self { up: [up; 2], padding, gain: (up * up) as f64, ..Self::default() }
    }

    /// Half of the resolution, or such a part of it.
    pub fn halving(filter: &Tensor, down: i64) -> Self {
        let [width, height] = taps(filter);
        let padding =
            [(width - down + 1) / 2, (width - down) / 2, (height - down + 1) / 2, (height - down) / 2];
        Self { down: [down; 2], padding, ..Self::default() }
    }

    /// The same resolution.
    pub fn smoothing(filter: &Tensor) -> Self {
        let [width, height] = taps(filter);
        Self { padding: [width / 2, (width - 1) / 2, height / 2, (height - 1) / 2], ..Self::default() }
    }

    /// The same with more padding on all sides.
    #[must_use]
    pub fn padded(self, by: i64) -> Self {
        Self { padding: self.padding.map(|side| side + by), ..self }
    }
}

/// Width and height of a filter.
fn taps(filter: &Tensor) -> [i64; 2] {
    match filter.size()[..] {
        [height, width] => [width, height],
        ref one => [one.iter().product(); 2],
    }
}

/// A filter of the given taps in both directions whose sum is 1: `[n, n]`, and `[n]` from 8 taps on.
///
/// # Errors
/// Taps that are not numbers or whose sum is 0.
pub fn fir_filter(taps: &[f64]) -> Result<Tensor> {
    let sum: f64 = taps.iter().sum();
    if taps.is_empty() || !(sum.is_finite() && sum != 0.0) {
        return Err(Error::config("filter", format!("{taps:?} has no sum other than 0 to divide by")));
    }
    let line = Tensor::from_slice(taps).f_to_kind(Kind::Float)?;
    if taps.len() >= SEPARABLE {
        return Ok(line.f_div_scalar(sum)?);
    }
    Ok(line.f_outer(&line)?.f_div_scalar(sum * sum)?)
}

/// Enlarges an image, filters it, and reduces it. Differentiable any number of times; computed in the image's own kind.
///
/// # Shapes
/// `x` `[N, C, H, W]`, `filter` `[h, w]` or, the same in both directions, `[n]`; out `[N, C, H', W']` with
/// H' = ⌊(H up + padding - h) / down⌋ + 1
///
/// # Errors
/// A filter that is larger than the padded image; LibTorch's.
pub fn upfirdn2d(x: &Tensor, filter: &Tensor, fir: Fir) -> Result<Tensor> {
    let dims: Vec<i64> = (0..filter.dim() as i64).collect();
    let filter = if fir.correlates { filter.shallow_clone() } else { filter.f_flip(&dims)? };
    let filter = filter.f_mul_scalar(fir.gain.powf(dims.len() as f64 / 2.0))?.f_to_device(x.device())?;
    if is_channels_last(x) && gan_sys::fir::takes(x) {
        return in_one_pass(x, &filter, fir);
    }
    let _precise = full_precision(x.device())?;
    let (n, c, h, w) = x.size4()?;
    let [up_x, up_y] = fir.up;
    let mut y = x.shallow_clone();
    if up_x > 1 || up_y > 1 {
        let apart =
            y.f_reshape([n, c, h, 1, w, 1])?.f_constant_pad_nd([0i64, up_x - 1, 0, 0, 0, up_y - 1])?;
        y = apart.f_reshape([n, c, h * up_y, w * up_x])?;
    }
    if fir.padding != [0; 4] {
        y = y.f_constant_pad_nd(fir.padding)?;
    }
    let [down_x, down_y] = fir.down;
    let filter = filter.f_to_kind(x.kind())?;
    let pass = |y: &Tensor, height: i64, width: i64, stride: [i64; 2]| -> Result<Tensor> {
        let kernel = filter.f_reshape([1, 1, height, width])?.f_expand([c, 1, height, width], false)?;
        Ok(y.f_conv2d::<&Tensor>(&kernel, None, stride, [0i64; 2], [1i64; 2], c)?)
    };
    match filter.size()[..] {
        [height, width] => pass(&y, height, width, [down_y, down_x]),
        [taps] => pass(&pass(&y, 1, taps, [1, down_x])?, taps, 1, [down_y, 1]),
        _ => Err(Error::config("filter", format!("{:?} is no shape of a filter", filter.size()))),
    }
}

/// The same without the zeros in memory, or two such passes for a filter of one direction. `filter` is laid over the image as it
/// is, the gain in it.
fn in_one_pass(x: &Tensor, filter: &Tensor, fir: Fir) -> Result<Tensor> {
    let ([up_x, up_y], [down_x, down_y], [left, right, above, below]) = (fir.up, fir.down, fir.padding);
    let across = Line { up: up_x, down: down_x, before: left, after: right };
    let along = Line { up: up_y, down: down_y, before: above, after: below };
    let still = Line { up: 1, down: 1, before: 0, after: 0 };
    match filter.size()[..] {
        [_, _] => Ok(gan_sys::fir::fir(x, filter, across, along)?),
        [_] if x.size()[1] < FEW_CHANNELS => {
            // Vectors run over channels: a line of pixels takes their place, columns first.
            let column = filter.f_unsqueeze(1)?;
            let pass = |x: &Tensor, line: Line| -> Result<Tensor> {
                let (n, long, wide, channels) = x.size4()?; // filtered along its second dimension
                let lines = x.f_reshape([n, long, wide * channels])?.f_transpose(1, 2)?.f_unsqueeze(3)?;
                let lines = gan_sys::fir::fir(&lines, &column, still, line)?.f_squeeze_dim(3)?; // [N, W C, H']
                Ok(lines.f_transpose(1, 2)?.f_reshape([n, -1, wide, channels])?)
            };
            let by_columns = x.f_permute([0, 3, 2, 1])?; // [N, W, H, C]
            let half = pass(&by_columns.f_contiguous()?, across)?; // [N, W', H, C]
            let by_rows = half.f_transpose(1, 2)?.f_contiguous()?; // [N, H, W', C]
            Ok(pass(&by_rows, along)?.f_permute([0, 3, 1, 2])?)
        }
        [_] => {
            let half = gan_sys::fir::fir(x, &filter.f_unsqueeze(0)?, across, still)?;
            Ok(gan_sys::fir::fir(&half, &filter.f_unsqueeze(1)?, still, along)?)
        }
        _ => Err(Error::config("filter", format!("{:?} is no shape of a filter", filter.size()))),
    }
}
