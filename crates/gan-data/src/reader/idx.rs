//! IDX, the format of MNIST and its relatives: a magic number, sizes, bytes; often gzipped.
//! <http://yann.lecun.com/exdb/mnist/> describes it.

use super::{Backing, Listing, Raw, check_memory, labels};
use crate::error::{Error, Result};
use crate::options::Options;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Reads images, and labels where there are any.
pub(crate) fn open(images: &Path, labels: Option<&Path>, options: &Options) -> Result<Listing> {
    let read = |path: &Path| File::open(path).map(BufReader::new).map_err(|error| Error::file(path, error));
    let raw = read_images(images, read(images)?, options)?;
    let labels = labels.map(|path| Ok((path, read_labels(path, read(path)?, options)?))).transpose()?;
    listing(images, raw, labels)
}

/// Puts images and labels together.
pub(crate) fn listing(images: &Path, raw: Raw, labels: Option<(&Path, Vec<u8>)>) -> Result<Listing> {
    let mut notes = Vec::new();
    let (labels, classes) = match labels {
        Some((path, labels)) => {
            if labels.len() != raw.len() {
                let why = format!(
                    "has {} labels for the {} images of {}",
                    labels.len(),
                    raw.len(),
                    images.display()
                );
                return Err(Error::data(path, why));
            }
            let labels: Vec<u32> = labels.into_iter().map(u32::from).collect();
            let classes = labels::numbered(&labels);
            (Some(labels), classes)
        }
        None => {
            notes.push("no file of labels beside the images".to_owned());
            (None, Vec::new())
        }
    };
    Ok(Listing { name: String::new(), backing: Backing::Raw(raw), labels, classes, attributes: None, notes })
}

/// Reads an image file's contents: `path` is for messages.
pub(crate) fn read_images(path: &Path, reader: impl BufRead, options: &Options) -> Result<Raw> {
    let (sizes, pixels) = read(path, reader, options, 3)?;
    let [_, height, width] = sizes[..] else { return Err(Error::data(path, "is not a file of images")) };
    if height == 0 || width == 0 {
        return Err(Error::data(path, "declares images without pixels"));
    }
    Ok(Raw { channels: 1, height, width, pixels })
}

/// Reads a label file's contents: `path` is for messages.
pub(crate) fn read_labels(path: &Path, reader: impl BufRead, options: &Options) -> Result<Vec<u8>> {
    Ok(read(path, reader, options, 1)?.1)
}

fn read(
    path: &Path,
    mut reader: impl BufRead,
    options: &Options,
    dimensions: u8,
) -> Result<(Vec<u32>, Vec<u8>)> {
    let start = reader.fill_buf().map_err(|error| Error::file(path, error))?;
    if start.starts_with(&[0x1f, 0x8b]) {
        parse(path, MultiGzDecoder::new(reader), options, dimensions)
    } else {
        parse(path, reader, options, dimensions)
    }
}

fn parse(
    path: &Path,
    mut reader: impl Read,
    options: &Options,
    dimensions: u8,
) -> Result<(Vec<u32>, Vec<u8>)> {
    let broken = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => {
            Error::data(path, "ends too early; it was cut off while being copied")
        }
        _ => Error::data(path, format!("cannot be unpacked ({error}); fetch or copy it again")),
    };
    let mut magic = [0; 4];
    reader.read_exact(&mut magic).map_err(broken)?;
    match magic {
        [0, 0, 8, found] if found == dimensions => {}
        [0, 0, 8, 1] => return Err(Error::data(path, "holds labels, not images; give the file of images")),
        [0, 0, 8, found] => {
            let why = format!("is an IDX file of {found} dimensions; {dimensions} are read here");
            return Err(Error::data(path, why));
        }
        [0, 0, kind, _] => {
            return Err(Error::data(
                path,
                format!("is an IDX file of number type {kind}; only bytes (8) are read here"),
            ));
        }
        _ => return Err(Error::data(path, "is not an IDX file: it does not start with IDX's magic number")),
    }
    let mut sizes = Vec::new();
    for _ in 0..dimensions {
        let mut size = [0; 4];
        reader.read_exact(&mut size).map_err(broken)?;
        sizes.push(u32::from_be_bytes(size));
    }
    let declared = check_memory(path, sizes.iter().map(|size| u128::from(*size)).product(), options)?;
    let mut values = Vec::new();
    // One more than declared, to notice a file that does not end where it says.
    reader.take(declared as u64 + 1).read_to_end(&mut values).map_err(broken)?;
    if values.len() != declared {
        let found = if values.len() > declared { "has more" } else { "ends after fewer" };
        let why = format!("{found} bytes than the {declared} its header declares; fetch or copy it again");
        return Err(Error::data(path, why));
    }
    Ok((sizes, values))
}

/// What was found in a folder that holds IDX files.
pub(crate) struct Found {
    pub images: PathBuf,
    pub labels: Option<PathBuf>,
    /// Which file was taken, where there are several.
    pub note: Option<String>,
}

/// The images and labels of a folder that holds IDX files: the training split where there are several.
pub(crate) fn find_in(folder: &Path) -> Result<Option<Found>> {
    let entries = std::fs::read_dir(folder).map_err(|error| Error::file(folder, error))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file())
        .map(|path| file_name(&path))
        .filter(|name| !name.starts_with('.'))
        .filter(|name| name.contains("images-idx3") || name.contains("images.idx3"))
        .collect();
    // Names such as `emnist-letters-train-images-idx3-ubyte` do not start with their split.
    names.sort_by_key(|name| (!name.to_lowercase().contains("train"), name.clone()));
    let Some((name, others)) = names.split_first() else { return Ok(None) };
    let note = others.first().map(|other| {
        format!(
            "of {} files of images {name} was taken; to take another, name it, such as {}",
            names.len(),
            folder.join(other).display()
        )
    });
    let images = folder.join(name);
    Ok(Some(Found { labels: labels_beside(&images), images, note }))
}

/// `train-labels-idx1-ubyte.gz` for `train-images-idx3-ubyte.gz`, where it is there, packed or not.
pub(crate) fn labels_beside(images: &Path) -> Option<PathBuf> {
    let name = file_name(images);
    let name = name.strip_suffix(".gz").unwrap_or(&name).to_owned();
    if !name.contains("images") {
        return None;
    }
    let name = name.replace("images", "labels").replace("idx3", "idx1");
    let candidates = [name.clone(), format!("{name}.gz")].map(|name| images.with_file_name(name));
    candidates.into_iter().find(|path| path.is_file())
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
