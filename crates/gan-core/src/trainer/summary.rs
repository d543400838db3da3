//! How a run stands, in words: a few sentences with their numbers, and what to do next.

use crate::trainer::convergence::{Convergence, Movement, Quality};
use crate::trainer::guard::Sign;
use crate::trainer::series::{Direction, Series};
use crate::trainer::watch::Watch;
use serde::{Deserialize, Serialize};

/// Real images that are told apart from held-out ones by more than this share are overfitted.
const OVERFITTED: f64 = 0.5;

/// How a run stands, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Too little was measured to say.
    Unknown,
    /// A sign of collapse lasts.
    Collapsed,
    /// The discriminator knows its training images by heart.
    Overfitting,
    /// Samples get worse.
    Worsening,
    /// Samples get better.
    Improving,
    /// Samples no longer change.
    Converged,
}

impl Watch {
    /// How the run stands: the worst that can be said of it.
    pub fn standing(&self) -> Standing {
        let movement = self.convergence.quality().map_or(Movement::Unknown, Quality::movement);
        if self.guard.signs().next().is_some() {
            Standing::Collapsed
        } else if self.overfitting().is_some_and(|share| share > OVERFITTED) {
            Standing::Overfitting
        } else {
            match movement {
                Movement::Unknown => Standing::Unknown,
                Movement::Improving => Standing::Improving,
                Movement::Level => Standing::Converged,
                Movement::Worsening => Standing::Worsening,
            }
        }
    }

    /// r_v of Karras et al. 2020a, equation 1, at the last evaluation: 0 where the discriminator treats held-out
    /// reals as those it was trained on, 1 where it takes them for fakes.
    pub fn overfitting(&self) -> Option<f64> {
        last(&self.convergence, "overfitting/r_v")
    }

    /// The run in up to five sentences: quality, discriminator, losses, collapse, what to do next.
    pub fn summary(&self) -> String {
        let parts = [self.quality_in_words(), self.discriminator_in_words(), self.losses_in_words()];
        let mut sentences: Vec<String> = parts.into_iter().flatten().collect();
        if self.rollbacks > 0 {
            let rate = 100.0 * self.rate_factor();
            sentences.push(format!(
                "The guard went back {} times; learning rates are at {rate} %.",
                self.rollbacks
            ));
        }
        sentences.push(self.advice());
        sentences.join(" ")
    }

    fn quality_in_words(&self) -> Option<String> {
        let quality = self.convergence.quality()?;
        let (_, now) = quality.series.last()?;
        let (best_images, best) = quality.best;
        let trend = quality.trend().map_or_else(String::new, |trend| {
            format!(", {:+.3} ± {:.3} in 100,000 images", trend.slope, trend.error)
        });
        let word = match quality.movement() {
            Movement::Unknown => "too few evaluations to say where it goes".to_owned(),
            Movement::Improving => "it still improves".to_owned(),
            Movement::Level => "it has levelled off".to_owned(),
            Movement::Worsening => format!("it has got worse since {best_images} images"),
        };
        Some(format!(
            "Quality ({}) is {now:.3}, at best {best:.3} after {best_images} images{trend}: {word}.",
            quality.name
        ))
    }

    fn discriminator_in_words(&self) -> Option<String> {
        let values = &self.convergence;
        let pair = |group: &str| {
            Some((last(values, &format!("{group}/real"))?, last(values, &format!("{group}/fake"))?))
        };
        let mut text = match (pair("accuracy"), pair("score")) {
            (Some((real, fake)), _) => {
                format!(
                    "The discriminator is right about {:.0} % of reals and {:.0} % of fakes",
                    100.0 * real,
                    100.0 * fake
                )
            }
            (None, Some((real, fake))) => {
                format!("The discriminator gives reals {real:.2} and fakes {fake:.2}, where 0.5 is doubt")
            }
            (None, None) => return None,
        };
        if let (Some(trained), Some(held_out), Some(share)) =
            (last(values, "accuracy/trained"), last(values, "accuracy/held_out"), self.overfitting())
        {
            text += &format!(
                "; of reals it never saw it takes {:.0} % for real, of those it was trained on {:.0} % (overfitting \
                 r_v {share:.2} of 1)",
                100.0 * held_out,
                100.0 * trained
            );
        }
        Some(text + ".")
    }

    fn losses_in_words(&self) -> Option<String> {
        let trends = self.convergence.loss_trends();
        if trends.is_empty() {
            return None;
        }
        let moving = |direction: Direction| match direction {
            Direction::Up => "rises",
            Direction::Down => "falls",
            Direction::Level => "is level",
        };
        let words: Vec<String> = trends
            .iter()
            .map(|(player, trend)| {
                let direction = moving(trend.direction());
                format!(
                    "the {player}'s {direction} ({:+.3} ± {:.3} in 100,000 images)",
                    trend.slope, trend.error
                )
            })
            .collect();
        Some(format!("Losses: {}.", words.join(", ")))
    }

    fn advice(&self) -> String {
        match self.standing() {
            Standing::Unknown => {
                "There were too few evaluations for a verdict: train longer or set train.evaluate_images lower."
            }
            Standing::Collapsed if self.guard.signs().any(|sign| sign == Sign::Diversity) => {
                "The generator has collapsed: begin anew with a gradient penalty, packing or a lower learning rate, or \
                 with --guard rollback."
            }
            Standing::Collapsed => {
                "The balance of the players is lost: begin anew with a weaker discriminator or a gradient penalty, or \
                 with --guard rollback."
            }
            Standing::Overfitting => {
                "The discriminator overfits: more images, mirroring (--mirror) or augmentation help more than training on."
            }
            Standing::Worsening => "Training on will not help: best/ holds the run at its best.",
            Standing::Improving => "Train on: it pays.",
            Standing::Converged => "It has converged by this measure: best/ holds the run at its best.",
        }
        .to_owned()
    }
}

fn last(values: &Convergence, name: &str) -> Option<f64> {
    values.series(name).and_then(Series::last).map(|point| point.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::Moments;
    use crate::trainer::convergence::Better;

    fn watched(swd: &[f64], more: &[(&str, f64)]) -> Watch {
        let mut watch = Watch::default();
        for (index, value) in swd.iter().enumerate() {
            let images = 20_000 * (index as u64 + 1);
            watch.convergence.observe_quality(images, "swd", *value, Better::Lower);
            let moments = |mean| Moments { mean, std: 0.0, count: 1 };
            let values = more.iter().map(|(name, mean)| ((*name).to_owned(), moments(*mean))).collect();
            watch.convergence.observe(images, &values, true);
            watch.judge(images);
        }
        watch
    }

    #[test]
    fn every_standing_has_its_words() {
        let cases = [
            (watched(&[9.0, 7.9, 7.1, 6.0, 5.1], &[]), Standing::Improving, "still improves"),
            (watched(&[5.0, 5.3, 4.9, 5.2, 5.0], &[]), Standing::Converged, "levelled off"),
            (watched(&[5.0, 6.1, 7.0, 8.1, 9.0], &[]), Standing::Worsening, "worse since 20000 images"),
            (watched(&[5.0], &[]), Standing::Unknown, "too few evaluations"),
            (watched(&[5.0; 5], &[("overfitting/r_v", 0.9)]), Standing::Overfitting, "mirroring"),
            (
                watched(&[5.0; 5], &[("diversity/samples", 0.1), ("diversity/reals", 9.0)]),
                Standing::Collapsed,
                "has collapsed",
            ),
        ];
        for (watch, standing, words) in cases {
            assert_eq!(watch.standing(), standing);
            assert!(watch.summary().contains(words), "{standing:?}: {}", watch.summary());
        }
    }

    #[test]
    fn numbers_stand_in_the_words() {
        let values = [
            ("accuracy/real", 0.83),
            ("accuracy/fake", 0.79),
            ("accuracy/trained", 0.9),
            ("accuracy/held_out", 0.8),
            ("overfitting/r_v", 0.12),
            ("loss/generator", 1.5),
        ];
        let text = watched(&[9.0, 8.6, 7.9, 7.5, 7.1, 6.6, 6.0, 5.1], &values).summary();
        for words in [
            "83 % of reals",
            "79 % of fakes",
            "80 % for real",
            "90 %",
            "0.12 of 1",
            "5.100 after 160000",
            "the generator's is level",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
}
