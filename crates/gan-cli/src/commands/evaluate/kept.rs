//! Features of real images, kept from one evaluation to the next under a hash of images and extractor.

use super::side::Side;
use crate::dataset;
use anyhow::Result;
use gan_core::tensor::file;
use gan_metrics::extract::{Extract, Features};
use gan_metrics::scores::Gathered;
use sha2::Digest;
use std::path::{Path, PathBuf};
use tch::Tensor;

/// Larger ones are made anew every time.
const MOST_BYTES: usize = 512_000_000;

/// Where the features of a side are kept; `None` where there is no such place, or no images.
pub fn place(side: &Side, extractor: &dyn Extract, count: u64) -> Option<PathBuf> {
    let folder = dataset::cache_folder()?.join("features");
    let mut hash = side.content(count)?;
    hash.update(extractor.name());
    let digits: String = hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    Some(folder.join(format!("{}-{digits}.safetensors", extractor.short_name())))
}

/// What was kept; `None` for nothing, or nothing that can be read.
pub fn read(path: &Path, extractor: &dyn Extract, keeps: bool) -> Option<Gathered> {
    let named = file::read(path).ok()?;
    let find =
        |name: &str| named.iter().find(|(key, _)| key == name).map(|(_, tensor)| tensor.shallow_clone());
    let labels = Vec::<i64>::try_from(&find("labels")?).ok()?;
    let features = Features { pooled: find("features")?, logits: find("logits") };
    let mut gathered = Gathered::new(extractor, keeps).ok()?;
    gathered.push(features, &labels).ok()?;
    Some(gathered)
}

/// Keeps the features, if they were kept in memory and are not too many. Where the file cannot be written they are made anew
/// next time.
///
/// # Errors
/// LibTorch's, such as no memory.
pub fn write(path: &Path, gathered: &Gathered) -> Result<()> {
    let Some((features, labels)) = gathered.all()? else { return Ok(()) };
    if features.pooled.numel() * size_of::<f32>() > MOST_BYTES {
        return Ok(());
    }
    let mut named =
        vec![("features".to_owned(), features.pooled), ("labels".to_owned(), Tensor::f_from_slice(labels)?)];
    named.extend(features.logits.map(|logits| ("logits".to_owned(), logits)));
    let bytes = file::encode(&named)?;
    if let Err(error) = gan_report::write_file(path, &bytes) {
        crate::say::note(format_args!("note: features are not kept for the next time: {error}"));
    }
    Ok(())
}
