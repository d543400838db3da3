//! The generator: a latent and a class to an image.

use crate::block::{GeneratorBlock, Shape, attention_after};
use crate::config::{Config, Form, Truncation};
use crate::layout::{self, BOTTOM};
use gan_core::error::{Error, Result};
use gan_core::nn::{
    Condition, ConditionalNormOptions, Conv2d, ConvOptions, Embedding, GainBatchNorm2d, Linear, Mode, Scope,
    SelfAttention,
};
use gan_core::tensor::guard::shape;
use gan_core::variant::{Generate, GenerateOptions};
use tch::{Tensor, no_grad};

/// A linear layer, residual blocks that are told the class and a piece of the latent, and a convolution to the image.
#[derive(Debug)]
pub struct Generator {
    /// The class as a vector for all blocks; without it every normalisation has a table of its own.
    shared: Option<Embedding>,
    linear: Linear,
    blocks: Vec<(GeneratorBlock, Option<SelfAttention>)>,
    norm: GainBatchNorm2d,
    image: Conv2d,
    latent: i64,
    classes: Vec<String>,
    truncation: Truncation,
    /// How the latent reaches the blocks.
    told: Told,
    /// Channels of the first stage.
    first: i64,
}

/// What the linear layer and the blocks' normalisations are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// The linear layer the latent, blocks the class.
    Class,
    /// Of as many equal pieces of the latent the linear layer the first, each block the class and the next
    /// (hierarchical latents, section 3).
    Pieces(i64),
    /// All of them the class and the whole latent (appendix B, BigGAN-deep).
    Everything,
}

impl Generator {
    /// A generator in `scope` for the configuration's classes.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(mut scope: Scope, config: &Config) -> Result<Self> {
        let classes = config.classes.len() as i64;
        let stages = layout::generator(config.size);
        let plain = config.first_weights.init();
        let weight = plain.with_spectral_norm(config.generator_spectral_norm);
        let told = match (config.form, config.hierarchical) {
            (Form::Deep, _) => Told::Everything,
            (Form::Biggan, true) => Told::Pieces(config.pieces()),
            (Form::Biggan, false) => Told::Class,
        };
        // Numbers of the latent that the linear layer takes, and that each block takes.
        let (begins, each) = match told {
            Told::Class => (config.latent, 0),
            Told::Pieces(pieces) => (config.latent / pieces, config.latent / pieces),
            Told::Everything => (config.latent + config.embedding, config.latent),
        };
        let shared = (config.embedding > 0)
            .then(|| Embedding::new(scope.sub("shared"), classes, config.embedding, plain))
            .transpose()?;
        let (condition, norm_weight) = match &shared {
            Some(_) => (Condition::Vector(config.embedding + each), weight),
            None => (Condition::Classes(classes), plain.into()),
        };
        let statistics = config.norm_statistics.into();
        let norm =
            ConditionalNormOptions { condition, statistics, eps: config.norm_eps, weight: norm_weight };

        let first = stages[0].channels[0] * config.generator_width;
        let linear = Linear::new(scope.sub("linear"), begins, first * BOTTOM * BOTTOM, weight)?;
        let depth = config.blocks_of_a_stage();
        let mut blocks = Vec::new();
        let mut numbered = scope.sub("blocks");
        for stage in &stages {
            let [inputs, outputs] = stage.channels.map(|units| units * config.generator_width);
            for index in 1..=depth {
                let mut scope = numbered.sub(blocks.len());
                let is_last = index == depth;
                let channels = [inputs, if is_last { outputs } else { inputs }];
                let shape = Shape { form: config.form, channels, resamples: is_last };
                let block = GeneratorBlock::new(scope.sub(0), shape, weight, norm)?;
                let sizes: &[i64] = if is_last { &config.generator_attention } else { &[] };
                let attention = attention_after(&mut scope, 1, (stage.size, outputs), sizes, weight)?;
                blocks.push((block, attention));
            }
        }
        let mut output = scope.sub("output_layer");
        let channels = stages.last().map_or(1, |stage| stage.channels[1]) * config.generator_width;
        let around = ConvOptions { kernel: 3, stride: 1, padding: 1, bias: true };
        Ok(Self {
            shared,
            linear,
            blocks,
            norm: GainBatchNorm2d::new(output.sub(0), channels, statistics, config.norm_eps)?,
            image: Conv2d::new(output.sub(2), channels, config.channels, around, weight)?,
            latent: config.latent,
            classes: config.classes.clone(),
            truncation: config.truncation,
            told,
            first,
        })
    }

    /// # Shapes
    /// `z` `[N, latent]`, `labels` i64 `[N]` or f32 `[N, classes]` with the share of each class; out `[N, channels, size, size]` in
    /// [-1, 1]
    ///
    /// # Errors
    /// Latents of another shape; a class that is not there; LibTorch's.
    pub fn forward(&self, z: &Tensor, labels: &Tensor, mode: Mode) -> Result<Tensor> {
        shape("latent", z, &[labels.size()[0], self.latent])?;
        let class = match &self.shared {
            Some(shared) => shared.forward(labels)?,
            None => labels.shallow_clone(),
        };
        let with = |piece: &Tensor| Tensor::f_cat(&[class.shallow_clone(), piece.shallow_clone()], 1);
        // What the linear layer is told, and one by one the blocks.
        let (begin, conditions) = match self.told {
            Told::Class => (z.shallow_clone(), vec![class.shallow_clone()]),
            Told::Everything => (with(z)?, vec![with(z)?]),
            Told::Pieces(pieces) => {
                let pieces = z.f_chunk(pieces, 1)?;
                let blocks = pieces[1..].iter().map(with).collect::<std::result::Result<Vec<_>, _>>()?;
                (pieces[0].shallow_clone(), blocks)
            }
        };
        let mut conditions = conditions.iter().cycle();
        let h = self.linear.forward_in(&begin, mode)?;
        let mut h = self.image.laid_out(&h.f_view([-1, self.first, BOTTOM, BOTTOM])?)?;
        for (block, attention) in &self.blocks {
            h = block.forward(&h, conditions.next().unwrap_or(&begin), mode)?;
            if let Some(attention) = attention {
                h = attention.forward(&h, mode)?;
            }
        }
        let h = self.norm.forward(&h, mode)?.f_relu_()?;
        Ok(self.image.forward_in(&h, mode)?.f_tanh()?)
    }
}

impl Generate for Generator {
    fn latent_shape(&self) -> Vec<i64> {
        vec![self.latent]
    }

    fn class_names(&self) -> &[String] {
        &self.classes
    }

    /// Truncation is what [`Truncation`] says, from above 0 to 2.
    fn generate(&self, z: &Tensor, labels: Option<&Tensor>, options: &GenerateOptions) -> Result<Tensor> {
        let labels = labels_in(labels)?;
        let z = match options.truncation {
            Some(threshold) => self.truncation.apply(z, threshold)?,
            None => z.shallow_clone(),
        };
        no_grad(|| self.forward(&z, labels, Mode::Eval))
    }
}

/// Every image of this GAN has a class.
pub(crate) fn labels_in(labels: Option<&Tensor>) -> Result<&Tensor> {
    labels.ok_or_else(|| Error::config("labels", "are missing: every image of this GAN has a class"))
}
