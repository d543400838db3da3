//! The way back from a collapse: to the last checkpoint from before it, with half the learning rates and other draws.

use super::guard::{Finding, GuardMode};
use super::writer::Places;
use super::{Checkpoint, Parts, RunDir, Trainer, Window};
use crate::clock::Clock;
use crate::data::Source;
use crate::error::{Error, Result};
use crate::variant::Variant;
use std::path::PathBuf;
use std::time::Instant;

impl Trainer {
    /// Says what was found and goes back if that is asked for and possible; whether it did.
    pub(super) fn collapsed<B>(
        &mut self,
        variant: &mut dyn Variant<Batch = B>,
        source: &mut dyn Source<B>,
        findings: &[Finding],
    ) -> Result<bool> {
        self.warnings.extend(findings.iter().map(|finding| finding.sentence.clone()));
        match findings.iter().map(|finding| finding.since).min() {
            Some(since) if self.config.guard == GuardMode::Rollback => self.go_back(variant, source, since),
            _ => Ok(false),
        }
    }

    /// Goes back if that is asked for and possible; the run ends otherwise.
    pub(super) fn gradient_was_not_finite<B>(
        &mut self,
        variant: &mut dyn Variant<Batch = B>,
        source: &mut dyn Source<B>,
        error: Error,
    ) -> Result<bool> {
        if self.config.guard != GuardMode::Rollback {
            return Err(error);
        }
        let Error::NonFinite { player, step } = &error else { return Err(error) };
        let sentence = format!("the gradient of the {player} was not finite at step {step}");
        self.watch.remember(self.clock.images, sentence.clone());
        self.warnings.push(sentence);
        // Every checkpoint closes a report window, and this is the first with such a gradient.
        let since = self.clock.images.saturating_sub(1);
        if self.go_back(variant, source, since)? { Ok(true) } else { Err(error) }
    }

    /// Where the run stands from now on: rates, log and window follow.
    pub(super) fn stand_at<B>(&mut self, clock: Clock, variant: &mut dyn Variant<Batch = B>) {
        self.clock = clock;
        let factor = self.watch.rate_factor();
        variant.players_mut().into_iter().for_each(|player| player.adam_mut().rate_factor = factor);
        (self.log, self.log_from) = (None, clock.step);
        self.window = Window { started: Instant::now(), images: clock.images, in_steps: 0.0 };
    }

    /// To the newest checkpoint taken when at most `since` images were shown. The source stays where it is: what
    /// comes next are other batches than the first time, and the draws have another seed.
    fn go_back<B>(
        &mut self,
        variant: &mut dyn Variant<Batch = B>,
        source: &mut dyn Source<B>,
        since: u64,
    ) -> Result<bool> {
        let limit = self.config.guard_rollbacks;
        if self.watch.rollbacks >= limit {
            self.warnings
                .push(format!("the guard has gone back {limit} times already and does not do so again"));
            return Ok(false);
        }
        self.writer.join();
        let Some(checkpoint) = self.newest_sound(since) else {
            self.warnings.push(format!(
                "there is no sound checkpoint from before {since} images to go back to; keep more with \
                 train.keep_checkpoints or take them more often with train.checkpoint_images"
            ));
            return Ok(false);
        };
        let from = self.clock.images;
        checkpoint.restore(variant, Parts::Everything)?;
        let clock = checkpoint.meta.clock;
        self.warnings.extend(self.run.set_aside_after(clock.images)?);
        self.watch.went_back(clock.images);
        self.stand_at(clock, variant);
        let sentence = format!(
            "went back from {from} to {} images, with learning rates at {} % (return {} of {limit})",
            clock.images,
            100.0 * self.watch.rate_factor(),
            self.watch.rollbacks
        );
        self.watch.remember(from, sentence.clone());
        self.warnings.push(sentence);
        // A kill from now on must not lose that the run went back.
        self.save(variant, source, Places::CHECKPOINT)?;
        Ok(true)
    }

    fn newest_sound(&self, since: u64) -> Option<Checkpoint> {
        let all =
            RunDir::checkpoints_of(self.run.path()).into_iter().chain([RunDir::best_of(self.run.path())]);
        let mut sound: Vec<(u64, PathBuf)> = all
            .filter_map(|path| Some((Checkpoint::open(&path).ok()?.meta.clock.images, path)))
            .filter(|(images, _)| *images <= since)
            .collect();
        sound.sort();
        sound.pop().and_then(|(_, path)| Checkpoint::open(&path).ok())
    }
}
