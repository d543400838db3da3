//! What a user may choose about a data set.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The longest side of a target.
const MOST_PIXELS: u32 = 16_384;

/// How an image of another size becomes one of the size asked for. Resizing is antialiased Lanczos3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// `Pad` where a raw set (IDX, CIFAR) is at most a quarter too small, as 28 for 32; `Crop` otherwise.
    #[default]
    Auto,
    /// The largest centred piece of the right proportions, resized.
    Crop,
    /// The whole image, shrunk if it is too large, never enlarged, centred on black.
    Pad,
    /// As `Pad`, with the image's outermost pixels repeated instead of black.
    PadEdge,
    /// The whole image, resized without regard to its proportions.
    Stretch,
    /// Stretched to `load_size` x `load_size`, of which each showing cuts out another piece: what CycleGAN and pix2pix
    /// do with photographs. Of a target that is not square, both directions grow by the factor that makes its
    /// height `load_size`.
    ResizeAndCrop,
    /// Each showing cuts out another piece, at the image's own scale.
    RandomCrop,
    /// The width becomes `load_size` and the height follows; each showing cuts out another piece.
    ScaleWidthAndCrop,
    /// The width becomes `load_size` and the height follows; all images must then agree.
    ScaleWidth,
    /// Each image as it is; all must agree.
    None,
}

impl Fit {
    /// Every choice, as a user writes it.
    pub const NAMES: &[&str] = &[
        "auto",
        "crop",
        "pad",
        "pad-edge",
        "stretch",
        "resize-and-crop",
        "random-crop",
        "scale-width-and-crop",
        "scale-width",
        "none",
    ];

    const ALL: [Self; 10] = [
        Self::Auto,
        Self::Crop,
        Self::Pad,
        Self::PadEdge,
        Self::Stretch,
        Self::ResizeAndCrop,
        Self::RandomCrop,
        Self::ScaleWidthAndCrop,
        Self::ScaleWidth,
        Self::None,
    ];

    /// Whether each showing cuts out another piece.
    pub fn crops_at_random(self) -> bool {
        matches!(self, Self::ResizeAndCrop | Self::RandomCrop | Self::ScaleWidthAndCrop)
    }

    /// Whether it needs [`Options::load_size`].
    pub fn loads(self) -> bool {
        matches!(self, Self::ResizeAndCrop | Self::ScaleWidthAndCrop | Self::ScaleWidth)
    }

    /// Whether the images decide the size, so that they must agree.
    pub(crate) fn follows_images(self) -> bool {
        matches!(self, Self::ScaleWidth | Self::None)
    }
}

impl FromStr for Fit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = Self::NAMES.iter().position(|name| *name == text).map(|index| Self::ALL[index]);
        known.ok_or_else(|| Error::config("fit", format!("`{text}` is none of {}", Self::NAMES.join(", "))))
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let index = Self::ALL.iter().position(|fit| fit == self).unwrap_or(0);
        f.write_str(Self::NAMES[index])
    }
}

/// How a data set is opened. `Options::default()` takes size and channels from the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Height in pixels, and width unless `width` says otherwise; `None` takes the data's own, where all images agree.
    /// With a fit that cuts out pieces at random, the size of a piece; with `scale-width` and `none`, where given, what
    /// the images must come to.
    pub size: Option<u32>,
    /// Width in pixels; `None` is as `size`: square.
    pub width: Option<u32>,
    /// 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA; `None` means 3 if any image has colour, otherwise 1. Of a set
    /// of more than 10,000 files, the headers of 10,000 spread evenly over it decide this and the size.
    /// Alpha is laid over white unless 2 or 4 is asked for.
    pub channels: Option<u32>,
    /// How images of another size are made to fit.
    pub fit: Fit,
    /// What images are scaled to before a piece is cut out of them, for the fits that do so: the height for
    /// `resize-and-crop`, the width for `scale-width-and-crop` and `scale-width`. `None` is 286 for 256, in proportion;
    /// for `scale-width` the target's own width.
    pub load_size: Option<u32>,
    /// Whether each image is flipped left to right half of the times that it is shown.
    pub mirror: bool,
    /// Whether one unreadable image or subfolder stops everything; otherwise it is skipped and reported.
    pub strict: bool,
    /// Bytes of memory for decoded images, so that only the first epoch decodes. Folders and zips of images
    /// work with any number, 0 included; raw sets (IDX, CIFAR) are read whole and must fit, or are refused.
    /// The built-in set is never refused.
    pub memory: u64,
    /// Images with more pixels are refused undecoded: a few bytes can unfold to terabytes.
    pub max_pixels: u64,
    /// The share of images that is held out: evenly spread over the set, every n-th for 1/n. At most a half; 0 for none.
    pub holdout: f64,
    /// Only the first so many images of each class; 0: all. What is held out is not touched.
    pub per_class: u64,
    /// Whether the set is the images held out instead of the others.
    pub held_out: bool,
    /// A CSV of attributes in place of the `attributes.csv` beside the images: a header, then a row for every image with
    /// its path from the top of the folder or zip and a finite number for each attribute, as in `00000/a.png,0.5,1`.
    /// Only images that are files have the names it needs.
    pub attributes: Option<PathBuf>,
    /// Where fetched sets are; `None` means `$GAN_DATA`, or else `gan-rs/data` in the user's cache folder.
    pub cache: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            size: None,
            width: None,
            channels: None,
            fit: Fit::Auto,
            load_size: None,
            mirror: false,
            strict: false,
            memory: 2 << 30,
            max_pixels: 100_000_000,
            holdout: 0.0,
            per_class: 0,
            held_out: false,
            attributes: None,
            cache: None,
        }
    }
}

impl Options {
    /// Every n-th image is held out; `None` if none is.
    pub(crate) fn every(&self) -> Option<usize> {
        (self.holdout > 0.0).then(|| (1.0 / self.holdout).round() as usize)
    }

    pub(crate) fn validate(&self) -> Result<()> {
        for (field, value) in [("size", self.size), ("width", self.width), ("load_size", self.load_size)] {
            if let Some(pixels) = value.filter(|pixels| !(1..=MOST_PIXELS).contains(pixels)) {
                let why = format!("{pixels} is not between 1 and {MOST_PIXELS} pixels");
                return Err(Error::config(field, why));
            }
        }
        self.validate_fit()?;
        if let Some(channels) = self.channels
            && !(1..=4).contains(&channels)
        {
            let why = format!("{channels} is none of 1 (grey), 2 (grey, alpha), 3 (RGB), 4 (RGBA)");
            return Err(Error::config("channels", why));
        }
        if !(0.0..=0.5).contains(&self.holdout) {
            let why = format!("{} is not a share from 0 (nothing is held out) to 0.5", self.holdout);
            return Err(Error::config("holdout", why));
        }
        if self.held_out && self.holdout == 0.0 {
            return Err(Error::config("holdout", "nothing is held out"));
        }
        Ok(())
    }

    /// Sizes that do not go together.
    fn validate_fit(&self) -> Result<()> {
        let fit = self.fit;
        if let (Some(width), None) = (self.width, self.size) {
            let why = format!("{width} is without a size, which is the height; choose both or neither");
            return Err(Error::config("width", why));
        }
        if fit.crops_at_random() && self.size.is_none() {
            let why = format!("the fit {fit} needs the size of the pieces that it cuts out; choose one");
            return Err(Error::config("size", why));
        }
        let Some(load) = self.load_size else { return Ok(()) };
        if !fit.loads() {
            let why = format!(
                "{load} is for the fits resize-and-crop, scale-width-and-crop and scale-width, not for {fit}; leave it \
                 out or choose one of these"
            );
            return Err(Error::config("load_size", why));
        }
        let (least, what) = match fit {
            Fit::ResizeAndCrop => (self.size, "height"),
            Fit::ScaleWidthAndCrop => (self.width.or(self.size), "width"),
            _ => (None, ""),
        };
        if let Some(least) = least.filter(|least| load < *least) {
            let why = format!(
                "{load} is less than {least}, the {what} of the pieces that are cut out; choose more"
            );
            return Err(Error::config("load_size", why));
        }
        Ok(())
    }

    /// Width and height that were asked for.
    pub(crate) fn asked(&self) -> Option<[u32; 2]> {
        self.size.map(|size| [self.width.unwrap_or(size), size])
    }
}
