//! CIFAR-10 and CIFAR-100 in their binary versions: label bytes, then 32 x 32 RGB in planes.
//! <https://www.cs.toronto.edu/~kriz/cifar.html> describes both.

use super::{Backing, Listing, Raw, check_memory, labels};
use crate::error::{Error, Result};
use crate::options::Options;
use std::path::{Path, PathBuf};

const PIXELS: usize = 3 * 32 * 32;
const CIFAR10: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// The training files found in a folder.
pub(crate) struct Found {
    pub files: Vec<PathBuf>,
    /// Which files are missing, if some are.
    pub note: Option<String>,
}

/// The training files of a CIFAR folder, or of the folder that its archive unpacks to within it.
pub(crate) fn find_in(folder: &Path) -> Result<Option<Found>> {
    for folder in [folder.to_owned(), folder.join("cifar-10-batches-bin"), folder.join("cifar-100-binary")] {
        let (present, missing): (Vec<String>, Vec<String>) = (1..=5)
            .map(|number| format!("data_batch_{number}.bin"))
            .partition(|name| folder.join(name).is_file());
        if !present.is_empty() {
            let files = present.iter().map(|name| folder.join(name)).collect();
            let note = format!(
                "only {} of CIFAR-10's 5 training files are there; missing: {}",
                present.len(),
                missing.join(", ")
            );
            return Ok(Some(Found { files, note: (!missing.is_empty()).then_some(note) }));
        }
        if folder.join("train.bin").is_file() {
            return Ok(Some(Found { files: vec![folder.join("train.bin")], note: None }));
        }
        if folder.join("data_batch_1").is_file() || folder.join("batches.meta").is_file() {
            let why = "is CIFAR's Python version; take the binary version (cifar-10-binary.tar.gz), unpacked";
            return Err(Error::data(folder, why));
        }
    }
    Ok(None)
}

/// Reads files of one layout, one after another.
pub(crate) fn open(name: &Path, files: &[PathBuf], options: &Options) -> Result<Listing> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    let mut layout = None;
    let mut total = 0;
    for path in files {
        total += u128::from(std::fs::metadata(path).map_err(|error| Error::file(path, error))?.len());
    }
    check_memory(name, total, options)?;
    for path in files {
        let bytes = std::fs::read(path).map_err(|error| Error::file(path, error))?;
        let label_bytes = label_bytes(path, bytes.len())?;
        if *layout.get_or_insert(label_bytes) != label_bytes {
            return Err(Error::data(
                path,
                "is of CIFAR-100 and the file before it of CIFAR-10, or the reverse",
            ));
        }
        for record in bytes.chunks_exact(label_bytes + PIXELS) {
            // CIFAR-100 has the coarse label first; the last one is the fine one in both.
            labels.push(u32::from(record[label_bytes - 1]));
            pixels.extend_from_slice(&record[label_bytes..]);
        }
    }
    let folder = files.first().and_then(|file| file.parent()).unwrap_or(name);
    let classes = class_names(folder, layout == Some(2), &labels);
    if let Some(label) = labels.iter().find(|label| **label as usize >= classes.len()) {
        let why =
            format!("has the label {label}, but there are {} classes: it is not a CIFAR file", classes.len());
        return Err(Error::data(name, why));
    }
    let raw = Raw { channels: 3, height: 32, width: 32, pixels };
    Ok(Listing {
        name: String::new(),
        backing: Backing::Raw(raw),
        labels: Some(labels),
        classes,
        attributes: None,
        notes: Vec::new(),
    })
}

fn label_bytes(path: &Path, length: usize) -> Result<usize> {
    let fits = |labels: usize| length > 0 && length.is_multiple_of(labels + PIXELS);
    let hundred = ["train.bin", "test.bin"].map(|name| path.ends_with(name)).contains(&true);
    match (fits(1), fits(2)) {
        (true, true) => Ok(if hundred { 2 } else { 1 }),
        (true, false) => Ok(1),
        (false, true) => Ok(2),
        (false, false) => {
            let why =
                format!("has {length} bytes, no whole number of CIFAR records (3073 or 3074); copy it again");
            Err(Error::data(path, why))
        }
    }
}

fn class_names(folder: &Path, hundred: bool, used: &[u32]) -> Vec<String> {
    let file = if hundred { "fine_label_names.txt" } else { "batches.meta.txt" };
    let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
    let names: Vec<String> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    match (names.is_empty(), hundred) {
        (false, _) => names,
        (true, false) => CIFAR10.map(str::to_owned).to_vec(),
        (true, true) => labels::numbered(used),
    }
}
