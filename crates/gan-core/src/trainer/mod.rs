//! The loop around a step: one step, then averages, then the clock, then whatever is due.

mod checkpoint;
mod config;
mod log;
mod run_dir;
mod state;
mod writer;

pub use checkpoint::{Checkpoint, Identity, Meta, Parts};
pub use config::{OnNonFinite, TrainConfig};
pub use log::Report;
pub use run_dir::RunDir;

use crate::clock::{Clock, Every};
use crate::comm::{Comm, Solo};
use crate::data::Source;
use crate::device::DevicePolicy;
use crate::error::{Error, Result};
use crate::random;
use crate::recorder::Recorder;
use crate::step::StepCtx;
use crate::variant::{Panel, PreviewCtx, Variant};
use log::Log;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Instant;
use writer::CheckpointWriter;

/// What one call of [`Trainer::advance`] brought about.
#[derive(Debug)]
pub struct Tick {
    /// Where the run stands now.
    pub clock: Clock,
    /// The values since the last report, when one was due. It is in `log.jsonl` already.
    pub report: Option<Report>,
    /// Whether pictures are due: see [`Trainer::preview`].
    pub preview: bool,
    /// The checkpoint that is being written, when one was due.
    pub checkpoint: Option<PathBuf>,
    /// Whether the run has shown all its images.
    pub finished: bool,
    /// One sentence each for what went wrong without ending the run, such as a full disk.
    pub warnings: Vec<String>,
}

/// Advances a variant through a run, one step at a time.
pub struct Trainer {
    config: TrainConfig,
    policy: DevicePolicy,
    comm: Box<dyn Comm>,
    run: RunDir,
    identity: Identity,
    recorder: Recorder,
    clock: Clock,
    /// Seconds of training up to the last report, over all sessions of this run.
    seconds: f64,
    window: Window,
    /// Opened at the first report: only then is it known where the run goes on.
    log: Option<Log>,
    log_from: u64,
    writer: CheckpointWriter,
    warnings: Vec<String>,
}

/// The time since the last report.
struct Window {
    started: Instant,
    images: u64,
    in_steps: f64,
}

impl Trainer {
    /// A trainer at the beginning of a run.
    ///
    /// # Errors
    /// A setting that cannot work; a run folder that cannot be written.
    pub fn new(config: TrainConfig, policy: DevicePolicy, run: RunDir, identity: Identity) -> Result<Self> {
        config.validate()?;
        let writer = CheckpointWriter::new(run.checkpoints_path(), config.keep_checkpoints)?;
        Ok(Self {
            config,
            policy,
            comm: Box::new(Solo),
            run,
            identity,
            recorder: Recorder::default(),
            clock: Clock::default(),
            seconds: 0.0,
            window: Window { started: Instant::now(), images: 0, in_steps: 0.0 },
            log: None,
            log_from: 0,
            writer,
            warnings: Vec::new(),
        })
    }

    /// Goes to where a checkpoint was taken: weights, moments, averages, extra state, clock and data position. Newer
    /// checkpoints of the run are set aside; the next tick's warnings name them.
    ///
    /// # Errors
    /// A checkpoint that is damaged or belongs to another variant or configuration.
    pub fn resume<B>(
        &mut self,
        checkpoint: &Checkpoint,
        variant: &mut dyn Variant<Batch = B>,
        source: &mut dyn Source<B>,
    ) -> Result<()> {
        checkpoint.restore(variant, Parts::Everything)?;
        source.seek(checkpoint.meta.source_position)?;
        self.clock = checkpoint.meta.clock;
        self.warnings.extend(self.run.set_aside_after(self.clock.images)?);
        self.seconds = checkpoint.meta.seconds;
        (self.log, self.log_from) = (None, self.clock.step);
        self.window = Window { started: Instant::now(), images: self.clock.images, in_steps: 0.0 };
        Ok(())
    }

    /// Where the run stands.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// The run's folder.
    pub fn run_dir(&self) -> &RunDir {
        &self.run
    }

    /// The run's settings.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// One step, then averages, then the clock; then report and checkpoint if they are due.
    ///
    /// # Errors
    /// Data that cannot be read; a gradient that was not finite, if the policy says stop; LibTorch's.
    pub fn advance<B>(
        &mut self,
        variant: &mut dyn Variant<Batch = B>,
        source: &mut dyn Source<B>,
    ) -> Result<Tick> {
        let started = Instant::now();
        self.step(variant, source)?;
        self.window.in_steps += started.elapsed().as_secs_f64();

        let before = self.clock.images;
        self.clock.step += 1;
        self.clock.images += variant.images_per_step();
        let after = self.clock.images;
        let due = |images: u64| Every(images).due(before, after);

        let finished = after >= self.config.images;
        let checkpoint_due = finished || due(self.config.checkpoint_images);
        // A checkpoint closes the report window, so that a resumed run logs what an uninterrupted one does.
        let report_due = checkpoint_due || due(self.config.report_images);
        let report = if report_due { Some(self.report(variant)?) } else { None };
        let checkpoint = if checkpoint_due { self.save(variant, source)? } else { None };
        self.warnings.extend(self.writer.take_warnings());
        let preview = finished || self.clock.step == 1 || due(self.config.preview_images);
        let warnings = std::mem::take(&mut self.warnings);
        Ok(Tick { clock: self.clock, report, preview, checkpoint, finished, warnings })
    }

    /// The variant's pictures of now, from the same noise every time.
    ///
    /// # Errors
    /// LibTorch's.
    pub fn preview<B>(&self, variant: &dyn Variant<Batch = B>) -> Result<Vec<Panel>> {
        variant.preview(&PreviewCtx::new(self.policy, self.config.seed))
    }

    /// Reports and saves now, and waits until it is on the disk: for the end of a session.
    ///
    /// # Errors
    /// A disk that cannot be written; as [`Trainer::advance`] for a gradient that was not finite.
    pub fn save_now<B>(
        &mut self,
        variant: &mut dyn Variant<Batch = B>,
        source: &mut dyn Source<B>,
    ) -> Result<PathBuf> {
        if self.clock.images > self.window.images {
            self.report(variant)?;
        }
        let bundle = self.bundle(variant, source)?;
        self.writer.write_now(bundle)
    }

    /// Trains to the end with default answers: reports to `log.jsonl`, checkpoints, no pictures. It is also
    /// the shortest description of how to write a loop of one's own. What went wrong without ending the run comes
    /// back as sentences.
    ///
    /// # Errors
    /// As [`Trainer::advance`] and [`Trainer::finish`].
    pub fn run<B>(
        mut self,
        variant: &mut dyn Variant<Batch = B>,
        source: &mut dyn Source<B>,
    ) -> Result<Vec<String>> {
        let mut warnings = Vec::new();
        while self.clock.images < self.config.images {
            warnings.extend(self.advance(variant, source)?.warnings);
        }
        self.finish().map(|()| warnings)
    }

    /// Waits for the last checkpoint.
    ///
    /// # Errors
    /// The last checkpoint could not be written.
    pub fn finish(mut self) -> Result<()> {
        self.writer.wait()
    }

    fn step<B>(&mut self, variant: &mut dyn Variant<Batch = B>, source: &mut dyn Source<B>) -> Result<()> {
        let Self { config, policy, comm, recorder, clock, .. } = self;
        // What draws without being asked (dropout) is keyed like everything else.
        let seed = random::key(config.seed, &[comm.rank(), clock.step], "default generator");
        gan_sys::random::seed_generator(policy.device, seed)?;
        let ctx = StepCtx::new(*clock, policy, comm.as_ref(), recorder, config.seed);
        // tch panics with LibTorch's text where a variant uses its plain operators.
        catch_unwind(AssertUnwindSafe(|| variant.step(&ctx, source)))
            .unwrap_or_else(|panic| Err(Error::from_panic(&panic_text(panic.as_ref()))))?;
        let batch = variant.images_per_step();
        for player in variant.players_mut() {
            player.update_average(batch, clock.images)?;
        }
        Ok(())
    }

    fn report<B>(&mut self, variant: &mut dyn Variant<Batch = B>) -> Result<Report> {
        let values = self.recorder.drain();
        let phases = self.recorder.drain_phases();
        let elapsed = self.window.started.elapsed().as_secs_f64().max(1e-9);
        self.seconds += elapsed;
        let report = Report {
            step: self.clock.step,
            images: self.clock.images,
            seconds: self.seconds,
            images_per_second: (self.clock.images - self.window.images) as f64 / elapsed,
            share_in_steps: self.window.in_steps / elapsed,
            values: values.into_iter().collect(),
            phase_seconds: phases.into_iter().map(|(name, seconds)| (name.to_owned(), seconds)).collect(),
        };
        self.window = Window { started: Instant::now(), images: self.clock.images, in_steps: 0.0 };
        if let Err(error) = self.append_to_log(&report) {
            self.warnings.push(format!("the log line of step {} was lost: {error}", self.clock.step));
        }
        for player in variant.players_mut() {
            let Some((count, first)) = player.take_skipped()? else { continue };
            let name = player.name();
            match self.config.on_nonfinite {
                OnNonFinite::Stop => return Err(Error::NonFinite { player: name.to_owned(), step: first }),
                OnNonFinite::Skip => self.warnings.push(format!(
                    "{count} updates of the {name} were skipped for a gradient that was not finite, the first at step {first}"
                )),
            }
        }
        Ok(report)
    }

    fn append_to_log(&mut self, report: &Report) -> Result<()> {
        let log = match &mut self.log {
            Some(log) => log,
            None => self.log.insert(Log::open(&self.run.log_path(), self.log_from)?),
        };
        let appended = log.append(report);
        if appended.is_err() {
            // Half a line may stand there: opening anew clears it.
            (self.log, self.log_from) = (None, self.clock.step);
        }
        appended
    }

    fn save<B>(
        &mut self,
        variant: &mut dyn Variant<Batch = B>,
        source: &mut dyn Source<B>,
    ) -> Result<Option<PathBuf>> {
        if self.comm.rank() != 0 {
            return Ok(None);
        }
        let bundle = self.bundle(variant, source)?;
        Ok(Some(self.writer.write_behind(bundle)))
    }

    fn bundle<B>(
        &self,
        variant: &mut dyn Variant<Batch = B>,
        source: &mut dyn Source<B>,
    ) -> Result<checkpoint::Bundle> {
        let meta = Meta::new(&self.identity, self.config.seed, self.clock, self.seconds, source.position());
        checkpoint::Bundle::of(variant, meta)
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a step panicked").to_owned()
}
