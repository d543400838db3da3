//! An evaluation of translations: the same images every time, held-out ones where there are some.
//!
//! As for images from noise (see [`crate::evaluation`]) it runs on the training thread, and its first measure decides which
//! checkpoint is the best: the sliced Wasserstein distance of what is made from what is wanted, which asks no pair to agree
//! pixel by pixel. Where there are pairs, their mean distance is measured as well.

use crate::config::RunConfig;
use crate::pairs::{Pairs, chunks};
use anyhow::Result;
use gan_core::data::PairBatch;
use gan_core::device::DevicePolicy;
use gan_core::random;
use gan_core::tensor::range;
use gan_core::trainer::{Better, Trainer};
use gan_core::variant::{Direction, ImageTranslator};
use gan_metrics::{Projections, diversity, sliced_wasserstein};
use std::time::Instant;
use tch::{Kind, Tensor};

/// Images of each side that are looked at.
const IMAGES: usize = 256;
/// Lines along which two sets are compared.
const DIRECTIONS: i64 = 128;

/// What stays the same over a run.
#[derive(Debug)]
pub struct PairEvaluation {
    drawn: PairBatch,
    data: Pairs,
    projections: Projections,
    /// Whether the sides of a pair belong together.
    are_pairs: bool,
}

impl PairEvaluation {
    /// Draws pairs; the run's seed decides which.
    ///
    /// # Errors
    /// Data that cannot be read; no memory.
    pub fn new(
        config: &RunConfig,
        data: &Pairs,
        held_out: Option<&Pairs>,
        policy: &DevicePolicy,
    ) -> Result<Self> {
        let seed = random::key(config.train.seed, &[], "evaluation");
        let data = held_out.unwrap_or(data);
        let drawn = data.drawn(config, seed, IMAGES, policy)?;
        let projections = Projections { count: DIRECTIONS, seed };
        Ok(Self { drawn, data: data.clone(), projections, are_pairs: data.are_pairs() })
    }

    /// Measures the generators as they are and hands the numbers in; in words for the user.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn measure(&self, gan: &dyn ImageTranslator, trainer: &mut Trainer) -> Result<String> {
        let began = Instant::now();
        let (mut words, mut total) = (Vec::new(), 0.0);
        for &direction in gan.directions() {
            let (given, wanted) = match direction {
                Direction::A2b => (&self.drawn.a, &self.drawn.b),
                Direction::B2a => (&self.drawn.b, &self.drawn.a),
            };
            let translate = |part: &Tensor| Ok(gan.translate(part, direction)?);
            let made = self.data.finished(given, &chunks(given, translate)?)?;
            let wanted = range::to_bytes(&self.data.finished(given, wanted)?)?;
            let made = range::to_bytes(&made)?;
            let distance = sliced_wasserstein(&made, &wanted, &self.projections)?;
            total += distance / gan.directions().len() as f64;
            let word = direction.word();
            let (of_made, of_wanted) = (diversity(&made)?, diversity(&wanted)?);
            if direction == Direction::A2b {
                trainer.observe("diversity/samples", of_made);
                trainer.observe("diversity/reals", of_wanted);
            }
            trainer.observe(&format!("quality/swd_{word}"), distance);
            words.push(format!("{word} swd {distance:.3}, diversity {:.0} %", 100.0 * of_made / of_wanted));
            if self.are_pairs {
                let apart = made.f_to_kind(Kind::Float)?.f_sub(&wanted.f_to_kind(Kind::Float)?)?;
                let apart = apart.f_abs()?.f_mean(Kind::Double)?.f_double_value(&[])?;
                trainer.observe("quality/distance", apart);
                words.push(format!("{apart:.1} grey levels from what is wanted"));
            }
        }
        trainer.observe_quality("swd", total, Better::Lower);
        let best = trainer.watch().convergence.quality().is_some_and(|q| q.best.0 == trainer.clock().images);
        let best = if best { " (best)" } else { "" };
        Ok(format!("{}{best} ({:.1} s)", words.join("; "), began.elapsed().as_secs_f64()))
    }
}
