//! The training loop: steps, and what is due between them. `train` and `resume` both end up here.

use crate::config::RunConfig;
use crate::data::Data;
use crate::evaluation::Evaluation;
use crate::failure::INTERRUPTED;
use crate::interrupt::Interrupt;
use crate::model::{Model, Training};
use crate::pair_evaluation::PairEvaluation;
use crate::progress::Progress;
use crate::say::{duration, line, note, program, quoted, thousands};
use anyhow::{Context, Result, anyhow};
use gan_core::device::DevicePolicy;
use gan_core::trainer::{Checkpoint, Report, RunDir, Trainer, Watch};
use gan_core::variant::Weights;
use gan_report::{LogLine, RunReport};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// What a session needs to begin.
#[derive(Debug)]
pub struct Start {
    /// Where and how numbers are computed.
    pub policy: DevicePolicy,
    /// The resolved configuration.
    pub config: RunConfig,
    /// The data set, opened.
    pub data: Data,
    /// Images that are never shown, if there are some.
    pub held_out: Option<Data>,
    /// The run's folder, held.
    pub run: RunDir,
    /// Where to go on; `None` at the beginning.
    pub from: Option<Checkpoint>,
    /// Whose weights to begin with, instead of new ones.
    pub transfer: Option<Checkpoint>,
}

/// Trains until the run is finished or the user interrupts it.
///
/// # Errors
/// Whatever ended training early; the sentence says what is kept.
pub fn train(start: Start) -> Result<ExitCode> {
    let Start { policy, config, data, held_out, run, from, transfer } = start;
    let folder = run.path().to_owned();
    let interrupt = Interrupt::install()?;
    let mut gan = config.gan.build(&policy, config.train.seed)?;
    let origin = transfer.map(|checkpoint| gan.transfer(&checkpoint)).transpose()?;
    let identity = gan.identity(&config.to_value())?;
    let mut trainer = Trainer::new(config.train.clone(), policy, run, identity)?;
    let mut training = training(gan, &config, &data, held_out.as_ref(), &policy)?;
    if let Some(checkpoint) = &from {
        training.resume(&mut trainer, checkpoint)?;
    }

    let report = RunReport::open(&folder)?;
    if from.is_none() {
        report.text("config", format!("```toml\n{}\n```", config.to_toml()?));
        if let Some(words) = &origin {
            note(format_args!("{words}"));
            report.text("transfer", words.as_str());
        }
        report.sample(0, "real", data.sheet()?, "samples/real.png");
    }
    let mut session = Session {
        progress: Progress::new(trainer.clock().images, config.train.images),
        warned: 0,
        data,
        broken: 0,
        report,
    };
    let began = Instant::now();
    let mut steps = || -> Result<bool> {
        loop {
            let tick = training.advance(&mut trainer)?;
            session.progress.advance(tick.clock.images);
            tick.warnings.iter().for_each(|warning| session.progress.warn(warning));
            if tick.evaluate
                && let Some(words) = training.measure(&mut trainer)?
            {
                session.progress.print(&format!("after {} images: {words}", thousands(tick.clock.images)));
            }
            if let Some(report) = &tick.report {
                session.show(report);
            }
            if tick.preview {
                session.preview(&trainer, &training)?;
            }
            if tick.finished {
                return Ok(true);
            }
            // The step of an evaluation ends with the next tick.
            if interrupt.requested() && !tick.evaluate {
                training.save_now(&mut trainer)?;
                return Ok(false);
            }
        }
    };
    let outcome = steps();
    session.progress.finish();
    let (clock, watch) = (trainer.clock(), trainer.watch().clone());
    let outcome = outcome.and_then(|finished| trainer.finish().map(|()| finished).map_err(Into::into));
    session.mention_broken_images();
    for warning in session.report.close().iter().skip(session.warned) {
        note(format_args!("warning: {warning}"));
    }
    match outcome {
        Ok(true) => {
            if let Err(error) = session.data.animate(&folder) {
                note(format_args!("warning: no animation: {}", crate::failure::sentence(&error)));
            }
            epilogue(
                &folder,
                &training,
                config.rates_end(),
                (clock.images, began.elapsed().as_secs_f64()),
                &watch,
            );
            Ok(ExitCode::SUCCESS)
        }
        Ok(false) => {
            line(format_args!(
                "interrupted and saved after {} images; go on with: {} resume {}",
                thousands(clock.images),
                program(),
                quoted(&folder)
            ));
            Ok(ExitCode::from(INTERRUPTED))
        }
        Err(error) => {
            let kept = match RunDir::checkpoints_of(&folder).last() {
                Some(checkpoint) => format!("; the checkpoint {} is kept", checkpoint.display()),
                None => "; there is no checkpoint yet".to_owned(),
            };
            let after = format!("stopped after {} images", thousands(clock.images));
            Err(anyhow!("{}{kept}", crate::failure::sentence(&error))).context(after)
        }
    }
}

/// What accompanies the steps.
struct Session {
    progress: Progress,
    report: RunReport,
    /// How many of the report's warnings were shown.
    warned: usize,
    data: Data,
    /// How many broken images were mentioned.
    broken: usize,
}

impl Session {
    fn show(&mut self, report: &Report) {
        self.progress.report(report);
        self.report.report(&log_line(report));
        for finding in &report.findings {
            self.report.text("guard", finding.sentence.as_str());
        }
        let warnings = self.report.warnings();
        for warning in warnings.iter().skip(self.warned) {
            self.progress.warn(warning);
        }
        self.warned = warnings.len();
        self.mention_broken_images();
    }

    fn mention_broken_images(&mut self) {
        let (count, sentence) = self.data.news_of_broken(self.broken);
        self.broken = count;
        if let Some(sentence) = sentence {
            self.progress.warn(&sentence);
        }
    }

    /// Only the generating happens here; encoding and writing are the report's thread's.
    fn preview(&self, trainer: &Trainer, training: &Training) -> Result<()> {
        let images = trainer.clock().images;
        let panels = training.preview(trainer)?;
        for (index, (name, picture)) in self.data.pictures_of(&panels)?.into_iter().enumerate() {
            let file = match index {
                0 => format!("samples/{images:09}.png"),
                _ => format!("samples/{images:09}-{}.png", name.replace(['/', ' '], "-")),
            };
            self.report.sample(images, &name, picture, file);
        }
        Ok(())
    }
}

/// The model with its batches and what measures it.
fn training(
    model: Model,
    config: &RunConfig,
    data: &Data,
    held_out: Option<&Data>,
    policy: &DevicePolicy,
) -> Result<Training> {
    let is_measured = (1..=config.train.images).contains(&config.train.evaluate_images);
    Ok(match model {
        Model::Generator(gan) => {
            let (data, held_out) = (data.images()?, held_out.map(Data::images).transpose()?);
            let source = data.source(config, policy)?;
            let generator = gan.generator(Weights::Averaged);
            let evaluation = || Evaluation::new(config, data, held_out, generator, policy).map(Box::new);
            Training::Generator { evaluation: is_measured.then(evaluation).transpose()?, gan, source }
        }
        Model::Translator(mut gan) => {
            let (data, held_out) = (data.pairs()?, held_out.map(Data::pairs).transpose()?);
            let source = data.source(config, policy)?;
            gan.show(data.shown(config, held_out, policy)?);
            // A distance of two sets needs two of each.
            let is_measured = is_measured && held_out.unwrap_or(data).count() > 1;
            let evaluation = || PairEvaluation::new(config, data, held_out, policy).map(Box::new);
            Training::Translator { evaluation: is_measured.then(evaluation).transpose()?, gan, source }
        }
    })
}

fn log_line(report: &Report) -> LogLine {
    let moments =
        |m: &gan_core::recorder::Moments| gan_report::Moments { mean: m.mean, std: m.std, count: m.count };
    LogLine {
        step: report.step,
        images: report.images,
        seconds: report.seconds,
        images_per_second: report.images_per_second,
        values: report.values.iter().map(|(name, values)| (name.clone(), moments(values))).collect(),
    }
}

fn epilogue(
    folder: &Path,
    training: &Training,
    rates_end: Option<u64>,
    (images, seconds): (u64, f64),
    watch: &Watch,
) {
    let (run, gan) = (quoted(folder), program());
    let end = if watch.stopped_on_plateau { "stopped on a plateau" } else { "finished" };
    line(format_args!("\n{}", watch.summary()));
    line(format_args!(
        "\n{end}: {} images; this session took {}\nthe run lies in {run}: look at samples/ and curves.png\n",
        thousands(images),
        duration(seconds)
    ));
    let (what, command) = match training {
        Training::Generator { .. } => ("new pictures:       ", format!("{gan} sample {run}")),
        Training::Translator { .. } => ("of other pictures:  ", format!("{gan} translate {run} IMAGES")),
    };
    line(format_args!("{what}  {command}"));
    if RunDir::best_of(folder).is_dir() {
        line(format_args!("at its best:          {command} --best"));
    }
    if matches!(training, Training::Generator { .. }) {
        line(format_args!("from one to another:  {gan} interpolate {run}"));
    }
    // Rates that have fallen to 0 teach nothing more.
    if rates_end.is_none_or(|end| end > images) {
        line(format_args!("train on:             {gan} resume {run} --images {}", images * 2));
    }
    line(format_args!("curves in a browser:  tensorboard --logdir {run}"));
}
