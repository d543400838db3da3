//! What scores of pairs have in common: images that belong together, and means over many.

use gan_core::error::{Error, Result};
use gan_core::tensor::guard::{ANY, shape};
use serde::Serialize;
use tch::{Kind, Tensor};

/// # Shapes
/// both u8 `[N, C, H, W]`
pub(crate) fn check(generated: &Tensor, target: &Tensor) -> Result<()> {
    shape("target images", target, &[ANY, ANY, ANY, ANY])?;
    shape("generated images", generated, &target.size())?;
    if let Some(kind) = [generated.kind(), target.kind()].into_iter().find(|kind| *kind != Kind::Uint8) {
        return Err(Error::config("images", format!("must be u8, not {kind:?}")));
    }
    if target.numel() == 0 {
        return Err(Error::config("images", "there are none"));
    }
    Ok(())
}

/// A mean over pairs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// The standard deviation of the mean: that of the values over the root of their number. NaN of a single one.
    pub standard_error: f64,
}

/// Mean and variance of values that come one by one (Welford 1962): memory does not grow, and nothing cancels.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    pub fn push(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (value - self.mean);
    }

    /// NaN of no values.
    pub fn estimate(&self) -> Estimate {
        let count = self.count as f64;
        let mean = if self.count == 0 { f64::NAN } else { self.mean };
        Estimate { mean, standard_error: (self.squares / (count - 1.0) / count).sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_their_errors_are_the_formulas() {
        let mut moments = Moments::default();
        assert!(moments.estimate().mean.is_nan());
        [1e9 + 1.0, 1e9 + 2.0, 1e9 + 6.0].into_iter().for_each(|value| moments.push(value));
        let Estimate { mean, standard_error } = moments.estimate();
        assert_eq!(mean, 1e9 + 3.0);
        assert!((standard_error - (7.0f64 / 3.0).sqrt()).abs() < 1e-9, "{standard_error}");
    }
}
