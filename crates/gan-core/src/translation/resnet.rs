//! The generator of CycleGAN (Zhu et al. 2017, section 7.2; after Johnson et al. 2016): two halvings, residual blocks, two
//! doublings.

use super::doubling::Doubling;
use super::layers::{CONV_INIT, conv, dropout};
use super::norm::NormLayer;
use super::{GeneratorOptions, Look};
use crate::error::Result;
use crate::nn::{Conv2d, Scope};
use tch::Tensor;

/// Sides that halve and double evenly.
pub(super) const MULTIPLE: i64 = 4;

/// Layers are numbered as in the authors' `nn.Sequential`: 1, 4, 7, blocks from 10 on.
#[derive(Debug)]
pub(super) struct Resnet {
    first: (Conv2d, NormLayer),
    halvings: [(Conv2d, NormLayer); 2],
    blocks: Vec<Block>,
    doublings: [(Doubling, NormLayer); 2],
    last: Conv2d,
}

impl Resnet {
    pub fn new(mut scope: Scope, options: &GeneratorOptions, blocks: u32) -> Result<Self> {
        let &GeneratorOptions { inputs, outputs, width, norm, dropout, upsampling, .. } = options;
        let bias = norm.wants_bias();
        let mut model = scope.sub("model");
        let first = Conv2d::new(model.sub(1), inputs, width, conv(7, 1, 0, bias), CONV_INIT)?;
        let first = (first, norm.layer(model.sub(2), width)?);
        let mut halve = |at: u32, from: i64| -> Result<(Conv2d, NormLayer)> {
            let layer = Conv2d::new(model.sub(at), from, 2 * from, conv(3, 2, 1, bias), CONV_INIT)?;
            Ok((layer, norm.layer(model.sub(at + 1), 2 * from)?))
        };
        let halvings = [halve(4, width)?, halve(7, 2 * width)?];
        let block = |index| Block::new(model.sub(10 + index), 4 * width, norm, dropout);
        let blocks = (0..blocks).map(block).collect::<Result<Vec<Block>>>()?;
        let after = 10 + blocks.len();
        let mut double = |at: usize, from: i64| -> Result<(Doubling, NormLayer)> {
            let layer = Doubling::new(model.sub(at), [from, from / 2], 3, bias, upsampling)?;
            Ok((layer, norm.layer(model.sub(at + 1), from / 2)?))
        };
        let doublings = [double(after, 4 * width)?, double(after + 3, 2 * width)?];
        let last = Conv2d::new(model.sub(after + 7), width, outputs, conv(7, 1, 0, true), CONV_INIT)?;
        Ok(Self { first, halvings, blocks, doublings, last })
    }

    /// # Shapes
    /// `[N, inputs, H, W]` to `[N, outputs, H, W]` before the last tanh, H and W multiples of 4
    pub fn forward(&self, images: &Tensor, look: Look) -> Result<Tensor> {
        let (first, norm) = &self.first;
        let mut x = first.forward_reflected(images, 3)?; // [N, width, H, W]
        x = norm.forward_sloped(&x, look, 0.0)?;
        for (conv, norm) in &self.halvings {
            x = norm.forward_sloped(&conv.forward(&x)?, look, 0.0)?; // [N, 2 width, H / 2, W / 2], [N, 4 width, H / 4, W / 4]
        }
        for block in &self.blocks {
            x = block.forward(&x, look)?;
        }
        for (conv, norm) in &self.doublings {
            x = norm.forward_sloped(&conv.forward(&x)?, look, 0.0)?; // [N, 2 width, H / 2, W / 2], [N, width, H, W]
        }
        self.last.forward_reflected(&x, 3)
    }
}

/// Two convolutions and what went in.
#[derive(Debug)]
struct Block {
    first: (Conv2d, NormLayer),
    second: (Conv2d, NormLayer),
    dropout: bool,
}

impl Block {
    fn new(mut scope: Scope, width: i64, norm: super::Norm, dropout: bool) -> Result<Self> {
        let mut block = scope.sub("conv_block");
        let mut layer = |at: usize| -> Result<(Conv2d, NormLayer)> {
            let conv = Conv2d::new(block.sub(at), width, width, conv(3, 1, 0, norm.wants_bias()), CONV_INIT)?;
            Ok((conv, norm.layer(block.sub(at + 1), width)?))
        };
        let first = layer(1)?;
        Ok(Self { first, second: layer(5 + usize::from(dropout))?, dropout })
    }

    fn forward(&self, x: &Tensor, look: Look) -> Result<Tensor> {
        let ((first, first_norm), (second, second_norm)) = (&self.first, &self.second);
        let mut y = first.forward_reflected(x, 1)?;
        y = first_norm.forward_sloped(&y, look, 0.0)?;
        if self.dropout {
            y = dropout(y, look)?;
        }
        let y = second.forward_reflected(&y, 1)?;
        Ok(second_norm.forward(&y, look)?.f_add(x)?)
    }
}
