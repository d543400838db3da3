//! The augmentation of consistency regularisation (Zhang et al. 2020; Zhao et al. 2021).

use super::pixels::{gather, positions};
use crate::error::{Error, Result};
use crate::random::Streams;
use crate::tensor::guard::{self, ANY};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Mirroring in half of the draws, and a shift whose gap is filled by reflection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FlipShift {
    /// Whether half of the images are mirrored left to right.
    pub flip: bool,
    /// The largest shift along each side, in pixels: below the side.
    pub shift: i64,
}

impl Default for FlipShift {
    /// The papers' choice at 32 pixels.
    fn default() -> Self {
        Self { flip: true, shift: 4 }
    }
}

impl FlipShift {
    /// # Errors
    /// A shift that is negative, or not below the side of images of `size` pixels.
    pub fn validate(&self, field: &str, size: i64) -> Result<()> {
        if (0..size).contains(&self.shift) {
            return Ok(());
        }
        let why = format!("{} is not from 0 to {}, below the images' side", self.shift, size - 1);
        Err(Error::config(format!("{field}.shift"), why))
    }

    /// Changed images; every call draws anew from `noise`.
    ///
    /// # Shapes
    /// `images` `[N, C, H, W]`, both sides above `shift`; out the same.
    ///
    /// # Errors
    /// Images of another rank, or too small; LibTorch's.
    pub fn apply(&self, noise: &Streams, images: &Tensor) -> Result<Tensor> {
        guard::shape("images to augment", images, &[ANY, ANY, ANY, ANY])?;
        let (n, _, h, w) = images.size4()?;
        self.validate("augmentation", h.min(w))?;
        let source = |side: i64, purpose: &str| -> Result<Tensor> {
            let shift = noise.integers(purpose, 2 * self.shift + 1, &[n, 1])?.f_sub_scalar(self.shift)?;
            // Reflection at 0 and at the last pixel, neither of which is repeated: ... 2 1 0 1 2 ...
            let from = positions(side, images)?.f_add(&shift)?.f_abs()?;
            Ok(from.f_sub_scalar(side - 1)?.f_abs()?.f_neg()?.f_add_scalar(side - 1)?)
        };
        let rows = source(h, "augment shift of rows")?;
        let mut columns = source(w, "augment shift of columns")?;
        if self.flip {
            let mirrored = noise.integers("augment flip", 2, &[n, 1])?; // 0 or 1
            // c or w - 1 - c: c + m (w - 1 - 2 c)
            let across = columns.f_mul_scalar(-2)?.f_add_scalar(w - 1)?.f_mul(&mirrored)?;
            columns = columns.f_add(&across)?;
        }
        gather(images, &rows, &columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn shifts_are_reflected_and_flips_mirror() {
        let draw = |value: i64| Tensor::from_slice(&[value]).view([1, 1]);
        let image = Tensor::arange(4, (Kind::Float, Device::Cpu)).view([1, 1, 1, 4]).repeat([1, 1, 3, 1]);
        let row = |shift: i64, flip: i64| {
            let draws = Streams::replaying([draw(2), draw(shift), draw(flip)]);
            let got = FlipShift { flip: true, shift: 2 }.apply(&draws, &image).expect("image");
            assert_eq!(got.get(0).get(0).get(0), got.get(0).get(0).get(2));
            Vec::<f32>::try_from(got.get(0).get(0).get(1)).expect("f32")
        };
        assert_eq!(row(2, 0), [0.0, 1.0, 2.0, 3.0]); // a draw of 2 is a shift by 0
        assert_eq!(row(2, 1), [3.0, 2.0, 1.0, 0.0]);
        assert_eq!(row(4, 0), [2.0, 3.0, 2.0, 1.0]);
        assert_eq!(row(0, 0), [2.0, 1.0, 0.0, 1.0]);
        assert_eq!(row(0, 1), [1.0, 2.0, 3.0, 2.0]); // mirrored first
    }

    #[test]
    fn draws_are_an_image_s_own() {
        let image = Tensor::arange(64, (Kind::Float, Device::Cpu)).view([1, 1, 8, 8]).repeat([32, 1, 1, 1]);
        let noise = Streams::new(1, 0, 0, Device::Cpu);
        let moved = FlipShift::default().apply(&noise, &image).expect("images");
        let different = (1..32).filter(|&n| moved.get(n) != moved.get(0)).count();
        assert!(different > 25, "{different} of 31 images differ from the first");
    }

    #[test]
    fn shifts_beyond_the_image_are_refused() {
        let image = Tensor::zeros([1, 1, 4, 8], (Kind::Float, Device::Cpu));
        let noise = Streams::new(1, 0, 0, Device::Cpu);
        let refused = |shift: i64| {
            FlipShift { flip: false, shift }.apply(&noise, &image).expect_err("refused").to_string()
        };
        assert!(refused(4).contains("0 to 3") && refused(-1).contains("augmentation.shift"));
        assert!(FlipShift { flip: false, shift: 3 }.apply(&noise, &image).is_ok());
        let still = FlipShift { flip: false, shift: 0 }.apply(&noise, &image).expect("images");
        assert_eq!(still, image);
    }
}
