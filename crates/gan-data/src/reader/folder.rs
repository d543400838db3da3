//! Image files below a folder, in the order of their paths.

use super::{Backing, Listing, beside, others};
use crate::decode::{EXTENSIONS, is_image_name};
use crate::error::{Error, Result, io_sentence};
use crate::options::Options;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Larger files are not read: no image of the size limit needs so many bytes.
pub(crate) const MOST_FILE_BYTES: u64 = 1 << 30;

/// Image files by path relative to a folder.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    root: PathBuf,
    files: Vec<PathBuf>,
}

impl Folder {
    /// Some of the files, in the order given.
    pub fn select(&self, images: &[usize]) -> Self {
        let files = images.iter().map(|index| self.files[*index].clone()).collect();
        Self { root: self.root.clone(), files }
    }

    /// The folder of a file, with nothing but it.
    pub fn of_one(path: &Path) -> Self {
        let name = path.file_name().map(PathBuf::from).unwrap_or_default();
        Self { root: path.with_file_name(""), files: vec![name] }
    }

    pub fn names(&self) -> Vec<String> {
        self.files.iter().map(|path| slashed(path)).collect()
    }

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

    /// The first `most` bytes of a file, or all of a shorter one; whether that is all.
    pub fn read_start(&self, index: usize, most: usize, bytes: &mut Vec<u8>) -> Result<bool, String> {
        let file = File::open(self.path(index)).map_err(|error| io_sentence(&error))?;
        let read = file.take(most as u64).read_to_end(bytes).map_err(|error| io_sentence(&error))?;
        Ok(read < most)
    }
}

/// Lists a folder's images; classes come from `dataset.json` or from subfolders, attributes from `attributes.csv`.
/// What cannot be read below the folder is an error under `strict`; otherwise an image is broken, and anything else
/// is left out with a note.
pub(crate) fn open(root: &Path, options: &Options) -> Result<Listing> {
    let mut files = Vec::new();
    let mut rest = Vec::new();
    let mut unread = Vec::new();
    let below = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_owned();
    let walk = WalkDir::new(root).follow_links(true).into_iter();
    for entry in walk.filter_entry(|entry| entry.depth() == 0 || visible(entry.file_name())) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().filter(|path| *path != root);
                let Some((path, name)) = path.and_then(|path| Some((path, path.file_name()?))) else {
                    return Err(walk_error(root, &error));
                };
                if !visible(name) {
                    continue;
                }
                if options.strict || error.loop_ancestor().is_some() {
                    return Err(walk_error(root, &error));
                }
                match is_image_name(&name.to_string_lossy()) {
                    true => files.push(below(path)),
                    false => unread.push((slashed(&below(path)), why_unread(&error))),
                }
                continue;
            }
        };
        if entry.file_type().is_dir() {
            continue;
        }
        // Opening a pipe would wait for ever.
        let is_image = entry.file_type().is_file() && is_image_name(&entry.file_name().to_string_lossy());
        match is_image {
            true => files.push(below(entry.path())),
            false => rest.push(slashed(&below(entry.path()))),
        }
    }
    let unread = unread_sentence(&unread);
    if files.is_empty() {
        let why = match (rest.len(), unread) {
            (_, Some(unread)) => format!("has no images that can be reached; {unread}"),
            (0, None) => "is an empty folder; give one that holds images".to_owned(),
            (others, None) => format!("has {others} files, but no images ({})", EXTENSIONS.join(", ")),
        };
        return Err(Error::data(root, why));
    }
    // By path, whatever order the file system lists them in: the order must be the same on every machine.
    files.sort();
    let names: Vec<String> = files.iter().map(|path| slashed(path)).collect();
    let (mut found, attributes) = beside::read(&names, options, |below| read_below(root, below))?;
    found.notes.extend(unread);
    found.notes.extend(others::note(&rest));
    Ok(Listing {
        name: String::new(),
        backing: Backing::Folder(Folder { root: root.to_owned(), files }),
        labels: found.labels,
        classes: found.classes,
        attributes,
        notes: found.notes,
    })
}

/// Hidden files and what macOS leaves in archives are not the user's images.
fn visible(name: &std::ffi::OsStr) -> bool {
    !name.as_encoded_bytes().starts_with(b".") && name != "__MACOSX"
}

/// A file below the folder, where there is one.
fn read_below(root: &Path, below: &str) -> Result<Option<(PathBuf, Vec<u8>)>> {
    let path = root.join(below);
    match std::fs::read(&path) {
        Ok(bytes) => Ok(Some((path, bytes))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file(path, error)),
    }
}

/// A sentence about links and folders that lead nowhere.
fn unread_sentence(unread: &[(String, String)]) -> Option<String> {
    let (path, why) = unread.iter().min()?;
    Some(match unread.len() {
        1 => format!("{path} cannot be read and was left out: {why}"),
        count => format!("{count} links or folders cannot be read and were left out, such as {path}: {why}"),
    })
}

fn why_unread(error: &walkdir::Error) -> String {
    error.io_error().map_or_else(|| error.to_string(), io_sentence)
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
