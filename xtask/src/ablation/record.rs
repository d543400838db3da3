//! What is kept of a run: one JSON file, valid as long as the same run would be started again.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// A finished run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The arguments of `gan`, but for the run's folder.
    pub key: Vec<String>,
    /// Wall time of the training.
    pub seconds: f64,
    pub outcome: Outcome,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// With samples to count.
    Measured(Measures),
    /// With numbers that are none: what `gan` said.
    Diverged(String),
}

/// The numbers of `gan modes`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// Modes with a good sample.
    pub covered: u64,
    /// Modes that there are.
    pub modes: u64,
    /// Share of good samples, 0 to 1.
    pub good: f64,
    /// KL(share of samples per mode ‖ equal shares), in nats.
    pub reverse_kl: f64,
}

impl Record {
    /// What is known of the run with this key; `None` if it was not run, or not like this.
    pub fn find(file: &Path, key: &[String]) -> Option<Self> {
        let record: Self = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
        (record.key == key).then_some(record)
    }

    /// Whole or not at all.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, file: &Path) -> Result<()> {
        let aside = file.with_extension("json.new");
        fs::write(&aside, serde_json::to_string_pretty(self)?)
            .and_then(|()| fs::rename(&aside, file))
            .with_context(|| format!("{} cannot be written", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_known_again_by_its_arguments_alone() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("1.json");
        let key = ["train", "vanilla", "--set", "loss=hinge"].map(str::to_owned).to_vec();
        assert_eq!(Record::find(&file, &key), None);
        let measures = Measures { covered: 7, modes: 8, good: 0.1 + 0.2, reverse_kl: 0.002 };
        let outcomes = [Outcome::Measured(measures), Outcome::Diverged("not finite".to_owned())];
        for outcome in outcomes {
            let record = Record { key: key.clone(), seconds: 16.5, outcome };
            record.save(&file).expect("saved");
            assert_eq!(Record::find(&file, &key), Some(record));
        }
        assert_eq!(Record::find(&file, &key[..3]), None);
        fs::write(&file, "{").expect("half a file");
        assert_eq!(Record::find(&file, &key), None);
    }
}
