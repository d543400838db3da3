//! Fashion-MNIST (Xiao, Rasul and Vollgraf 2017; MIT), from the Debian package or from its four files.

use super::packages::{DEB, Request, starts_with};
use super::{cache_folder, idx_pair};
use crate::error::{Error, Result};
use crate::options::Options;
#[cfg(feature = "builtin")]
use crate::reader::idx;
use crate::reader::{Backing, Listing};
use std::path::{Path, PathBuf};

/// The files, as the authors name them.
pub(crate) const FILES: [&str; 4] = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
];
const CLASSES: [&str; 10] = [
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
const PACKAGE: &str = "dataset-fashion-mnist";
/// Where the package puts the files, if someone installed it.
const INSTALLED: &str = "usr/share/datasets/fashion-mnist";

pub(crate) const BY_HAND: &str = "get the four files by hand and give their folder with --from";
pub(crate) const NOTICE: &str = include_str!("../../assets/notices/fashion-mnist.txt");

/// The folder that has all of it.
pub(super) fn folder(options: &Options) -> Option<PathBuf> {
    let fetched = cache_folder(options.cache.as_deref()).ok().map(|cache| cache.join("fashion-mnist"));
    let folders = [fetched, Some(Path::new("/").join(INSTALLED))];
    folders.into_iter().flatten().find(|folder| FILES.iter().all(|file| folder.join(file).is_file()))
}

/// Names the classes of some of its images.
pub(super) fn with_classes(name: &str, mut listing: Listing) -> Result<Listing> {
    listing.classes = CLASSES.map(str::to_owned).to_vec();
    let classes = listing.classes.len() as u32;
    if listing.labels.iter().flatten().any(|label| *label >= classes) {
        let why = "has labels above 9; its files are not Fashion-MNIST, fetch them again";
        return Err(Error::data(name, why));
    }
    Ok(listing)
}

#[cfg(feature = "builtin")]
pub(super) fn built_in(options: &Options) -> Result<Listing> {
    const IMAGES: &[u8] = include_bytes!("../../assets/fashion-mnist/t10k-images-idx3-ubyte.gz");
    const LABELS: &[u8] = include_bytes!("../../assets/fashion-mnist/t10k-labels-idx1-ubyte.gz");
    let path = Path::new(super::DEFAULT);
    // It is in memory anyway.
    let options = &Options { memory: u64::MAX, ..options.clone() };
    let raw = idx::read_images(path, IMAGES, options)?;
    let labels = idx::read_labels(path, LABELS, options)?;
    idx::listing(path, raw, Some((path, labels)))
}

/// Puts the files into `ready`: from a folder with them, from the package's file, or from the mirror.
pub(super) fn gather(request: &Request, from: Option<&Path>, ready: &Path) -> Result<()> {
    let files = match from {
        Some(path) if path.is_dir() => path.to_owned(),
        Some(path) => unpack(request, path)?,
        None => match &request.apt(&[PACKAGE])?[..] {
            [package, ..] => unpack(request, package)?,
            [] => request.work.to_owned(),
        },
    };
    for file in FILES {
        let source = files.join(file);
        std::fs::copy(&source, ready.join(file)).map_err(|error| Error::file(&source, error))?;
    }
    check(ready)
}

/// The folder of the data set's files within the unpacked package.
fn unpack(request: &Request, package: &Path) -> Result<PathBuf> {
    if !starts_with(package, DEB)? {
        let why = "is neither a folder with the data set's files nor a Debian package";
        return Err(Error::data(package, why));
    }
    let target = request.work.join("package");
    request.unpack_deb(package, &target)?;
    Ok(target.join(INSTALLED))
}

/// Reads everything once: gzip has checksums, IDX has counts.
fn check(folder: &Path) -> Result<()> {
    for (split, images) in [("train", 60_000), ("t10k", 10_000)] {
        let listing = idx_pair(folder, split, &Options::default())?;
        let shape = match &listing.backing {
            Backing::Raw(raw) => [raw.len(), raw.height as usize, raw.width as usize],
            _ => [0; 3],
        };
        if shape != [images, 28, 28] {
            let [count, height, width] = shape;
            let why = format!(
                "has {count} images of {height} x {width}, not {images} of 28 x 28: it is another data set"
            );
            return Err(Error::data(folder.join(format!("{split}-images-idx3-ubyte.gz")), why));
        }
    }
    Ok(())
}
