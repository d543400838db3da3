//! Enlarging.

use super::draws::{Draws, in_grey_levels};
use super::{jpeg, pictures, within};
use gan_core::data::PairBatch;
use gan_core::error::{Error, Result};
use gan_core::tensor::range;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Enlarging: small images are made by an antialiased bicubic filter and may be spoilt as real ones are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Superres {
    /// Pixels out for a pixel in along each side: 2, 4 or 8.
    pub scale: i64,
    /// The least and most standard deviation of noise on the small image, in grey levels of 0 to 255; it is drawn for
    /// each image.
    pub noise: [f64; 2],
    /// The lowest and highest JPEG quality, 1 to 100, in which the small image is stored, drawn for each image; `None`
    /// stores it as it is. Images on a GPU travel to the processor for it.
    #[serde(with = "range_or_zero")]
    pub jpeg: Option<[u8; 2]>,
}

/// A range, which is 0 to 0 where there is none: TOML has no null.
mod range_or_zero {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[allow(clippy::ref_option)] // serde's signature
    pub fn serialize<S: Serializer>(range: &Option<[u8; 2]>, serializer: S) -> Result<S::Ok, S::Error> {
        range.unwrap_or_default().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[u8; 2]>, D::Error> {
        Ok(Some(<[u8; 2]>::deserialize(deserializer)?).filter(|range| *range != [0, 0]))
    }
}

impl Default for Superres {
    fn default() -> Self {
        Self { scale: 4, noise: [0.0, 0.0], jpeg: None }
    }
}

impl Superres {
    pub(super) fn validate(&self, field: &str, [h, w]: [i64; 2]) -> Result<()> {
        let scale = self.scale;
        if ![2, 4, 8].contains(&scale) {
            return Err(Error::config(format!("{field}.scale"), format!("{scale} is none of 2, 4, 8")));
        }
        if h % scale != 0 || w % scale != 0 {
            let why =
                format!("{scale} does not divide images of {w} x {h} pixels: choose another size or scale");
            return Err(Error::config(format!("{field}.scale"), why));
        }
        within(&format!("{field}.noise"), self.noise, [0.0, 255.0])?;
        match self.jpeg {
            Some(quality) => within(&format!("{field}.jpeg"), quality.map(f64::from), [1.0, 100.0]),
            None => Ok(()),
        }
    }

    pub(super) fn pairs(&self, images: &Tensor, draws: &Draws) -> Result<PairBatch> {
        let (_, _, h, w) = images.size4()?;
        let size = [h / self.scale, w / self.scale];
        let small = images.f_internal_upsample_bicubic2d_aa(size, false, None, None)?;
        let small = draws.with_noise(&small, self.noise)?;
        let a = match self.jpeg {
            None => in_grey_levels(&small)?,
            Some(quality) => {
                let stored = jpeg::stored(&range::to_bytes(&small)?, quality, draws)?;
                range::to_signed(&stored)?
            }
        };
        Ok(PairBatch { a, b: images.shallow_clone(), weight: None })
    }

    pub(super) fn finish(&self, prepared: &Tensor, output: &Tensor) -> Result<Tensor> {
        let (n, c, h, w) = prepared.size4()?;
        pictures("output", output, &[n, c, h * self.scale, w * self.scale])?;
        Ok(output.f_clamp(-1.0, 1.0)?)
    }

    /// Bicubic.
    pub(super) fn baseline(&self, prepared: &Tensor) -> Result<Tensor> {
        let enlarged = prepared.f_upsample_bicubic2d(self.enlarged(prepared)?, false, None, None)?;
        Ok(enlarged.f_clamp(-1.0, 1.0)?)
    }

    /// Every pixel as a square.
    pub(super) fn show(&self, prepared: &Tensor) -> Result<Tensor> {
        Ok(prepared.f_upsample_nearest2d(self.enlarged(prepared)?, None, None)?)
    }

    fn enlarged(&self, prepared: &Tensor) -> Result<[i64; 2]> {
        let (_, _, h, w) = prepared.size4()?;
        Ok([h * self.scale, w * self.scale])
    }
}
