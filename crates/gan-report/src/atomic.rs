//! Files that appear whole or not at all.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

/// Writes `bytes` beside `path` and renames, so that a viewer never sees half a file and a full
/// disk leaves the old one standing. Creates the folder if it is missing.
///
/// Not synced to the disk: a sample lost in a power cut is drawn again, a checkpoint is not this crate's.
///
/// # Errors
/// The folder or the file cannot be written; an old file is as it was.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let Some(name) = path.file_name() else {
        let source = std::io::Error::new(std::io::ErrorKind::InvalidInput, "the path names no file");
        return Err(Error::file("write", path, source));
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(|source| Error::file("create the folder", folder, source))?;
    }
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let aside = path.with_file_name(format!(".{}.{}-{number}.tmp", name.display(), std::process::id()));
    fs::write(&aside, bytes).and_then(|()| fs::rename(&aside, path)).map_err(|source| {
        let _ = fs::remove_file(&aside);
        Error::file("write", path, source)
    })
}
