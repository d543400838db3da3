//! Latents to styles to images, with truncation and style mixing (Karras et al. 2019, sections 3.1 and 2.1; appendix B).

use crate::{Config, LayerNoise, Mapping, Synthesis};
use gan_core::device::full_precision;
use gan_core::error::{Error, Result};
use gan_core::nn::Scope;
use gan_core::variant::{Generate, GenerateOptions, Styled};
use std::ops::RangeInclusive;
use tch::{Tensor, no_grad};

/// The mapping and the synthesis network.
#[derive(Debug)]
pub struct Generator {
    /// Styles to images.
    pub synthesis: Synthesis,
    /// Latents to styles.
    pub mapping: Mapping,
    classes: Vec<String>,
    adds_noise: bool,
}

/// How far styles are drawn towards their average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Psi {
    /// 1 leaves them where they are; 0 makes all images alike. Beyond 1, or below 0: away from the average, and to its
    /// other side.
    pub psi: f64,
    /// Layers from this one on are left alone.
    pub cutoff: Option<i64>,
}

impl Generator {
    /// Networks whose parameters are named `synthesis.b4.const`, `mapping.fc0.weight`, ... in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(mut scope: Scope, config: &Config) -> Result<Self> {
        let synthesis = Synthesis::new(scope.sub("synthesis"), config)?;
        let mapping = Mapping::of_generator(scope.sub("mapping"), config)?;
        Ok(Self { synthesis, mapping, classes: config.classes.clone(), adds_noise: config.noise })
    }

    /// One style for all layers, in full precision.
    ///
    /// # Shapes
    /// `styles` `[N, style]`; out `[N, layers, style]`
    ///
    /// # Errors
    /// LibTorch's.
    pub fn for_all_layers(&self, styles: &Tensor) -> Result<Tensor> {
        Ok(styles.f_unsqueeze(1)?.f_repeat([1, self.synthesis.layers(), 1])?)
    }

    /// Styles nearer to their average.
    ///
    /// # Shapes
    /// `styles` `[N, layers, style]`; out alike
    ///
    /// # Errors
    /// LibTorch's.
    pub fn truncated(&self, styles: &Tensor, truncation: Psi) -> Result<Tensor> {
        let average = self.mapping.average().ok_or_else(|| Error::config("w_avg", "is not kept"))?;
        drawn_near(average, styles, truncation)
    }

    /// The styles of some images in the first layers, those of others from layer `from` on.
    ///
    /// # Shapes
    /// both `[N, layers, style]`; out alike
    ///
    /// # Errors
    /// Shapes that differ; LibTorch's.
    pub fn mixed(coarse: &Tensor, fine: &Tensor, from: i64) -> Result<Tensor> {
        let layers = coarse.size()[1];
        let from = from.clamp(0, layers);
        Ok(Tensor::f_cat(&[coarse.f_narrow(1, 0, from)?, fine.f_narrow(1, from, layers - from)?], 1)?)
    }

    /// # Shapes
    /// as [`Synthesis::forward`]
    ///
    /// # Errors
    /// As [`Synthesis::forward`].
    pub fn forward(&self, styles: &Tensor, noise: LayerNoise) -> Result<Tensor> {
        self.synthesis.forward(styles, noise)
    }
}

impl Generate for Generator {
    fn latent_shape(&self) -> Vec<i64> {
        vec![self.mapping.latent()]
    }

    fn class_names(&self) -> &[String] {
        &self.classes
    }

    fn styled(&self) -> Option<&dyn Styled> {
        Some(self)
    }

    /// Truncation is ψ: styles that much of their way from the average one (Karras et al. 2019, appendix B).
    fn generate(&self, z: &Tensor, labels: Option<&Tensor>, options: &GenerateOptions) -> Result<Tensor> {
        self.of_styles(&self.styles(z, labels, options)?, options)
    }
}

impl Styled for Generator {
    fn style_layers(&self) -> i64 {
        self.synthesis.layers()
    }

    fn adds_noise(&self) -> bool {
        self.adds_noise
    }

    fn styles(&self, z: &Tensor, labels: Option<&Tensor>, options: &GenerateOptions) -> Result<Tensor> {
        no_grad(|| {
            let styles = self.for_all_layers(&self.mapping.styles(z, labels)?)?;
            match options.truncation {
                None => Ok(styles),
                Some(psi) => self.truncated(&styles, Psi { psi, cutoff: None }),
            }
        })
    }

    /// Constant noise is what is kept with the weights.
    fn of_styles(&self, styles: &Tensor, options: &GenerateOptions) -> Result<Tensor> {
        let streams = options.noise.streams(styles.device());
        let noise = LayerNoise::asked(options.noise, &streams);
        no_grad(|| Ok(self.forward(styles, noise)?.f_clamp(-1.0, 1.0)?))
    }

    fn style_weights(&self, layers: RangeInclusive<i64>) -> Result<Tensor> {
        no_grad(|| self.synthesis.style_weights(layers))
    }
}

/// Styles nearer to a mean one: mean + ψ (w - mean) in the layers before the cutoff (Karras et al. 2019, appendix B).
///
/// # Shapes
/// `mean` `[style]` or `[1, style]`, `styles` `[N, layers, style]`; out alike
pub(crate) fn drawn_near(mean: &Tensor, styles: &Tensor, truncation: Psi) -> Result<Tensor> {
    let _precise = full_precision(styles.device())?;
    let layers = styles.size()[1];
    let cutoff = truncation.cutoff.unwrap_or(layers).clamp(0, layers);
    let near = mean.f_add(&styles.f_narrow(1, 0, cutoff)?.f_sub(mean)?.f_mul_scalar(truncation.psi)?)?;
    Ok(Tensor::f_cat(&[near, styles.f_narrow(1, cutoff, layers - cutoff)?], 1)?)
}
