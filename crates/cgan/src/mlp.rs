//! Fully connected networks (Mirza & Osindero 2014, section 4.1), with the sizes, names and order of PyTorch-GAN's `cgan`, but for
//! its batch normalisation, whose eps of 0.8 is there by mistake for a momentum.

use crate::condition::{BesideLatent, Conditions, Embed};
use crate::config::Config;
use crate::discriminator::Look;
use crate::norm::GeneratorNorm;
use gan_core::error::Result;
use gan_core::nn::{Init, Linear, Mode, Scope, leaky_relu};
use tch::Tensor;

const SLOPE: f64 = 0.2;

/// Layers of `width`, 2, 4 and 8 times that, all but the first normalised.
#[derive(Debug)]
pub struct MlpGenerator {
    label: BesideLatent,
    first: Linear,
    hidden: Vec<(Linear, GeneratorNorm)>,
    last: Linear,
    image: [i64; 3],
}

impl MlpGenerator {
    /// Parameters are named `label_emb.weight`, `model.0.weight`, `model.2.weight`, `model.3.weight`, ...
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(mut scope: Scope, config: &Config, conditions: &Conditions) -> Result<Self> {
        let label = BesideLatent::new(&mut scope, config, conditions)?;
        let mut model = scope.sub("model");
        let mut units = config.generator_width;
        let first = Linear::new(model.sub(0), label.width() + config.latent, units, Init::PyTorch)?;
        let mut hidden = Vec::new();
        for layer in 0..3 {
            let linear = Linear::new(model.sub(2 + 3 * layer), units, 2 * units, Init::PyTorch)?;
            let norm =
                GeneratorNorm::new(model.sub(3 + 3 * layer), 2 * units, Init::Ones, config, conditions)?;
            hidden.push((linear, norm));
            units *= 2;
        }
        let image = [config.channels, config.size, config.size];
        let last = Linear::new(model.sub(11), units, image.iter().product(), Init::PyTorch)?;
        Ok(Self { label, first, hidden, last, image })
    }

    /// # Shapes
    /// `z` `[N, latent]`; out `[N, channels, size, size]`
    ///
    /// # Errors
    /// A class that is not there; LibTorch's.
    pub fn forward(&self, z: &Tensor, told: &Tensor, mode: Mode) -> Result<Tensor> {
        let x = self.label.joined(z, told, mode)?; // [N, told + latent]
        let mut x = leaky_relu(self.first.forward(&x)?, SLOPE)?; // [N, width]
        for (linear, norm) in &self.hidden {
            x = leaky_relu(norm.forward(&linear.forward(&x)?, told, mode)?, SLOPE)?; // [N, width * 2^k]
        }
        let [channels, height, width] = self.image;
        Ok(self.last.forward(&x)?.f_tanh()?.f_reshape([-1, channels, height, width])?)
    }
}

/// A discriminator's three hidden layers; the second and third lose units in training.
#[derive(Debug)]
pub struct MlpFeatures {
    label: Option<Embed>,
    hidden: Vec<Linear>,
    dropout: f64,
}

impl MlpFeatures {
    /// The number of the layer behind them.
    pub const LAST: i64 = 8;

    /// Parameters are named `label_embedding.weight`, `model.0.weight`, `model.2.weight` and `model.5.weight`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(scope: &mut Scope, config: &Config, conditions: &Conditions) -> Result<Self> {
        let (label, told) = match config.discriminator_condition.is_input() {
            true => {
                let width = config.embedding_width(conditions);
                (Some(conditions.embed(scope.sub("label_embedding"), width, Embed::INIT)?), width)
            }
            false => (None, 0),
        };
        let mut model = scope.sub("model");
        let units = config.discriminator_width;
        let inputs = told + config.channels * config.size * config.size;
        let sizes = [(0, inputs), (2, units), (5, units)];
        let hidden = sizes
            .into_iter()
            .map(|(layer, inputs)| Linear::new(model.sub(layer), inputs, units, Init::PyTorch))
            .collect::<Result<_>>()?;
        Ok(Self { label, hidden, dropout: config.dropout })
    }

    /// # Shapes
    /// Out `[N, width]`
    ///
    /// # Errors
    /// A class that is not there; LibTorch's.
    pub fn forward(&self, images: &Tensor, told: &Tensor, look: Look) -> Result<Tensor> {
        let mut x = images.f_flatten(1, -1)?;
        if let Some(label) = &self.label {
            x = Tensor::f_cat(&[x, label.forward(told, look.mode)?], 1)?;
        }
        for (layer, linear) in self.hidden.iter().enumerate() {
            x = linear.forward(&x)?;
            if let Some(noise) = look.noise.filter(|_| layer > 0 && self.dropout > 0.0) {
                let kept = noise.uniform("dropout", &x.size())?.f_ge(self.dropout)?;
                x = x.f_mul(&kept.f_to_kind(x.kind())?)?.f_mul_scalar(1.0 / (1.0 - self.dropout))?;
            }
            x = leaky_relu(x, SLOPE)?;
        }
        Ok(x)
    }
}

impl Config {
    /// Numbers in the vector that stands for a condition.
    pub(crate) fn embedding_width(&self, conditions: &Conditions) -> i64 {
        if self.embedding == 0 { conditions.width() } else { self.embedding }
    }
}
