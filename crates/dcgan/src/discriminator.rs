//! The discriminator: the generator mirrored, layer indices as in PyTorch's example.

use crate::config::{Config, Minibatch};
use gan_core::error::Result;
use gan_core::game::Verdict;
use gan_core::nn::{
    Conv2d, ConvOptions, DiscriminationOptions, DiscriminatorNorm, Halvings, Init, MinibatchDiscrimination,
    MinibatchStddev, Mode, Scope, SelfTerm,
};
use gan_core::tensor::guard::{ANY, shape};
use tch::Tensor;

/// Images to logits: halvings down to 4x4, then one number.
#[derive(Debug)]
pub struct Discriminator {
    halvings: Halvings,
    comparison: Comparison,
    last: Conv2d,
    image: [i64; 4],
}

/// What the last layer is told about the other images.
#[derive(Debug)]
enum Comparison {
    Nothing,
    Stddev(MinibatchStddev),
    Discrimination(MinibatchDiscrimination),
}

impl Discriminator {
    /// A discriminator whose parameters are named `main.0.weight`, `main.2.weight`, ... in `scope`. It takes packs of
    /// `game.pack` images, side by side as channels.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(mut scope: Scope, config: &Config) -> Result<Self> {
        let channels = config.channels * config.game.pack;
        let norm = config.discriminator_norm;
        let sizes = [channels, config.discriminator_width];
        let halvings = Halvings::new(scope.sub("main"), sizes, config.doublings(), norm)?;
        let width = halvings.outputs();
        let (comparison, added) = match config.minibatch {
            Minibatch::Off => (Comparison::Nothing, 0),
            Minibatch::Stddev => (Comparison::Stddev(MinibatchStddev { group: 4, channels: 1 }), 1),
            Minibatch::Discrimination => {
                let inputs = 16 * width; // 4x4 pixels
                let options = DiscriminationOptions { inputs, ..DISCRIMINATION };
                let kernels = MinibatchDiscrimination::new(scope.sub("minibatch"), options, CONV_INIT)?;
                (Comparison::Discrimination(kernels), DISCRIMINATION.kernels)
            }
        };
        let judge = ConvOptions { bias: norm != DiscriminatorNorm::Batch, ..JUDGE };
        let mut main = scope.sub("main");
        let last = Conv2d::new(main.sub(3 * config.doublings() - 1), width + added, 1, judge, norm.weight())?;
        Ok(Self { halvings, comparison, last, image: [ANY, channels, config.size, config.size] })
    }

    /// # Shapes
    /// `images` `[N, pack * channels, size, size]` in [-1, 1]; out: logits `[N]`, high for reals
    ///
    /// # Errors
    /// Images of another shape; LibTorch's.
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        Ok(self.judge(images, mode)?.logits)
    }

    /// The logits of [`Discriminator::forward`], and as features the last hidden layer, `[N, 16 * width]`.
    ///
    /// # Errors
    /// As [`Discriminator::forward`].
    pub fn judge(&self, images: &Tensor, mode: Mode) -> Result<Verdict> {
        shape("discriminator input", images, &self.image)?;
        let x = self.halvings.forward(images, mode)?; // [N, width * 2^k, 4, 4]
        let features = x.f_flatten(1, -1)?; // [N, width * 2^k * 16]
        let x = match &self.comparison {
            Comparison::Nothing => x,
            Comparison::Stddev(stddev) => stddev.forward(&x)?, // one channel more
            Comparison::Discrimination(kernels) => {
                let closeness = kernels.closeness(&features)?.f_to_kind(x.kind())?; // [N, kernels]
                let wide = closeness.f_unsqueeze(-1)?.f_unsqueeze(-1)?.f_expand([-1, -1, 4, 4], false)?;
                Tensor::f_cat(&[x, wide], 1)? // 32 channels more
            }
        };
        let logits = self.last.forward_in(&x, mode)?.f_reshape([-1i64])?; // [N, 1, 1, 1] to [N]
        Ok(Verdict { logits, features: Some(features), classification: None })
    }
}

/// 4x4 to 1x1.
const JUDGE: ConvOptions = ConvOptions { kernel: 4, stride: 1, padding: 0, bias: false };
const DISCRIMINATION: DiscriminationOptions =
    DiscriminationOptions { inputs: 0, kernels: 32, dimensions: 8, self_term: SelfTerm::Removed };
const CONV_INIT: Init = Init::Normal { mean: 0.0, std: 0.02 };
