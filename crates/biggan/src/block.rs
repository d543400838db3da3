//! Residual blocks (Brock et al. 2019, figures 15 and 16), and the attention that may follow one.

use crate::config::Form;
use gan_core::error::Result;
use gan_core::nn::{
    ConditionalNorm, ConditionalNormOptions, Conv2d, ConvOptions, Mode, Scope, SelfAttention, WeightOptions,
    doubled, halved,
};
use tch::Tensor;

const POINTWISE: ConvOptions = ConvOptions { kernel: 1, stride: 1, padding: 0, bias: true };
const AROUND: ConvOptions = ConvOptions { kernel: 3, stride: 1, padding: 1, bias: true };

/// How a deep block's inner channels are fewer than its outer ones.
const BOTTLENECK: i64 = 4;

/// What a block is made of.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Which block.
    pub form: Form,
    /// Channels in and out.
    pub channels: [i64; 2],
    /// Whether the resolution is doubled, or halved.
    pub resamples: bool,
}

impl Shape {
    /// The layers' kernels and channels.
    fn layers(self, inner: i64) -> Vec<(ConvOptions, i64, i64)> {
        let [inputs, outputs] = self.channels;
        match self.form {
            Form::Biggan => vec![(AROUND, inputs, outputs), (AROUND, outputs, outputs)],
            Form::Deep => vec![
                (POINTWISE, inputs, inner),
                (AROUND, inner, inner),
                (AROUND, inner, inner),
                (POINTWISE, inner, outputs),
            ],
        }
    }

    fn convolutions(
        self,
        scope: &mut Scope,
        inner: i64,
        weight: WeightOptions,
    ) -> Result<Vec<(Conv2d, i64)>> {
        let layers = self.layers(inner).into_iter().enumerate();
        layers
            .map(|(index, (options, inputs, outputs))| {
                let conv =
                    Conv2d::new(scope.sub(format!("conv{}", index + 1)), inputs, outputs, options, weight)?;
                Ok((conv, inputs))
            })
            .collect()
    }
}

/// A block of the generator: each convolution after a normalisation that is told the condition and a ReLU, nearest doubling
/// before the first 3x3 one.
#[derive(Debug)]
pub struct GeneratorBlock {
    layers: Vec<(ConditionalNorm, Conv2d)>,
    /// 1x1 where channels or resolution change; the deep form drops channels instead.
    shortcut: Option<Conv2d>,
    shape: Shape,
}

impl GeneratorBlock {
    /// `conv1`, ..., `conv_sc`, `bn1`, ... in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(
        mut scope: Scope,
        shape: Shape,
        weight: WeightOptions,
        norm: ConditionalNormOptions,
    ) -> Result<Self> {
        let [inputs, outputs] = shape.channels;
        let convolutions = shape.convolutions(&mut scope, inputs / BOTTLENECK, weight)?;
        let learns_shortcut = shape.form == Form::Biggan && (inputs != outputs || shape.resamples);
        let shortcut = learns_shortcut
            .then(|| Conv2d::new(scope.sub("conv_sc"), inputs, outputs, POINTWISE, weight))
            .transpose()?;
        let mut layers = Vec::new();
        for (index, (conv, channels)) in convolutions.into_iter().enumerate() {
            layers.push((ConditionalNorm::new(scope.sub(format!("bn{}", index + 1)), channels, norm)?, conv));
        }
        Ok(Self { layers, shortcut, shape })
    }

    /// # Shapes
    /// `x` `[N, in, H, W]`, `condition` as of the normalisation; out `[N, out, H, W]`, or twice as high and wide
    ///
    /// # Errors
    /// LibTorch's.
    pub fn forward(&self, x: &Tensor, condition: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut h = x.shallow_clone();
        let mut doubles = self.shape.resamples;
        for (norm, conv) in &self.layers {
            h = norm.forward(&h, condition, mode)?.f_relu_()?;
            let enlarge = doubles && conv.options() == AROUND;
            h = if enlarge { conv.forward_doubled(&h, mode)? } else { conv.forward_in(&h, mode)? };
            doubles &= !enlarge;
        }
        let shortcut = match (&self.shortcut, self.shape.resamples) {
            (Some(conv), true) => conv.forward_doubled(x, mode)?,
            (Some(conv), false) => conv.forward_in(x, mode)?,
            (None, doubles) => {
                let kept = x.f_narrow(1, 0, self.shape.channels[1])?;
                if doubles { doubled(&kept)? } else { kept }
            }
        };
        Ok(h.f_add_(&shortcut)?)
    }
}

/// A block of the discriminator: each convolution after a ReLU, the mean of 2x2 after the last 3x3 one.
#[derive(Debug)]
pub struct DiscriminatorBlock {
    layers: Vec<Conv2d>,
    /// 1x1 where channels or resolution change; in the deep form it makes only the channels that are missing.
    shortcut: Option<Conv2d>,
    shape: Shape,
    /// Whether a ReLU comes first: not in front of the image.
    preactivation: bool,
}

impl DiscriminatorBlock {
    /// `conv1`, ..., `conv_sc` in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(mut scope: Scope, shape: Shape, preactivation: bool, weight: WeightOptions) -> Result<Self> {
        let [inputs, outputs] = shape.channels;
        let convolutions = shape.convolutions(&mut scope, outputs / BOTTLENECK, weight)?;
        let (learns_shortcut, made) = match shape.form {
            Form::Biggan => (inputs != outputs || shape.resamples, outputs),
            Form::Deep => (inputs != outputs, outputs - inputs),
        };
        let shortcut = learns_shortcut
            .then(|| Conv2d::new(scope.sub("conv_sc"), inputs, made, POINTWISE, weight))
            .transpose()?;
        let layers = convolutions.into_iter().map(|(conv, _)| conv).collect();
        Ok(Self { layers, shortcut, shape, preactivation })
    }

    /// # Shapes
    /// `[N, in, H, W]` to `[N, out, H, W]`, or half as high and wide
    ///
    /// # Errors
    /// LibTorch's.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let halves = self.shape.resamples;
        let deep = self.shape.form == Form::Deep;
        let last = self.layers.len() - 1;
        let mut h = x.shallow_clone();
        for (index, conv) in self.layers.iter().enumerate() {
            h = match (index, self.preactivation) {
                (0, false) => h,
                (0, true) => h.f_relu()?, // the shortcut wants what comes in as it is
                _ => h.f_relu_()?,        // no gradient asks for a convolution's output: half the memory
            };
            h = match (halves && index == last, deep) {
                (true, true) => conv.forward_in(&halved(&h)?, mode)?,
                (true, false) => conv.forward_halved(&h, mode)?,
                (false, _) => conv.forward_in(&h, mode)?,
            };
        }
        let x = if halves { halved(x)? } else { x.shallow_clone() };
        let shortcut = match (&self.shortcut, deep) {
            (Some(conv), false) => conv.forward_in(&x, mode)?,
            (Some(conv), true) => Tensor::f_cat(&[x.shallow_clone(), conv.forward_in(&x, mode)?], 1)?,
            (None, _) => x,
        };
        Ok(h.f_add_(&shortcut)?)
    }
}

/// Attention after a stage, where `sizes` has its size: the `index`-th of the stage's modules.
///
/// # Errors
/// Too few channels; LibTorch's.
pub fn attention_after(
    scope: &mut Scope,
    index: usize,
    (size, channels): (i64, i64),
    sizes: &[i64],
    weight: WeightOptions,
) -> Result<Option<SelfAttention>> {
    let wanted = sizes.contains(&size);
    wanted.then(|| SelfAttention::new(scope.sub(index), channels, weight)).transpose()
}
