//! The generator: figure 1 of the paper, layer indices as in PyTorch's example.

use crate::config::Config;
use gan_core::error::Result;
use gan_core::nn::{BatchNorm2d, ConvOptions, ConvTranspose2d, Init, Mode, Scope};
use gan_core::tensor::guard::{ANY, shape};
use gan_core::variant::{Generate, GenerateOptions};
use tch::{Tensor, no_grad};

/// Latents to images: one projection to 4x4, then doublings.
#[derive(Debug)]
pub struct Generator {
    /// Each followed by batch normalisation and ReLU.
    hidden: Vec<(ConvTranspose2d, BatchNorm2d)>,
    last: ConvTranspose2d,
    latent: i64,
}

impl Generator {
    /// A generator whose parameters are named `main.0.weight`, `main.1.weight`, ... in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(mut scope: Scope, config: &Config) -> Result<Self> {
        let mut main = scope.sub("main");
        let mut inputs = config.latent;
        let mut hidden = Vec::new();
        for layer in 0..config.doublings() {
            let outputs = config.generator_width << (config.doublings() - 1 - layer);
            let options = if layer == 0 { PROJECT } else { DOUBLE };
            let conv = ConvTranspose2d::new(main.sub(3 * layer), inputs, outputs, options, CONV_INIT)?;
            let norm = BatchNorm2d::new(main.sub(3 * layer + 1), outputs, NORM_INIT)?;
            hidden.push((conv, norm));
            inputs = outputs;
        }
        let last = main.sub(3 * config.doublings());
        let last = ConvTranspose2d::new(last, inputs, config.channels, DOUBLE, CONV_INIT)?;
        Ok(Self { hidden, last, latent: config.latent })
    }

    /// # Shapes
    /// `z` `[N, latent]` or `[N, latent, 1, 1]`; out `[N, channels, size, size]` in [-1, 1]
    ///
    /// # Errors
    /// Latents of another shape; LibTorch's.
    pub fn forward(&self, z: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut x = z.f_reshape([z.size().first().copied().unwrap_or(0), -1, 1, 1])?;
        shape("latent", &x, &[ANY, self.latent, 1, 1])?;
        for (conv, norm) in &self.hidden {
            x = norm.forward(&conv.forward(&x)?, mode)?.f_relu_()?; // [N, width * 2^k, 4 .. size / 2, ...]
        }
        Ok(self.last.forward(&x)?.f_tanh()?)
    }
}

impl Generate for Generator {
    fn latent_shape(&self) -> Vec<i64> {
        vec![self.latent]
    }

    fn generate(&self, z: &Tensor, _labels: Option<&Tensor>, options: &GenerateOptions) -> Result<Tensor> {
        no_grad(|| self.forward(&options.scaled(z)?, Mode::Eval))
    }
}

/// 1x1 to 4x4.
const PROJECT: ConvOptions = ConvOptions { kernel: 4, stride: 1, padding: 0, bias: false };
/// HxW to 2Hx2W.
const DOUBLE: ConvOptions = ConvOptions { kernel: 4, stride: 2, padding: 1, bias: false };
const CONV_INIT: Init = Init::Normal { mean: 0.0, std: 0.02 };
const NORM_INIT: Init = Init::Normal { mean: 1.0, std: 0.02 };
