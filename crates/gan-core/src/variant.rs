//! What a GAN is to the trainer, and what it can be used for.

use crate::data::{ImageBatch, PairBatch, Source};
use crate::device::DevicePolicy;
use crate::error::{Error, Result};
use crate::player::Player;
use crate::random::Streams;
use crate::step::StepCtx;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// One GAN: its players and one whole training step, written out plainly by the variant.
pub trait Variant {
    /// What one draw from the data gives.
    type Batch;

    /// The variant's word in commands and files, such as `dcgan`.
    fn name(&self) -> &'static str;

    /// Real images that one step shows to the discriminator, over all ranks: the clock's unit.
    fn images_per_step(&self) -> u64;

    /// One whole step: every player's update. It is given the source, not a batch: WGAN draws several times.
    ///
    /// # Errors
    /// Data that cannot be read; LibTorch's.
    fn step(&mut self, ctx: &StepCtx, data: &mut dyn Source<Self::Batch>) -> Result<()>;

    /// All players, in a fixed order.
    fn players(&self) -> Vec<&Player>;

    /// All players, in the same order.
    fn players_mut(&mut self) -> Vec<&mut Player>;

    /// Whatever else survives a step. One function saves and loads, so the two cannot disagree.
    ///
    /// # Errors
    /// The visitor's.
    fn extra_state(&mut self, visitor: &mut dyn StateVisitor) -> Result<()> {
        let _ = visitor;
        Ok(())
    }

    /// Pictures of how far training has come. Must leave the state as it is.
    ///
    /// # Errors
    /// LibTorch's.
    fn preview(&self, ctx: &PreviewCtx) -> Result<Vec<Panel>>;

    /// The discriminator's logits for given images, in evaluation mode and without gradients, to see whether it
    /// overfits; `None` for a variant whose discriminator cannot be asked so. Must leave the state as it is.
    ///
    /// # Shapes
    /// `images` f32 in [-1, 1], `[N, C, H, W]`, `labels` i64 `[N]` of classes or f32 `[N, K]` of attributes; out `[N]`.
    fn judge(&self, images: &Tensor, labels: Option<&Tensor>) -> Option<Result<Tensor>> {
        let _ = (images, labels);
        None
    }
}

/// Reads or writes a variant's state; which of the two is the trainer's business.
pub trait StateVisitor {
    /// A tensor; loading replaces it.
    ///
    /// # Errors
    /// When loading: a name that is missing.
    fn tensor(&mut self, name: &str, value: &mut Tensor) -> Result<()>;
    /// A list of tensors of any length.
    ///
    /// # Errors
    /// As [`StateVisitor::tensor`].
    fn tensors(&mut self, name: &str, values: &mut Vec<Tensor>) -> Result<()>;
    /// A number.
    ///
    /// # Errors
    /// As [`StateVisitor::tensor`].
    fn number(&mut self, name: &str, value: &mut f64) -> Result<()>;
}

/// Some images side by side.
#[derive(Debug)]
pub struct Panel {
    /// What is to be seen.
    pub name: String,
    /// f32 in [-1, 1], `[N, C, H, W]`.
    pub images: Tensor,
    /// Images per row.
    pub columns: i64,
}

/// What a preview is given: the same noise every time, so that pictures can be compared over a run.
#[derive(Debug)]
pub struct PreviewCtx {
    /// Device, precision, threads.
    pub policy: DevicePolicy,
    /// Streams that do not depend on the step.
    pub noise: Streams,
}

impl PreviewCtx {
    /// The preview streams of a seed.
    pub fn new(policy: DevicePolicy, seed: u64) -> Self {
        let noise = Streams::new(crate::random::key(seed, &[], "preview"), 0, 0, policy.device);
        Self { policy, noise }
    }

    /// A row for each class, with the same latents in every row; of attributes eight rows of drawn ones.
    ///
    /// # Errors
    /// The generator's; LibTorch's.
    pub fn rows_of_labels(&self, generator: &dyn Generate) -> Result<Panel> {
        const COLUMNS: i64 = 8;
        const MOST_CLASSES: i64 = 16;
        const ATTRIBUTE_ROWS: i64 = 8;
        let mut shape = vec![COLUMNS];
        shape.extend(generator.latent_shape());
        let z = self.noise.normal("latent", &shape)?;
        let (rows, labels) = match generator.classes() {
            0 => (ATTRIBUTE_ROWS, generator.draw_labels(&self.noise, ATTRIBUTE_ROWS)?),
            classes => {
                let rows = classes.min(MOST_CLASSES);
                (rows, Some(Tensor::f_arange(rows, (Kind::Int64, z.device()))?))
            }
        };
        let labels =
            labels.map(|labels| labels.f_repeat_interleave_self_int(COLUMNS, 0, None)).transpose()?;
        let mut repeats = vec![1; shape.len()];
        repeats[0] = rows;
        let images =
            generator.generate(&z.f_repeat(repeats)?, labels.as_ref(), &GenerateOptions::default())?;
        Ok(Panel { name: "samples".to_owned(), images, columns: COLUMNS })
    }
}

/// How images are generated from latents.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct GenerateOptions {
    /// Trades variety for fidelity, the more the lower; `None`: latents as in training. Draws are scaled by it, unless a
    /// variant says otherwise.
    pub truncation: Option<f64>,
    /// What generators with noise inputs ([`Styled`] ones) add in their layers.
    pub noise: NoiseInputs,
}

impl GenerateOptions {
    /// Latents times the truncation, if there is one.
    ///
    /// # Errors
    /// LibTorch's.
    pub fn scaled(&self, z: &Tensor) -> Result<Tensor> {
        Ok(z.f_mul_scalar(self.truncation.unwrap_or(1.0))?)
    }
}

/// Which weights a generator makes images with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Weights {
    /// Their moving average, where there is one.
    #[default]
    Averaged,
    /// Those that are trained.
    Raw,
}

impl Weights {
    /// The one of a trained network and its average that has these weights.
    pub fn of<'a, N>(self, trained: &'a N, averaged: Option<&'a N>) -> &'a N {
        averaged.filter(|_| self == Self::Averaged).unwrap_or(trained)
    }
}

/// What layers add to their pixels (Karras et al. 2019, section 3.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NoiseInputs {
    /// The same for every image, so that a latent is always the same picture.
    #[default]
    Constant,
    /// Nothing.
    None,
    /// Draws of this seed, others for every image of a batch.
    Random(u64),
}

impl NoiseInputs {
    /// What is drawn from, if anything is.
    pub fn streams(self, device: Device) -> Streams {
        let seed = if let Self::Random(seed) = self { seed } else { 0 };
        Streams::new(seed, 0, 0, device)
    }
}

/// A number that images have, such as an angle, or 0 and 1 for no and yes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// The lowest value in the data.
    pub low: f64,
    /// The highest.
    pub high: f64,
    /// Whether all values are whole numbers.
    pub whole: bool,
}

impl Attribute {
    /// Values evenly over the range, f32 `[count]`.
    fn draw(&self, noise: &Streams, count: i64) -> Result<Tensor> {
        let draws = noise.uniform("labels", &[count])?;
        let wide = if self.whole { self.high - self.low + 1.0 } else { self.high - self.low };
        let values = draws.f_mul_scalar(wide)?.f_add_scalar(self.low)?;
        Ok(if self.whole { values.f_floor()?.f_clamp_max(self.high)? } else { values })
    }
}

/// A network that makes images from noise: a generator, with what it needs to be asked.
pub trait Generate {
    /// The shape of one latent, without the batch.
    fn latent_shape(&self) -> Vec<i64>;

    /// Names of the classes that `labels` can number, in order; empty for a generator that takes none.
    fn class_names(&self) -> &[String] {
        &[]
    }

    /// Classes that `labels` can name; 0 for a generator that takes none.
    fn classes(&self) -> i64 {
        self.class_names().len() as i64
    }

    /// What `labels` are numbers of, where they are no classes.
    fn attributes(&self) -> &[Attribute] {
        &[]
    }

    /// Labels for images that nobody named some for: each class as often as the others, attributes evenly over their
    /// ranges and independently; `None` for a generator that takes none. On the streams' device.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    fn draw_labels(&self, noise: &Streams, count: i64) -> Result<Option<Tensor>> {
        if self.classes() > 0 {
            return Ok(Some(noise.integers("labels", self.classes(), &[count])?));
        }
        let columns = self
            .attributes()
            .iter()
            .map(|attribute| attribute.draw(noise, count))
            .collect::<Result<Vec<Tensor>>>()?;
        if columns.is_empty() { Ok(None) } else { Ok(Some(Tensor::f_stack(&columns, 1)?)) }
    }

    /// Images from latents.
    ///
    /// # Shapes
    /// `z` f32 `[N, latent_shape...]`, `labels` i64 `[N]` of classes, f32 `[N, classes]` of mixtures (the share of
    /// each) or f32 `[N, K]` of attributes; out f32 in [-1, 1],
    /// `[N, C, H, W]`.
    ///
    /// # Errors
    /// Shapes that do not fit; LibTorch's.
    fn generate(&self, z: &Tensor, labels: Option<&Tensor>, options: &GenerateOptions) -> Result<Tensor>;

    /// The same by way of styles, for a generator that has some.
    fn styled(&self) -> Option<&dyn Styled> {
        None
    }
}

/// A generator whose layers are told styles (Karras et al. 2019): what is between latents and images can be mixed, moved along
/// and averaged.
pub trait Styled {
    /// Layers that are told a style, from coarse to fine.
    fn style_layers(&self) -> i64;

    /// Whether layers add noise.
    fn adds_noise(&self) -> bool;

    /// Styles of latents, truncated as the options say.
    ///
    /// # Shapes
    /// `z` and `labels` as of [`Generate::generate`]; out f32 `[N, layers, style]`
    ///
    /// # Errors
    /// Shapes that do not fit; LibTorch's.
    fn styles(&self, z: &Tensor, labels: Option<&Tensor>, options: &GenerateOptions) -> Result<Tensor>;

    /// Images of styles.
    ///
    /// # Shapes
    /// `styles` f32 `[N, layers, style]`; out f32 in [-1, 1], `[N, C, H, W]`
    ///
    /// # Errors
    /// Shapes that do not fit; LibTorch's.
    fn of_styles(&self, styles: &Tensor, options: &GenerateOptions) -> Result<Tensor>;

    /// What styles do to some layers: the weights by which they become factors for channels, one below the other.
    ///
    /// # Shapes
    /// Out f32 `[channels, style]`
    ///
    /// # Errors
    /// Layers that it does not have; LibTorch's.
    fn style_weights(&self, layers: std::ops::RangeInclusive<i64>) -> Result<Tensor>;
}

/// A variant that trains on images and has a generator of images.
pub trait ImageGan: Variant<Batch = ImageBatch> {
    /// Its generator, to make images with.
    fn generator(&self, weights: Weights) -> &dyn Generate;

    /// Lets normalisations generate by standing statistics: means over `batches` batches of `size` images as in training
    /// (Brock et al. 2019, section 3.1), instead of running ones.
    ///
    /// # Errors
    /// A variant that keeps none; LibTorch's.
    fn stand(&mut self, noise: &Streams, batches: u64, size: i64) -> Result<()> {
        let _ = (noise, batches, size);
        Err(Error::config("standing statistics", "are not kept by this variant; biggan keeps them"))
    }
}

/// Which way images are translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the first domain to the second, or from what is given to what is wanted.
    A2b,
    /// Back.
    B2a,
}

impl Direction {
    /// The word in commands and files.
    pub fn word(self) -> &'static str {
        match self {
            Self::A2b => "a2b",
            Self::B2a => "b2a",
        }
    }
}

/// A variant that turns images into images.
pub trait Translate {
    /// What it can do.
    fn directions(&self) -> &'static [Direction];

    /// Channels of what a direction takes and of what it gives.
    ///
    /// # Errors
    /// A direction that is none of [`Translate::directions`].
    fn channels(&self, direction: Direction) -> Result<[i64; 2]>;

    /// Pixels out for a pixel in, along each side: above 1 for super-resolution.
    fn scale(&self) -> i64 {
        1
    }

    /// Translates images of any size in one of the directions, with averaged weights where there are some.
    ///
    /// # Shapes
    /// `images` f32 in [-1, 1], `[N, C, H, W]`; out f32 in [-1, 1], `[N, C', scale H, scale W]`.
    ///
    /// # Errors
    /// A direction that is none of [`Translate::directions`]; shapes that do not fit; LibTorch's.
    fn translate(&self, images: &Tensor, direction: Direction) -> Result<Tensor>;

    /// Gives the images that previews translate, as a step would be given them. They are no part of the state; without
    /// them previews show something made up.
    fn show(&mut self, pairs: PairBatch);
}

/// A variant that trains on pairs of images, or of domains, and translates images.
pub trait ImageTranslator: Variant<Batch = PairBatch> + Translate {}
impl<T: Variant<Batch = PairBatch> + Translate> ImageTranslator for T {}
