//! The discriminator: an image and a class to a logit, by projection (Miyato & Koyama 2018).

use crate::block::{DiscriminatorBlock, Shape, attention_after};
use crate::config::{Config, Form};
use crate::layout;
use gan_core::error::Result;
use gan_core::game::Verdict;
use gan_core::nn::{Conv2d, ConvOptions, Embedding, Linear, Mode, Scope, SelfAttention};
use gan_core::tensor::guard::{ANY, shape};
use tch::{Kind, Tensor};

/// Residual blocks, the sum over all places, a linear layer and the inner product with a vector for the class.
#[derive(Debug)]
pub struct Discriminator {
    /// The deep form's first convolution.
    input: Option<Conv2d>,
    stages: Vec<(Vec<DiscriminatorBlock>, Option<SelfAttention>)>,
    linear: Linear,
    embed: Embedding,
    image: [i64; 3],
}

impl Discriminator {
    /// A discriminator in `scope` for the configuration's classes.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(mut scope: Scope, config: &Config) -> Result<Self> {
        let weight = config.first_weights.init().with_spectral_norm(config.discriminator_spectral_norm);
        let width = config.discriminator_width;
        let stages = layout::discriminator(config.size, config.form);
        let input = (config.form == Form::Deep)
            .then(|| {
                let around = ConvOptions { kernel: 3, stride: 1, padding: 1, bias: true };
                Conv2d::new(scope.sub("input_conv"), config.channels, width, around, weight)
            })
            .transpose()?;
        let mut numbered = scope.sub("blocks");
        let mut made = Vec::new();
        let mut last = width;
        for (index, stage) in stages.iter().enumerate() {
            let mut scope = numbered.sub(index);
            let [inputs, outputs] = match stage.channels {
                [0, out] => [config.channels, out * width],
                both => both.map(|units| units * width),
            };
            let blocks = (0..config.blocks_of_a_stage()).map(|number| {
                let is_first = number == 0;
                let channels = [if is_first { inputs } else { outputs }, outputs];
                let shape = Shape { form: config.form, channels, resamples: is_first && stage.resamples };
                let preactivation = index > 0 || config.form == Form::Deep;
                DiscriminatorBlock::new(scope.sub(number), shape, preactivation, weight)
            });
            let blocks = blocks.collect::<Result<Vec<_>>>()?;
            let map = (stage.size, outputs);
            let sizes = &config.discriminator_attention;
            let attention = attention_after(&mut scope, blocks.len(), map, sizes, weight)?;
            made.push((blocks, attention));
            last = outputs;
        }
        Ok(Self {
            input,
            stages: made,
            linear: Linear::new(scope.sub("linear"), last, 1, weight)?,
            embed: Embedding::new(scope.sub("embed"), config.classes.len() as i64, last, weight)?,
            image: [config.channels, config.size, config.size],
        })
    }

    /// # Shapes
    /// `images` `[N, channels, size, size]` in [-1, 1], `labels` i64 `[N]`; out: logits `[N]`, high for reals, and as features
    /// what was summed, `[N, F]`
    ///
    /// # Errors
    /// Images of another shape; a class that is not there; LibTorch's.
    pub fn judge(&self, images: &Tensor, labels: &Tensor, mode: Mode) -> Result<Verdict> {
        let [channels, height, width] = self.image;
        shape("discriminator input", images, &[labels.size()[0], channels, height, width])?;
        shape("labels", labels, &[ANY])?;
        let mut h = images.shallow_clone();
        if let Some(input) = &self.input {
            h = input.forward_in(&h, mode)?;
        }
        for (blocks, attention) in &self.stages {
            for block in blocks {
                h = block.forward(&h, mode)?;
            }
            if let Some(attention) = attention {
                h = attention.forward(&h, mode)?;
            }
        }
        let sum = |x: &Tensor, axes: &[i64]| x.f_sum_dim_intlist(axes, false, Kind::Float);
        let features = sum(&h.f_relu()?, &[2, 3])?; // [N, F]
        let plain = self.linear.forward_in(&features, mode)?.f_reshape([-1i64])?;
        let projected = sum(&self.embed.forward_in(labels, mode)?.f_mul(&features)?, &[1])?;
        Ok(Verdict { logits: plain.f_add(&projected)?, features: Some(features), classification: None })
    }
}
