//! The discriminator (Karras et al. 2018, table 2; blurred as in 2019): images of any stage to logits.

use super::config::BASE;
use super::layers::{Blur, EqualConv, EqualLinear, Form, activated, zeros};
use super::{Config, Stage};
use gan_core::error::{Error, Result};
use gan_core::nn::{MinibatchStddev, Scope, halved};
use gan_core::tensor::guard::{ANY, shape};
use tch::Tensor;

/// One number for a whole batch.
const STDDEV: MinibatchStddev = MinibatchStddev { group: 0, channels: 1 };

/// Images to logits.
#[derive(Debug)]
pub struct Discriminator {
    /// From the lowest resolution up, as everything here; names count from the highest down.
    blocks: Vec<Block>,
    from_rgb: Vec<EqualConv>,
    linear: EqualLinear,
    channels: i64,
    activates_colours: bool,
}

impl Discriminator {
    /// All resolutions from the last, named `progression.0.conv1.0.conv.bias`, ..., `from_rgb.0.0.conv.bias`, ...,
    /// `linear.linear.bias` in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(mut scope: Scope, config: &Config) -> Result<Self> {
        let from_the_top = || (0..).zip(config.levels().rev());
        let mut progression = scope.sub("progression");
        let mut blocks = from_the_top()
            .map(|(at, level)| Block::new(progression.sub(at), config, level))
            .collect::<Result<Vec<_>>>()?;
        blocks.reverse();
        let mut colours = scope.sub("from_rgb");
        let mut from_rgb = from_the_top()
            .map(|(at, level): (i64, i64)| {
                let channels = [config.channels, config.width(level)];
                EqualConv::new(colours.sub(at).sub(0), channels, 1, Form::Plain)
            })
            .collect::<Result<Vec<_>>>()?;
        from_rgb.reverse();
        let linear = EqualLinear::new(scope.sub("linear"), [config.width(0), 1], zeros(1)?)?;
        let (channels, activates_colours) = (config.channels, config.from_rgb_activate);
        Ok(Self { blocks, from_rgb, linear, channels, activates_colours })
    }

    /// While a resolution is faded in, what the one below makes of the image in half its size counts as well.
    ///
    /// # Shapes
    /// `images` `[N, channels, side, side]` of the stage; out `[N]`
    ///
    /// # Errors
    /// Images of another size, a stage that there is not; LibTorch's.
    pub fn forward(&self, images: &Tensor, stage: Stage) -> Result<Tensor> {
        let level = usize::try_from(stage.level).ok().filter(|&level| level < self.blocks.len());
        let level = level.ok_or_else(|| Error::config("stage", "is no resolution of this network"))?;
        let side = BASE << level;
        shape("discriminator input", images, &[ANY, self.channels, side, side])?;
        let mut x = self.blocks[level].forward(&self.seen(level, images)?)?;
        if let Some(alpha) = stage.fading() {
            x = self.seen(level - 1, &halved(images)?)?.f_lerp(&x, alpha)?;
        }
        for block in self.blocks[..level].iter().rev() {
            x = block.forward(&x)?;
        }
        Ok(self.linear.forward(&x)?.f_squeeze_dim(1)?) // from [N, 1]
    }

    /// Features of an image's pixels.
    fn seen(&self, level: usize, images: &Tensor) -> Result<Tensor> {
        let x = self.from_rgb[level].forward(images)?;
        if self.activates_colours { activated(x) } else { Ok(x) }
    }
}

/// All layers of one resolution.
#[derive(Debug)]
struct Block {
    conv: EqualConv,
    last: Last,
}

/// How a block ends.
#[derive(Debug)]
enum Last {
    /// In half its size.
    Reducing(Blur, EqualConv),
    /// In one pixel, and it begins with the batch's deviation as a channel.
    Whole(EqualConv),
}

impl Block {
    fn new(mut scope: Scope, config: &Config, level: i64) -> Result<Self> {
        let width = config.width(level);
        if level == 0 {
            let conv = EqualConv::new(scope.sub("conv1").sub(0), [width + 1, width], 3, Form::Plain)?;
            let whole = EqualConv::new(scope.sub("conv2").sub(0), [width; 2], BASE, Form::Plain)?;
            return Ok(Self { conv, last: Last::Whole(whole) });
        }
        let below = config.width(level - 1);
        let conv = EqualConv::new(scope.sub("conv1").sub(0), [width, below], 3, Form::Plain)?;
        let form = if config.is_fused(level) { Form::FusedDown } else { Form::Plain };
        let mut scope = scope.sub("conv2");
        let blur = Blur::new(scope.sub(0), below)?;
        let reducing = EqualConv::new(scope.sub(1), [below; 2], 3, form)?;
        Ok(Self { conv, last: Last::Reducing(blur, reducing) })
    }

    /// # Shapes
    /// `[N, C, H, W]` to `[N, C', H / 2, W / 2]`, at the lowest resolution to `[N, C']`
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.last {
            Last::Reducing(blur, conv) => {
                let x = activated(self.conv.forward(x)?)?;
                activated(conv.forward_halved(&blur.forward(&x)?)?)
            }
            Last::Whole(conv) => {
                let x = activated(self.conv.forward(&STDDEV.forward(x)?)?)?;
                activated(conv.forward_whole(&x)?)
            }
        }
    }
}
