//! Adaptive discriminator augmentation (Karras et al. 2020, "Training Generative Adversarial Networks with Limited Data"): changes
//! to all that the discriminator sees, each with a probability that follows how much it overfits, so that none of them shows in
//! what is generated (section 3 and appendix B).
//!
//! Draws are made on the device and nothing is read on the host: the probability lives there, too.

mod color;
mod controller;
mod corruption;
mod filters;
mod geometry;
mod words;

pub use controller::{AdaConfig, AdaController};

use crate::device::full_precision;
use crate::error::{Error, Result};
use crate::random::Streams;
use crate::tensor::guard::{ANY, shape};
use tch::{Kind, Tensor};

/// How strongly each kind of change is applied: 1 is as often as the whole probability says, 0 never.
///
/// In configurations one of the paper's words for several, or in a file a table of these numbers: `none`, `blit`, `geom`, `color`,
/// `filter`, `noise`, `cutout`, `bg`, `bgc`, `bgcf`, `bgcfn`, `bgcfnc`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct AdaPipe {
    /// Mirrored left to right.
    pub xflip: f64,
    /// Turned by a multiple of 90 degrees.
    pub rotate90: f64,
    /// Shifted by whole pixels, up to an eighth of each side.
    pub xint: f64,
    /// Enlarged or shrunk, by a factor whose logarithm to base 2 is N(0, 0.2²).
    pub scale: f64,
    /// Turned by any angle.
    pub rotate: f64,
    /// Stretched along one axis as much as squeezed along the other.
    pub aniso: f64,
    /// Shifted by N(0, 0.125²) of each side.
    pub xfrac: f64,
    /// Brightened by N(0, 0.2²).
    pub brightness: f64,
    /// Contrast by a factor whose logarithm to base 2 is N(0, 0.5²).
    pub contrast: f64,
    /// Light for dark, at the same colour.
    pub lumaflip: f64,
    /// Colours turned around the axis of greys. Of colour images alone.
    pub hue: f64,
    /// Colours stronger or weaker, by a factor whose logarithm to base 2 is N(0, 1). Of colour images alone.
    pub saturation: f64,
    /// Four bands of frequencies stronger or weaker.
    pub imgfilter: f64,
    /// Noise of a strength that is drawn.
    pub noise: f64,
    /// A rectangle of half of each side becomes 0.
    pub cutout: f64,
}

impl AdaPipe {
    /// Nothing.
    pub const NONE: Self = Self {
        xflip: 0.0,
        rotate90: 0.0,
        xint: 0.0,
        scale: 0.0,
        rotate: 0.0,
        aniso: 0.0,
        xfrac: 0.0,
        brightness: 0.0,
        contrast: 0.0,
        lumaflip: 0.0,
        hue: 0.0,
        saturation: 0.0,
        imgfilter: 0.0,
        noise: 0.0,
        cutout: 0.0,
    };
    /// Pixel blitting, geometry and colours: the paper's choice.
    pub const BGC: Self =
        Self { brightness: 1.0, contrast: 1.0, lumaflip: 1.0, hue: 1.0, saturation: 1.0, ..Self::BG };
    const BG: Self = Self {
        xflip: 1.0,
        rotate90: 1.0,
        xint: 1.0,
        scale: 1.0,
        rotate: 1.0,
        aniso: 1.0,
        xfrac: 1.0,
        ..Self::NONE
    };

    /// The paper's words for several changes (its figure 4).
    pub const WORDS: &'static [&'static str] = &[
        "none", "blit", "geom", "color", "filter", "noise", "cutout", "bg", "bgc", "bgcf", "bgcfn", "bgcfnc",
    ];

    /// What one of [`AdaPipe::WORDS`] stands for.
    pub fn of(word: &str) -> Option<Self> {
        let none = Self::NONE;
        Some(match word {
            "none" => none,
            "blit" => Self { xflip: 1.0, rotate90: 1.0, xint: 1.0, ..none },
            "geom" => Self { scale: 1.0, rotate: 1.0, aniso: 1.0, xfrac: 1.0, ..none },
            "color" => {
                Self { brightness: 1.0, contrast: 1.0, lumaflip: 1.0, hue: 1.0, saturation: 1.0, ..none }
            }
            "filter" => Self { imgfilter: 1.0, ..none },
            "noise" => Self { noise: 1.0, ..none },
            "cutout" => Self { cutout: 1.0, ..none },
            "bg" => Self::BG,
            "bgc" => Self::BGC,
            "bgcf" => Self { imgfilter: 1.0, ..Self::BGC },
            "bgcfn" => Self { imgfilter: 1.0, noise: 1.0, ..Self::BGC },
            "bgcfnc" => Self { imgfilter: 1.0, noise: 1.0, cutout: 1.0, ..Self::BGC },
            _ => return None,
        })
    }

    /// Whether anything is changed at all.
    pub fn enabled(&self) -> bool {
        *self != Self::NONE
    }

    /// Whether images of these channels, height and width can be changed so.
    ///
    /// # Errors
    /// `field` with what they lack.
    pub fn check_images(&self, field: &str, [channels, height, width]: [i64; 3]) -> Result<()> {
        let colours = [self.brightness, self.contrast, self.lumaflip, self.hue, self.saturation];
        if colours.iter().any(|strength| *strength > 0.0) && !matches!(channels, 1 | 3) {
            return Err(Error::config(
                field,
                format!("changes colours of 1 or 3 channels, not {channels}; use bg"),
            ));
        }
        let pad = filters::PAD;
        if self.imgfilter > 0.0 && height.min(width) <= pad {
            let why =
                format!("imgfilter needs images of more than {pad} pixels, not {height}x{width}; use bgc");
            return Err(Error::config(field, why));
        }
        Ok(())
    }

    fn all(&self) -> [(&'static str, f64); 15] {
        [
            ("xflip", self.xflip),
            ("rotate90", self.rotate90),
            ("xint", self.xint),
            ("scale", self.scale),
            ("rotate", self.rotate),
            ("aniso", self.aniso),
            ("xfrac", self.xfrac),
            ("brightness", self.brightness),
            ("contrast", self.contrast),
            ("lumaflip", self.lumaflip),
            ("hue", self.hue),
            ("saturation", self.saturation),
            ("imgfilter", self.imgfilter),
            ("noise", self.noise),
            ("cutout", self.cutout),
        ]
    }

    /// # Errors
    /// A strength outside 0 to 1.
    pub fn validate(&self, field: &str) -> Result<()> {
        match self.all().into_iter().find(|(_, strength)| !(0.0..=1.0).contains(strength)) {
            None => Ok(()),
            Some((name, strength)) => {
                Err(Error::config(format!("{field}.{name}"), format!("{strength} is not between 0 and 1")))
            }
        }
    }

    /// Changed images. Every call draws anew from `noise`: one for reals, one for fakes.
    ///
    /// # Shapes
    /// `images` about in [-1, 1], `[N, C, H, W]` with C of 1 or 3 where colours change; `p` a f32 scalar on their device, how
    /// likely each change of strength 1 is; out alike, f32, values may leave [-1, 1]
    ///
    /// # Errors
    /// As [`AdaPipe::check_images`]; LibTorch's.
    pub fn apply(&self, noise: &Streams, images: &Tensor, p: &Tensor) -> Result<Tensor> {
        shape("images to augment", images, &[ANY, ANY, ANY, ANY])?;
        let (_, channels, height, width) = images.size4()?;
        self.check_images("augment", [channels, height, width])?;
        let _precise = full_precision(images.device())?;
        let chance = Chance { noise, p, count: images.size()[0] };
        let images = images.f_to_kind(Kind::Float)?;
        let images = geometry::apply(self, &chance, &images)?;
        let images = color::apply(self, &chance, &images)?;
        let images = filters::apply(self, &chance, &images)?;
        corruption::apply(self, &chance, &images)
    }
}

/// Draws of one call: a value for every image, and whether it is used.
struct Chance<'a> {
    noise: &'a Streams,
    p: &'a Tensor,
    count: i64,
}

impl Chance<'_> {
    /// `[N, tail...]` uniform in [0, 1).
    fn uniform(&self, purpose: &str, tail: &[i64]) -> Result<Tensor> {
        self.noise.uniform(purpose, &[&[self.count], tail].concat())
    }

    /// `[N, tail...]` N(0, 1).
    fn normal(&self, purpose: &str, tail: &[i64]) -> Result<Tensor> {
        self.noise.normal(purpose, &[&[self.count], tail].concat())
    }

    /// The value where it is used, with a chance of `strength` times p, and `neutral` elsewhere. One decision an image and
    /// `tail`.
    fn used(&self, value: &Tensor, neutral: f64, strength: f64, tail: &[i64]) -> Result<Tensor> {
        self.used_with(value, neutral, &self.p.f_mul_scalar(strength)?, tail)
    }

    fn used_with(&self, value: &Tensor, neutral: f64, chance: &Tensor, tail: &[i64]) -> Result<Tensor> {
        let used = self.uniform("augment at all", tail)?.f_lt_tensor(chance)?;
        Ok(value.f_where_self(&used, &value.f_full_like(neutral)?)?)
    }
}
