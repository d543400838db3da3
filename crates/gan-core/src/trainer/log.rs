//! `log.jsonl`: one report a line.

use crate::error::{Error, Result};
use crate::recorder::Moments;
use crate::trainer::guard::Finding;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What happened since the report before.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// Steps done.
    pub step: u64,
    /// Images shown.
    pub images: u64,
    /// Seconds of training so far, over all sessions.
    pub seconds: f64,
    /// Speed since the last report, everything included.
    pub images_per_second: f64,
    /// The share of that time spent inside steps; the rest went to reports, pictures and checkpoints.
    pub share_in_steps: f64,
    /// What was recorded, by name (`loss/generator`, `score/real`, ...).
    pub values: BTreeMap<String, Moments>,
    /// Host seconds spent in each phase of the step.
    pub phase_seconds: BTreeMap<String, f64>,
    /// Signs of a collapse that are new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

/// The file, open for appending.
pub(super) struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Opens the log, dropping lines after `step` (a resumed run writes them again) and a torn last one.
    pub(super) fn open(path: &Path, step: u64) -> Result<Self> {
        let refuse = |source| Error::file(path, source);
        let text = match std::fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(refuse(error)),
        };
        let keep = |line: &&str| serde_json::from_str::<Report>(line).is_ok_and(|report| report.step <= step);
        let kept: String = text.lines().filter(keep).flat_map(|line| [line, "\n"]).collect();
        if kept != text {
            let aside = path.with_extension("jsonl.new");
            std::fs::write(&aside, &kept).and_then(|()| std::fs::rename(&aside, path)).map_err(refuse)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(refuse)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// One write per line: a kill tears at most the last line.
    pub(super) fn append(&mut self, report: &Report) -> Result<()> {
        let mut line = serde_json::to_vec(report).map_err(|error| Error::file(&self.path, error.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(|source| Error::file(&self.path, source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(step: u64) -> Report {
        Report {
            step,
            images: step * 64,
            seconds: 1.0,
            images_per_second: 64.0,
            share_in_steps: 1.0,
            values: BTreeMap::new(),
            phase_seconds: BTreeMap::new(),
            findings: Vec::new(),
        }
    }

    #[test]
    fn lines_after_the_checkpoint_and_torn_ones_go() {
        let folder = tempfile::tempdir().expect("temp dir");
        let path = folder.path().join("log.jsonl");
        let mut log = Log::open(&path, 0).expect("open");
        for step in 1..=3 {
            log.append(&report(step)).expect("append");
        }
        log.file.write_all(b"{\"step\":4,\"ima").expect("torn");
        let mut log = Log::open(&path, 2).expect("reopen");
        log.append(&report(3)).expect("append");
        let text = std::fs::read_to_string(&path).expect("text");
        let steps: Vec<u64> =
            text.lines().map(|line| serde_json::from_str::<Report>(line).expect("line").step).collect();
        assert_eq!(steps, [1, 2, 3]);
    }
}
