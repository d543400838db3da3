//! What a step is given besides data: the first parameter everywhere.

use crate::clock::Clock;
use crate::comm::{Comm, Together};
use crate::device::{DevicePolicy, Precision};
use crate::error::Result;
use crate::random::Streams;
use crate::recorder::Recorder;
use gan_sys::runtime::{Autocast, AutocastDtype};
use tch::Tensor;

/// Clock, policy, ranks, noise and the recorder, for one step.
pub struct StepCtx<'a> {
    clock: Clock,
    policy: &'a DevicePolicy,
    comm: &'static dyn Comm,
    recorder: &'a Recorder,
    noise: Streams,
}

impl<'a> StepCtx<'a> {
    /// The context of the step after `clock`. The trainer makes it; programs that write their own loop may too.
    pub fn new(
        clock: Clock,
        policy: &'a DevicePolicy,
        comm: &'static dyn Comm,
        recorder: &'a Recorder,
        seed: u64,
    ) -> Self {
        let noise = Streams::new(seed, comm.rank(), clock.step, policy.device);
        Self { clock, policy, comm, recorder, noise }
    }

    /// The same context with other noise, such as [`Streams::replaying`].
    #[must_use]
    pub fn with_noise(mut self, noise: Streams) -> Self {
        self.noise = noise;
        self
    }

    /// Where the run stands before this step.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Device, precision, threads.
    pub fn policy(&self) -> &DevicePolicy {
        self.policy
    }

    /// The group of ranks.
    pub fn comm(&self) -> &'static dyn Comm {
        self.comm
    }

    /// The random streams of this step.
    pub fn noise(&self) -> &Streams {
        &self.noise
    }

    /// Keeps a tensor's values for the next report, without reading them now. Names are `group/what`.
    pub fn record(&self, name: &str, value: &Tensor) {
        self.recorder.record(name, value);
    }

    /// Whether the gradient of every single parameter is recorded in this step.
    pub fn detailed(&self) -> bool {
        self.recorder.detailed.get()
    }

    /// Brackets a straight-line piece of device work: the seam for precision, timing, and batch statistics over all ranks.
    /// Losses are f32 inside as well; `Player::descend` leaves autocast by itself.
    ///
    /// # Errors
    /// The body's.
    pub fn phase<T>(&self, name: &'static str, body: impl FnOnce() -> Result<T>) -> Result<T> {
        let started = std::time::Instant::now();
        let _autocast = match self.policy.precision {
            Precision::Bf16 => Some(Autocast::enter(self.policy.device, AutocastDtype::Bf16)?),
            Precision::F32 => None,
        };
        let together = Together::enter(self.comm);
        let result = body();
        drop(together);
        self.recorder.phase(name, started.elapsed());
        result
    }

    /// Images in the memory layout that convolutions want.
    ///
    /// # Errors
    /// A tensor that is not NCHW.
    pub fn laid_out(&self, images: &Tensor) -> Result<Tensor> {
        if self.policy.channels_last {
            Ok(gan_sys::format::channels_last(images)?)
        } else {
            Ok(images.shallow_clone())
        }
    }
}
