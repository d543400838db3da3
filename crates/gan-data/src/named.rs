//! Data sets with names of their own.

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
}

/// A known name.
#[derive(Debug)]
pub(crate) struct Known {
    name: &'static str,
    about: &'static str,
    images: usize,
    split: Split,
}

const KNOWN: [Known; 3] = [
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
];

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
}

/// A data set that can be opened by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What to give to [`crate::DataSet::open`].
    pub name: &'static str,
    /// What it shows, in a line.
    pub about: &'static str,
    /// How many images it has.
    pub images: usize,
    /// Where it is.
    pub place: Place,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<20} {:>6} images  {}  ", self.name, self.images, self.about)?;
        match &self.place {
            Place::BuiltIn => f.write_str("[built in]"),
            Place::Folder(path) => write!(f, "[{}]", path.display()),
            Place::Absent => f.write_str("[not fetched]"),
        }
    }
}

/// Every named data set and where it is. `options.cache` says where to look.
pub fn list(options: &Options) -> Vec<Named> {
    let place = |known: &Known| match (known.split, fashion_folder(options)) {
        (Split::Test, _) if cfg!(feature = "builtin") => Place::BuiltIn,
        (_, Some(folder)) => Place::Folder(folder),
        (_, None) => Place::Absent,
    };
    KNOWN
        .iter()
        .map(|known| Named {
            name: known.name,
            about: known.about,
            images: known.images,
            place: place(known),
        })
        .collect()
}

pub(crate) fn names() -> [&'static str; KNOWN.len()] {
    KNOWN.map(|known| known.name)
}

pub(crate) fn find(name: &str) -> Option<&'static Known> {
    const { &KNOWN }.iter().find(|known| known.name == name)
}

impl Known {
    pub fn open(&self, options: &Options) -> Result<Listing> {
        let mut listing = match self.split {
            #[cfg(feature = "builtin")]
            Split::Test => built_in(options)?,
            split => {
                let folder = fashion_folder(options).ok_or_else(|| {
                    Error::data(
                        self.name,
                        "is not on this machine yet; get it with `gan data fetch fashion-mnist`",
                    )
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
