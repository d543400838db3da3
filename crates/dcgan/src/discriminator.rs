//! The discriminator: the generator mirrored, layer indices as in PyTorch's example.

use crate::config::{Config, DiscriminatorNorm, Minibatch};
use gan_core::error::Result;
use gan_core::game::Verdict;
use gan_core::nn::{
    BatchNorm2d, Conv2d, ConvOptions, DiscriminationOptions, Init, LayerNorm, MinibatchDiscrimination,
    MinibatchStddev, Mode, Scope, SelfTerm, SpectralNorm, WeightOptions, leaky_relu,
};
use gan_core::tensor::guard::{ANY, shape};
use tch::Tensor;

/// Images to logits: halvings down to 4x4, then one number.
#[derive(Debug)]
pub struct Discriminator {
    first: Conv2d,
    /// Each followed by leaky ReLU.
    hidden: Vec<(Conv2d, Norm)>,
    comparison: Comparison,
    last: Conv2d,
    image: [i64; 4],
}

#[derive(Debug)]
enum Norm {
    Batch(BatchNorm2d),
    Layer(LayerNorm),
    Nothing,
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
        let mut main = scope.sub("main");
        let channels = config.channels * config.game.pack;
        let batch_norm = config.discriminator_norm == DiscriminatorNorm::Batch;
        let weight = match config.discriminator_norm {
            DiscriminatorNorm::Spectral => CONV_INIT.with_spectral_norm(SpectralNorm::TORCH),
            _ => WeightOptions::from(CONV_INIT),
        };
        let [halve, judge] = [HALVE, JUDGE].map(|options| ConvOptions { bias: !batch_norm, ..options });
        let mut width = config.discriminator_width;
        let first = Conv2d::new(main.sub(0), channels, width, halve, weight)?;
        let mut hidden = Vec::new();
        for layer in 0..config.doublings() - 1 {
            let conv = Conv2d::new(main.sub(3 * layer + 2), width, 2 * width, halve, weight)?;
            let scope = main.sub(3 * layer + 3);
            let norm = match config.discriminator_norm {
                DiscriminatorNorm::Batch => Norm::Batch(BatchNorm2d::new(scope, 2 * width, NORM_INIT)?),
                DiscriminatorNorm::Layer => Norm::Layer(LayerNorm::new(scope, 2 * width)?),
                DiscriminatorNorm::None | DiscriminatorNorm::Spectral => Norm::Nothing,
            };
            hidden.push((conv, norm));
            width *= 2;
        }
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
        let scope = scope.sub("main");
        let last = Conv2d::new({ scope }.sub(3 * config.doublings() - 1), width + added, 1, judge, weight)?;
        Ok(Self { first, hidden, comparison, last, image: [ANY, channels, config.size, config.size] })
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
        let mut x = leaky_relu(self.first.forward_in(images, mode)?, SLOPE)?; // [N, width, size / 2, ...]
        for (conv, norm) in &self.hidden {
            x = conv.forward_in(&x, mode)?; // [N, width * 2^k, size / 2^(k + 1), ...]
            x = match norm {
                Norm::Batch(norm) => norm.forward(&x, mode)?,
                Norm::Layer(norm) => norm.forward(&x)?,
                Norm::Nothing => x,
            };
            x = leaky_relu(x, SLOPE)?;
        }
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
        Ok(Verdict { logits, features: Some(features) })
    }
}

/// The leaky ReLU's, section 3.
const SLOPE: f64 = 0.2;
/// HxW to H/2xW/2.
const HALVE: ConvOptions = ConvOptions { kernel: 4, stride: 2, padding: 1, bias: false };
/// 4x4 to 1x1.
const JUDGE: ConvOptions = ConvOptions { kernel: 4, stride: 1, padding: 0, bias: false };
const DISCRIMINATION: DiscriminationOptions =
    DiscriminationOptions { inputs: 0, kernels: 32, dimensions: 8, self_term: SelfTerm::Removed };
const CONV_INIT: Init = Init::Normal { mean: 0.0, std: 0.02 };
const NORM_INIT: Init = Init::Normal { mean: 1.0, std: 0.02 };
