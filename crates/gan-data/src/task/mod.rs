//! Restoration: pairs to learn from are made of plain images on the fly, by spoiling them.
//!
//! A [`Task`] knows both ends: how an image becomes what the network is given and what it should answer
//! ([`Task::pairs`]), and at use how a picture becomes the network's input ([`Task::prepare`]) and its answer a picture
//! ([`Task::finish`]). [`Task::baseline`] is what a network must beat.

mod colorize;
mod denoise;
mod draws;
mod edges;
mod inpaint;
mod jpeg;
mod mask;
mod source;
mod superres;

pub use denoise::Denoise;
pub use edges::Edges;
pub use inpaint::Inpaint;
pub use source::TaskSource;
pub use superres::Superres;

use draws::Draws;
use gan_core::data::PairBatch;
use gan_core::error::{Error, Result};
use gan_core::random::Streams;
use gan_core::tensor::guard::{self, ANY};
use mask::MaskFolder;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// What is to be restored. Images are grey or RGB; in configurations it is called `task`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Task {
    /// Filling holes.
    Inpaint(Inpaint),
    /// Enlarging.
    Superres(Superres),
    /// Colours for grey images: from L of CIELAB, as L / 50 - 1, to a and b, each by 110.
    Colorize {},
    /// Taking noise away.
    Denoise(Denoise),
    /// Pictures from sketches.
    Edges(Edges),
}

impl Task {
    /// Every task's word.
    pub const NAMES: [&str; 5] = ["inpaint", "superres", "colorize", "denoise", "edges"];

    /// The task of a word, with its defaults.
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "inpaint" => Some(Self::Inpaint(Inpaint::default())),
            "superres" => Some(Self::Superres(Superres::default())),
            "colorize" => Some(Self::Colorize {}),
            "denoise" => Some(Self::Denoise(Denoise::default())),
            "edges" => Some(Self::Edges(Edges::default())),
            _ => None,
        }
    }

    /// Its word in commands and files.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Inpaint(_) => "inpaint",
            Self::Superres(_) => "superres",
            Self::Colorize {} => "colorize",
            Self::Denoise(_) => "denoise",
            Self::Edges(_) => "edges",
        }
    }

    /// Checks the settings, for images of `[height, width]` pixels.
    ///
    /// # Errors
    /// The first setting that cannot work; masks that cannot be opened.
    pub fn validate(&self, size: [i64; 2]) -> Result<()> {
        match self {
            Self::Inpaint(inpaint) => inpaint.validate("task", size),
            Self::Superres(superres) => superres.validate("task", size),
            Self::Colorize {} => Ok(()),
            Self::Denoise(denoise) => denoise.validate("task"),
            Self::Edges(edges) => edges.validate("task"),
        }
    }

    /// Channels that the network takes and gives, for images of `image_channels`.
    ///
    /// # Errors
    /// Images with alpha; grey ones to learn colours from.
    pub fn channels(&self, image_channels: i64) -> Result<[i64; 2]> {
        let c = image_channels;
        let word = self.word();
        match self {
            Self::Colorize {} if c == 1 => {
                let why = "1 (grey), but colorize learns from colour images: take a data set of them, with 3";
                return Err(Error::config("channels", why));
            }
            _ if c != 1 && c != 3 => {
                let why = format!(
                    "{c}, but {word} knows no transparency: open the images with 1 (grey) or 3 (RGB)"
                );
                return Err(Error::config("channels", why));
            }
            _ => {}
        }
        Ok(match self {
            Self::Inpaint(_) => [c + 1, c],
            Self::Superres(_) | Self::Denoise(_) => [c, c],
            Self::Colorize {} => [1, 2],
            Self::Edges(_) => [1, c],
        })
    }

    /// Pixels out for a pixel in, along each side: above 1 for super-resolution.
    pub fn scale(&self) -> i64 {
        match self {
            Self::Superres(superres) => superres.scale,
            _ => 1,
        }
    }

    /// What the network is given (`a`) and what it should answer (`b`), made of clean images. Everything random is keyed
    /// by one number of `noise`, which had better lie on the CPU: that number is read. Masks in a folder are opened
    /// anew at every call; [`TaskSource`] opens them once.
    ///
    /// # Shapes
    /// `images` f32 in [-1, 1], `[N, C, H, W]`; `a` `[N, C_a, H / scale, W / scale]`, `b` `[N, C_b, H, W]`, both in [-1, 1];
    /// `weight` `[N, 1, H, W]`, of inpaint only
    ///
    /// # Errors
    /// Images that the task is not for; settings that [`Task::validate`] refuses; LibTorch's.
    pub fn pairs(&self, images: &Tensor, noise: &Streams) -> Result<PairBatch> {
        self.pairs_with(images, noise, None)
    }

    fn pairs_with(&self, images: &Tensor, noise: &Streams, masks: Option<&MaskFolder>) -> Result<PairBatch> {
        pictures("images", images, &[ANY; 4])?;
        let (_, channels, h, w) = images.size4()?;
        self.channels(channels)?;
        let draws = Draws::new(noise, images.device())?;
        match self {
            Self::Inpaint(inpaint) => inpaint.pairs(images, &draws, masks),
            Self::Superres(superres) => {
                superres.validate("task", [h, w])?;
                superres.pairs(images, &draws)
            }
            Self::Colorize {} => colorize::pairs(images),
            Self::Denoise(denoise) => denoise.pairs(images, &draws),
            Self::Edges(edges) => edges.pairs(images),
        }
    }

    /// The network's input from what a user has. Nothing is spoilt: super-resolution enlarges the picture itself, noise
    /// is taken from it as it is; inpaint needs a `mask`, white (above 0) where something is to be filled in; edges
    /// draws the sketch of a photo ([`Task::prepare_sketch`] takes one). Colorize takes grey and colour pictures.
    ///
    /// # Shapes
    /// `images` f32 in [-1, 1], `[N, C, H, W]`; `mask` f32 in [-1, 1], `[N, 1, H, W]` or `[1, 1, H, W]`; out
    /// `[N, C_a, H, W]`
    ///
    /// # Errors
    /// Pictures with alpha; a mask that is missing, not wanted or of another size; LibTorch's.
    pub fn prepare(&self, images: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        self.check_pictures(images)?;
        match self {
            Self::Inpaint(_) => return Inpaint::prepare(images, mask),
            _ if mask.is_some() => {
                let why = format!("{} takes none; only inpaint does", self.word());
                return Err(Error::config("mask", why));
            }
            _ => {}
        }
        match self {
            Self::Inpaint(_) | Self::Superres(_) | Self::Denoise(_) => Ok(images.shallow_clone()),
            Self::Colorize {} => colorize::prepare(images),
            Self::Edges(edges) => edges.sketch(images),
        }
    }

    /// The network's input from a picture that is a sketch already: dark lines on white.
    ///
    /// # Shapes
    /// `images` f32 in [-1, 1], `[N, C, H, W]`; out `[N, 1, H, W]`
    ///
    /// # Errors
    /// Another task than edges; pictures with alpha; LibTorch's.
    pub fn prepare_sketch(&self, images: &Tensor) -> Result<Tensor> {
        self.check_pictures(images)?;
        match self {
            Self::Edges(_) => edges::taken(images),
            _ => Err(Error::config("sketch", format!("{} takes none; only edges does", self.word()))),
        }
    }

    /// The picture that the network's answer means: inpaint keeps the input's own pixels outside the hole, colorize
    /// puts its colours on the input's lightness.
    ///
    /// # Shapes
    /// `prepared` `[N, C_a, H, W]`, `output` `[N, C_b, scale H, scale W]`; out f32 in [-1, 1], `[N, C, scale H, scale W]`
    ///
    /// # Errors
    /// Tensors that do not belong together; LibTorch's.
    pub fn finish(&self, prepared: &Tensor, output: &Tensor) -> Result<Tensor> {
        pictures("input of the network", prepared, &[ANY; 4])?;
        match self {
            Self::Inpaint(_) => Inpaint::finish(prepared, output),
            Self::Superres(superres) => superres.finish(prepared, output),
            Self::Colorize {} => colorize::finish(prepared, output),
            Self::Denoise(_) => {
                pictures("output", output, &prepared.size())?;
                Ok(output.f_clamp(-1.0, 1.0)?)
            }
            Self::Edges(_) => {
                let (n, _, h, w) = prepared.size4()?;
                pictures("output", output, &[n, ANY, h, w])?;
                Ok(output.f_clamp(-1.0, 1.0)?)
            }
        }
    }

    /// The picture that takes no network: enlarged bicubically, the hole filled with the mean of the rest, without
    /// colour, with its noise; `None` for edges.
    ///
    /// # Shapes
    /// `prepared` `[N, C_a, H, W]`; out f32 in [-1, 1], `[N, C, scale H, scale W]`
    ///
    /// # Errors
    /// A tensor that is no input of the task; LibTorch's.
    pub fn baseline(&self, prepared: &Tensor) -> Result<Option<Tensor>> {
        pictures("input of the network", prepared, &[ANY; 4])?;
        match self {
            Self::Inpaint(_) => Inpaint::baseline(prepared).map(Some),
            Self::Superres(superres) => superres.baseline(prepared).map(Some),
            Self::Colorize {} => colorize::grey(prepared).map(Some),
            Self::Denoise(_) => Ok(Some(prepared.shallow_clone())),
            Self::Edges(_) => Ok(None),
        }
    }

    /// The input as a picture to stand beside the result: enlarged without smoothing, the hole grey, grey as RGB.
    ///
    /// # Shapes
    /// `prepared` `[N, C_a, H, W]`; out f32 in [-1, 1], `[N, C, scale H, scale W]`; a sketch has one channel
    ///
    /// # Errors
    /// A tensor that is no input of the task; LibTorch's.
    pub fn show(&self, prepared: &Tensor) -> Result<Tensor> {
        pictures("input of the network", prepared, &[ANY; 4])?;
        match self {
            Self::Inpaint(_) => Inpaint::show(prepared),
            Self::Superres(superres) => superres.show(prepared),
            Self::Colorize {} => colorize::grey(prepared),
            Self::Denoise(_) | Self::Edges(_) => Ok(prepared.shallow_clone()),
        }
    }

    /// At use every task takes grey and colour pictures, and none transparent ones.
    fn check_pictures(&self, images: &Tensor) -> Result<()> {
        pictures("picture", images, &[ANY; 4])?;
        match (self, images.size()[1]) {
            (Self::Colorize {}, 1) => Ok(()),
            (_, channels) => self.channels(channels).map(|_| ()),
        }
    }
}

/// Checks that a tensor is f32 of a shape.
fn pictures(what: &str, images: &Tensor, expected: &[i64]) -> Result<()> {
    guard::shape(what, images, expected)?;
    match images.kind() {
        Kind::Float => Ok(()),
        kind => Err(Error::config(what, format!("must be of kind f32, not {kind:?}"))),
    }
}

/// Checks that a range is one, within bounds.
fn within(field: &str, range: [f64; 2], [low, high]: [f64; 2]) -> Result<()> {
    let [from, to] = range;
    if from >= low && from <= to && to <= high {
        return Ok(());
    }
    let what = if from == to { format!("{from}") } else { format!("{from} to {to}") };
    let why = format!("{what} is not within {low} to {high}, the lower number first");
    Err(Error::config(field, why))
}
