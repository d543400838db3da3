//! Labelled images as a folder with a folder for each class.

use crate::failure::usage;
use crate::labels;
use anyhow::Result;
use gan_core::error::Error;
use gan_report::Picture;
use std::path::{Path, PathBuf};

/// The folder, growing.
pub struct ClassFolders {
    folders: Vec<PathBuf>,
    /// Pictures in each.
    written: Vec<u64>,
}

/// Refuses a place where there is something already.
///
/// # Errors
/// A file; a folder that is not empty.
pub fn check(out: &Path) -> Result<()> {
    let is_free = match out.read_dir() {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !out.exists(),
    };
    match is_free {
        true => Ok(()),
        false => {
            Err(usage(format!("--out {}: there is something already; name a new folder", out.display())))
        }
    }
}

impl ClassFolders {
    /// A folder in `out` for each class; `out` itself where there are none.
    ///
    /// # Errors
    /// A place that cannot be written.
    pub fn new(out: &Path, classes: &[String]) -> Result<Self> {
        let folders: Vec<PathBuf> = match classes {
            [] => vec![out.to_owned()],
            _ => folder_names(classes).iter().map(|name| out.join(name)).collect(),
        };
        for folder in &folders {
            std::fs::create_dir_all(folder).map_err(|source| Error::file(folder, source))?;
        }
        Ok(Self { written: vec![0; folders.len()], folders })
    }

    /// Writes `CLASS/KIND-000001.png`, `CLASS/KIND-000002.png`, ...
    ///
    /// # Errors
    /// A place that cannot be written.
    pub fn save(&mut self, kind: &str, class: usize, picture: &Picture) -> Result<()> {
        self.written[class] += 1;
        let name = format!("{kind}-{:06}.png", self.written[class]);
        Ok(gan_report::save_png(self.folders[class].join(name), picture)?)
    }
}

/// Names that folders can have, each another one wherever case does not count.
fn folder_names(names: &[String]) -> Vec<String> {
    let mut folders: Vec<String> = Vec::new();
    for name in names {
        let plain = labels::plain(name);
        let plain = if plain.is_empty() || plain == "." { "class".to_owned() } else { plain };
        let is_taken =
            |folder: &String| folders.iter().any(|taken| taken.to_lowercase() == folder.to_lowercase());
        let mut folder = plain.clone();
        let mut number = 1;
        while is_taken(&folder) {
            number += 1;
            folder = format!("{plain}-{number}");
        }
        folders.push(folder);
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_folder_of_its_own() {
        let names = ["a/b", "a-b-2", "a-b", "Bag", "bag", "été", ".."].map(str::to_owned);
        let folders = ["a-b", "a-b-2", "a-b-3", "Bag", "bag-2", "été", "class"];
        assert_eq!(folder_names(&names), folders);
    }
}
