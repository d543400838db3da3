//! Whether a run converges: three signs, each with a number.
//!
//! 1. What the discriminator says about reals and fakes: towards 1/2 where the generator has caught up
//!    (Goodfellow et al. 2014, proposition 1), and how much better it knows the reals it was shown.
//! 2. Whether the losses have levelled off: the slope over a window of reports.
//! 3. The quality of samples at each evaluation, with its best.
//!
//! All of it is fed on the host, once per report, with what the recorder has read anyway.

use crate::recorder::Moments;
use crate::trainer::series::{Direction, Series, Trend};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Reports in the window over which losses are judged.
pub(super) const LOSS_WINDOW: usize = 32;
/// Fewer reports say nothing about a slope.
const LEAST_REPORTS: usize = 8;
/// Evaluations in the window over which quality is judged.
const QUALITY_WINDOW: usize = 8;

/// Which way a number is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Distances.
    Lower,
    /// Scores.
    Higher,
}

/// A measure of sample quality over the evaluations of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Its name, such as `swd`.
    pub name: String,
    /// Which way it is better.
    pub better: Better,
    /// The newest values.
    pub series: Series,
    /// Images shown at the best value so far, and the value.
    pub best: (u64, f64),
    /// Evaluations since then.
    pub evaluations_since_best: u64,
}

/// How a measure of quality has moved lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Movement {
    /// Too few evaluations to say.
    Unknown,
    /// It gets better.
    Improving,
    /// Neither.
    Level,
    /// It gets worse.
    Worsening,
}

impl Quality {
    /// How it has moved over the newest evaluations.
    pub fn movement(&self) -> Movement {
        let Some(trend) = self.trend() else { return Movement::Unknown };
        match (trend.direction(), self.better) {
            (Direction::Level, _) => Movement::Level,
            (Direction::Down, Better::Lower) | (Direction::Up, Better::Higher) => Movement::Improving,
            _ => Movement::Worsening,
        }
    }

    /// The line through the newest evaluations.
    pub fn trend(&self) -> Option<Trend> {
        self.series.trend(QUALITY_WINDOW)
    }
}

/// The three signs of one run. It travels in the run's checkpoints.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Convergence {
    values: BTreeMap<String, Series>,
    qualities: Vec<Quality>,
    /// Count and mean of what was reported since the last whole window: an interrupted session closes one early.
    partial: BTreeMap<String, (u64, f64)>,
}

/// Groups of values that are followed; below the players' gradient norms there are those of single parameters.
fn is_followed(name: &str) -> bool {
    match name.split_once('/') {
        Some(("loss" | "score" | "accuracy" | "diversity" | "overfitting", _)) => true,
        Some(("gradient_norm", player)) => !player.contains('/'),
        _ => false,
    }
}

impl Convergence {
    /// Takes a report's values. `whole` is false where a session ended inside a window: what follows joins it.
    pub(super) fn observe(&mut self, images: u64, values: &BTreeMap<String, Moments>, whole: bool) {
        for (name, moments) in values.iter().filter(|(name, _)| is_followed(name)) {
            let (count, mean) = self.partial.entry(name.clone()).or_insert((0, 0.0));
            let sum = *count + moments.count;
            *mean += (moments.mean - *mean) * moments.count as f64 / sum.max(1) as f64;
            *count = sum;
        }
        if whole {
            for (name, (_, mean)) in std::mem::take(&mut self.partial) {
                self.values.entry(name).or_default().push(images, mean);
            }
        }
    }

    /// Takes one measure of an evaluation; says whether it is the best so far of the measure that was handed in
    /// first, which decides the best checkpoint.
    pub(super) fn observe_quality(&mut self, images: u64, name: &str, value: f64, better: Better) -> bool {
        if !value.is_finite() {
            return false;
        }
        let known = self.qualities.iter().position(|quality| quality.name == name);
        let first = self.qualities.is_empty();
        let Some(index) = known else {
            let mut series = Series::default();
            series.push(images, value);
            let best = (images, value);
            let name = name.to_owned();
            self.qualities.push(Quality { name, better, series, best, evaluations_since_best: 0 });
            return first;
        };
        let quality = &mut self.qualities[index];
        quality.series.push(images, value);
        let improved = match better {
            Better::Lower => value < quality.best.1,
            Better::Higher => value > quality.best.1,
        };
        if improved {
            (quality.best, quality.evaluations_since_best) = ((images, value), 0);
        } else {
            quality.evaluations_since_best += 1;
        }
        improved && index == 0
    }

    /// The newest values recorded under a name, such as `score/real`.
    pub fn series(&self, name: &str) -> Option<&Series> {
        self.values.get(name)
    }

    /// Every series of a group, such as `loss`, with the name within it.
    pub fn group<'a>(&'a self, group: &'a str) -> impl Iterator<Item = (&'a str, &'a Series)> + 'a {
        let within = move |name: &'a str| name.strip_prefix(group)?.strip_prefix('/');
        self.values.iter().filter_map(move |(name, series)| Some((within(name)?, series)))
    }

    /// The slopes of the losses over a window of reports, by player.
    pub fn loss_trends(&self) -> Vec<(&str, Trend)> {
        let trends = self.group("loss").filter_map(|(name, series)| Some((name, series.trend(LOSS_WINDOW)?)));
        trends.filter(|(_, trend)| trend.count >= LEAST_REPORTS).collect()
    }

    /// The measure of quality that decides the best checkpoint: the first that was handed in.
    pub fn quality(&self) -> Option<&Quality> {
        self.qualities.first()
    }

    /// Every measure of quality.
    pub fn qualities(&self) -> &[Quality] {
        &self.qualities
    }

    /// Forgets what came after `images`. The best stays: it was measured.
    pub(super) fn forget_after(&mut self, images: u64) {
        self.partial.clear();
        self.values.values_mut().for_each(|series| series.forget_after(images));
        self.values.retain(|_, series| !series.is_empty());
        self.qualities.iter_mut().for_each(|quality| quality.series.forget_after(images));
    }

    /// A new session is asked to go on: it may look for a better state as long as the first.
    pub(super) fn renew_patience(&mut self) {
        self.qualities.iter_mut().for_each(|quality| quality.evaluations_since_best = 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, f64, u64)]) -> BTreeMap<String, Moments> {
        let moments = |mean, count| Moments { mean, std: 0.0, count };
        pairs.iter().map(|(name, mean, count)| ((*name).to_owned(), moments(*mean, *count))).collect()
    }

    #[test]
    fn an_interrupted_window_is_one_window() {
        let (mut whole, mut parts) = (Convergence::default(), Convergence::default());
        whole.observe(80, &values(&[("loss/generator", 2.5, 8), ("other/x", 1.0, 1)]), true);
        parts.observe(60, &values(&[("loss/generator", 2.0, 6)]), false);
        parts.observe(80, &values(&[("loss/generator", 4.0, 2)]), true);
        assert_eq!(whole, parts);
        assert_eq!(whole.series("loss/generator").and_then(Series::last), Some((80, 2.5)));
        assert_eq!(whole.series("other/x"), None);
    }

    #[test]
    fn the_first_measure_decides_what_is_best() {
        let mut signs = Convergence::default();
        assert!(signs.observe_quality(1, "swd", 5.0, Better::Lower));
        assert!(!signs.observe_quality(1, "score", 5.0, Better::Higher));
        assert!(!signs.observe_quality(2, "swd", 6.0, Better::Lower));
        assert!(!signs.observe_quality(2, "swd", f64::NAN, Better::Lower));
        assert!(!signs.observe_quality(2, "score", 9.0, Better::Higher));
        let swd = signs.quality().expect("a measure");
        assert_eq!((swd.best, swd.evaluations_since_best), ((1, 5.0), 1));
        assert!(signs.observe_quality(3, "swd", 4.0, Better::Lower));
        assert_eq!(signs.qualities()[1].best, (2, 9.0));
    }

    #[test]
    fn quality_moves_either_way() {
        let movement = |better, values: &[f64]| {
            let mut signs = Convergence::default();
            for (index, value) in values.iter().enumerate() {
                signs.observe_quality(20_000 * index as u64, "q", *value, better);
            }
            signs.quality().expect("a measure").movement()
        };
        let falling = [9.0, 8.1, 7.0, 6.2, 5.0];
        assert_eq!(movement(Better::Lower, &falling), Movement::Improving);
        assert_eq!(movement(Better::Higher, &falling), Movement::Worsening);
        assert_eq!(movement(Better::Lower, &[5.0, 5.3, 4.9, 5.2, 5.0]), Movement::Level);
        assert_eq!(movement(Better::Lower, &[5.0, 4.0]), Movement::Unknown);
    }

    #[test]
    fn going_back_forgets_but_for_the_best() {
        let mut signs = Convergence::default();
        for images in [10, 20, 30] {
            signs.observe(images, &values(&[("score/real", 0.5, 1)]), true);
            signs.observe_quality(images, "swd", 100.0 - images as f64, Better::Lower);
        }
        signs.forget_after(20);
        assert_eq!(signs.series("score/real").and_then(Series::last).map(|p| p.0), Some(20));
        assert_eq!(signs.quality().map(|quality| quality.best), Some((30, 70.0)));
        let text = serde_json::to_string(&signs).expect("JSON");
        assert_eq!(serde_json::from_str::<Convergence>(&text).expect("back"), signs);
    }
}
