//! Convolutions with a change of resolution folded in: fewer products than one after the other, and no enlarged tensor.
//!
//! Nearest doubling before a 3x3 kernel is a transposed convolution of stride 2 with a 4x4 kernel, and the mean of 2x2
//! after one is a convolution of stride 2 with a 4x4 kernel: each sums the 3x3 kernel in its four places. That is 4 products
//! an output pixel instead of 9. A 1x1 kernel does not care which comes first, so that it works on the smaller image.

use super::layers::{Conv2d, Mode};
use crate::error::{Error, Result};
use gan_sys::convolution::convolution;
use gan_sys::format::{channels_last, is_channels_last};
use tch::Tensor;

/// Every pixel twice in both directions.
///
/// # Shapes
/// `[N, C, H, W]` to `[N, C, 2 H, 2 W]`
///
/// # Errors
/// LibTorch's.
pub fn doubled(x: &Tensor) -> Result<Tensor> {
    let size = x.size();
    let sides: Vec<i64> = size.iter().skip(2).map(|side| 2 * side).collect();
    Ok(x.f_upsample_nearest2d(sides, None, None)?)
}

/// The mean of 2x2 pixels.
///
/// # Shapes
/// `[N, C, H, W]` to `[N, C, H / 2, W / 2]`
///
/// # Errors
/// LibTorch's.
pub fn halved(x: &Tensor) -> Result<Tensor> {
    Ok(x.f_avg_pool2d([2; 2], [2; 2], [0; 2], false, true, None)?)
}

/// A 3x3 convolution of the [`doubled`] input. In plain order it follows references to the last digits; in channels-last order, as
/// in every run, the kernel is summed in its four places, which rounds otherwise than the two steps.
///
/// # Shapes
/// `x` `[N, I, H, W]`, `weight` `[O, I, 3, 3]`, `bias` `[O]`; out `[N, O, 2 H, 2 W]`
///
/// # Errors
/// Shapes that do not fit; LibTorch's.
pub fn doubled_convolution(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    if !is_channels_last(weight) {
        return Ok(convolution(&doubled(x)?, weight, bias, (1, 1), false)?);
    }
    let kernel = in_four_places(&weight.f_flip([2i64, 3])?)?.f_transpose(0, 1)?; // [I, O, 4, 4]
    Ok(convolution(x, &channels_last(&kernel)?, bias, (2, 1), true)?)
}

/// The [`halved`] output of a 3x3 convolution, in one step or two as [`doubled_convolution`].
///
/// # Shapes
/// `x` `[N, I, H, W]`, `weight` `[O, I, 3, 3]`, `bias` `[O]`; out `[N, O, H / 2, W / 2]`
///
/// # Errors
/// As [`doubled_convolution`].
pub fn halved_convolution(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    if !is_channels_last(weight) {
        return halved(&convolution(x, weight, bias, (1, 1), false)?);
    }
    let kernel = in_four_places(weight)?.f_mul_scalar(0.25)?;
    Ok(convolution(x, &kernel, bias, (2, 1), false)?)
}

impl Conv2d {
    /// As [`Conv2d::forward_in`] of the [`doubled`] input.
    ///
    /// # Shapes
    /// `[N, in, H, W]` to `[N, out, 2 H, 2 W]`
    ///
    /// # Errors
    /// Another kernel than 1x1 without padding or 3x3 with one pixel; LibTorch's.
    pub fn forward_doubled(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        match self.places()? {
            1 => doubled(&self.forward_in(x, mode)?),
            _ => doubled_convolution(x, &self.weight().effective(mode)?, self.bias()),
        }
    }

    /// As the [`halved`] output of [`Conv2d::forward_in`].
    ///
    /// # Shapes
    /// `[N, in, H, W]` to `[N, out, H / 2, W / 2]`
    ///
    /// # Errors
    /// As [`Conv2d::forward_doubled`].
    pub fn forward_halved(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        match self.places()? {
            1 => self.forward_in(&halved(x)?, mode),
            _ => halved_convolution(x, &self.weight().effective(mode)?, self.bias()),
        }
    }

    /// Height and width of a kernel that keeps the resolution.
    fn places(&self) -> Result<i64> {
        let options = self.options();
        match (options.kernel, options.padding, options.stride) {
            (1, 0, 1) => Ok(1),
            (3, 1, 1) => Ok(3),
            _ => Err(Error::config("kernel", "is neither 1x1 nor 3x3 that keep the resolution")),
        }
    }
}

/// The sum of a kernel in the four corners of one that is a pixel larger.
///
/// # Shapes
/// `[_, _, 3, 3]` to `[_, _, 4, 4]`
fn in_four_places(kernel: &Tensor) -> Result<Tensor> {
    let rows =
        kernel.f_constant_pad_nd([0i64, 0, 0, 1])?.f_add(&kernel.f_constant_pad_nd([0i64, 0, 1, 0])?)?;
    Ok(rows.f_constant_pad_nd([0i64, 1, 0, 0])?.f_add(&rows.f_constant_pad_nd([1i64, 0, 0, 0])?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::DevicePolicy;
    use crate::nn::{ConvOptions, Init, Parameters};
    use tch::{Device, Kind};

    /// Values and gradients equal those of the two steps one after the other.
    #[test]
    fn folding_changes_nothing() {
        for (kernel, padding) in [(1, 0), (3, 1)] {
            let policy = DevicePolicy { channels_last: true, ..DevicePolicy::reference() };
            let mut weights = Parameters::new(&policy, 1);
            let options = ConvOptions { kernel, stride: 1, padding, bias: true };
            let conv = Conv2d::new(weights.root(), 3, 5, options, Init::PyTorch).expect("a convolution");
            let input = Tensor::randn([2, 3, 6, 4], (Kind::Float, Device::Cpu)).set_requires_grad(true);
            let mode = Mode::Train;
            let two = |folded: Tensor, plain: Tensor| {
                assert!(folded.allclose(&plain, 1e-5, 1e-6, false), "{kernel}");
                let mut along = weights.trainable();
                along.push(&input);
                let noise = plain.randn_like();
                let gradients = [folded, plain]
                    .map(|y| Tensor::run_backward(&[(y * &noise).sum(Kind::Float)], &along, false, false));
                for (folded, plain) in gradients[0].iter().zip(&gradients[1]) {
                    assert!(folded.allclose(plain, 1e-4, 1e-5, false), "{kernel}");
                }
            };
            let plain = conv.forward(&doubled(&input).expect("doubled")).expect("plain");
            two(conv.forward_doubled(&input, mode).expect("folded"), plain);
            let plain = halved(&conv.forward(&input).expect("plain")).expect("halved");
            two(conv.forward_halved(&input, mode).expect("folded"), plain);
        }
    }
}
