//! Where images come from. Every reader makes a [`Listing`]: what there is, still undecoded.

mod attributes;
mod beside;
mod cifar;
pub(crate) mod folder;
mod half;
pub(crate) mod idx;
mod labels;
mod others;
mod raw;
pub(crate) mod zip;

pub(crate) use half::Half;
pub(crate) use labels::{is_note as is_note_on_labels, places};
pub(crate) use raw::Raw;

use crate::attributes::Attributes;
use crate::decode::{self, Native};
use crate::error::{Error, Result};
use crate::named;
use crate::options::Options;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Enough for the header of nearly every file.
const START_BYTES: usize = 1 << 16;

/// A data set before sizes and channels are decided.
#[derive(Debug)]
pub(crate) struct Listing {
    /// The set's name or path, as the user wrote it.
    pub name: String,
    pub backing: Backing,
    /// One per image, each below `classes.len()`.
    pub labels: Option<Vec<u32>>,
    pub classes: Vec<String>,
    /// Of every image, where the set has them.
    pub attributes: Option<Attributes>,
    /// What the user should know about how the data was read.
    pub notes: Vec<String>,
}

impl Listing {
    /// Some of the images, in the order given, without what is said about all of them.
    pub fn select(&self, name: String, images: &[usize]) -> Self {
        Self { name, ..Self::bare(self.backing.select(images)) }
    }

    /// Left and right halves of every picture.
    pub fn halves(self) -> [Self; 2] {
        let pictures = Arc::new(self.backing);
        [false, true].map(|right| {
            let half = Half { pictures: Arc::clone(&pictures), right };
            Self { name: self.name.clone(), ..Self::bare(Backing::Half(half)) }
        })
    }

    /// Images of which nothing is known.
    fn bare(backing: Backing) -> Self {
        Self {
            name: String::new(),
            backing,
            labels: None,
            classes: Vec::new(),
            attributes: None,
            notes: Vec::new(),
        }
    }
}

/// Memory that is used again for every file.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// The encoded file that was read last.
    pub bytes: Vec<u8>,
    picture: half::Picture,
}

/// The images themselves.
#[derive(Debug)]
pub(crate) enum Backing {
    /// Pixels in memory.
    Raw(Raw),
    /// Files below a folder.
    Folder(folder::Folder),
    /// Entries of an archive.
    Zip(zip::Archive),
    /// One half of every picture of another backing.
    Half(Half),
    /// Panics at one image, for the test of what a bug in a worker does.
    #[cfg(test)]
    Panics { len: usize, at: usize },
}

impl Backing {
    /// Some of the images, in the order given; none of those that have no names.
    fn select(&self, images: &[usize]) -> Self {
        match self {
            Self::Folder(folder) => Self::Folder(folder.select(images)),
            Self::Zip(archive) => Self::Zip(archive.select(images)),
            _ => Self::Folder(folder::Folder::default()),
        }
    }

    /// Paths of the images below the folder or in the archive, with `/` between their parts; nothing where images
    /// are no files.
    pub fn names(&self) -> Option<Vec<String>> {
        match self {
            Self::Folder(folder) => Some(folder.names()),
            Self::Zip(archive) => Some(archive.names()),
            _ => None,
        }
    }

    /// Whether the images are files of their own, each of its own size.
    pub fn is_files(&self) -> bool {
        match self {
            Self::Half(half) => half.pictures.is_files(),
            _ => matches!(self, Self::Folder(_) | Self::Zip(_)),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Raw(raw) => raw.len(),
            Self::Folder(folder) => folder.len(),
            Self::Zip(archive) => archive.len(),
            Self::Half(half) => half.pictures.len(),
            #[cfg(test)]
            Self::Panics { len, .. } => *len,
        }
    }

    /// What an image is called in messages.
    pub fn image_name(&self, index: usize) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.path(index),
            Self::Zip(archive) => archive.image_name(index),
            Self::Half(half) => half.pictures.image_name(index),
            _ => PathBuf::from(format!("image {index}")),
        }
    }

    /// The encoded file into `bytes`; nothing for raw sets.
    pub fn read(&self, index: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
        bytes.clear();
        match self {
            Self::Raw(_) => Ok(()),
            Self::Folder(folder) => folder.read(index, bytes),
            Self::Zip(archive) => archive.read(index, bytes),
            Self::Half(half) => half.pictures.read(index, bytes),
            #[cfg(test)]
            Self::Panics { at, .. } if *at == index => panic!("image {at} panics"),
            #[cfg(test)]
            Self::Panics { .. } => Ok(()),
        }
    }

    /// Decoded pixels into `out`, by way of `desk`.
    pub fn decode(
        &self,
        index: usize,
        max_pixels: u64,
        desk: &mut Desk,
        out: &mut Native,
    ) -> Result<(), String> {
        if let Self::Half(half) = self {
            return half.decode(index, max_pixels, desk, out);
        }
        self.read(index, &mut desk.bytes)?;
        match self {
            Self::Raw(raw) => raw.interleave(index, out),
            #[cfg(test)]
            Self::Panics { .. } => *out = Native { width: 1, height: 1, channels: 1, pixels: vec![1] },
            _ => decode::decode(&desk.bytes, max_pixels, out)?,
        }
        Ok(())
    }

    /// Width, height and channels from the header.
    pub fn shape(&self, index: usize, max_pixels: u64, bytes: &mut Vec<u8>) -> Result<[u32; 3], String> {
        match self {
            Self::Raw(raw) => Ok([raw.width, raw.height, raw.channels]),
            Self::Half(picture) => half::halved(picture.pictures.shape(index, max_pixels, bytes)?),
            #[cfg(test)]
            Self::Panics { .. } => Ok([1, 1, 1]),
            _ => {
                self.read(index, bytes)?;
                let header = decode::header(bytes, max_pixels)?;
                Ok([header.width, header.height, header.channels])
            }
        }
    }

    /// As `shape`, but reads no more of a file than its start where that is enough.
    pub fn quick_shape(
        &self,
        index: usize,
        max_pixels: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<[u32; 3], String> {
        bytes.clear();
        let started = match self {
            Self::Folder(folder) => folder.read_start(index, START_BYTES, bytes),
            Self::Zip(archive) => archive.read_start(index, START_BYTES, bytes),
            Self::Half(picture) => {
                return half::halved(picture.pictures.quick_shape(index, max_pixels, bytes)?);
            }
            _ => return self.shape(index, max_pixels, bytes),
        };
        let header = match started? {
            true => decode::header(bytes, max_pixels)?,
            false => match decode::header_of_start(bytes, max_pixels) {
                Ok(header) => header,
                Err(_) => return self.shape(index, max_pixels, bytes),
            },
        };
        Ok([header.width, header.height, header.channels])
    }
}

/// Finds out what `spec` is: a known name, a folder, an archive or a file of a known format.
pub(crate) fn open(spec: &str, options: &Options) -> Result<Listing> {
    options.validate()?;
    let mut listing = match named::find(spec) {
        Some(set) => set.open(options)?,
        None if named::is_made(spec) => {
            return Err(Error::data(
                spec,
                "is made on the fly from a run's seed; there are no files to read",
            ));
        }
        None => open_path(Path::new(spec), options)?,
    };
    spec.clone_into(&mut listing.name);
    if let (Some(csv), Backing::Raw(_)) = (&options.attributes, &listing.backing) {
        let why = format!(
            "{} names images by their files, and those of {spec} are no files; \
             give attributes with a folder or zip of images",
            csv.display()
        );
        return Err(Error::config("attributes", why));
    }
    if listing.backing.len() == 0 {
        return Err(Error::data(spec, "has no images"));
    }
    Ok(listing)
}

/// A set of the one image that a path names, if it does; where a folder of them is not asked for.
pub(crate) fn open_single(path: &Path) -> Option<Listing> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let is_image = path.is_file() && decode::is_image_name(&name);
    is_image.then(|| Listing { name, ..Listing::bare(Backing::Folder(folder::Folder::of_one(path))) })
}

fn open_path(path: &Path, options: &Options) -> Result<Listing> {
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            let names = named::names().join(", ");
            Error::data(
                path,
                format!("there is no such file or folder, and it is none of the named data sets ({names})"),
            )
        }
        _ => Error::file(path, error),
    })?;
    if metadata.is_dir() {
        if let Some(found) = idx::find_in(path)? {
            let mut listing = idx::open(&found.images, found.labels.as_deref(), options)?;
            listing.notes.extend(found.note);
            return Ok(listing);
        }
        if let Some(found) = cifar::find_in(path)? {
            let mut listing = cifar::open(path, &found.files, options)?;
            listing.notes.extend(found.note);
            return Ok(listing);
        }
        return folder::open(path, options);
    }
    if !metadata.is_file() {
        return Err(Error::data(path, "is neither a file nor a folder; give one that holds images"));
    }
    open_file(path, options)
}

fn open_file(path: &Path, options: &Options) -> Result<Listing> {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let mut start = [0; 4];
    let length = File::open(path)
        .and_then(|file| file.take(4).read(&mut start))
        .map_err(|error| Error::file(path, error))?;
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match (&start[..length], ending) {
        ([], _) => Err(Error::data(path, "is empty")),
        ([b'P', b'K', ..], _) | (_, "zip") => zip::open(path, options),
        (_, "bin") => cifar::open(path, &[path.to_owned()], options),
        // Other formats start with two zero bytes too: HEIC, AVIF, MP4, ICO.
        ([0, 0, 8 | 9 | 11..=14, 1..=4], _) | ([0x1f, 0x8b, ..], _)
            if !matches!(ending, "tgz") && !name.ends_with(".tar.gz") =>
        {
            idx::open(path, idx::labels_beside(path).as_deref(), options)
        }
        (_, "tar" | "gz" | "tgz" | "xz" | "bz2" | "7z" | "rar" | "zst") => Err(Error::data(
            path,
            "is an archive that is not read here; unpack it, or pack the images as a zip",
        )),
        _ if decode::is_image_name(&name) => {
            Err(Error::data(path, "is a single image; give the folder that holds the images"))
        }
        _ => Err(Error::data(
            path,
            "is none of what can be read: a folder or zip of images, IDX (optionally .gz), CIFAR's binary files",
        )),
    }
}

/// An archive's or a label file's name for an image, with `/` between its parts and no `.` among them.
fn clean_name(name: &str) -> String {
    let name = name.replace('\\', "/");
    name.split('/').filter(|part| *part != ".").collect::<Vec<_>>().join("/")
}

/// Refuses pixels that a raw set declares beyond what memory is allowed for it.
fn check_memory(path: &Path, bytes: u128, options: &Options) -> Result<usize> {
    if bytes > u128::from(options.memory) {
        // Rounded up and down, so that the two never read the same.
        let (needed, allowed) = (bytes.div_ceil(1_000_000), options.memory / 1_000_000);
        let why = format!(
            "holds {needed} MB of pixels, more than the {allowed} MB allowed for data in memory; \
             raise `cache_mb` to {needed} (in `gan train`: --set data.cache_mb={needed})"
        );
        return Err(Error::data(path, why));
    }
    usize::try_from(bytes).map_err(|_| Error::data(path, "holds more pixels than this machine can address"))
}
