//! The generator: latents and conditions to images.

use crate::condition::Conditions;
use crate::config::{Condition, Config, Network};
use crate::convolutional::ConvolutionalGenerator;
use crate::mlp::MlpGenerator;
use gan_core::error::Result;
use gan_core::nn::{Mode, Scope};
use gan_core::tensor::guard::shape;
use gan_core::variant::{Attribute, Generate, GenerateOptions};
use tch::{Tensor, no_grad};

/// Either form of it.
#[derive(Debug)]
pub struct Generator {
    network: Form,
    latent: i64,
    conditions: Conditions,
    /// Names of classes, or attributes; one of both is empty.
    classes: Vec<String>,
    attributes: Vec<Attribute>,
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
        let (classes, attributes) = match config.condition {
            Condition::Classes => (config.classes.clone(), Vec::new()),
            Condition::Attributes => (Vec::new(), config.attributes.clone()),
        };
        Ok(Self {
            network,
            latent: config.latent,
            conditions: conditions.shallow_clone(),
            classes,
            attributes,
        })
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

impl Generate for Generator {
    fn latent_shape(&self) -> Vec<i64> {
        vec![self.latent]
    }

    fn class_names(&self) -> &[String] {
        &self.classes
    }

    fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// Without labels a generator that was trained with `label_dropout` makes images of no class in particular.
    fn generate(&self, z: &Tensor, labels: Option<&Tensor>, options: &GenerateOptions) -> Result<Tensor> {
        let told = match labels {
            Some(labels) => self.conditions.told(labels)?,
            None => self.conditions.none(z.size().first().copied().unwrap_or(0), z.device())?,
        };
        no_grad(|| self.forward(&options.scaled(z)?, &told, Mode::Eval))
    }
}
