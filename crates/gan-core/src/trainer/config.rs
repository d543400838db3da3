//! How long a run is and how often things happen in it.

use crate::error::{Error, Result};
use crate::trainer::guard::GuardMode;
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
    /// Images between two evaluations of samples; 0 for none.
    pub evaluate_images: u64,
    /// Images between two looks at every single weight: its length, its gradient's and, under BigGAN's spectral
    /// normalisation, its singular values; 0 for none.
    pub details_images: u64,
    /// Evaluations without a better one after which the run ends; 0 for never.
    pub stop_on_plateau: u64,
    /// What happens when the run collapses: `off`, `warn` or `rollback`.
    pub guard: GuardMode,
    /// How often `rollback` goes back to a checkpoint from before a collapse, each time with half the learning rates.
    pub guard_rollbacks: u32,
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
            evaluate_images: 20_000,
            details_images: 0,
            stop_on_plateau: 0,
            guard: GuardMode::Warn,
            guard_rollbacks: 3,
        }
    }
}

impl TrainConfig {
    /// A run of so many images in which things happen as many times as in the default one.
    pub fn over(images: u64) -> Self {
        Self {
            images,
            report_images: (images / 100).max(1),
            preview_images: images / 20,
            checkpoint_images: images / 4,
            evaluate_images: images / 10,
            ..Self::default()
        }
    }

    /// A run without an end that takes steps and reports, and nothing else: for benchmarks.
    pub fn endless() -> Self {
        let never = 0;
        Self {
            images: u64::MAX,
            preview_images: never,
            checkpoint_images: never,
            evaluate_images: never,
            ..Self::default()
        }
    }

    /// # Errors
    /// A length or number of checkpoints that is 0; settings that contradict each other.
    pub fn validate(&self) -> Result<()> {
        let positive = [
            ("train.images", self.images),
            ("train.report_images", self.report_images),
            ("train.keep_checkpoints", self.keep_checkpoints as u64),
        ];
        if let Some((field, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(Error::config(field, "must be at least 1"));
        }
        if self.stop_on_plateau > 0 && self.evaluate_images == 0 {
            let why = "a plateau is seen at evaluations: set train.evaluate_images, or this to 0";
            return Err(Error::config("train.stop_on_plateau", why));
        }
        match (self.guard, self.guard_rollbacks) {
            (GuardMode::Rollback, 0) => {
                let why = "must be at least 1 where train.guard is rollback; use train.guard=warn for none";
                Err(Error::config("train.guard_rollbacks", why))
            }
            (_, 33..) => {
                Err(Error::config("train.guard_rollbacks", "is 32 at most: each halves the learning rates"))
            }
            _ => Ok(()),
        }
    }
}
