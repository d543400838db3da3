//! Steps of a variant on recorded batches with recorded draws, and what they recorded: to follow a reference number by number.

use gan_core::clock::Clock;
use gan_core::comm::Solo;
use gan_core::data::Source;
use gan_core::device::DevicePolicy;
use gan_core::error::Result;
use gan_core::random::Streams;
use gan_core::recorder::{Moments, Recorder};
use gan_core::step::StepCtx;
use gan_core::variant::Variant;
use std::collections::VecDeque;
use tch::Tensor;

/// Plays batches once, in order.
#[derive(Debug)]
pub struct Recorded<B>(VecDeque<B>);

impl<B> Recorded<B> {
    /// A source of these batches.
    pub fn new(batches: impl IntoIterator<Item = B>) -> Self {
        Self(batches.into_iter().collect())
    }
}

impl<B> Source<B> for Recorded<B> {
    fn next(&mut self) -> Result<B> {
        Ok(self.0.pop_front().expect("a recorded batch is left"))
    }

    fn position(&self) -> u64 {
        0
    }

    fn seek(&mut self, _: u64) -> Result<()> {
        Ok(())
    }
}

/// What a step recorded, every parameter's gradient norm included.
#[derive(Debug)]
pub struct Record(Vec<(String, Moments)>);

/// Step `number` of `gan`, drawing what was drawn.
///
/// # Panics
/// Where the step fails.
pub fn step<V: Variant>(
    gan: &mut V,
    policy: &DevicePolicy,
    data: &mut dyn Source<V::Batch>,
    number: i64,
    draws: impl IntoIterator<Item = Tensor>,
) -> Record {
    step_at(gan, policy, data, Clock { step: number as u64, images: 0 }, draws)
}

/// As [`step`], where the clock stands somewhere else.
///
/// # Panics
/// As [`step`].
pub fn step_at<V: Variant>(
    gan: &mut V,
    policy: &DevicePolicy,
    data: &mut dyn Source<V::Batch>,
    clock: Clock,
    draws: impl IntoIterator<Item = Tensor>,
) -> Record {
    // Sums over threads round by how many there happen to be.
    policy.apply();
    let recorder = Recorder::default();
    recorder.detailed.set(true);
    let ctx = StepCtx::new(clock, policy, &Solo, &recorder, 1).with_noise(Streams::replaying(draws));
    gan.step(&ctx, data).expect("step");
    Record(recorder.drain())
}

impl Record {
    /// The mean of a value.
    ///
    /// # Panics
    /// If nothing of this name was recorded.
    pub fn mean(&self, name: &str) -> f32 {
        self.get(name).unwrap_or_else(|| panic!("{name} was not recorded"))
    }

    /// The mean of a value, if it was recorded.
    pub fn get(&self, name: &str) -> Option<f32> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, moments)| moments.mean as f32)
    }

    /// The mean as a tensor, as [`Golden::check`](crate::golden::Golden::check) takes it.
    ///
    /// # Panics
    /// As [`Record::mean`].
    pub fn scalar(&self, name: &str) -> Tensor {
        Tensor::from(self.mean(name))
    }

    /// The gradient norms of a player's parameters, each a number.
    ///
    /// # Panics
    /// As [`Record::mean`].
    pub fn gradient_norms<'a>(
        &self,
        player: &str,
        parameters: impl IntoIterator<Item = &'a String>,
    ) -> Tensor {
        let norm = |name: &String| self.mean(&format!("gradient_norm/{player}/{name}"));
        Tensor::from_slice(&parameters.into_iter().map(norm).collect::<Vec<f32>>())
    }
}
