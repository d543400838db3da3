//! Scores of a translator: its translations of held-out images beside what takes no network, and beside other runs.

use super::{Args, extractor};
use crate::config::{DataConfig, RunConfig};
use crate::located::{self, Located};
use crate::pairs::{self, Pairs, chunks};
use crate::say::{line, note, thousands};
use anyhow::{Context, Result};
use gan_core::data::PairBatch;
use gan_core::device::DevicePolicy;
use gan_core::tensor::range;
use gan_core::variant::{Direction, ImageTranslator};
use gan_metrics::extract::Extract;
use gan_metrics::match_histogram;
use gan_metrics::paired::{PairScore, Paired};
use gan_metrics::scores::{Gathered, Row, Score, ScoreOptions, scores};
use serde_json::json;
use std::path::{Path, PathBuf};
use tch::{Kind, Tensor};

/// Pairs that are looked at, if nobody says how many.
const MOST: usize = 1_000;
/// Images that are scored at a time.
const AT_A_TIME: i64 = 32;

/// Scores the run that was named, where it translates; `None` for others.
///
/// # Errors
/// A run, data or an extractor that cannot be used.
pub fn run(args: &Args, policy: &DevicePolicy) -> Result<Option<()>> {
    let path = Path::new(&args.subject);
    let is_run = ["config.toml", "SHA256SUMS", "meta.json"].iter().any(|file| path.join(file).exists());
    if !is_run {
        return Ok(None);
    }
    let located = Located::find(path)?;
    let checkpoint = if args.best { located.best()? } else { located.some_checkpoint()? };
    let config = located::config_of(&checkpoint)?;
    if config.gan.pairs().is_none() {
        return Ok(None);
    }
    let direction = if args.direction == "b2a" { Direction::B2a } else { Direction::A2b };
    let gan = located::load_translator(&checkpoint, policy)?;
    gan.channels(direction)?;
    let (data, what) = data(args, &config)?;
    let drawn = data.in_order(args.count.map_or(MOST, |count| count as usize), policy)?;
    let belongs = data.are_pairs() || data.are_aligned();
    let work = Work { extractor: extractor_for(args, policy)?, belongs, seed: args.seed };
    let (given, wanted) = match direction {
        Direction::A2b => (&drawn.a, &drawn.b),
        Direction::B2a => (&drawn.b, &drawn.a),
    };
    let target = range::to_bytes(&data.finished(given, wanted)?)?;
    let reals = work.extractor.as_deref().map(|extractor| gathered(extractor, &target)).transpose()?;

    let mut rows = Vec::new();
    for (name, pictures) in without_network(&data, given, &target)? {
        rows.push((name, work.scores(&pictures, &target, reals.as_ref())?));
    }
    let mut translate = |name: String, gan: &dyn ImageTranslator| -> Result<()> {
        let made = data.finished(given, &chunks(given, |part| Ok(gan.translate(part, direction)?))?)?;
        rows.push((name, work.scores(&range::to_bytes(&made)?, &target, reals.as_ref())?));
        Ok(())
    };
    for other in &args.beside {
        let checkpoint = Located::find(other)?.some_checkpoint()?;
        translate(other.display().to_string(), located::load_translator(&checkpoint, policy)?.as_ref())?;
    }
    translate(args.subject.clone(), gan.as_ref())?;

    let count = target.size()[0];
    let protocol = json!({
        "run": args.subject, "images shown": checkpoint.meta.clock.images, "direction": direction.word(),
        "pairs": count, "data": what, "extractor": work.extractor.as_ref().map(|extractor| extractor.name()),
    });
    let stem = format!("{:09}-{}.json", checkpoint.meta.clock.images, direction.word());
    let place = args.out.clone().or_else(|| located.run().map(|run| run.join("scores").join(&stem)));
    write(args, &protocol, &rows, place)?;
    Ok(Some(()))
}

/// The images that are translated: held-out ones, where there are some, or those that were named.
fn data(args: &Args, config: &RunConfig) -> Result<(Pairs, String)> {
    let opened = match args.against.as_deref() {
        None | Some("held-out") => match pairs::open_held_out(config)? {
            Some(held_out) => held_out,
            None => {
                note(format_args!(
                    "warning: nothing is held out: these are scores of what the run was trained on"
                ));
                pairs::open(config)?
            }
        },
        Some(named) => {
            let data = DataConfig {
                source: named.to_owned(),
                domain_a: String::new(),
                domain_b: String::new(),
                holdout: 0.0,
                ..config.data.clone()
            };
            pairs::open(&RunConfig { data, ..config.clone() })?
        }
    };
    let what = opened.summary();
    Ok((opened, what))
}

/// Colours are described by `MobileNetV2` where it is at hand; without one, pixels alone are compared.
fn extractor_for(args: &Args, policy: &DevicePolicy) -> Result<Option<Box<dyn Extract>>> {
    if args.extractor.is_auto() && !extractor::has_mobilenet() {
        note(format_args!(
            "note: scores in features need a network: `gan data fetch mobilenet-v2`, or --extractor; pixels alone are compared"
        ));
        return Ok(None);
    }
    Ok(Some(if args.extractor.is_auto() {
        args.extractor.mobilenet(policy)?
    } else {
        args.extractor.open(policy)?
    }))
}

/// What takes no network, each with its name.
fn without_network(data: &Pairs, given: &Tensor, target: &Tensor) -> Result<Vec<(String, Tensor)>> {
    if let Some(task) = data.task() {
        let name = match task.word() {
            "inpaint" => "the mean of the rest in the hole",
            "superres" => "bicubic",
            "colorize" => "grey",
            _ => "as it is",
        };
        let picture = task.baseline(given)?.map(|picture| range::to_bytes(&picture)).transpose()?;
        return Ok(picture.map(|picture| (name.to_owned(), picture)).into_iter().collect());
    }
    if given.size() != target.size() {
        return Ok(Vec::new());
    }
    let given = range::to_bytes(given)?;
    let matched = match_histogram(&given, target)?;
    Ok(vec![("as it is".to_owned(), given), ("colours matched".to_owned(), matched)])
}

fn gathered(extractor: &dyn Extract, images: &Tensor) -> Result<Gathered> {
    let mut gathered = Gathered::new(extractor, true)?;
    for part in images.f_split(AT_A_TIME, 0)? {
        gathered.push(extractor.extract(&part)?, &[])?;
    }
    Ok(gathered)
}

/// How every row is scored.
struct Work {
    extractor: Option<Box<dyn Extract>>,
    /// Whether an image has a true partner.
    belongs: bool,
    seed: u64,
}

impl Work {
    fn scores(&self, made: &Tensor, target: &Tensor, reals: Option<&Gathered>) -> Result<Vec<Row>> {
        let (made, target) = alike(made, target)?;
        let mut rows = Vec::new();
        if self.belongs {
            let shows_depths = self.extractor.as_ref().is_some_and(|extractor| extractor.shows_depths());
            let mut wanted = vec![PairScore::Psnr];
            if target.size()[2..].iter().all(|side| *side >= 11) {
                wanted.push(PairScore::Ssim);
            }
            if shows_depths {
                wanted.extend([PairScore::FeatureDistance, PairScore::Retrieval]);
            }
            let mut paired = Paired::new(&wanted, self.extractor.as_deref())?;
            for (made, target) in made.f_split(AT_A_TIME, 0)?.iter().zip(target.f_split(AT_A_TIME, 0)?) {
                paired.push(made, &target)?;
            }
            rows.extend(paired.scores()?.rows());
        }
        if let (Some(extractor), Some(reals)) = (self.extractor.as_deref(), reals) {
            let options = ScoreOptions { seed: self.seed, ..ScoreOptions::default() };
            rows.extend(scores(&gathered(extractor, &made)?, reals, &[Score::Fid, Score::Kid], &options)?);
        }
        Ok(rows)
    }
}

/// Grey beside colour becomes colour: they are compared as they look.
fn alike(made: &Tensor, target: &Tensor) -> Result<(Tensor, Tensor)> {
    let (made_channels, channels) = (made.size()[1], target.size()[1]);
    let coloured = |images: &Tensor| images.f_expand([-1, 3, -1, -1], false);
    Ok(match (made_channels, channels) {
        (1, 3) => (coloured(made)?, target.shallow_clone()),
        (3, 1) => (made.shallow_clone(), coloured(target)?),
        _ => (made.shallow_clone(), target.shallow_clone()),
    })
}

fn write(
    args: &Args,
    protocol: &serde_json::Value,
    rows: &[(String, Vec<Row>)],
    place: Option<PathBuf>,
) -> Result<()> {
    let table: Vec<_> =
        rows.iter().map(|(name, scores)| json!({"made by": name, "scores": scores})).collect();
    let text = serde_json::to_string_pretty(&json!({"protocol": protocol, "rows": table})).context("JSON")?;
    if args.json {
        line(format_args!("{text}"));
    } else {
        for (what, value) in protocol.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null())
        {
            let value =
                value.as_u64().map_or_else(|| value.as_str().unwrap_or_default().to_owned(), thousands);
            line(format_args!("{what:<14}{value}"));
        }
        let widest = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max(8);
        let heads =
            rows.first().map(|(_, scores)| scores.iter().map(|row| row.score.clone()).collect::<Vec<_>>());
        let heads: String = heads.into_iter().flatten().map(|head| format!("{head:>18}")).collect();
        line(format_args!("\n{:<widest$}{heads}", "made by"));
        for (name, scores) in rows {
            let cells: String = scores.iter().map(|row| format!("{:>18}", cell(row))).collect();
            line(format_args!("{name:<widest$}{cells}"));
        }
        let is_better = |lower: bool| {
            let scores = rows.first().into_iter().flat_map(|(_, scores)| scores);
            let names: Vec<&str> =
                scores.filter(|row| row.lower_is_better == lower).map(|row| row.score.as_str()).collect();
            names.join(", ")
        };
        line(format_args!("\nhigher is better: {}; lower: {}", is_better(false), is_better(true)));
    }
    if let Some(path) = place {
        gan_report::write_file(&path, text.as_bytes())?;
        if !args.json {
            line(format_args!("\nwrote {}", path.display()));
        }
    }
    Ok(())
}

/// A score with its spread.
fn cell(row: &Row) -> String {
    let value = row.value;
    let digits = if value.abs() >= 100.0 { 1 } else { 3 };
    match row.spread {
        Some(spread) => format!("{value:.digits$} ± {spread:.digits$}"),
        None => format!("{value:.digits$}"),
    }
}

/// Images in the order of their files, for those who compare.
impl Pairs {
    fn in_order(&self, count: usize, policy: &DevicePolicy) -> Result<PairBatch> {
        let signed = |bytes: Vec<Vec<u8>>, set: &gan_data::DataSet| -> Result<Tensor> {
            let size = [bytes.len() as i64, set.channels().into(), set.height().into(), set.width().into()];
            let bytes = Tensor::f_from_data_size(&bytes.concat(), &size, Kind::Uint8)?;
            Ok(range::to_signed(&bytes.f_to_device(policy.device)?)?)
        };
        let count = count.min(self.count() as usize);
        let load = |set: &gan_data::DataSet| -> Result<Tensor> {
            let images = (0..count).map(|index| set.load(index).map_err(gan_core::error::Error::from));
            signed(images.collect::<gan_core::error::Result<Vec<_>>>()?, set)
        };
        Ok(match self {
            Self::Domains([a, b], _) => PairBatch { a: load(a)?, b: load(b)?, weight: None },
            Self::Given(set) => PairBatch { a: load(set.a())?, b: load(set.b())?, weight: None },
            Self::Made(set, task) => {
                let noise = gan_core::random::Streams::new(0, 0, 0, tch::Device::Cpu);
                task.pairs(&load(set)?, &noise)?
            }
        })
    }
}
