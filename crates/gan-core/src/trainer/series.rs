//! Values over a run, and straight lines through the newest of them.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Values kept of each name: the windows below are shorter.
const KEPT: usize = 64;

/// The newest values of one name, each with the images shown by then.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Series(VecDeque<(u64, f64)>);

impl Series {
    /// Adds a value; what is not finite is left out.
    pub fn push(&mut self, images: u64, value: f64) {
        if !value.is_finite() {
            return;
        }
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back((images, value));
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The newest value.
    pub fn last(&self) -> Option<(u64, f64)> {
        self.0.back().copied()
    }

    /// All values, oldest first.
    pub fn points(&self) -> Vec<(u64, f64)> {
        self.0.iter().copied().collect()
    }

    /// Forgets what came after `images`: the run went back.
    pub fn forget_after(&mut self, images: u64) {
        self.0.retain(|(at, _)| *at <= images);
    }

    /// The least-squares line through the newest `count` values; `None` below four of them.
    pub fn trend(&self, count: usize) -> Option<Trend> {
        let points: Vec<(u64, f64)> =
            self.0.iter().skip(self.0.len().saturating_sub(count)).copied().collect();
        Trend::of(&points)
    }
}

/// The middle of some values; `None` of none.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some(0.5 * (values[middle - 1] + values[middle])),
    }
}

/// A straight line through values, by least squares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// Change of the value in 100,000 images.
    pub slope: f64,
    /// The slope's standard error, from the values' scatter about the line.
    pub error: f64,
    /// How many values.
    pub count: usize,
    /// Images shown at the first and at the last of them.
    pub span: (u64, u64),
    /// The mean of their magnitudes.
    pub level: f64,
}

/// Where a line goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Down, beyond chance.
    Down,
    /// Nowhere that can be told from chance, or so little that it does not matter.
    Level,
    /// Up, beyond chance.
    Up,
}

/// A change over the window below this share of the level does not matter.
const MATTERS: f64 = 0.05;
/// Two-sided 95 % quantiles of Student's distribution with 1, 2, ... degrees of freedom, 2.1 beyond.
const STUDENT: [f64; 10] = [12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23];

impl Trend {
    /// slope = S_xy / S_xx, error = sqrt(residuals / ((n - 2) S_xx)), x in 100,000 images.
    fn of(points: &[(u64, f64)]) -> Option<Self> {
        let (first, last) = (points.first()?.0, points.last()?.0);
        let n = points.len() as f64;
        if points.len() < 4 || last == first {
            return None;
        }
        let x = |images: u64| (images - first) as f64 / 1e5;
        let mean_x = points.iter().map(|p| x(p.0)).sum::<f64>() / n;
        let mean_y = points.iter().map(|p| p.1).sum::<f64>() / n;
        let s_xx: f64 = points.iter().map(|p| (x(p.0) - mean_x).powi(2)).sum();
        let s_xy: f64 = points.iter().map(|p| (x(p.0) - mean_x) * (p.1 - mean_y)).sum();
        let slope = s_xy / s_xx;
        let residuals: f64 = points.iter().map(|p| (p.1 - mean_y - slope * (x(p.0) - mean_x)).powi(2)).sum();
        let level = points.iter().map(|p| p.1.abs()).sum::<f64>() / n;
        let error = (residuals / ((n - 2.0) * s_xx)).sqrt();
        Some(Self { slope, error, count: points.len(), span: (first, last), level })
    }

    /// Where the line goes, with 95 % confidence.
    pub fn direction(&self) -> Direction {
        let quantile = STUDENT.get(self.count.saturating_sub(3)).copied().unwrap_or(2.1);
        let change = self.slope * (self.span.1 - self.span.0) as f64 / 1e5;
        if self.slope.abs() <= quantile * self.error || change.abs() < MATTERS * self.level {
            Direction::Level
        } else if self.slope > 0.0 {
            Direction::Up
        } else {
            Direction::Down
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[f64]) -> Series {
        let mut series = Series::default();
        for (index, value) in values.iter().enumerate() {
            series.push(index as u64 * 50_000, *value);
        }
        series
    }

    #[test]
    fn a_line_is_found_with_its_error() {
        // By hand: x = 0, 0.5, 1, 1.5, y = 1, 2, 2, 3: S_xx 1.25, S_xy 1.5, residuals 0.2.
        let trend = series(&[1.0, 2.0, 2.0, 3.0]).trend(4).expect("four values");
        assert!((trend.slope - 1.2).abs() < 1e-12);
        assert!((trend.error - (0.2f64 / 2.0 / 1.25).sqrt()).abs() < 1e-12);
        // 1.2 is 4.24 errors, less than the 4.30 that two degrees of freedom ask for.
        assert_eq!(trend.direction(), Direction::Level);
        assert_eq!(series(&[9.0, 1.0, 2.0, 3.0, 4.0]).trend(4).expect("trend").direction(), Direction::Up);
        assert_eq!(series(&[5.0, 4.1, 3.0, 2.1]).trend(9).expect("trend").direction(), Direction::Down);
        assert_eq!(
            series(&[5.0, 5.001, 5.002, 5.003]).trend(4).expect("trend").direction(),
            Direction::Level
        );
        assert_eq!(series(&[1.0, 2.0, 3.0]).trend(4), None);
    }

    #[test]
    fn a_series_is_short_finite_and_can_go_back() {
        let mut series = series(&vec![1.0; KEPT + 6]);
        series.push(u64::MAX, f64::NAN);
        assert_eq!((series.len(), series.points()[0].0), (KEPT, 6 * 50_000));
        series.forget_after(7 * 50_000);
        assert_eq!(series.last(), Some((7 * 50_000, 1.0)));
        assert_eq!(median(vec![3.0, 1.0, 2.0, 9.0]), Some(2.5));
        assert_eq!((median(vec![]), median(vec![3.0, 1.0, 2.0])), (None, Some(2.0)));
    }
}
