//! The loop around a step: one step, then averages, then the clock, then whatever is due.

mod checkpoint;
mod config;
mod convergence;
mod guard;
mod log;
mod rollback;
mod run_dir;
mod series;
mod state;
mod summary;
mod watch;
mod writer;

pub use checkpoint::{Checkpoint, Identity, Meta, Parts, Transferred};
pub use config::{OnNonFinite, TrainConfig};
pub use convergence::{Better, Convergence, Movement, Quality};
pub use guard::{Finding, Guard, GuardMode, Sign};
pub use log::Report;
pub use run_dir::RunDir;
pub use series::{Direction, Series, Trend};
pub use summary::Standing;
pub use watch::{Event, Watch};

use crate::clock::{Clock, Every};
use crate::comm::{Comm, Solo};
use crate::data::Source;
use crate::device::DevicePolicy;
use crate::error::{Error, Result};
use crate::random;
use crate::recorder::{Moments, Recorder};
use crate::step::StepCtx;
use crate::variant::{Panel, PreviewCtx, Variant};
use log::Log;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Instant;
use writer::{CheckpointWriter, Places};

/// What one call of [`Trainer::advance`] brought about.
#[derive(Debug)]
pub struct Tick {
    /// Where the run stands now.
    pub clock: Clock,
    /// Whether samples are to be evaluated now: hand the numbers in with [`Trainer::observe_quality`] and
    /// [`Trainer::observe`] before the next call of [`Trainer::advance`], which makes no step but the report and the
    /// checkpoint that are due with it, so that both hold the numbers.
    pub evaluate: bool,
    /// The values since the last report, when one was due. It is in `log.jsonl` already.
    pub report: Option<Report>,
    /// Whether pictures are due: see [`Trainer::preview`].
    pub preview: bool,
    /// The checkpoint that is being written, when one was due.
    pub checkpoint: Option<PathBuf>,
    /// Whether the run has shown all its images, or has stopped on a plateau ([`Watch::stopped_on_plateau`]).
    pub finished: bool,
    /// One sentence each for what went wrong without ending the run: a full disk, a sign of collapse, a return to an
    /// earlier checkpoint.
    pub warnings: Vec<String>,
}

/// Advances a variant through a run, one step at a time.
pub struct Trainer {
    config: TrainConfig,
    policy: DevicePolicy,
    comm: &'static dyn Comm,
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
    watch: Watch,
    /// What is due once the numbers of an evaluation were handed in.
    held: Option<Due>,
    /// Numbers of an evaluation, waiting for the report.
    handed: Vec<(String, f64)>,
    /// Whether the last evaluation was the best so far.
    is_best: bool,
}

/// What a step brings with it.
#[derive(Debug, Clone, Copy)]
struct Due {
    report: bool,
    preview: bool,
    checkpoint: bool,
    finished: bool,
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
            comm: &Solo,
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
            watch: Watch::default(),
            held: None,
            handed: Vec::new(),
            is_best: false,
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
        self.watch = checkpoint.watch()?;
        if std::mem::take(&mut self.watch.stopped_on_plateau) {
            self.watch.convergence.renew_patience();
        }
        checkpoint.restore(variant, Parts::Everything)?;
        source.seek(checkpoint.meta.source_position)?;
        self.warnings.extend(self.run.set_aside_after(checkpoint.meta.clock.images)?);
        self.seconds = checkpoint.meta.seconds;
        self.stand_at(checkpoint.meta.clock, variant);
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

    /// What was watched so far: the signs of convergence and of collapse.
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Hands in a measure of sample quality. The first measure ever handed in decides the best checkpoint (`best/` in
    /// the run's folder) and when a plateau is reached; each is logged as `quality/NAME`.
    pub fn observe_quality(&mut self, name: &str, value: f64, better: Better) {
        self.is_best |= self.watch.convergence.observe_quality(self.clock.images, name, value, better);
        self.observe(&format!("quality/{name}"), value);
    }

    /// Hands in any other number of an evaluation for the next report. The guard looks at `diversity/samples` beside
    /// `diversity/reals`, the summary at `accuracy/trained`, `accuracy/held_out` and `overfitting/r_v`.
    pub fn observe(&mut self, name: &str, value: f64) {
        self.handed.push((name.to_owned(), value));
    }

    /// One step, then averages, then the clock; then report and checkpoint if they are due. Where an evaluation is
    /// due they wait for the next call: see [`Tick::evaluate`].
    ///
    /// # Errors
    /// Data that cannot be read; a gradient that was not finite, if the policy says stop; LibTorch's.
    pub fn advance<B>(
        &mut self,
        variant: &mut dyn Variant<Batch = B>,
        source: &mut dyn Source<B>,
    ) -> Result<Tick> {
        if let Some(due) = self.held.take() {
            return self.settle(variant, source, due);
        }
        if self.clock.step == 0 && self.watch.rollbacks == 0 && self.config.guard == GuardMode::Rollback {
            // So that there is always somewhere to go back to.
            self.save(variant, source, Places::CHECKPOINT)?;
        }
        let started = Instant::now();
        self.step(variant, source)?;
        self.window.in_steps += started.elapsed().as_secs_f64();

        let before = self.clock.images;
        self.clock.step += 1;
        self.clock.images += variant.images_per_step();
        let after = self.clock.images;
        let due = |images: u64| Every(images).due(before, after);

        let evaluate = due(self.config.evaluate_images);
        let finished = after >= self.config.images;
        let checkpoint = finished || due(self.config.checkpoint_images);
        let due = Due {
            // A checkpoint closes the report window, so that a resumed run logs what an uninterrupted one does.
            report: checkpoint || evaluate || due(self.config.report_images),
            preview: finished || self.clock.step == 1 || due(self.config.preview_images),
            checkpoint,
            finished,
        };
        if evaluate {
            self.held = Some(due);
            let warnings = std::mem::take(&mut self.warnings);
            return Ok(Tick { evaluate, warnings, ..self.tick() });
        }
        self.settle(variant, source, due)
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
        if let Some(due) = self.held.take() {
            self.settle(variant, source, due)?;
        } else if self.clock.images > self.window.images {
            self.report(false)?;
            if let Some(first) = self.first_skipped(variant)? {
                self.gradient_was_not_finite(variant, source, first)?;
            }
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
        let mut finished = self.clock.images >= self.config.images;
        while !finished {
            let tick = self.advance(variant, source)?;
            warnings.extend(tick.warnings);
            finished = tick.finished;
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

    /// Report, guard, checkpoint: what is due after a step, in the order in which each needs the one before.
    fn settle<B>(
        &mut self,
        variant: &mut dyn Variant<Batch = B>,
        source: &mut dyn Source<B>,
        due: Due,
    ) -> Result<Tick> {
        let mut tick = Tick { preview: due.preview, finished: due.finished, ..self.tick() };
        if due.report {
            let report = self.report(true)?;
            let findings = report.findings.clone();
            tick.report = Some(report);
            let skipped = self.first_skipped(variant)?;
            let goes_back =
                self.config.guard == GuardMode::Rollback && (skipped.is_some() || !findings.is_empty());
            if goes_back && std::mem::take(&mut self.is_best) {
                // It was measured: `best/` and what the run remembers of it must agree.
                self.save(variant, source, Places { checkpoint: false, best: true })?;
            }
            let went_back = match skipped {
                Some(first) => self.gradient_was_not_finite(variant, source, first)?,
                None => self.collapsed(variant, source, &findings)?,
            };
            if went_back {
                self.warnings.extend(self.writer.take_warnings());
                let warnings = std::mem::take(&mut self.warnings);
                return Ok(Tick { clock: self.clock, preview: false, finished: false, warnings, ..tick });
            }
        }
        let patience = self.config.stop_on_plateau;
        let quality = self.watch.convergence.quality();
        if patience > 0 && quality.is_some_and(|quality| quality.evaluations_since_best >= patience) {
            self.watch.stopped_on_plateau = true;
            tick.finished = true;
        }
        let places =
            Places { checkpoint: due.checkpoint || tick.finished, best: std::mem::take(&mut self.is_best) };
        let path = self.save(variant, source, places)?;
        tick.checkpoint = path.filter(|_| places.checkpoint);
        // What becomes of the last checkpoint is `finish`'s to say.
        let finished = tick.finished;
        let writer = &mut self.writer;
        self.warnings.extend(if finished { writer.take_earlier_warnings() } else { writer.take_warnings() });
        tick.warnings = std::mem::take(&mut self.warnings);
        Ok(tick)
    }

    /// Nothing but where the run stands.
    fn tick(&self) -> Tick {
        Tick {
            clock: self.clock,
            evaluate: false,
            report: None,
            preview: false,
            checkpoint: None,
            finished: false,
            warnings: Vec::new(),
        }
    }

    /// The seed of everything that a step draws. After a return to a checkpoint it is another one: the same draws would
    /// lead the same way.
    fn seed(&self) -> u64 {
        match self.watch.rollbacks {
            0 => self.config.seed,
            number => random::key(self.config.seed, &[number.into()], "rollback"),
        }
    }

    fn step<B>(&mut self, variant: &mut dyn Variant<Batch = B>, source: &mut dyn Source<B>) -> Result<()> {
        let run_seed = self.seed();
        let Self { policy, comm, recorder, clock, config, .. } = self;
        let batch = variant.images_per_step();
        recorder.detailed.set(Every(config.details_images).due(clock.images, clock.images + batch));
        // What draws without being asked (dropout) is keyed like everything else.
        let seed = random::key(run_seed, &[comm.rank(), clock.step], "default generator");
        gan_sys::random::seed_generator(policy.device, seed)?;
        let ctx = StepCtx::new(*clock, policy, *comm, recorder, run_seed);
        // tch panics with LibTorch's text where a variant uses its plain operators.
        catch_unwind(AssertUnwindSafe(|| variant.step(&ctx, source)))
            .unwrap_or_else(|panic| Err(Error::from_panic(&panic_text(panic.as_ref()))))?;
        for player in variant.players_mut() {
            player.update_average(batch, clock.images)?;
        }
        Ok(())
    }

    /// Reads what was recorded, watches it and logs it. `whole` is false where a session ends inside a window.
    fn report(&mut self, whole: bool) -> Result<Report> {
        let mut values: BTreeMap<String, Moments> = self.recorder.drain().into_iter().collect();
        let once = |value| Moments { mean: value, std: 0.0, count: 1 };
        values.extend(self.handed.drain(..).map(|(name, value)| (name, once(value))));
        self.watch.convergence.observe(self.clock.images, &values, whole);
        let is_watched = whole && self.config.guard != GuardMode::Off;
        let findings = if is_watched { self.watch.judge(self.clock.images) } else { Vec::new() };
        if whole {
            values.extend(self.watch.trends());
        }
        let phases = self.recorder.drain_phases();
        let elapsed = self.window.started.elapsed().as_secs_f64().max(1e-9);
        self.seconds += elapsed;
        let report = Report {
            step: self.clock.step,
            images: self.clock.images,
            seconds: self.seconds,
            images_per_second: (self.clock.images - self.window.images) as f64 / elapsed,
            share_in_steps: self.window.in_steps / elapsed,
            values,
            phase_seconds: phases.into_iter().map(|(name, seconds)| (name.to_owned(), seconds)).collect(),
            findings,
        };
        self.window = Window { started: Instant::now(), images: self.clock.images, in_steps: 0.0 };
        if let Err(error) = self.append_to_log(&report) {
            self.warnings.push(format!("the log line of step {} was lost: {error}", self.clock.step));
        }
        Ok(report)
    }

    /// The player and step of the first update that was left out for a gradient that was not finite, where that must
    /// not be; what the policy skips is mentioned.
    fn first_skipped<B>(&mut self, variant: &mut dyn Variant<Batch = B>) -> Result<Option<Error>> {
        let mut found = None;
        for player in variant.players_mut() {
            let Some((count, first)) = player.take_skipped()? else { continue };
            let name = player.name();
            match self.config.on_nonfinite {
                OnNonFinite::Stop => {
                    found = found.or(Some(Error::NonFinite { player: name.to_owned(), step: first }));
                }
                OnNonFinite::Skip => self.warnings.push(format!(
                    "{count} updates of the {name} were skipped for a gradient that was not finite, the first at step {first}"
                )),
            }
        }
        Ok(found)
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
        places: Places,
    ) -> Result<Option<PathBuf>> {
        if self.comm.rank() != 0 || !(places.checkpoint || places.best) {
            return Ok(None);
        }
        let bundle = self.bundle(variant, source)?;
        Ok(Some(self.writer.write_behind(bundle, places)))
    }

    fn bundle<B>(
        &self,
        variant: &mut dyn Variant<Batch = B>,
        source: &mut dyn Source<B>,
    ) -> Result<checkpoint::Bundle> {
        let meta = Meta::new(&self.identity, self.config.seed, self.clock, self.seconds, source.position());
        checkpoint::Bundle::of(variant, meta, &self.watch)
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a step panicked").to_owned()
}
