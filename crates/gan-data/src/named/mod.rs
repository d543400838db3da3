//! Data sets with names of their own.

mod bundle;
mod digits;
mod emoji;
mod fashion;
mod known;
mod mobilenet;
mod openmoji;
mod packages;
mod photos;
mod picture;
mod split;
mod threads;

pub use mobilenet::mobilenet_v2;
pub(crate) use packages::Request;

use crate::error::{Error, Result};
use crate::options::Options;
use crate::reader::{Backing, Listing, folder, idx};
use bundle::Bundle;
use known::{ALIGNED, KNOWN, Known, Part};
use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

/// The one name of a network.
pub(crate) const NETWORK: &str = "mobilenet-v2";

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
    /// How many images it has; 0 for one that is made without end, and for a network.
    pub images: usize,
    /// Where it is.
    pub place: Place,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.images, &self.place) {
            (0, Place::Made) => write!(f, "{:<20} {:>13}  {}  ", self.name, "endless", self.about)?,
            (0, _) => write!(f, "{:<20} {:>13}  {}  ", self.name, "a network", self.about)?,
            (images, _) => write!(f, "{:<20} {images:>6} images  {}  ", self.name, self.about)?,
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
    find(&format!("{name}-test")).map(|known| known.name)
}

/// Whether two named sets show the same things in two styles under the same file names, in either order: what a translation
/// of one into the other learns from, or is compared with. Some of either may be without a partner.
pub fn are_aligned(one: &str, other: &str) -> bool {
    ALIGNED.contains(&[one, other]) || ALIGNED.contains(&[other, one])
}

/// Every named data set and where it is, and the network that can be fetched like one. `options.cache` says where to look.
pub fn list(options: &Options) -> Vec<Named> {
    let place = |known: &Known| match known.folder(options) {
        _ if is_built_in(known.name) => Place::BuiltIn,
        Some(folder) => Place::Folder(folder),
        None => Place::Absent,
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

/// Whether a name is of something within this program.
pub(crate) fn is_built_in(name: &str) -> bool {
    name == DEFAULT && cfg!(feature = "builtin")
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

/// What [`crate::DataSet::open`] may be given, and what is made on the fly.
pub(crate) fn names() -> Vec<&'static str> {
    let kept = KNOWN.iter().filter(|known| known.part != Part::Weights).map(|known| known.name);
    kept.chain(made().into_iter().map(|(name, _)| name)).collect()
}

pub(crate) fn find(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == name)
}

impl Known {
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What has to be fetched for it.
    pub fn bundle(&self) -> Bundle {
        self.bundle
    }

    /// Where its files are.
    fn folder(&self, options: &Options) -> Option<PathBuf> {
        let folder = match self.bundle {
            Bundle::Fashion => fashion::folder(options)?,
            bundle => {
                let folder = cache_folder(options.cache.as_deref()).ok()?.join(bundle.name());
                bundle.is_whole(&folder).then_some(folder)?
            }
        };
        match self.part {
            Part::Folder(below) => Some(folder.join(below)),
            Part::Splits(_) | Part::Weights => Some(folder),
        }
    }

    pub fn open(&self, options: &Options) -> Result<Listing> {
        #[cfg(feature = "builtin")]
        if is_built_in(self.name) {
            return fashion::with_classes(self.name, fashion::built_in(options)?);
        }
        let place = self.folder(options).ok_or_else(|| {
            let why = format!("is not on this machine yet; get it with `gan data fetch {}`", self.name);
            Error::data(self.name, why)
        })?;
        let splits = match self.part {
            Part::Folder(_) => return folder::open(&place, options),
            Part::Weights => return Err(Error::data(self.name, "is a network, not a set of images")),
            Part::Splits(splits) => splits,
        };
        let mut listing = idx_pair(&place, splits[0], options)?;
        for split in &splits[1..] {
            listing = join(listing, idx_pair(&place, split, options)?);
        }
        match self.bundle {
            Bundle::Fashion => fashion::with_classes(self.name, listing),
            _ => Ok(listing),
        }
    }
}

/// Images and labels of a split of MNIST's kind.
fn idx_pair(folder: &Path, split: &str, options: &Options) -> Result<Listing> {
    let images = folder.join(format!("{split}-images-idx3-ubyte.gz"));
    let labels = folder.join(format!("{split}-labels-idx1-ubyte.gz"));
    idx::open(&images, Some(&labels), options)
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
