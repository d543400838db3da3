//! Images as they are, each in its own size: what metrics are taken of.

use crate::decode::Native;
use crate::error::{Error, Result};
use crate::fit::Fitter;
use crate::options::{Fit, Options};
use crate::reader::{self, Desk, Listing};
use crate::target::Target;
use std::path::{Path, PathBuf};

/// A data set whose images are fitted to nothing.
#[derive(Debug)]
pub struct Originals {
    listing: Listing,
    max_pixels: u64,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// 1 grey, 3 RGB, where what is transparent lies over white; 2 grey and alpha, 4 RGBA, where these were asked for.
    pub channels: u32,
    /// In pixels.
    pub height: u32,
    /// In pixels.
    pub width: u32,
    /// `[channels, height, width]`
    pub pixels: Vec<u8>,
}

impl Originals {
    /// Opens what `spec` names, as [`crate::DataSet::open`] does; of the options only `max_pixels` and `cache` matter.
    ///
    /// # Errors
    /// There is no such thing, or it holds no file that is an image by its name.
    pub fn open(spec: &str, options: &Options) -> Result<Self> {
        Ok(Self { listing: reader::open(spec, options)?, max_pixels: options.max_pixels })
    }

    /// As [`Originals::open`], or one image by itself.
    ///
    /// # Errors
    /// As [`Originals::open`].
    pub fn open_any(spec: &str, options: &Options) -> Result<Self> {
        match reader::open_single(Path::new(spec)) {
            Some(listing) => Ok(Self { listing, max_pixels: options.max_pixels }),
            None => Self::open(spec, options),
        }
    }

    /// Number of images, those that cannot be read included.
    pub fn len(&self) -> usize {
        self.listing.backing.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The set's name or path as it was given.
    pub fn name(&self) -> &str {
        &self.listing.name
    }

    /// The classes' names; empty if there are no labels.
    pub fn classes(&self) -> &[String] {
        &self.listing.classes
    }

    /// Image `index`'s class, if the set has labels.
    pub fn label(&self, index: usize) -> Option<u32> {
        self.listing.labels.as_ref()?.get(index).copied()
    }

    /// What the user should know about how the data was read.
    pub fn notes(&self) -> &[String] {
        &self.listing.notes
    }

    /// What an image is called in messages.
    pub fn image_name(&self, index: usize) -> PathBuf {
        self.listing.backing.image_name(index)
    }

    /// Image `index`.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn load(&self, index: usize) -> Result<Original> {
        self.loaded(index, |&Native { height, width, channels, .. }| {
            let channels = if channels >= 3 { 3 } else { 1 };
            Target { channels, height, width, fit: Fit::Stretch, load: 0 }
        })
    }

    /// Image `index` with as many channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn load_as(&self, index: usize, channels: u32) -> Result<Original> {
        self.loaded(index, |&Native { height, width, .. }| Target {
            channels,
            height,
            width,
            fit: Fit::Stretch,
            load: 0,
        })
    }

    /// Image `index` as a mask: grey, where what is transparent lies over black.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn load_mask(&self, index: usize) -> Result<Original> {
        let masked = self.load_as(index, 2)?;
        Ok(Original { channels: 1, pixels: over_black(&masked.pixels).collect(), ..masked })
    }

    /// Image `index` with as many channels, 1 or 3, in this height and width: the largest centred piece of the right
    /// proportions, resized.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn load_fitted(&self, index: usize, [height, width]: [u32; 2], channels: u32) -> Result<Original> {
        self.loaded(index, |_| Target { channels, height, width, fit: Fit::Crop, load: 0 })
    }

    fn loaded(&self, index: usize, target: impl Fn(&Native) -> Target) -> Result<Original> {
        let (mut desk, mut native) = (Desk::default(), Native::default());
        let mut load = || {
            self.listing.backing.decode(index, self.max_pixels, &mut desk, &mut native)?;
            let target = target(&native);
            let mut pixels = vec![0; target.bytes()];
            Fitter::default().fit(&mut native, &target, &mut pixels)?;
            let Target { channels, height, width, .. } = target;
            Ok(Original { channels, height, width, pixels })
        };
        load().map_err(|why: String| Error::data(self.image_name(index), why))
    }
}

/// Grey and alpha `[2, h, w]`, laid over black.
pub(crate) fn over_black(picture: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let (grey, alpha) = picture.split_at(picture.len() / 2);
    grey.iter().zip(alpha).map(|(grey, alpha)| (u16::from(*grey) * u16::from(*alpha) / 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_keep_their_size_and_colour() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        image::GrayImage::from_fn(5, 3, |x, y| image::Luma([(10 * y + x) as u8]))
            .save(path("a.png"))
            .expect("a PNG");
        image::RgbImage::from_fn(2, 4, |x, y| image::Rgb([x as u8, y as u8, 7]))
            .save(path("b.png"))
            .expect("a PNG");
        std::fs::write(path("c.png"), b"not a picture").expect("a file");
        let set = Originals::open(&folder.path().to_string_lossy(), &Options::default()).expect("a set");
        assert_eq!(set.len(), 3);
        let grey = set.load(0).expect("a grey image");
        assert_eq!((grey.channels, grey.height, grey.width), (1, 3, 5));
        assert_eq!(grey.pixels[..6], [0, 1, 2, 3, 4, 10]);
        let colour = set.load(1).expect("a colour image");
        assert_eq!((colour.channels, colour.height, colour.width), (3, 4, 2));
        assert_eq!(colour.pixels, [[0, 1].repeat(4), vec![0, 0, 1, 1, 2, 2, 3, 3], vec![7; 8]].concat());
        let fitted = set.load_fitted(1, [2, 2], 1).expect("a grey square");
        assert_eq!((fitted.channels, fitted.height, fitted.width, fitted.pixels.len()), (1, 2, 2, 4));
        assert!(set.load(2).expect_err("no image").to_string().contains("c.png"));
        let single =
            Originals::open_any(&path("b.png").to_string_lossy(), &Options::default()).expect("one image");
        assert_eq!((single.len(), single.image_name(0)), (1, path("b.png")));
        assert_eq!(single.load(0).expect("a colour image"), colour);
    }
}
