//! Classes from folder names and from StyleGAN's `dataset.json`.

use super::beside::Beside;
use super::clean_name;
use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

const MOST_CLASSES: u64 = 1_000_000;

/// Labels of all images, or of none, with the classes' names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels {
    pub labels: Option<Vec<u32>>,
    pub classes: Vec<String>,
    pub notes: Vec<String>,
}

/// The classes "0", "1", ... up to the largest label.
pub(crate) fn numbered(labels: &[u32]) -> Vec<String> {
    let classes = labels.iter().max().map_or(0, |largest| largest + 1);
    (0..classes).map(|class| class.to_string()).collect()
}

/// Each image's class is the first folder of its path (parts separated by `/`), below the folders that all
/// images share. No classes if some image lies in no such folder.
pub(crate) fn from_folders(paths: &[String]) -> Labels {
    let shared = shared_folders(paths).len();
    let class_of: Vec<Option<&str>> = paths.iter().map(|path| folders(path).get(shared).copied()).collect();
    let loose = class_of.iter().filter(|class| class.is_none()).count();
    if loose == paths.len() {
        return Labels::default();
    }
    if loose > 0 {
        let note = format!("no classes: {loose} of {} images lie in no subfolder of their own", paths.len());
        return Labels { notes: vec![note], ..Labels::default() };
    }
    let names: BTreeMap<&str, u32> = class_of.iter().flatten().map(|class| (*class, 0)).collect();
    let names: BTreeMap<&str, u32> = names.into_keys().zip(0..).collect();
    let labels = class_of.iter().flatten().map(|class| names[class]).collect();
    Labels {
        labels: Some(labels),
        classes: names.into_keys().map(str::to_owned).collect(),
        notes: Vec::new(),
    }
}

/// Whether a note is about classes that folders do not give.
pub(crate) fn is_note(note: &str) -> bool {
    note.starts_with("no classes: ")
}

/// The folders, from the top, that all images lie in.
fn shared_folders(paths: &[String]) -> Vec<&str> {
    let shared = paths.iter().map(|path| folders(path)).reduce(|shared, folders| {
        shared
            .into_iter()
            .zip(folders)
            .take_while(|(left, right)| left == right)
            .map(|(left, _)| left)
            .collect()
    });
    shared.unwrap_or_default()
}

/// Where files about all images may lie: at the top or in a folder that all images share, the topmost first. Each
/// is empty or ends with `/`.
pub(crate) fn places(paths: &[String]) -> Vec<String> {
    let mut place = String::new();
    let mut places = vec![place.clone()];
    for folder in shared_folders(paths) {
        place += folder;
        place.push('/');
        places.push(place.clone());
    }
    places
}

fn folders(path: &str) -> Vec<&str> {
    path.rsplit_once('/').map_or(Vec::new(), |(folder, _)| folder.split('/').collect())
}

#[derive(Deserialize)]
struct DatasetJson {
    labels: Option<Vec<(String, serde_json::Value)>>,
}

/// Reads `{"labels": [["00000/img.png", 3], ...]}`; `null` means no labels.
pub(crate) fn from_json(json: &Beside, paths: &[String]) -> Result<Labels> {
    let Beside { path: file, place, bytes } = json;
    let parsed: DatasetJson = serde_json::from_slice(bytes).map_err(|error| {
        Error::data(file, format!("is not of the form {{\"labels\": [[\"image.png\", 3], ...]}} ({error})"))
    })?;
    let Some(entries) = parsed.labels else { return Ok(Labels::default()) };
    let mut by_name = HashMap::with_capacity(entries.len());
    for (name, value) in entries {
        let Some(label) = value.as_u64().filter(|label| *label < MOST_CLASSES) else {
            let why = format!(
                "the label of `{name}` is {value}, not a class number from 0 to {}",
                MOST_CLASSES - 1
            );
            return Err(Error::data(file, why));
        };
        by_name.insert(clean_name(&name), label as u32);
    }
    let label_of = |path: &String| {
        by_name
            .get(path.strip_prefix(place).unwrap_or(path))
            .copied()
            .ok_or_else(|| Error::data(file, format!("has no label for the image `{path}`")))
    };
    let labels = paths.iter().map(label_of).collect::<Result<Vec<u32>>>()?;
    let classes = numbered(&labels);
    Ok(Labels { labels: Some(labels), classes, notes: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(paths: &[&str]) -> Labels {
        from_folders(&paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_first_folder_below_the_shared_ones_is_the_class() {
        let found = labels(&["set/dog/1.png", "set/cat/old/2.png", "set/dog/3.png"]);
        assert_eq!(found.labels, Some(vec![1, 0, 1]));
        assert_eq!(found.classes, ["cat", "dog"]);
        assert_eq!(labels(&["a.png", "b.png"]), Labels::default());
        assert_eq!(labels(&["all/a.png", "all/b.png"]), Labels::default());
        assert_eq!(labels(&[]), Labels::default());
        let mixed = labels(&["a.png", "cat/b.png"]);
        assert_eq!((mixed.labels, mixed.notes.len()), (None, 1));
    }
}
