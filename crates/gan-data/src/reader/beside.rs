//! Files that lie beside images and say more about them: `dataset.json` and `attributes.csv`.

use super::{attributes, labels};
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::options::Options;
use std::path::PathBuf;

/// One such file.
#[derive(Debug)]
pub(crate) struct Beside {
    /// For messages.
    pub path: PathBuf,
    /// Its folder, which the names in it start from: one of [`labels::places`].
    pub place: String,
    pub bytes: Vec<u8>,
}

/// What is said about the images at `paths`: classes, by their folders if by nothing else, and attributes.
/// `read` gives the file at a path below the set's top, and what messages call it, where there is one.
pub(crate) fn read(
    paths: &[String],
    options: &Options,
    read: impl Fn(&str) -> Result<Option<(PathBuf, Vec<u8>)>>,
) -> Result<(labels::Labels, Option<Attributes>)> {
    let find = |name: &str| {
        for place in labels::places(paths) {
            if let Some((path, bytes)) = read(&format!("{place}{name}"))? {
                return Ok(Some(Beside { path, place, bytes }));
            }
        }
        Ok(None)
    };
    let mut labels = match find("dataset.json")? {
        Some(json) => labels::from_json(&json, paths)?,
        None => labels::from_folders(paths),
    };
    let csv = match &options.attributes {
        Some(path) => {
            let bytes = std::fs::read(path).map_err(|error| Error::file(path, error))?;
            Some(Beside { path: path.clone(), place: String::new(), bytes })
        }
        None => find("attributes.csv")?,
    };
    let Some(csv) = csv else { return Ok((labels, None)) };
    let (attributes, note) = attributes::from_csv(&csv, paths)?;
    labels.notes.extend(note);
    Ok((labels, Some(attributes)))
}
