//! How long a run is and how often things happen in it.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// A run's length and cadences. Time is counted in images shown to the discriminator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Images after which the run is finished.
    pub images: u64,
    /// Everything random in the run is a function of it.
    pub seed: u64,
    /// Images between two lines of the log.
    pub report_images: u64,
    /// Images between two pictures.
    pub preview_images: u64,
    /// Images between two checkpoints.
    pub checkpoint_images: u64,
    /// Checkpoints kept; older ones are deleted once a newer one is safe on the disk.
    pub keep_checkpoints: usize,
    /// What happens after a gradient that was not finite.
    pub on_nonfinite: OnNonFinite,
}

/// What happens after a gradient that was not finite. The update is left out in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnNonFinite {
    /// The run ends with the step named.
    Stop,
    /// The run goes on; skipped updates are counted and reported.
    Skip,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            images: 200_000,
            seed: 1,
            report_images: 2_000,
            preview_images: 10_000,
            checkpoint_images: 50_000,
            keep_checkpoints: 3,
            on_nonfinite: OnNonFinite::Stop,
        }
    }
}

impl TrainConfig {
    /// # Errors
    /// A length or number of checkpoints that is 0.
    pub fn validate(&self) -> Result<()> {
        let positive = [
            ("train.images", self.images),
            ("train.report_images", self.report_images),
            ("train.keep_checkpoints", self.keep_checkpoints as u64),
        ];
        match positive.into_iter().find(|(_, value)| *value == 0) {
            Some((field, _)) => Err(Error::config(field, "must be at least 1")),
            None => Ok(()),
        }
    }
}
