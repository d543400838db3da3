//! Image files below a folder, in the order of their paths.

use super::{Backing, Listing, labels};
use crate::decode::{EXTENSIONS, is_image_name};
use crate::error::{Error, Result, io_sentence};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Larger files are not read: no image of the size limit needs so many bytes.
pub(crate) const MOST_FILE_BYTES: u64 = 1 << 30;

/// Image files by path relative to a folder.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    files: Vec<PathBuf>,
}

impl Folder {
    pub fn len(&self) -> usize {
        self.files.len()
    }

    pub fn path(&self, index: usize) -> PathBuf {
        self.root.join(&self.files[index])
    }

    pub fn read(&self, index: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
        let file = File::open(self.path(index)).map_err(|error| io_sentence(&error))?;
        let read = file.take(MOST_FILE_BYTES + 1).read_to_end(bytes).map_err(|error| io_sentence(&error))?;
        if read as u64 > MOST_FILE_BYTES {
            return Err("is larger than 1 GiB".to_owned());
        }
        Ok(())
    }
}

/// Lists a folder's images; classes come from `dataset.json` or from subfolders.
pub(crate) fn open(root: &Path) -> Result<Listing> {
    let mut files = Vec::new();
    let mut others = 0usize;
    // Hidden files and what macOS leaves in archives are not the user's images.
    let visible = |name: &std::ffi::OsStr| !name.as_encoded_bytes().starts_with(b".") && name != "__MACOSX";
    let walk = WalkDir::new(root).follow_links(true).into_iter();
    for entry in walk.filter_entry(|entry| entry.depth() == 0 || visible(entry.file_name())) {
        let entry = entry.map_err(|error| walk_error(root, &error))?;
        if entry.file_type().is_dir() {
            continue;
        }
        match is_image_name(&entry.file_name().to_string_lossy()) {
            true => files.push(entry.path().strip_prefix(root).unwrap_or(entry.path()).to_owned()),
            false => others += 1,
        }
    }
    if files.is_empty() {
        let why = match others {
            0 => "is an empty folder; give one that holds images".to_owned(),
            _ => format!("has {others} files, but no images ({})", EXTENSIONS.join(", ")),
        };
        return Err(Error::data(root, why));
    }
    // By path, whatever order the file system lists them in: the order must be the same on every machine.
    files.sort();
    let names: Vec<String> = files.iter().map(|path| slashed(path)).collect();
    let json = root.join("dataset.json");
    let found = match std::fs::read(&json) {
        Ok(bytes) => labels::from_json(&json, &bytes, &names)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => labels::from_folders(&names),
        Err(error) => return Err(Error::file(json, error)),
    };
    Ok(Listing {
        name: String::new(),
        backing: Backing::Folder(Folder { root: root.to_owned(), files }),
        labels: found.labels,
        classes: found.classes,
        notes: found.notes,
    })
}

fn slashed(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn walk_error(root: &Path, error: &walkdir::Error) -> Error {
    let path = error.path().unwrap_or(root);
    if error.loop_ancestor().is_some() {
        return Error::data(path, "is a link to a folder that contains it; remove the link");
    }
    match error.io_error() {
        Some(reason) => Error::file(path, std::io::Error::new(reason.kind(), reason.to_string())),
        None => Error::data(path, error.to_string()),
    }
}
