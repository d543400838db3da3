//! The generator of pix2pix (Isola et al. 2017, sections 3.2.1 and 6.1.1; after Ronneberger et al. 2015): halvings down to
//! one pixel, doublings back, and at every size what went down beside what comes up.

use super::doubling::Doubling;
use super::layers::{CONV_INIT, conv, dropout};
use super::norm::NormLayer;
use super::{GeneratorOptions, Look};
use crate::error::Result;
use crate::nn::{Conv2d, Scope, leaky_relu};
use tch::Tensor;

/// One level: a halving, what lies inside, a doubling. Nested and named as the authors' `UnetSkipConnectionBlock`.
#[derive(Debug)]
pub(super) struct Unet {
    outermost: Level,
}

#[derive(Debug)]
struct Level {
    down: Conv2d,
    down_norm: Option<NormLayer>,
    inner: Option<Box<Level>>,
    up: Doubling,
    up_norm: Option<NormLayer>,
    dropout: bool,
}

/// Channels grow up to so many times the first level's.
const WIDEST: i64 = 8;

impl Unet {
    pub fn new(mut scope: Scope, options: &GeneratorOptions, levels: u32) -> Result<Self> {
        let outermost = Level::new(scope.sub("model"), options, 0, levels)?;
        Ok(Self { outermost })
    }

    /// # Shapes
    /// `[N, inputs, H, W]` to `[N, outputs, H, W]` before the last tanh, H and W multiples of 2 to the number of levels
    pub fn forward(&self, images: &Tensor, look: Look) -> Result<Tensor> {
        let Level { down, inner, up, .. } = &self.outermost;
        let mut x = down.forward(images)?; // [N, width, H / 2, W / 2]
        if let Some(inner) = inner {
            x = inner.forward(&x, look)?;
        }
        up.forward(&x.f_relu()?)
    }
}

impl Level {
    /// Level `at` of `levels`, the outermost being 0.
    fn new(mut scope: Scope, options: &GeneratorOptions, at: u32, levels: u32) -> Result<Self> {
        let &GeneratorOptions { inputs, outputs, width, norm, dropout, upsampling, .. } = options;
        let (outermost, innermost) = (at == 0, at + 1 == levels);
        let channels = |level: u32| width * (1i64 << level.min(30)).min(WIDEST);
        let (from, to) = if outermost { (inputs, width) } else { (channels(at - 1), channels(at)) };
        let bias = norm.wants_bias();
        let mut model = scope.sub("model");
        // 0 leaky ReLU, 1 down, 2 norm, 3 the level below, 4 ReLU, 5 up, 6 norm, 7 dropout; outermost and innermost lack some.
        let places = match (outermost, innermost) {
            (true, _) => [0, 0, 1, 3, 0],
            (_, true) => [1, 0, 0, 3, 4],
            _ => [1, 2, 3, 5, 6],
        };
        let [down_at, down_norm_at, inner_at, up_at, up_norm_at] = places;
        let down = Conv2d::new(model.sub(down_at), from, to, conv(4, 2, 1, bias), CONV_INIT)?;
        let has_down_norm = !outermost && !innermost;
        let down_norm = has_down_norm.then(|| norm.layer(model.sub(down_norm_at), to)).transpose()?;
        let inner = match innermost {
            true => None,
            false => Some(Box::new(Self::new(model.sub(inner_at), options, at + 1, levels)?)),
        };
        let (up_from, up_to) = (if innermost { to } else { 2 * to }, if outermost { outputs } else { from });
        let up = Doubling::new(model.sub(up_at), [up_from, up_to], 4, bias || outermost, upsampling)?;
        let up_norm = (!outermost).then(|| norm.layer(model.sub(up_norm_at), up_to)).transpose()?;
        // In the levels that are as wide as the one above, but for the innermost.
        let dropout = dropout && !innermost && at > WIDEST.ilog2();
        Ok(Self { down, down_norm, inner, up, up_norm, dropout })
    }

    /// # Shapes
    /// `x` `[N, C, H, W]`; out `[N, 2 C, H, W]`: what came first, then what comes up
    fn forward(&self, x: &Tensor, look: Look) -> Result<Tensor> {
        // In place in the original: what is passed on to the side is leaky, too. The ReLU that follows hides it.
        let mut y = self.down.forward(&leaky_relu(x.shallow_clone(), 0.2)?)?; // [N, C', H / 2, W / 2]
        if let Some(norm) = &self.down_norm {
            y = norm.forward(&y, look)?;
        }
        if let Some(inner) = &self.inner {
            y = inner.forward(&y, look)?; // [N, 2 C', H / 2, W / 2]
        }
        y = self.up.forward(&y.f_relu()?)?; // [N, C, H, W]
        if let Some(norm) = &self.up_norm {
            y = norm.forward(&y, look)?;
        }
        if self.dropout {
            y = dropout(y, look)?;
        }
        Ok(Tensor::f_cat(&[x, &y], 1)?)
    }
}
