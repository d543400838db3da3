//! Scores of a translator: its translations of held-out images beside what takes no network, and beside other runs.

use super::{Args, extractor};
use crate::config::{DataConfig, RunConfig};
use crate::failure::usage;
use crate::located::{self, Located};
use crate::pairs::{self, Pairs, chunks};
use crate::say::{line, note, thousands};
use anyhow::{Context, Result};
use gan_core::data::PairBatch;
use gan_core::device::DevicePolicy;
use gan_core::tensor::range;
use gan_core::variant::{Direction, ImageTranslator};
use gan_metrics::Histogram;
use gan_metrics::extract::Extract;
use gan_metrics::paired::{PairScore, Paired};
use gan_metrics::scores::{Gathered, Row, Score, ScoreOptions, scores};
use gan_metrics::ssim;
use serde_json::json;
use std::path::{Path, PathBuf};
use tch::{Device, Tensor};

/// Pairs that are looked at, if nobody says how many.
const MOST: usize = 1_000;
/// Images that are scored at a time.
const AT_A_TIME: usize = 32;

/// Scores the run that was named, where it translates; `None` for others.
///
/// # Errors
/// A run, data or an extractor that cannot be used.
pub fn run(args: &Args, policy: &DevicePolicy) -> Result<Option<()>> {
    let path = Path::new(&args.subject);
    if !Located::is_there(path) {
        return Ok(None);
    }
    let located = Located::find(path)?;
    let checkpoint = if args.best { located.best()? } else { located.some_checkpoint()? };
    let config = located::config_of(&checkpoint)?;
    let Some(shape) = config.gan.pairs() else { return Ok(None) };
    let direction = if args.direction == "b2a" { Direction::B2a } else { Direction::A2b };
    let gan = located::load_translator(&checkpoint, policy)?;
    gan.channels(direction)?;
    let data = data(args, &config)?;
    let count = args.count.map_or(MOST, |count| count as usize).min(data.count() as usize);
    let work = Work { data: &data, direction, count, device: policy.device };
    let extractor = extractor_for(args, policy)?;
    let mut of_pairs = Vec::new();
    if data.are_pairs() {
        of_pairs.push(PairScore::Psnr);
        if shape.image.iter().all(|side| *side >= ssim::WINDOW) {
            of_pairs.push(PairScore::Ssim);
        }
        if extractor.as_ref().is_some_and(|extractor| extractor.shows_depths()) {
            of_pairs.extend([PairScore::FeatureDistance, PairScore::Retrieval]);
        }
    }
    let scorer = Scorer { extractor: extractor.as_deref(), of_pairs, seed: args.seed };

    let mut methods = work.without_network()?;
    for other in &args.beside {
        let checkpoint = Located::find(other)?.some_checkpoint()?;
        let rival = located::load_translator(&checkpoint, policy)?;
        check_alike(
            other,
            [(&located::config_of(&checkpoint)?, rival.as_ref()), (&config, gan.as_ref())],
            direction,
        )?;
        methods.push((other.display().to_string(), work.network(rival)));
    }
    methods.push((args.subject.clone(), work.network(gan)));
    let rows = work.scored(&methods, &scorer)?;

    let protocol = json!({
        "run": args.subject, "images shown": checkpoint.meta.clock.images, "direction": direction.word(),
        "pairs": count, "data": data.summary(), "extractor": extractor.as_ref().map(|extractor| extractor.name()),
    });
    let stem = format!("{:09}-{}.json", checkpoint.meta.clock.images, direction.word());
    let place = args.out.clone().or_else(|| located.run().map(|run| run.join("scores").join(&stem)));
    write(args, &protocol, &rows, place)?;
    Ok(Some(()))
}

/// Refuses to compare networks that were made for different things.
fn check_alike(
    other: &Path,
    sides: [(&RunConfig, &dyn ImageTranslator); 2],
    direction: Direction,
) -> Result<()> {
    let mut words = Vec::new();
    for (config, gan) in sides {
        let task = config.data.task.of().map_or("translation", |task| task.word());
        let [from, to] = gan.channels(direction)?;
        words.push(format!("{task}, {from} to {to} channels, {} times the size", gan.scale()));
    }
    if words[0] != words[1] {
        let [theirs, ours] = [&words[0], &words[1]];
        return Err(usage(format!(
            "--beside {}: does something else ({theirs}) than this run ({ours})",
            other.display()
        )));
    }
    Ok(())
}

/// The images that are translated: held-out ones, where there are some, or those that were named.
fn data(args: &Args, config: &RunConfig) -> Result<Pairs> {
    // Scores are of pictures as they are.
    let config = &RunConfig { data: DataConfig { mirror: false, ..config.data.clone() }, ..config.clone() };
    let DataConfig { source, domain_a, task, .. } = &config.data;
    if args.against.is_none() && source == gan_data::DEFAULT && domain_a.is_empty() && task.of().is_none() {
        return Err(usage(format!("{}: has no pairs of its own; name some with --against", args.subject)));
    }
    Ok(match args.against.as_deref() {
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
    })
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

/// What makes pictures, u8, of what a network is given.
type Method<'a> = Box<dyn Fn(&Tensor) -> Result<Tensor> + 'a>;

/// Pairs that are looked at, a few at a time.
struct Work<'a> {
    data: &'a Pairs,
    direction: Direction,
    count: usize,
    device: Device,
}

impl<'a> Work<'a> {
    /// Calls `look` with what is given and, u8, what is wanted.
    fn each(&self, mut look: impl FnMut(&Tensor, &Tensor) -> Result<()>) -> Result<()> {
        for start in (0..self.count).step_by(AT_A_TIME) {
            let PairBatch { a, b, .. } =
                self.data.numbered(start..self.count.min(start + AT_A_TIME), self.device)?;
            let (given, wanted) = match self.direction {
                Direction::A2b => (a, b),
                Direction::B2a => (b, a),
            };
            look(&given, &range::to_bytes(&self.data.finished(&given, &wanted)?)?)?;
        }
        Ok(())
    }

    /// What takes no network, each with its name.
    fn without_network(&self) -> Result<Vec<(String, Method<'a>)>> {
        if let Some(task) = self.data.task() {
            let name = match task.word() {
                "inpaint" => "the mean of the rest in the hole",
                "superres" => "bicubic",
                "colorize" => "grey",
                "denoise" => "as it is",
                _ => return Ok(Vec::new()),
            };
            let method = |given: &Tensor| -> Result<Tensor> {
                Ok(range::to_bytes(&task.baseline(given)?.context("a task with a trivial answer")?)?)
            };
            return Ok(vec![(name.to_owned(), Box::new(method))]);
        }
        let [from, to] = self.data.channels()?;
        if from != to {
            return Ok(Vec::new());
        }
        let (mut given_colours, mut wanted_colours) =
            (Histogram::new(from as usize), Histogram::new(to as usize));
        self.each(|given, wanted| {
            given_colours.push(&range::to_bytes(given)?)?;
            Ok(wanted_colours.push(wanted)?)
        })?;
        let curves = given_colours.matched_to(&wanted_colours)?;
        Ok(vec![
            ("as it is".to_owned(), Box::new(|given: &Tensor| Ok(range::to_bytes(given)?))),
            (
                "colours matched".to_owned(),
                Box::new(move |given: &Tensor| Ok(curves.apply(&range::to_bytes(given)?)?)),
            ),
        ])
    }

    fn network(&self, gan: Box<dyn ImageTranslator>) -> Method<'a> {
        let (data, direction) = (self.data, self.direction);
        Box::new(move |given| {
            let made = chunks(given, |part| Ok(gan.translate(part, direction)?))?;
            Ok(range::to_bytes(&data.finished(given, &made)?)?)
        })
    }

    /// The scores of every method; images go through all of them and are forgotten.
    fn scored(&self, methods: &[(String, Method)], scorer: &Scorer) -> Result<Vec<(String, Vec<Row>)>> {
        let mut reals = scorer.gathered()?;
        let mut seen = Vec::new();
        for _ in methods {
            seen.push((scorer.paired()?, scorer.gathered()?));
        }
        self.each(|given, wanted| {
            scorer.extract(&mut reals, wanted)?;
            for ((_, method), (paired, gathered)) in methods.iter().zip(&mut seen) {
                let (made, wanted) = alike(&method(given)?, wanted)?;
                if let Some(paired) = paired {
                    paired.push(&made, &wanted)?;
                }
                scorer.extract(gathered, &made)?;
            }
            Ok(())
        })?;
        let rows = methods.iter().zip(seen).map(|((name, _), (paired, gathered))| {
            let mut rows = match paired {
                Some(paired) => paired.scores()?.rows(),
                None => Vec::new(),
            };
            if let (Some(gathered), Some(reals)) = (gathered, &reals) {
                let options = ScoreOptions { seed: scorer.seed, ..ScoreOptions::default() };
                rows.extend(scores(&gathered, reals, &[Score::Fid, Score::Kid], &options)?);
            }
            Ok((name.clone(), rows))
        });
        rows.collect()
    }
}

/// How every method is scored.
struct Scorer<'a> {
    extractor: Option<&'a dyn Extract>,
    /// Of images with their true partners; none where there are none.
    of_pairs: Vec<PairScore>,
    seed: u64,
}

impl<'a> Scorer<'a> {
    fn paired(&self) -> Result<Option<Paired<'a>>> {
        Ok(match self.of_pairs.is_empty() {
            true => None,
            false => Some(Paired::new(&self.of_pairs, self.extractor)?),
        })
    }

    fn gathered(&self) -> Result<Option<Gathered>> {
        Ok(self.extractor.map(|extractor| Gathered::new(extractor, true)).transpose()?)
    }

    fn extract(&self, gathered: &mut Option<Gathered>, images: &Tensor) -> Result<()> {
        if let (Some(extractor), Some(gathered)) = (self.extractor, gathered) {
            gathered.push(extractor.extract(images)?, &[])?;
        }
        Ok(())
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
