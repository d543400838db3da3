//! Latents to styles to images, with truncation (Karras et al. 2019, section 2 and appendix B).

use super::layers::{EqualLinear, activated, zeros};
use super::{Config, Stage, Synthesis};
use crate::generator::drawn_near;
use crate::layers::normalized;
use crate::{LayerNoise, Psi};
use gan_core::device::full_precision;
use gan_core::error::Result;
use gan_core::nn::{Init, Scope};
use gan_core::random;
use gan_core::tensor::guard::{ANY, shape};
use gan_core::variant::{Generate, GenerateOptions, Styled};
use std::ops::RangeInclusive;
use tch::{Device, Kind, Tensor, no_grad};

/// Latents of which the mean style is taken.
const MEAN_OF: i64 = 4096;

/// The mapping and the synthesis network.
#[derive(Debug)]
pub struct Generator {
    /// Styles to images.
    pub synthesis: Synthesis,
    /// Latents to styles.
    pub mapping: Mapping,
    /// What it makes images by.
    stage: Stage,
    size: i64,
}

impl Generator {
    /// Networks whose parameters are named `generator.progression.0.conv1.input`, `style.1.linear.bias`, ... in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(mut scope: Scope, config: &Config) -> Result<Self> {
        let synthesis = Synthesis::new(scope.sub("generator"), config)?;
        let mapping = Mapping::new(scope.sub("style"), config)?;
        Ok(Self { synthesis, mapping, stage: Stage::at(config, 0), size: config.size })
    }

    /// How far it has grown, and makes images; at first not at all.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Lets it be grown so far.
    pub fn grow(&mut self, stage: Stage) {
        self.stage = stage;
    }

    /// Whether a parameter of that name belongs to the mapping network.
    pub(super) fn maps(name: &str) -> bool {
        name.starts_with("style.")
    }

    /// One style for all layers.
    ///
    /// # Shapes
    /// `styles` `[N, style]`; out `[N, layers, style]`
    ///
    /// # Errors
    /// LibTorch's.
    pub fn for_all_layers(&self, styles: &Tensor) -> Result<Tensor> {
        Ok(styles.f_unsqueeze(1)?.f_repeat([1, self.synthesis.layers(), 1])?)
    }

    /// Styles nearer to a mean one.
    ///
    /// # Shapes
    /// `styles` `[N, layers, style]`, `mean` `[1, style]`; out as `styles`
    ///
    /// # Errors
    /// LibTorch's.
    pub fn truncated(styles: &Tensor, mean: &Tensor, truncation: Psi) -> Result<Tensor> {
        drawn_near(mean, styles, truncation)
    }

    /// # Shapes
    /// as [`Synthesis::forward`]
    ///
    /// # Errors
    /// As [`Synthesis::forward`].
    pub fn forward(&self, styles: &Tensor, stage: Stage, noise: LayerNoise) -> Result<Tensor> {
        self.synthesis.forward(styles, stage, noise)
    }
}

impl Generate for Generator {
    fn latent_shape(&self) -> Vec<i64> {
        vec![self.mapping.style]
    }

    fn styled(&self) -> Option<&dyn Styled> {
        Some(self)
    }

    /// Truncation is ψ: styles that much of their way from the mean one (appendix B). While the networks grow, images are
    /// enlarged to their full size.
    fn generate(&self, z: &Tensor, labels: Option<&Tensor>, options: &GenerateOptions) -> Result<Tensor> {
        self.of_styles(&self.styles(z, labels, options)?, options)
    }
}

impl Styled for Generator {
    fn style_layers(&self) -> i64 {
        self.synthesis.layers()
    }

    fn adds_noise(&self) -> bool {
        true
    }

    fn styles(&self, z: &Tensor, _: Option<&Tensor>, options: &GenerateOptions) -> Result<Tensor> {
        no_grad(|| {
            let styles = self.for_all_layers(&self.mapping.styles(z)?)?;
            match options.truncation {
                None => Ok(styles),
                Some(psi) => {
                    Self::truncated(&styles, &self.mapping.mean(z.device())?, Psi { psi, cutoff: None })
                }
            }
        })
    }

    fn of_styles(&self, styles: &Tensor, options: &GenerateOptions) -> Result<Tensor> {
        let streams = options.noise.streams(styles.device());
        let noise = LayerNoise::asked(options.noise, &streams);
        no_grad(|| {
            let images = self.forward(styles, self.stage, noise)?.f_clamp(-1.0, 1.0)?;
            match self.size {
                size if size > self.stage.side() => Ok(images.f_upsample_nearest2d([size; 2], None, None)?),
                _ => Ok(images),
            }
        })
    }

    fn style_weights(&self, layers: RangeInclusive<i64>) -> Result<Tensor> {
        no_grad(|| self.synthesis.style_weights(layers))
    }
}

/// Latents to styles.
#[derive(Debug)]
pub struct Mapping {
    layers: Vec<EqualLinear>,
    style: i64,
}

impl Mapping {
    /// Layers named `1`, `3`, ... in `scope`: between them the reference counts activations, before them the normalisation.
    fn new(mut scope: Scope, config: &Config) -> Result<Self> {
        let layers = (0..config.mapping_layers)
            .map(|at| EqualLinear::new(scope.sub(2 * at + 1), [config.style; 2], zeros(config.style)?))
            .collect::<Result<_>>()?;
        Ok(Self { layers, style: config.style })
    }

    /// # Shapes
    /// `z` `[N, style]`; out f32 alike
    ///
    /// # Errors
    /// Latents of another length; LibTorch's.
    pub fn styles(&self, z: &Tensor) -> Result<Tensor> {
        shape("latents", z, &[ANY, self.style])?;
        let mut x = normalized(z)?;
        for layer in &self.layers {
            x = activated(layer.forward(&x)?)?;
        }
        Ok(x.f_to_kind(Kind::Float)?)
    }

    /// The mean style of latents.
    ///
    /// # Shapes
    /// `z` `[N, style]`; out `[1, style]`
    ///
    /// # Errors
    /// As [`Mapping::styles`].
    pub fn mean_of(&self, z: &Tensor) -> Result<Tensor> {
        Ok(self.styles(z)?.f_mean_dim([0i64].as_slice(), true, Kind::Float)?)
    }

    /// The mean style (appendix B), of so many latents that it hardly depends on them; always of the same.
    ///
    /// # Shapes
    /// Out `[1, style]`
    ///
    /// # Errors
    /// LibTorch's.
    pub fn mean(&self, device: Device) -> Result<Tensor> {
        let _precise = full_precision(device)?;
        let normal = Init::Normal { mean: 0.0, std: 1.0 };
        self.mean_of(&normal.tensor(&[MEAN_OF, self.style], random::key(0, &[], "mean style"), device)?)
    }
}
