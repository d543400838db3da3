//! What a user may choose about a data set.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

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
}

impl Fit {
    /// Every choice, as a user writes it.
    pub const NAMES: &[&str] = &["auto", "crop", "pad", "pad-edge", "stretch"];

    const ALL: [Self; 5] = [Self::Auto, Self::Crop, Self::Pad, Self::PadEdge, Self::Stretch];
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
    /// Height and width in pixels; `None` takes the data's own, where all images agree and are square.
    pub size: Option<u32>,
    /// 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA; `None` means 3 if any image has colour, otherwise 1. Of a set
    /// of more than 10,000 files, the headers of 10,000 spread evenly over it decide this and the size.
    /// Alpha is laid over white unless 2 or 4 is asked for.
    pub channels: Option<u32>,
    /// How images of another size are made to fit.
    pub fit: Fit,
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
            channels: None,
            fit: Fit::Auto,
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
        if let Some(size) = self.size
            && !(1..=16_384).contains(&size)
        {
            return Err(Error::config("size", format!("{size} is not between 1 and 16384 pixels")));
        }
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
}
