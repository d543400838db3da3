//! Labelled images as a folder with a folder for each class.

use super::Pool;
use crate::failure::usage;
use crate::pictures;
use anyhow::Result;
use gan_core::error::Error;
use std::path::Path;

/// Refuses a place where there is something already.
///
/// # Errors
/// A file; a folder that is not empty.
pub fn check(out: &Path) -> Result<()> {
    if out.is_dir() && out.read_dir().is_ok_and(|mut entries| entries.next().is_none()) || !out.exists() {
        return Ok(());
    }
    Err(usage(format!("--out {}: there is something already; name a new folder", out.display())))
}

/// Writes `CLASS/real-000001.png`, `CLASS/generated-000001.png`, ...
///
/// # Errors
/// A place that cannot be written.
pub fn write(out: &Path, names: &[String], real: Option<&Pool>, generated: &Pool) -> Result<()> {
    let folders: Vec<_> = folder_names(names).iter().map(|name| out.join(name)).collect();
    for folder in &folders {
        std::fs::create_dir_all(folder).map_err(|source| Error::file(folder, source))?;
    }
    for (kind, pool) in [("real", real), ("generated", Some(generated))] {
        let Some(pool) = pool else { continue };
        let mut written = vec![0; names.len()];
        // One at a time: all as pictures would be all in memory twice.
        for (index, &label) in (0..).zip(&pool.labels) {
            let picture = pictures::of_bytes(&pool.images.f_narrow(0, index, 1)?)?.remove(0);
            let number = &mut written[label as usize];
            *number += 1;
            gan_report::save_png(folders[label as usize].join(format!("{kind}-{number:06}.png")), &picture)?;
        }
    }
    Ok(())
}

/// Names that folders can have, each another one.
fn folder_names(names: &[String]) -> Vec<String> {
    let mut folders: Vec<String> = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let plain: String =
            name.chars().map(|c| if c.is_control() || "/\\:*?\"<>|".contains(c) { '-' } else { c }).collect();
        let plain = plain.trim().trim_end_matches('.');
        let taken = plain.is_empty() || plain == "." || folders.iter().any(|folder| folder == plain);
        folders.push(if taken { format!("{plain}-{number}") } else { plain.to_owned() });
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_folder_of_its_own() {
        let names = ["T-shirt/top", "T-shirt-top", "Ankle boot", "été", ".."].map(str::to_owned);
        assert_eq!(folder_names(&names), ["T-shirt-top", "T-shirt-top-1", "Ankle boot", "été", "-4"]);
    }
}
