//! What the networks share: how they are looked at, dropout, sizes that do not halve evenly.

use crate::error::Result;
use crate::nn::{ConvOptions, Init, Mode};
use crate::random::Streams;
use tch::Tensor;

/// First values of every convolution.
pub(super) const CONV_INIT: Init = Init::Normal { mean: 0.0, std: 0.02 };

/// How a network is run.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// Training or evaluation.
    pub mode: Mode,
    /// Where dropout draws from; `None`: nothing is dropped.
    pub noise: Option<&'a Streams>,
    /// In evaluation batch normalisation takes the statistics of what it is given, as pix2pix does (section 3.3).
    pub own_statistics: bool,
}

impl<'a> Look<'a> {
    /// In training, with dropout where the network has some.
    pub fn train(noise: &'a Streams) -> Self {
        Self { mode: Mode::Train, noise: Some(noise), own_statistics: false }
    }

    /// In evaluation: nothing is dropped, nothing moves.
    pub fn eval() -> Self {
        Self { mode: Mode::Eval, noise: None, own_statistics: false }
    }
}

/// A convolution of so many pixels in both directions.
pub(super) fn conv(kernel: i64, stride: i64, padding: i64, bias: bool) -> ConvOptions {
    ConvOptions { kernel, stride, padding, bias }
}

/// Half of the values become 0, the others twice as large (Srivastava et al. 2014).
pub(super) fn dropout(x: Tensor, look: Look) -> Result<Tensor> {
    const SHARE: f64 = 0.5;
    let Some(noise) = look.noise else { return Ok(x) };
    let kept = noise.uniform("dropout", &x.size())?.f_ge(SHARE)?;
    Ok(x.f_mul(&kept.f_to_kind(x.kind())?)?.f_mul_scalar(1.0 / (1.0 - SHARE))?)
}

/// Runs a network that needs sides of `least` pixels and a multiple of `multiple` on images of any size: their right and bottom
/// edges are repeated before and what came of it is cut off after.
pub(super) fn at_multiple(
    images: &Tensor,
    [multiple, least]: [i64; 2],
    network: impl FnOnce(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let (_, _, height, width) = images.size4()?;
    let missing = |side: i64| (side.max(least) as u64).next_multiple_of(multiple as u64) as i64 - side;
    if missing(height) == 0 && missing(width) == 0 {
        return network(images);
    }
    let padded = images.f_replication_pad2d([0, missing(width), 0, missing(height)])?;
    Ok(network(&padded)?.f_narrow(2, 0, height)?.f_narrow(3, 0, width)?)
}
