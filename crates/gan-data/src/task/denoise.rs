//! Taking noise away.

use super::draws::{Draws, in_grey_levels};
use super::within;
use gan_core::data::PairBatch;
use gan_core::error::Result;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Taking Gaussian noise away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Denoise {
    /// The least and most standard deviation, in grey levels of 0 to 255; it is drawn for each image.
    pub std: [f64; 2],
}

impl Default for Denoise {
    fn default() -> Self {
        Self { std: [5.0, 50.0] }
    }
}

impl Denoise {
    pub(super) fn validate(&self, field: &str) -> Result<()> {
        within(&format!("{field}.std"), self.std, [0.0, 255.0])
    }

    pub(super) fn pairs(&self, images: &Tensor, draws: &Draws) -> Result<PairBatch> {
        let a = in_grey_levels(&draws.with_noise(images, self.std)?)?;
        Ok(PairBatch { a, b: images.shallow_clone(), weight: None })
    }
}
