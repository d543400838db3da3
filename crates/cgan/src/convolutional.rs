//! Convolutional networks: DCGAN's (Radford et al. 2015), told a condition.

use crate::condition::{BesideLatent, Conditions, Embed};
use crate::config::{Config, DiscriminatorCondition};
use crate::discriminator::Look;
use crate::norm::GeneratorNorm;
use gan_core::error::Result;
use gan_core::nn::{ConvOptions, ConvTranspose2d, Halvings, Init, Mode, Scope};
use tch::Tensor;

/// One projection to 4x4, then doublings.
#[derive(Debug)]
pub struct ConvolutionalGenerator {
    label: BesideLatent,
    /// Each followed by a normalisation and ReLU.
    hidden: Vec<(ConvTranspose2d, GeneratorNorm)>,
    last: ConvTranspose2d,
}

impl ConvolutionalGenerator {
    /// Parameters are named `label_emb.weight`, `main.0.weight`, `main.1...`, `main.3.weight`, ...
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(mut scope: Scope, config: &Config, conditions: &Conditions) -> Result<Self> {
        let label = BesideLatent::new(&mut scope, config, conditions)?;
        let mut main = scope.sub("main");
        let mut inputs = label.width() + config.latent;
        let mut hidden = Vec::new();
        for layer in 0..config.doublings() {
            let outputs = config.generator_width << (config.doublings() - 1 - layer);
            let options = if layer == 0 { PROJECT } else { DOUBLE };
            let conv = ConvTranspose2d::new(main.sub(3 * layer), inputs, outputs, options, CONV_INIT)?;
            hidden.push((
                conv,
                GeneratorNorm::new(main.sub(3 * layer + 1), outputs, NORM_INIT, config, conditions)?,
            ));
            inputs = outputs;
        }
        let last = main.sub(3 * config.doublings());
        let last = ConvTranspose2d::new(last, inputs, config.channels, DOUBLE, CONV_INIT)?;
        Ok(Self { label, hidden, last })
    }

    /// # Shapes
    /// `z` `[N, latent]`; out `[N, channels, size, size]`
    ///
    /// # Errors
    /// A class that is not there; LibTorch's.
    pub fn forward(&self, z: &Tensor, told: &Tensor, mode: Mode) -> Result<Tensor> {
        let x = self.label.joined(z, told, mode)?;
        let mut x = x.f_unsqueeze(-1)?.f_unsqueeze(-1)?; // [N, latent + told, 1, 1]
        for (conv, norm) in &self.hidden {
            x = norm.forward(&conv.forward(&x)?, told, mode)?.f_relu_()?; // [N, width * 2^k, 4 .. size / 2, ...]
        }
        Ok(self.last.forward(&x)?.f_tanh()?)
    }
}

/// A discriminator's halvings down to 4x4.
#[derive(Debug)]
pub struct ConvolutionalFeatures {
    /// A plane for each condition.
    plane: Option<Embed>,
    /// Whether every number of the condition is a plane.
    planes: bool,
    halvings: Halvings,
    size: i64,
}

impl ConvolutionalFeatures {
    /// Parameters are named `label_embedding.weight`, `main.0.weight`, `main.2.weight`, ...
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(scope: &mut Scope, config: &Config, conditions: &Conditions) -> Result<Self> {
        let size = config.size;
        let (mut channels, mut plane) = (config.channels, None);
        let planes = config.discriminator_condition == DiscriminatorCondition::Planes;
        if planes {
            channels += conditions.width();
        } else if config.discriminator_condition.is_input() {
            plane = Some(conditions.embed(
                scope.sub("label_embedding"),
                size * size,
                config.discriminator_norm.weight(),
            )?);
            channels += 1;
        }
        let sizes = [channels, config.discriminator_width];
        let halvings =
            Halvings::new(scope.sub("main"), sizes, config.doublings(), config.discriminator_norm)?;
        Ok(Self { plane, planes, halvings, size })
    }

    /// Channels of the features.
    pub fn outputs(&self) -> i64 {
        self.halvings.outputs()
    }

    /// # Shapes
    /// Out `[N, outputs, 4, 4]`
    ///
    /// # Errors
    /// A class that is not there; LibTorch's.
    pub fn forward(
        &self,
        images: &Tensor,
        told: &Tensor,
        conditions: &Conditions,
        look: Look,
    ) -> Result<Tensor> {
        let size = self.size;
        let mut input = images.shallow_clone();
        if self.planes {
            let planes = conditions.vector(told)?.f_unsqueeze(-1)?.f_unsqueeze(-1)?;
            let planes = planes.f_to_kind(images.kind())?.f_expand([-1, -1, size, size], false)?;
            input = Tensor::f_cat(&[input, planes], 1)?;
        } else if let Some(plane) = &self.plane {
            let plane = plane.forward(told, look.mode)?.f_reshape([-1, 1, size, size])?;
            input = Tensor::f_cat(&[input, plane.f_to_kind(images.kind())?], 1)?;
        }
        self.halvings.forward(&input, look.mode)
    }
}

/// 1x1 to 4x4.
const PROJECT: ConvOptions = ConvOptions { kernel: 4, stride: 1, padding: 0, bias: false };
/// HxW to 2Hx2W.
const DOUBLE: ConvOptions = ConvOptions { kernel: 4, stride: 2, padding: 1, bias: false };
const CONV_INIT: Init = Init::Normal { mean: 0.0, std: 0.02 };
const NORM_INIT: Init = Init::Normal { mean: 1.0, std: 0.02 };
