//! The generator of SRGAN (Ledig et al. 2017, section 2.1.1 and figure 4): residual blocks at the low resolution, then
//! sub-pixel convolutions (Shi et al. 2016), each doubling both sides. Unlike there it makes what is missing from the
//! bicubic enlargement (Kim et al. 2016, section 3), so that it begins with that and not with noise.

use super::layers::{CONV_INIT, conv};
use super::norm::NormLayer;
use super::{GeneratorOptions, Look};
use crate::error::Result;
use crate::nn::{Conv2d, Init, Scope};
use tch::Tensor;

/// Residual blocks, section 2.1.1.
const BLOCKS: usize = 16;

#[derive(Debug)]
pub(super) struct SuperResolution {
    first: (Conv2d, Tensor),
    blocks: Vec<Block>,
    trunk: (Conv2d, NormLayer),
    doublings: Vec<(Conv2d, Tensor)>,
    last: Conv2d,
    /// Whether what is made has the channels of what is given.
    adds: bool,
}

#[derive(Debug)]
struct Block {
    first: (Conv2d, NormLayer, Tensor),
    second: (Conv2d, NormLayer),
}

impl SuperResolution {
    /// A network that enlarges by 2 to the `doublings`.
    pub fn new(mut scope: Scope, options: &GeneratorOptions, doublings: u32) -> Result<Self> {
        let &GeneratorOptions { inputs, outputs, width, norm, .. } = options;
        let bias = norm.wants_bias();
        let same = conv(3, 1, 1, bias);
        let mut first = scope.sub("first");
        let first_slope = first.parameter("slope", &[1], SLOPE_INIT)?;
        let first =
            (Conv2d::new(first.sub("conv"), inputs, width, conv(9, 1, 4, true), CONV_INIT)?, first_slope);
        let mut blocks = Vec::new();
        for index in 0..BLOCKS {
            let mut block = scope.sub(format_args!("blocks.{index}"));
            let mut layer = |at: usize| -> Result<(Conv2d, NormLayer)> {
                let conv = Conv2d::new(block.sub(format_args!("conv{at}")), width, width, same, CONV_INIT)?;
                Ok((conv, norm.layer(block.sub(format_args!("norm{at}")), width)?))
            };
            let ((conv, norm), second) = (layer(1)?, layer(2)?);
            blocks.push(Block { first: (conv, norm, block.parameter("slope", &[1], SLOPE_INIT)?), second });
        }
        let mut trunk = scope.sub("trunk");
        let trunk = (
            Conv2d::new(trunk.sub("conv"), width, width, same, CONV_INIT)?,
            norm.layer(trunk.sub("norm"), width)?,
        );
        let mut enlarging = Vec::new();
        for index in 0..doublings {
            let mut doubling = scope.sub(format_args!("doublings.{index}"));
            let conv = Conv2d::new(doubling.sub("conv"), width, 4 * width, conv(3, 1, 1, true), CONV_INIT)?;
            enlarging.push((conv, doubling.parameter("slope", &[1], SLOPE_INIT)?));
        }
        let last = Conv2d::new(scope.sub("last"), width, outputs, conv(9, 1, 4, true), CONV_INIT)?;
        Ok(Self { first, blocks, trunk, doublings: enlarging, last, adds: inputs == outputs })
    }

    /// # Shapes
    /// `[N, inputs, H, W]` to `[N, outputs, scale H, scale W]`
    pub fn forward(&self, images: &Tensor, look: Look) -> Result<Tensor> {
        let (conv, slope) = &self.first;
        let early = prelu(&conv.forward(images)?, slope)?; // [N, width, H, W]
        let mut x = early.shallow_clone();
        for Block { first: (conv, norm, slope), second: (second, second_norm) } in &self.blocks {
            let y = prelu(&norm.forward(&conv.forward(&x)?, look)?, slope)?;
            x = second_norm.forward(&second.forward(&y)?, look)?.f_add(&x)?;
        }
        let (conv, norm) = &self.trunk;
        x = norm.forward(&conv.forward(&x)?, look)?.f_add(&early)?;
        for (conv, slope) in &self.doublings {
            x = prelu(&conv.forward(&x)?.f_pixel_shuffle(2)?, slope)?; // [N, width, 2 H, 2 W], ...
        }
        let x = self.last.forward(&x)?;
        if !self.adds {
            return Ok(x.f_tanh()?);
        }
        let (_, _, height, width) = x.size4()?;
        let enlarged = images.f_upsample_bicubic2d([height, width], false, None, None)?;
        Ok(x.f_add(&enlarged.f_to_kind(x.kind())?)?.f_clamp(-1.0, 1.0)?)
    }
}

/// What PReLU begins with (He et al. 2015).
const SLOPE_INIT: Init = Init::Uniform { low: 0.25, high: 0.25 };

/// Under bf16 the slope, a weight, is cast as those of convolutions are.
fn prelu(x: &Tensor, slope: &Tensor) -> Result<Tensor> {
    Ok(x.f_prelu(&slope.f_to_kind(x.kind())?)?)
}
