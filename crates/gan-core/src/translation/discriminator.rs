//! Discriminators that judge every patch of an image by itself (Isola et al. 2017, sections 3.2.2 and 6.1.2).

use super::layers::{CONV_INIT, conv};
use super::norm::NormLayer;
use super::{Look, Norm};
use crate::error::Result;
use crate::nn::{Conv2d, Scope, leaky_relu};
use crate::tensor::guard::{ANY, shape};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Which network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiscriminatorKind {
    /// Patches, the larger the more layers there are.
    #[default]
    Patch,
    /// Every pixel by itself: 1 x 1 convolutions.
    Pixel,
}

impl DiscriminatorKind {
    /// The shortest side of an image that makes sense with so many layers.
    pub fn smallest(self, layers: u32) -> i64 {
        match self {
            // Two convolutions of 4 x 4 that do not halve take a pixel each.
            Self::Patch => 3 << layers.min(30),
            Self::Pixel => 2,
        }
    }
}

/// What a discriminator is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DiscriminatorOptions {
    /// Which network.
    pub kind: DiscriminatorKind,
    /// Halvings of a [`DiscriminatorKind::Patch`], from 1: 3 judge patches of 70 x 70 pixels (n_layers).
    pub layers: u32,
    /// Channels of what it judges.
    pub inputs: i64,
    /// Channels of the first layer (ndf).
    pub width: i64,
    /// What stands between the layers.
    pub norm: Norm,
}

/// Images to a map of logits.
#[derive(Debug)]
pub struct Discriminator {
    first: Conv2d,
    hidden: Vec<(Conv2d, NormLayer)>,
    last: Conv2d,
    inputs: i64,
}

/// Channels grow up to so many times the first layer's.
const WIDEST: i64 = 8;
const SLOPE: f64 = 0.2;

impl Discriminator {
    /// A discriminator whose parameters are named `model.0.weight`, ... (of pixels `net.0.weight`, ...) in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(mut scope: Scope, options: DiscriminatorOptions) -> Result<Self> {
        let DiscriminatorOptions { kind, layers: halvings, inputs, width, norm } = options;
        let bias = norm.wants_bias();
        let layer = |scope: &mut Scope, at: u32, sizes: [i64; 2], options| -> Result<(Conv2d, NormLayer)> {
            let conv = Conv2d::new(scope.sub(at), sizes[0], sizes[1], options, CONV_INIT)?;
            Ok((conv, norm.layer(scope.sub(at + 1), sizes[1])?))
        };
        if kind == DiscriminatorKind::Pixel {
            let mut net = scope.sub("net");
            let first = Conv2d::new(net.sub(0), inputs, width, conv(1, 1, 0, true), CONV_INIT)?;
            let hidden = vec![layer(&mut net, 2, [width, 2 * width], conv(1, 1, 0, bias))?];
            let last = Conv2d::new(net.sub(5), 2 * width, 1, conv(1, 1, 0, bias), CONV_INIT)?;
            return Ok(Self { first, hidden, last, inputs });
        }
        let mut model = scope.sub("model");
        let first = Conv2d::new(model.sub(0), inputs, width, conv(4, 2, 1, true), CONV_INIT)?;
        let channels = |layer: u32| width * (1i64 << layer.min(30)).min(WIDEST);
        let mut hidden = Vec::new();
        for at in 1..=halvings {
            let stride = if at < halvings { 2 } else { 1 };
            let sizes = [channels(at - 1), channels(at)];
            hidden.push(layer(&mut model, 3 * at - 1, sizes, conv(4, stride, 1, bias))?);
        }
        let last = model.sub(3 * halvings + 2);
        let last = Conv2d::new(last, channels(halvings), 1, conv(4, 1, 1, true), CONV_INIT)?;
        Ok(Self { first, hidden, last, inputs })
    }

    /// # Shapes
    /// `images` `[N, inputs, H, W]` in [-1, 1]; out: logits `[N, 1, H', W']`, one for each patch, high for reals
    ///
    /// # Errors
    /// Another number of channels, images that are too small; LibTorch's.
    pub fn forward(&self, images: &Tensor, look: Look) -> Result<Tensor> {
        shape("discriminator input", images, &[ANY, self.inputs, ANY, ANY])?;
        let mut x = leaky_relu(self.first.forward(images)?, SLOPE)?;
        for (conv, norm) in &self.hidden {
            x = norm.forward_sloped(&conv.forward(&x)?, look, SLOPE)?;
        }
        self.last.forward(&x)
    }
}
