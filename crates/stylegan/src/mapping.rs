//! The mapping network (Karras et al. 2019, section 2): from latents and classes to styles, w.

use crate::layers::{Dense, DenseOptions, normalized};
use crate::{Activation, Config};
use gan_core::error::{Error, Result};
use gan_core::nn::{Init, Mode, Scope};
use gan_core::tensor::guard::{ANY, shape};
use tch::{Kind, Tensor, no_grad};

/// How much of the average style is kept at an update.
const AVERAGE_BETA: f64 = 0.995;

/// Latents and classes to styles.
#[derive(Debug)]
pub struct Mapping {
    /// Of classes, where there are some.
    embed: Option<Dense>,
    layers: Vec<Dense>,
    /// The mean style so far: where truncation leads. The discriminator's has none.
    average: Option<Tensor>,
    latent: i64,
    classes: i64,
}

/// The sizes of a [`Mapping`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct MappingOptions {
    /// Length of the latents; 0 for classes alone.
    pub latent: i64,
    pub classes: i64,
    pub outputs: i64,
    pub layers: u32,
    /// Width of layers but the last.
    pub width: i64,
    /// Length of the vector of a class.
    pub embedding: i64,
    pub lr_multiplier: f64,
    pub averages: bool,
}

impl Mapping {
    /// The generator's.
    pub(crate) fn of_generator(scope: Scope, config: &Config) -> Result<Self> {
        let &Config { latent, style, mapping_width, mapping_embedding, .. } = config;
        let or_style = |size: i64| if size > 0 { size } else { style };
        let options = MappingOptions {
            latent,
            classes: config.classes.len() as i64,
            outputs: style,
            layers: config.mapping_layers,
            width: or_style(mapping_width),
            embedding: or_style(mapping_embedding),
            lr_multiplier: config.mapping_lr,
            averages: true,
        };
        Self::new(scope, options)
    }

    pub(crate) fn new(mut scope: Scope, options: MappingOptions) -> Result<Self> {
        let MappingOptions { latent, classes, outputs, layers, width, embedding, lr_multiplier, averages } =
            options;
        let embed = (classes > 0)
            .then(|| Dense::new(scope.sub("embed"), classes, embedding, Dense::LINEAR))
            .transpose()?;
        let mut from = latent + if classes > 0 { embedding } else { 0 };
        let mut dense = Vec::new();
        for layer in 0..layers {
            let to = if layer + 1 == layers { outputs } else { width };
            let options = DenseOptions { activation: Activation::Lrelu, lr_multiplier, bias: 0.0 };
            dense.push(Dense::new(scope.sub(format!("fc{layer}")), from, to, options)?);
            from = to;
        }
        let average = averages.then(|| scope.buffer("w_avg", &[outputs], Init::Zeros)).transpose()?;
        Ok(Self { embed, layers: dense, average, latent, classes })
    }

    /// Styles; in [`Mode::Train`] the average style follows them.
    ///
    /// # Shapes
    /// `z` `[N, latent]`, `labels` i64 `[N]` of classes or f32 `[N, classes]` with the share of each; out `[N, outputs]`
    ///
    /// # Errors
    /// Shapes that do not fit, labels that are missing; LibTorch's.
    pub fn forward(&self, z: &Tensor, labels: Option<&Tensor>, mode: Mode) -> Result<Tensor> {
        let styles = self.styles(z, labels)?;
        if let (Mode::Train, Some(average)) = (mode, &self.average) {
            let _ = no_grad(|| {
                let mean = styles.f_detach()?.f_mean_dim([0i64].as_slice(), false, Kind::Float)?;
                average.shallow_clone().f_lerp_(&mean, 1.0 - AVERAGE_BETA)
            })?;
        }
        Ok(styles)
    }

    /// Styles, and nothing moves.
    ///
    /// # Shapes
    /// As [`Mapping::forward`].
    ///
    /// # Errors
    /// As [`Mapping::forward`].
    pub fn styles(&self, z: &Tensor, labels: Option<&Tensor>) -> Result<Tensor> {
        shape("latents", z, &[ANY, self.latent])?;
        let mut x = normalized(z)?;
        if let Some(classes) = self.embedded(labels)? {
            x = Tensor::f_cat(&[x, classes], 1)?;
        }
        self.through(x)
    }

    /// What stands for classes: the discriminator's mapping, which is given no latents.
    ///
    /// # Shapes
    /// `labels` as for [`Mapping::forward`]; out `[N, outputs]`
    pub(crate) fn of_labels(&self, labels: Option<&Tensor>) -> Result<Tensor> {
        let classes = self.embedded(labels)?;
        self.through(
            classes.ok_or_else(|| Error::config("labels", "are given to a network without classes"))?,
        )
    }

    fn embedded(&self, labels: Option<&Tensor>) -> Result<Option<Tensor>> {
        let Some(embed) = &self.embed else { return Ok(None) };
        let labels = labels
            .ok_or_else(|| Error::config("labels", "are missing: every image of this GAN has a class"))?;
        let shares = if labels.is_floating_point() {
            shape("labels", labels, &[ANY, self.classes])?;
            labels.shallow_clone()
        } else {
            shape("labels", labels, &[ANY])?;
            // LibTorch's one_hot looks at the labels on the host.
            let classes = Tensor::f_arange(self.classes, (Kind::Int64, labels.device()))?;
            labels.f_unsqueeze(1)?.f_eq_tensor(&classes)?.f_to_kind(Kind::Float)?
        };
        Ok(Some(normalized(&embed.forward(&shares)?.f_to_kind(Kind::Float)?)?))
    }

    fn through(&self, mut x: Tensor) -> Result<Tensor> {
        for layer in &self.layers {
            x = layer.forward(&x)?;
        }
        Ok(x.f_to_kind(Kind::Float)?)
    }

    /// Length of its latents.
    pub(crate) fn latent(&self) -> i64 {
        self.latent
    }

    /// The average style.
    pub fn average(&self) -> Option<&Tensor> {
        self.average.as_ref()
    }
}
