//! `gan evaluate`: scores of a generator, or of a set of images, against real images.

mod beyond;
pub mod extractor;
mod images;
mod kept;
mod pairs;
mod report;
mod side;
pub mod sweep;
mod translations;

use crate::config::{amount, suggest};
use crate::failure::usage;
use crate::labels;
use crate::latents;
use crate::machine::Machine;
use crate::say::note;
use crate::weights::WeightChoice;
use anyhow::Result;
use gan_core::device::DevicePolicy;
use gan_metrics::extract::Extract;
use gan_metrics::paired::PairScore;
use gan_metrics::scores::{Gathered, Score, ScoreOptions, scores, warnings};
use pairs::Pairs;
use side::Side;
use std::path::PathBuf;

/// What is compared with what, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A run or checkpoint; a folder, zip or named set of images; or a .npz with the mean and covariance of features
    #[arg(value_name = "RUN|CHECKPOINT|IMAGES|NPZ")]
    subject: String,
    /// The real images, named like the first, or held-out: those that the run never saw, as it would see them [default: what
    /// the run was trained on, as it saw it]
    #[arg(long, value_name = "IMAGES|NPZ")]
    against: Option<String>,
    /// fid, kid, prdc (precision, recall, density, coverage), is, fid-infinity, fid-per-class, class-accuracy and
    /// class-diversity (of conditional GANs), swd (sliced Wasserstein, of
    /// pixels), ppl (perceptual path length, of generators); all: those that ask for no classes. Of pairs, images of two folders
    /// whose files have the same names but for their endings: psnr, ssim, feature-distance (of --extractor mobilenet), retrieval
    /// (how often of all real images an image's own partner is the nearest in the extractor's features)
    #[arg(long, value_delimiter = ',', default_value = "fid,kid,prdc", value_name = "NAMES")]
    metrics: Vec<String>,
    /// Images of each side, or pairs, that are looked at [default: all real ones, at most 50000, and as many generated; all pairs]
    #[arg(long, value_parser = amount::positive, value_name = "N")]
    count: Option<u64>,
    #[command(flatten)]
    extractor: extractor::Choice,
    /// The seed of the first sample; the next ones have the following seeds
    #[arg(long, default_value = "1", value_parser = amount::argument, value_name = "N")]
    seed: u64,
    /// Less variety, more typical pictures, the lower: latents times X, of BigGAN none beyond X, of StyleGAN psi
    #[arg(long, visible_alias = "psi", value_name = "X")]
    truncation: Option<f64>,
    /// The run as it was when its samples were best, instead of its newest checkpoint
    #[arg(long)]
    best: bool,
    #[command(flatten)]
    weights: WeightChoice,
    /// Of a run that translates: from the first domain to the second, or back
    #[arg(long, default_value = "a2b", value_parser = ["a2b", "b2a"])]
    direction: String,
    /// Of a run that translates: other runs to be scored on the same images, such as one without a discriminator
    #[arg(long, value_delimiter = ',', value_name = "RUN,...")]
    beside: Vec<PathBuf>,
    /// As JSON on stdout
    #[arg(long)]
    json: bool,
    /// The JSON into a file [default: `scores` in the run's folder, for runs]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Extract the features of real images anew instead of reading those kept from an earlier time
    #[arg(long)]
    no_cache: bool,
    #[command(flatten)]
    machine: Machine,
}

const EXAMPLES: &str = "\
Examples:
  gan evaluate runs/dcgan-fashion-mnist-32-001                 with the built-in extractor
  gan evaluate runs/cgan-fashion-mnist-001 --against held-out --metrics fid,class-accuracy,class-diversity
  gan evaluate runs/mine --count 50k --metrics fid,is --inception pt_inception-2015-12-05-6726825d.pth
  gan evaluate generated/ --against photos.zip                 two sets of images
  gan evaluate restored/ --against originals/ --metrics psnr,ssim,feature-distance,retrieval --extractor mobilenet
  gan evaluate runs/cyclegan-emoji-64-001                      translations beside what takes no network
  gan evaluate runs/superres --beside runs/superres-l1-only
  gan evaluate generated/ --against statistics.npz --metrics fid --convention pytorch-fid";

/// Most images of a side, if nobody says how many.
const MOST: u64 = 50_000;

/// Extracts, scores and prints.
///
/// # Errors
/// Sides, metrics or an extractor that cannot be used.
pub fn run(args: Args) -> Result<()> {
    let mut wanted = wanted(&args.metrics)?;
    latents::check_truncation(args.truncation)?;
    let policy = args.machine.policy()?;
    if translations::run(&args, &policy)?.is_some() {
        return Ok(());
    }
    if !args.beside.is_empty() || args.direction != "a2b" {
        let flag = if args.beside.is_empty() { "direction" } else { "beside" };
        return Err(usage(format!(
            "--{flag}: is for runs that translate images, and {} is none",
            args.subject
        )));
    }
    let mut subject = Side::subject(&args, &policy)?;
    let mut real = Side::real(&args, &subject)?;
    if subject.is_same_as(&real) {
        note(format_args!(
            "note: both sides are {}: every distance is that of a set from itself",
            real.name()
        ));
    }
    if !matches!(subject, Side::Generated(_)) && wanted.contains(&Wanted::Paths) {
        if !args.metrics.iter().any(|word| word.trim() == "all") {
            return Err(usage(format!("--metrics ppl: {} is no generator", subject.name())));
        }
        wanted.retain(|word| *word != Wanted::Paths);
    }
    let of_pairs: Vec<PairScore> = wanted.iter().filter_map(|word| word.of_pairs()).collect();
    if wanted.len() == of_pairs.len() {
        return score_pairs(&args, [&subject, &real], &of_pairs, &policy);
    }
    let extractor = args.extractor.open(&policy)?;
    check_depths(&of_pairs, extractor.as_ref())?;
    let of_features: Vec<Score> = wanted.iter().filter_map(|word| word.of_features()).collect();
    let keeps = of_features.iter().any(|score| score.needs_features());
    if (keeps || wanted.contains(&Wanted::Pixels)) && (subject.is_statistics() || real.is_statistics()) {
        return Err(usage(
            "--metrics: statistics without images give the Fréchet distance alone; use --metrics fid",
        ));
    }
    let count = args.count.unwrap_or(real.count().unwrap_or(MOST).min(MOST));
    let options = options_for(&args, extractor.as_ref(), [&mut subject, &mut real]);
    check_classes(&of_features, [&subject, &real], extractor.as_ref(), &options)?;
    subject.ask_like(&real, count)?;
    let pairs = match of_pairs.is_empty() {
        true => None,
        false => Some(Pairs::find(&subject, &real, args.count)?.score(&of_pairs, Some(extractor.as_ref()))?),
    };

    let reals = gathered(&real, extractor.as_ref(), keeps, count, !args.no_cache)?;
    let fakes = subject.gather(extractor.as_ref(), keeps, count)?;
    subject.compare_shapes(&real).into_iter().for_each(|text| note(format_args!("note: {text}")));
    for warning in warnings(&fakes, &reals)? {
        note(format_args!("warning: {warning}"));
    }
    let mut rows = scores(&fakes, &reals, &of_features, &options)?;
    if wanted.contains(&Wanted::Pixels) {
        rows.push(beyond::swd(&subject, &real, count, args.seed)?);
    }
    if let (true, Side::Generated(generated)) = (wanted.contains(&Wanted::Paths), &subject) {
        rows.push(beyond::ppl(generated, extractor.as_ref(), count, args.seed)?);
    }
    let mut protocol = report::protocol(&args, &subject, &real, extractor.as_ref(), [&fakes, &reals]);
    if let Some(scores) = &pairs {
        rows.extend(scores.rows());
        protocol.push(report::of_pairs(scores));
    }
    report::write(&args, &subject, &protocol, &extractor.short_name(), &rows)
}

/// How scores are taken of two sides, whose classes are numbered alike from then on.
fn options_for(args: &Args, extractor: &dyn Extract, [subject, real]: [&mut Side; 2]) -> ScoreOptions {
    let names = if subject.class_names().is_empty() { real.class_names() } else { subject.class_names() };
    let names = names.to_vec();
    real.number_by(&names);
    subject.number_by(&names);
    let columns = columns(extractor, &names);
    ScoreOptions { seed: args.seed, columns, classes: names, ..ScoreOptions::default() }
}

/// Scores of pairs and no others: nothing is extracted that these do not need.
fn score_pairs(
    args: &Args,
    [subject, real]: [&Side; 2],
    wanted: &[PairScore],
    policy: &DevicePolicy,
) -> Result<()> {
    let needs_extractor = wanted.iter().any(|score| score.needs_extractor());
    let extractor = if needs_extractor { Some(args.extractor.open(policy)?) } else { None };
    if let Some(extractor) = &extractor {
        check_depths(wanted, extractor.as_ref())?;
    }
    let scores = Pairs::find(subject, real, args.count)?.score(wanted, extractor.as_deref())?;
    let mut protocol = vec![("generated", subject.name()), ("real", real.name())];
    protocol.extend(extractor.as_ref().map(|extractor| ("extractor", extractor.name())));
    protocol.push(report::of_pairs(&scores));
    let name = extractor.map_or_else(|| "pixels".to_owned(), |extractor| extractor.short_name());
    report::write(args, subject, &protocol, &name, &scores.rows())
}

/// Before anything is extracted: whether the extractor can compare at several depths.
fn check_depths(wanted: &[PairScore], extractor: &dyn Extract) -> Result<()> {
    if wanted.contains(&PairScore::FeatureDistance) && !extractor.shows_depths() {
        return Err(usage(format!(
            "--metrics feature-distance: the extractor {} shows no depths; use --extractor mobilenet",
            extractor.short_name()
        )));
    }
    Ok(())
}

/// The extractor's numbers for the classes; none if there is one that it does not know.
fn columns(extractor: &dyn Extract, names: &[String]) -> Vec<i64> {
    let known: Vec<String> = extractor.class_names().iter().map(|name| (*name).to_owned()).collect();
    let columns: Vec<i64> = names.iter().map(|name| labels::place(name, &known)).collect();
    if columns.contains(&-1) { Vec::new() } else { columns }
}

/// Before anything is extracted: whether scores of classes can be had.
fn check_classes(
    scores: &[Score],
    sides: [&Side; 2],
    extractor: &dyn Extract,
    options: &ScoreOptions,
) -> Result<()> {
    let Some((word, _)) = Score::ALL.iter().find(|(_, s)| s.needs_classes() && scores.contains(s)) else {
        return Ok(());
    };
    if let Some(side) = sides.into_iter().find(|side| side.class_names().is_empty()) {
        return Err(usage(format!("--metrics {word}: {} has no classes", side.name())));
    }
    if scores.contains(&Score::ClassAccuracy) && options.columns.is_empty() {
        let known = extractor.class_names();
        let what = match known {
            [] => "the extractor names no classes".to_owned(),
            _ => format!("the extractor's classes are others: {}", known.join(", ")),
        };
        return Err(usage(format!("--metrics class-accuracy: {what}; leave it out")));
    }
    Ok(())
}

/// Features of the real side, from an earlier time where they were kept.
fn gathered(real: &Side, extractor: &dyn Extract, keeps: bool, count: u64, cached: bool) -> Result<Gathered> {
    let place = if cached { kept::place(real, extractor, count) } else { None };
    if let Some(gathered) = place.as_deref().and_then(|path| kept::read(path, extractor, keeps)) {
        return Ok(gathered);
    }
    let gathered = real.gather(extractor, keeps, count)?;
    if let Some(path) = place {
        kept::write(&path, &gathered)?;
    }
    Ok(gathered)
}

/// What a word of `--metrics` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// A score of features of both sides.
    Features(Score),
    /// The sliced Wasserstein distance of pixels.
    Pixels,
    /// The perceptual path length of a generator.
    Paths,
    /// A score of images with their partners.
    Pairs(PairScore),
}

impl Wanted {
    fn all() -> Vec<(&'static str, Self)> {
        let features = Score::ALL.iter().map(|(word, score)| (*word, Self::Features(*score)));
        let pairs = PairScore::ALL.iter().map(|(word, score)| (*word, Self::Pairs(*score)));
        features.chain([("swd", Self::Pixels), ("ppl", Self::Paths)]).chain(pairs).collect()
    }

    fn of_features(self) -> Option<Score> {
        if let Self::Features(score) = self { Some(score) } else { None }
    }

    fn of_pairs(self) -> Option<PairScore> {
        if let Self::Pairs(score) = self { Some(score) } else { None }
    }
}

fn wanted(words: &[String]) -> Result<Vec<Wanted>> {
    let all = Wanted::all();
    let known: Vec<&str> = all.iter().map(|(word, _)| *word).collect();
    let mut wanted = Vec::new();
    for word in words.iter().map(|word| word.trim()) {
        // Per class only where there are classes, and of pairs where there are some, which nobody promised.
        let is_meant = |(name, score): &&(&str, Wanted)| match word {
            "all" => {
                score.of_pairs().is_none() && score.of_features().is_none_or(|score| !score.needs_classes())
            }
            _ => *name == word,
        };
        let scores: Vec<Wanted> = all.iter().filter(is_meant).map(|(_, score)| *score).collect();
        if scores.is_empty() {
            let meant = suggest::meant(word, known.iter().copied());
            let why = format!("there is no such score{meant}; there are {} and all", known.join(", "));
            return Err(usage(format!("--metrics {word}: {why}")));
        }
        wanted.extend(scores.into_iter().filter(|score| !wanted.contains(score)).collect::<Vec<_>>());
    }
    Ok(wanted)
}
