//! The synthesis network (Karras et al. 2019, section 2 and figure 1): styles to images, from a learned constant on.

use super::config::BASE;
use super::layers::{AdaIn, Blur, EqualConv, Form, NoiseScale, activated};
use super::{Config, Stage};
use crate::LayerNoise;
use gan_core::error::{Error, Result};
use gan_core::nn::{Init, Scope, doubled};
use gan_core::random;
use gan_core::tensor::guard::{ANY, shape};
use std::ops::RangeInclusive;
use tch::{Device, Kind, Tensor};

/// What both layers of a resolution add to the pixels of `count` images.
///
/// # Shapes
/// Out `[count, 1, side, side]` or `[1, 1, side, side]`
fn noise_of(level: i64, noise: LayerNoise, count: i64, device: Device) -> Result<Option<Tensor>> {
    let side = BASE << level;
    match noise {
        LayerNoise::Random(streams) => Ok(Some(streams.normal("noise", &[count, 1, side, side])?)),
        LayerNoise::Const => {
            let key = random::key(0, &[side.unsigned_abs()], "fixed noise");
            let noise = Init::Normal { mean: 0.0, std: 1.0 };
            Ok(Some(noise.tensor(&[1, 1, side, side], key, device)?))
        }
        LayerNoise::Maps(maps) => {
            let map = usize::try_from(level).ok().and_then(|level| maps.get(level));
            let map =
                map.ok_or_else(|| Error::config("noise", "has fewer maps than there are resolutions"))?;
            shape("noise", map, &[side, side])?;
            Ok(Some(map.f_reshape([1, 1, side, side])?))
        }
        LayerNoise::None => Ok(None),
    }
}

/// Styles to images.
#[derive(Debug)]
pub struct Synthesis {
    blocks: Vec<Block>,
    to_rgb: Vec<EqualConv>,
    style: i64,
}

impl Synthesis {
    /// All resolutions up to the last, named `progression.0.conv1.input`, ..., `to_rgb.0.conv.bias`, ... in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub(super) fn new(mut scope: Scope, config: &Config) -> Result<Self> {
        let mut blocks = Vec::new();
        let mut progression = scope.sub("progression");
        for level in config.levels() {
            blocks.push(Block::new(progression.sub(level), config, level)?);
        }
        let mut colours = scope.sub("to_rgb");
        let to_rgb = config
            .levels()
            .map(|level| {
                let channels = [config.width(level), config.channels];
                EqualConv::new(colours.sub(level), channels, 1, Form::Plain)
            })
            .collect::<Result<_>>()?;
        Ok(Self { blocks, to_rgb, style: config.style })
    }

    /// Layers that are told a style: two a resolution.
    pub fn layers(&self) -> i64 {
        2 * self.blocks.len() as i64
    }

    /// Images of the stage's resolution. While it is faded in they come over from the one below, doubled.
    ///
    /// # Shapes
    /// `styles` `[N, layers, style]`, of which lower stages use the first; out f32 `[N, channels, side, side]`, about in
    /// [-1, 1]
    ///
    /// # Errors
    /// Another number of styles, a stage that there is not; LibTorch's.
    pub fn forward(&self, styles: &Tensor, stage: Stage, noise: LayerNoise) -> Result<Tensor> {
        shape("styles", styles, &[ANY, self.layers(), self.style])?;
        let level = usize::try_from(stage.level).ok().filter(|&level| level < self.blocks.len());
        let level = level.ok_or_else(|| Error::config("stage", "is no resolution of this network"))?;
        let (mut below, mut x) = (None, None);
        for (at, block) in (0..).zip(&self.blocks[..=level]) {
            let noise = noise_of(at, noise, styles.size()[0], styles.device())?;
            let next = block.forward(x.as_ref(), &styles.f_narrow(1, 2 * at, 2)?, noise.as_ref())?;
            below = x.replace(next);
        }
        let colours = |level: usize, x: &Tensor| -> Result<Tensor> {
            Ok(self.to_rgb[level].forward(x)?.f_to_kind(Kind::Float)?)
        };
        let (Some(x), fading) = (x, stage.fading()) else {
            return Err(Error::config("stage", "is no resolution of this network"));
        };
        let image = colours(level, &x)?; // [N, channels, side, side]
        match (below, fading) {
            (Some(below), Some(alpha)) => Ok(doubled(&colours(level - 1, &below)?)?.f_lerp(&image, alpha)?),
            _ => Ok(image),
        }
    }

    /// The weights by which styles become γ and β of some layers (Shen and Zhou 2021, "Closed-Form Factorization of Latent
    /// Semantics in GANs").
    ///
    /// # Shapes
    /// Out `[numbers, style]`
    ///
    /// # Errors
    /// Layers that there are not; LibTorch's.
    pub fn style_weights(&self, layers: RangeInclusive<i64>) -> Result<Tensor> {
        let all = (0..).zip(self.blocks.iter().flat_map(|block| [&block.first.adain, &block.second.adain]));
        let chosen: Vec<Tensor> = all
            .filter(|(at, _)| layers.contains(at))
            .map(|(_, layer)| layer.weight())
            .collect::<Result<_>>()?;
        if chosen.is_empty() {
            let why = format!("{}-{} are none of 0 to {}", layers.start(), layers.end(), self.layers() - 1);
            return Err(Error::config("layers", why));
        }
        Ok(Tensor::f_cat(&chosen, 0)?)
    }
}

/// All layers of one resolution.
#[derive(Debug)]
struct Block {
    start: Start,
    first: Styling,
    conv: EqualConv,
    second: Styling,
}

/// What a block begins with.
#[derive(Debug)]
enum Start {
    /// Learned, `[1, C, 4, 4]`.
    Constant(Tensor),
    /// The block below, in twice its size.
    Enlarging(EqualConv, Blur),
}

impl Block {
    fn new(mut scope: Scope, config: &Config, level: i64) -> Result<Self> {
        let channels = config.width(level);
        let start = match level {
            0 => {
                let input = scope.sub("conv1").parameter("input", &[1, channels, BASE, BASE], Init::Ones)?;
                Start::Constant(input)
            }
            _ => {
                let widths = [config.width(level - 1), channels];
                let mut scope = scope.sub("conv1");
                // What enlarges has a place of its own in the reference's names, unless it is part of the convolution.
                let (form, at) = if config.is_fused(level) { (Form::FusedUp, 0) } else { (Form::Plain, 1) };
                let conv = EqualConv::new(scope.sub(at), widths, 3, form)?;
                Start::Enlarging(conv, Blur::new(scope.sub(at + 1), channels)?)
            }
        };
        let first = Styling::new(&mut scope, 1, config.style, channels)?;
        let conv = EqualConv::new(scope.sub("conv2"), [channels; 2], 3, Form::Plain)?;
        let second = Styling::new(&mut scope, 2, config.style, channels)?;
        Ok(Self { start, first, conv, second })
    }

    /// # Shapes
    /// `x` `[N, C', H / 2, W / 2]` of the block below, `styles` `[N, 2, style]`, `noise` `[N, 1, H, W]` or `[1, 1, H, W]`; out
    /// `[N, C, H, W]`
    fn forward(&self, x: Option<&Tensor>, styles: &Tensor, noise: Option<&Tensor>) -> Result<Tensor> {
        let x = match (&self.start, x) {
            (Start::Constant(input), _) => input.f_repeat([styles.size()[0], 1, 1, 1])?,
            (Start::Enlarging(conv, blur), Some(x)) => blur.forward(&conv.forward_doubled(x)?)?,
            (Start::Enlarging(..), None) => {
                return Err(Error::config("stage", "a block has nothing to begin with"));
            }
        };
        let x = self.first.forward(x, &styles.f_select(1, 0)?, noise)?;
        self.second.forward(self.conv.forward(&x)?, &styles.f_select(1, 1)?, noise)
    }
}

/// What follows a convolution: noise, the activation, a style.
#[derive(Debug)]
struct Styling {
    noise: NoiseScale,
    adain: AdaIn,
}

impl Styling {
    fn new(scope: &mut Scope, number: i64, style: i64, channels: i64) -> Result<Self> {
        let noise = NoiseScale::new(scope.sub(format!("noise{number}")), channels)?;
        let adain = AdaIn::new(scope.sub(format!("adain{number}")), style, channels)?;
        Ok(Self { noise, adain })
    }

    fn forward(&self, x: Tensor, style: &Tensor, noise: Option<&Tensor>) -> Result<Tensor> {
        let x = match noise {
            Some(noise) => self.noise.forward(&x, noise)?,
            None => x,
        };
        self.adain.forward(&activated(x)?, style)
    }
}
