//! A run's `log.jsonl`: one report a line.

use std::fs;
use std::io;
use std::path::Path;

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Error, Result};

/// Mean, standard deviation and number of the values that one report sums up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// Their mean; NaN where the run had none, `null` in the file.
    #[serde(deserialize_with = "number_or_nan")]
    pub mean: f64,
    /// Their standard deviation.
    #[serde(default = "nan", deserialize_with = "number_or_nan")]
    pub std: f64,
    /// How many there were.
    #[serde(default)]
    pub count: u64,
}

/// One report of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// Training steps done.
    pub step: u64,
    /// Images shown: the time axis of everything.
    pub images: u64,
    /// Seconds trained.
    pub seconds: f64,
    /// Speed since the report before.
    #[serde(default = "nan", deserialize_with = "number_or_nan")]
    pub images_per_second: f64,
    /// What was recorded, by name (`loss/generator`), in the order in which it was first recorded.
    pub values: IndexMap<String, Moments>,
}

/// Reads a `log.jsonl`; a missing file is an empty log.
///
/// A line that cannot be read is left out: the last one may be half written, by a run that is
/// still going or was killed. Lines that a run overtook after it was resumed from an older
/// checkpoint are left out too, so `images` always ascends.
pub fn read_log(path: impl AsRef<Path>) -> Result<Vec<LogLine>> {
    let path = path.as_ref();
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::file("read", path, source)),
    };
    let mut lines: Vec<LogLine> = Vec::new();
    for line in bytes.split(|&byte| byte == b'\n') {
        let Ok(line) = serde_json::from_slice::<LogLine>(line) else { continue };
        while lines.last().is_some_and(|last| last.images >= line.images) {
            lines.pop();
        }
        lines.push(line);
    }
    Ok(lines)
}

fn nan() -> f64 {
    f64::NAN
}

/// JSON has no NaN; serde_json writes `null` for it.
fn number_or_nan<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
}
