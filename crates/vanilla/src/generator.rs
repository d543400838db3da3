//! The generator: fully connected layers with ReLU (section 5).

use crate::config::Config;
use gan_core::error::Result;
use gan_core::nn::{Activation, Init, Mlp, MlpStyle, Mode, Scope};
use gan_core::tensor::guard::{ANY, shape};
use gan_core::variant::{Generate, GenerateOptions};
use tch::{Tensor, no_grad};

/// Latents to points or images.
#[derive(Debug)]
pub struct Generator {
    layers: Mlp,
    latent: i64,
    image: [i64; 3],
}

impl Generator {
    /// A generator whose parameters are named `layers.0.weight`, `layers.0.bias`, `layers.1.weight`, ... in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(mut scope: Scope, config: &Config) -> Result<Self> {
        let image = [config.channels, config.size, config.size];
        let sizes = [config.latent, config.generator_width, image.iter().product()];
        let init = Init::normal_or_pytorch(config.init_std);
        let style = MlpStyle { activation: Activation::Relu, batch_norm: config.generator_norm, init };
        let layers = Mlp::new(scope.sub("layers"), config.generator_layers, sizes, style)?;
        Ok(Self { layers, latent: config.latent, image })
    }

    /// # Shapes
    /// `z` `[N, latent]` or `[N, latent, 1, 1]`; out `[N, channels, size, size]`, in [-1, 1] if size is above 1
    ///
    /// # Errors
    /// Latents of another shape; LibTorch's.
    pub fn forward(&self, z: &Tensor, mode: Mode) -> Result<Tensor> {
        let z = z.f_flatten(1, -1)?;
        shape("latent", &z, &[ANY, self.latent])?;
        let (x, _) = self.layers.forward(&z, mode)?; // [N, channels * size * size]
        let [channels, height, width] = self.image;
        let x = x.f_reshape([-1, channels, height, width])?;
        // Points are anywhere in the plane.
        if height == 1 { Ok(x) } else { Ok(x.f_tanh()?) }
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
