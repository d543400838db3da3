//! The generator: latents and conditions to images.

use crate::condition::Conditions;
use crate::config::{Config, Network};
use crate::convolutional::ConvolutionalGenerator;
use crate::mlp::MlpGenerator;
use gan_core::error::Result;
use gan_core::nn::{Mode, Scope};
use gan_core::tensor::guard::shape;
use tch::Tensor;

/// Either form of it.
#[derive(Debug)]
pub struct Generator {
    network: Form,
    latent: i64,
}

#[derive(Debug)]
enum Form {
    Convolutional(ConvolutionalGenerator),
    Mlp(MlpGenerator),
}

impl Generator {
    /// A generator in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(scope: Scope, config: &Config, conditions: &Conditions) -> Result<Self> {
        let network = match config.network {
            Network::Convolutional => {
                Form::Convolutional(ConvolutionalGenerator::new(scope, config, conditions)?)
            }
            Network::Mlp => Form::Mlp(MlpGenerator::new(scope, config, conditions)?),
        };
        Ok(Self { network, latent: config.latent })
    }

    /// # Shapes
    /// `z` `[N, latent]`, `told` as of [`Conditions::told`]; out `[N, channels, size, size]` in [-1, 1]
    ///
    /// # Errors
    /// Latents of another shape; a class that is not there; LibTorch's.
    pub fn forward(&self, z: &Tensor, told: &Tensor, mode: Mode) -> Result<Tensor> {
        shape("latent", z, &[told.size()[0], self.latent])?;
        match &self.network {
            Form::Convolutional(network) => network.forward(z, told, mode),
            Form::Mlp(network) => network.forward(z, told, mode),
        }
    }
}
