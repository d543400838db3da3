//! What is watched over a run, as it travels in checkpoints: the signs of convergence, the guard, what happened.

use crate::recorder::Moments;
use crate::trainer::convergence::Convergence;
use crate::trainer::guard::{Finding, Guard};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Events that are remembered.
const EVENTS: usize = 20;

/// The state of watching. A checkpoint of a version before it has none and reads as a fresh one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watch {
    /// Whether the run converges.
    pub convergence: Convergence,
    /// The signs of a collapse that last.
    pub guard: Guard,
    /// Times that the run went back to a checkpoint from before a collapse.
    pub rollbacks: u32,
    /// Whether the run ended because quality no longer improved.
    pub stopped_on_plateau: bool,
    /// What happened, newest last.
    pub events: Vec<Event>,
}

/// Something worth remembering about a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Images shown when it was seen.
    pub images: u64,
    /// What.
    pub sentence: String,
}

impl Watch {
    /// What every learning rate is multiplied by: half for each return.
    pub fn rate_factor(&self) -> f64 {
        0.5f64.powi(self.rollbacks.min(60) as i32)
    }

    /// Takes the values of a whole window and says which signs of a collapse are new.
    pub(super) fn judge(&mut self, images: u64) -> Vec<Finding> {
        let found = self.guard.judge(&self.convergence);
        for finding in &found {
            self.remember(images, finding.sentence.clone());
        }
        found
    }

    pub(super) fn remember(&mut self, images: u64, sentence: String) {
        if self.events.len() == EVENTS {
            self.events.remove(0);
        }
        self.events.push(Event { images, sentence });
    }

    /// The slopes of the losses for the log: `trend/PLAYER`, the mean is the change in 100,000 images, the
    /// deviation its standard error.
    pub(super) fn trends(&self) -> BTreeMap<String, Moments> {
        let moments = |trend: crate::trainer::Trend| Moments {
            mean: trend.slope,
            std: trend.error,
            count: trend.count as u64,
        };
        let trends = self.convergence.loss_trends();
        trends.into_iter().map(|(player, trend)| (format!("trend/{player}"), moments(trend))).collect()
    }

    /// The run goes on from `images`, once more slowly.
    pub(super) fn went_back(&mut self, images: u64) {
        self.rollbacks += 1;
        self.convergence.forget_after(images);
        self.guard.clear();
    }
}
