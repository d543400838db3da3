//! Time, counted in images shown to the discriminator, and what depends on it.

use serde::{Deserialize, Serialize};

/// How far a run has come. Only the trainer moves it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Finished steps.
    pub step: u64,
    /// Images shown so far, over all ranks.
    pub images: u64,
}

/// Something that happens every so many images (or steps: the unit is the caller's).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Every(pub u64);

impl Every {
    /// Whether a multiple of the interval was reached on the way from `before` to `after`. Never if it is 0.
    pub fn due(self, before: u64, after: u64) -> bool {
        self.0 > 0 && after / self.0 > before / self.0
    }

    /// What a loss that is applied only every n-th step is multiplied by: n (Karras et al. 2020, appendix B).
    pub fn gain(self) -> f64 {
        self.0.max(1) as f64
    }
}

/// A number that changes over a run: a pure function of the images shown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// Always the same.
    Constant {
        /// The value.
        value: f64,
    },
    /// A straight line from one value to another, constant outside.
    Linear {
        /// The value up to `begin`.
        from: f64,
        /// The value from `end` on.
        to: f64,
        /// Images shown when the line begins.
        begin: u64,
        /// Images shown when it ends.
        end: u64,
    },
    /// Half a cosine from one value to another, constant outside.
    Cosine {
        /// The value up to `begin`.
        from: f64,
        /// The value from `end` on.
        to: f64,
        /// Images shown when the curve begins.
        begin: u64,
        /// Images shown when it ends.
        end: u64,
    },
}

impl Schedule {
    /// The value after `images` images.
    pub fn at(self, images: u64) -> f64 {
        match self {
            Self::Constant { value } => value,
            Self::Linear { from, to, begin, end } => from + (to - from) * progress(images, begin, end),
            Self::Cosine { from, to, begin, end } => {
                let angle = std::f64::consts::PI * progress(images, begin, end);
                to + (from - to) * 0.5 * (1.0 + angle.cos())
            }
        }
    }
}

fn progress(images: u64, begin: u64, end: u64) -> f64 {
    match images {
        _ if images >= end => 1.0,
        _ if images <= begin => 0.0,
        _ => (images - begin) as f64 / (end - begin) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_is_due_once_per_multiple() {
        let every = Every(100);
        let due: Vec<u64> = (0..10).filter(|i| every.due(i * 64, (i + 1) * 64)).collect();
        assert_eq!(due, [1, 3, 4, 6, 7, 9]);
        assert!(!Every(0).due(0, 1000));
        assert_eq!(Every(16).gain(), 16.0);
    }

    #[test]
    fn schedules_hold_their_ends() {
        let linear = Schedule::Linear { from: 2.0, to: 0.0, begin: 100, end: 300 };
        assert_eq!([0, 100, 200, 300, 999].map(|i| linear.at(i)), [2.0, 2.0, 1.0, 0.0, 0.0]);
        let cosine = Schedule::Cosine { from: 1.0, to: 0.0, begin: 0, end: 100 };
        assert!((cosine.at(50) - 0.5).abs() < 1e-12 && cosine.at(100).abs() < 1e-12);
        let jump = Schedule::Linear { from: 1.0, to: 0.0, begin: 5, end: 5 };
        assert_eq!([4, 5].map(|i| jump.at(i)), [1.0, 0.0]);
    }
}
