//! Collapse, by its signs: samples that hardly differ, a discriminator that is never in doubt, gradients that
//! explode or vanish. Each finding is one sentence: the sign, its numbers, what to try.
//!
//! A false alarm costs more than a late one: every sign is compared with the run's own earlier level or must hold
//! over a window of reports.

use crate::trainer::convergence::{Convergence, Movement};
use crate::trainer::series::{Direction, Series, median};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What happens when a run collapses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GuardMode {
    /// Nobody looks.
    Off,
    /// It is said, once per sign.
    Warn,
    /// It is said, and the run returns to the last checkpoint from before, with half the learning rates.
    Rollback,
}

/// What a collapse shows itself by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// Samples of different latents hardly differ.
    Diversity,
    /// The discriminator is sure of every image.
    Saturation,
    /// A gradient has grown far beyond its usual length.
    Exploding,
    /// A gradient has shrunk to nothing.
    Vanishing,
    /// A gradient was infinite or NaN.
    NotFinite,
}

/// One sign of a collapse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Which.
    pub sign: Sign,
    /// Images shown when all was still well: a return must go at least as far.
    pub since: u64,
    /// The sign, its numbers, what to try.
    pub sentence: String,
}

/// Reports over which the discriminator must be sure; as many at the beginning of a run do not count.
const WINDOW: usize = 8;
/// D(x) above it and D(G(z)) below its complement: the discriminator is sure.
const SURE: f64 = 0.99;
/// Accuracy above it on both: the discriminator is hardly ever wrong.
const ACCURATE: f64 = 0.995;
/// Distances between samples, as a share of those between reals, below which a run has collapsed.
const POOR: f64 = 0.25;
/// The same as a share of the run's own earlier level.
const DROP: f64 = 0.5;
/// From one evaluation to the next, a growth of distances that shows a young run.
const RISES: f64 = 1.2;
/// Reports before gradients are judged, and how many of them must agree.
const GRADIENT_HISTORY: usize = 12;
const GRADIENT_WINDOW: usize = 3;
/// How far a gradient's length must leave its median.
const EXPLODED: f64 = 30.0;
const VANISHED: f64 = 0.01;
/// Below this a gradient has vanished whatever its median.
const NOTHING: f64 = 1e-7;

/// Remembers which signs were told, so that each is told once while it lasts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Guard(BTreeSet<Sign>);

impl Guard {
    /// The signs that are there now and were not at the last look.
    pub(super) fn judge(&mut self, values: &Convergence) -> Vec<Finding> {
        let found: Vec<Finding> =
            [diversity(values), saturation(values), gradients(values)].into_iter().flatten().collect();
        let before = std::mem::replace(&mut self.0, found.iter().map(|finding| finding.sign).collect());
        found.into_iter().filter(|finding| !before.contains(&finding.sign)).collect()
    }

    /// The signs that last.
    pub fn signs(&self) -> impl Iterator<Item = Sign> + '_ {
        self.0.iter().copied()
    }

    /// The run went back: all is well again.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

fn diversity(values: &Convergence) -> Option<Finding> {
    let reals = values.series("diversity/reals")?.last()?.1;
    let shares: Vec<(u64, f64)> =
        values.series("diversity/samples")?.points().iter().map(|p| (p.0, p.1 / reals)).collect();
    let (&(_, now), earlier) = shares.split_last()?;
    let usual = median(earlier.iter().map(|p| p.1).collect())?;
    // Averaged weights begin all alike: samples that differ more and more are no collapse.
    let before = earlier.last()?.1;
    let poor_twice = now < POOR && before < POOR && (now == 0.0 || now < RISES * before);
    let dropped = earlier.len() >= 2 && now < DROP * usual;
    if !(poor_twice || dropped) {
        return None;
    }
    let floor = POOR.max(DROP * usual);
    let since = earlier.iter().rev().find(|p| p.1 >= floor).map_or(0, |p| p.0);
    let sentence = format!(
        "samples of different latents hardly differ: their mean distance is {:.1} % of that between reals ({:.1} % \
         before): the generator collapses; try a gradient penalty (regularizer.r1), packing, a mode-seeking loss or \
         a lower learning rate of the generator",
        100.0 * now,
        100.0 * usual
    );
    Some(Finding { sign: Sign::Diversity, since, sentence })
}

fn saturation(values: &Convergence) -> Option<Finding> {
    let pair = |group: &str| {
        Some((values.series(&format!("{group}/real"))?, values.series(&format!("{group}/fake"))?))
    };
    let sure =
        pair("score").and_then(|(real, fake)| unbroken(real, fake, |r, f| r >= SURE && f <= 1.0 - SURE));
    let rises = values
        .series("loss/generator")
        .and_then(|loss| loss.trend(2 * WINDOW))
        .is_some_and(|trend| trend.direction() == Direction::Up);
    let accurate = pair("accuracy")
        .and_then(|(real, fake)| unbroken(real, fake, |r, f| r >= ACCURATE && f >= ACCURATE))
        .filter(|_| rises);
    let since = sure.or(accurate)?;
    // A strong discriminator that still teaches is no collapse.
    if values.quality().is_some_and(|quality| quality.movement() == Movement::Improving) {
        return None;
    }
    let last = |name: &str| values.series(name).and_then(Series::last).map(|p| p.1);
    let numbers = match (last("score/real"), last("score/fake"), sure) {
        (Some(real), Some(fake), Some(_)) => format!("D(x) {real:.3}, D(G(z)) {fake:.3}"),
        _ => format!(
            "accuracy {:.3} on reals and {:.3} on fakes while the generator's loss rises",
            last("accuracy/real").unwrap_or(1.0),
            last("accuracy/fake").unwrap_or(1.0)
        ),
    };
    let sentence = format!(
        "the discriminator is never in doubt since {since} images ({numbers}): the generator learns nothing from it; \
         try a lower learning rate of the discriminator, a gradient penalty (regularizer.r1), instance noise or the \
         non-saturating loss"
    );
    Some(Finding { sign: Sign::Saturation, since, sentence })
}

/// Images shown before the reports at the end in which `holds`, if there are enough of them.
fn unbroken(real: &Series, fake: &Series, holds: impl Fn(f64, f64) -> bool) -> Option<u64> {
    let (real, fake) = (real.points(), fake.points());
    let count = real.len().min(fake.len());
    let pairs = real.iter().rev().zip(fake.iter().rev());
    let run = pairs.take_while(|(real, fake)| holds(real.1, fake.1)).count();
    if run < WINDOW || count < 2 * WINDOW {
        return None;
    }
    Some(real.len().checked_sub(run + 1).map_or(0, |before| real[before].0))
}

fn gradients(values: &Convergence) -> Option<Finding> {
    values.group("gradient_norm").find_map(|(player, series)| gradient(player, &series.points()))
}

fn gradient(player: &str, points: &[(u64, f64)]) -> Option<Finding> {
    if points.len() < GRADIENT_HISTORY {
        return None;
    }
    let (earlier, window) = points.split_at(points.len() - GRADIENT_WINDOW);
    let usual = median(earlier.iter().map(|p| p.1).collect())?;
    let all = |holds: &dyn Fn(f64) -> bool| window.iter().all(|p| holds(p.1));
    let now = window.last()?.1;
    let (sign, what) = if all(&|norm| norm > EXPLODED * usual) {
        (Sign::Exploding, "has exploded; try a lower learning rate, gradient clipping or a gradient penalty")
    } else if all(&|norm| norm < VANISHED * usual || norm < NOTHING) {
        (
            Sign::Vanishing,
            "has vanished; try the non-saturating loss, a weaker discriminator (a lower learning rate, \
             regularizer.r1) or instance noise",
        )
    } else {
        return None;
    };
    let sentence = format!("the gradient of the {player} is {now:.1e} long, {usual:.1e} before: it {what}");
    Some(Finding { sign, since: earlier.last()?.0, sentence })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::Moments;
    use crate::trainer::convergence::Better;

    /// A run of reports every 1,000 images.
    #[derive(Default)]
    struct Run {
        values: Convergence,
        guard: Guard,
        images: u64,
    }

    impl Run {
        fn report(&mut self, pairs: &[(&str, f64)]) -> Vec<Finding> {
            self.images += 1000;
            let moments = |mean| Moments { mean, std: 0.0, count: 1 };
            let values = pairs.iter().map(|(name, mean)| ((*name).to_owned(), moments(*mean))).collect();
            self.values.observe(self.images, &values, true);
            self.guard.judge(&self.values)
        }
    }

    #[test]
    fn a_drop_of_diversity_is_told_once() {
        let mut run = Run::default();
        let mut evaluate =
            |samples: f64| run.report(&[("diversity/samples", samples), ("diversity/reals", 10.0)]);
        for samples in [7.0, 9.0, 8.5, 9.1, 6.0] {
            assert_eq!(evaluate(samples), [], "a healthy level");
        }
        let found = evaluate(3.9);
        assert_eq!((found.len(), found[0].sign, found[0].since), (1, Sign::Diversity, 5000));
        assert!(found[0].sentence.contains("39.0 %") && found[0].sentence.contains("85.0 %"), "{found:?}");
        assert_eq!(evaluate(3.5), [], "once while it lasts");
        assert_eq!(evaluate(8.0), []);
        assert_eq!(evaluate(1.0).len(), 1, "again after it was well");
    }

    #[test]
    fn samples_that_never_differed_are_found_at_the_second_look() {
        let mut run = Run::default();
        let mut evaluate =
            |samples: f64| run.report(&[("diversity/samples", samples), ("diversity/reals", 10.0)]);
        assert_eq!(evaluate(0.1), []);
        assert_eq!(evaluate(0.1)[0].since, 0);
    }

    #[test]
    fn a_young_run_is_no_collapse() {
        let mut run = Run::default();
        for samples in [0.7, 1.6, 2.4, 4.0, 7.0] {
            assert_eq!(run.report(&[("diversity/samples", samples), ("diversity/reals", 10.0)]), []);
        }
    }

    #[test]
    fn certainty_must_last_and_teach_nothing() {
        let sure = [("score/real", 0.999), ("score/fake", 0.002)];
        let unsure = [("score/real", 0.9), ("score/fake", 0.2)];
        let mut run = Run::default();
        for _ in 0..15 {
            assert_eq!(run.report(&sure), [], "the beginning of a run does not count");
        }
        assert_eq!(run.report(&sure)[0].sign, Sign::Saturation);

        let mut run = Run::default();
        (0..20).for_each(|_| assert_eq!(run.report(&unsure), []));
        (0..7).for_each(|_| assert_eq!(run.report(&sure), []));
        let mut teaching = Run { values: run.values.clone(), guard: Guard::default(), images: run.images };
        let found = run.report(&sure);
        assert_eq!((found[0].sign, found[0].since), (Sign::Saturation, 20_000));
        for (images, swd) in [(10_000, 9.0), (15_000, 8.1), (20_000, 7.0), (25_000, 6.1)] {
            teaching.values.observe_quality(images, "swd", swd, Better::Lower);
        }
        assert_eq!(teaching.report(&sure), [], "the samples still get better");
    }

    #[test]
    fn accuracy_alone_is_no_collapse_while_the_generator_s_loss_stands() {
        for (rise, expected) in [(0.0, 0), (0.2, 1)] {
            let mut run = Run::default();
            let found: usize = (0..24)
                .map(|k| {
                    let loss = ("loss/generator", 3.0 + rise * f64::from(k));
                    run.report(&[("accuracy/real", 1.0), ("accuracy/fake", 0.999), loss]).len()
                })
                .sum();
            assert_eq!(found, expected, "{rise}");
        }
    }

    #[test]
    fn gradients_are_compared_with_their_own_past() {
        let after = |values: [f64; 3]| {
            let mut run = Run::default();
            for k in 0..12 {
                let healthy = [3.0, 9.0, 1.0, 5.0][k % 4];
                assert_eq!(run.report(&[("gradient_norm/generator", healthy)]), []);
            }
            let found: Vec<Finding> =
                values.iter().flat_map(|norm| run.report(&[("gradient_norm/generator", *norm)])).collect();
            found.into_iter().map(|finding| (finding.sign, finding.since)).next()
        };
        assert_eq!(after([500.0, 900.0, 700.0]), Some((Sign::Exploding, 12_000)));
        assert_eq!(after([0.01, 0.001, 0.0]), Some((Sign::Vanishing, 12_000)));
        assert_eq!(after([500.0, 3.0, 700.0]), None, "a spike is none");
        assert_eq!(after([0.3, 0.2, 0.3]), None);
    }
}
