//! `cargo xtask goldens`: every golden of `tests/goldens` has both its files, and they agree.

use crate::workspace;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

pub fn run() -> Result<ExitCode> {
    let folder = workspace::root().join("tests/goldens");
    let mut count = 0;
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())?.flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "json") {
            check(&entry.path())?;
            count += 1;
        }
    }
    println!("{count} goldens are complete");
    Ok(ExitCode::SUCCESS)
}

fn check(json: &Path) -> Result<()> {
    let name = json.display();
    let value: Value =
        serde_json::from_slice(&fs::read(json)?).with_context(|| format!("{name} is not JSON"))?;
    let tensors = value["tensors"].as_object().with_context(|| format!("{name} lists no tensors"))?;
    let file = json.with_extension("safetensors");
    let bytes = fs::read(&file).with_context(|| format!("{} is missing", file.display()))?;
    let header = header(&bytes).with_context(|| format!("{} is damaged", file.display()))?;
    for key in tensors.keys() {
        ensure!(header.get(key).is_some(), "{} has no tensor {key}, which {name} lists", file.display());
    }
    Ok(())
}

/// The JSON header of a safetensors file, if all its data is there.
fn header(bytes: &[u8]) -> Option<Value> {
    let length = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?) as usize;
    let header: Value = serde_json::from_slice(bytes.get(8..8 + length)?).ok()?;
    let ends = header.as_object()?.values().filter_map(|entry| entry["data_offsets"][1].as_u64());
    (ends.max().unwrap_or(0) as usize + 8 + length == bytes.len()).then_some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncated_file_is_seen() {
        let text = br#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text);
        bytes.extend([0; 4]);
        assert!(header(&bytes).is_some_and(|header| header.get("x").is_some()));
        assert!(header(&bytes[..bytes.len() - 1]).is_none());
        assert!(header(&bytes[..5]).is_none());
    }
}
