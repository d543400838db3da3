//! All scores of two sets of images from features that were extracted once.

use crate::classes;
use crate::extract::{Extract, Features};
use crate::kernel::{KernelOptions, kernel_distance};
use crate::{Gaussian, frechet, inception_score, neighbours};
use gan_core::error::{Error, Result};
use gan_core::random::Streams;
use serde::Serialize;
use tch::{Device, Tensor};

/// A score by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Score {
    /// Fréchet distance (Heusel et al. 2017).
    Fid,
    /// That distance extrapolated to endless samples (Chong & Forsyth 2020).
    FidInfinity,
    /// Of each class on its own, and their mean (intra-FID: Miyato & Koyama 2018).
    FidPerClass,
    /// The share of images that the extractor's classifier takes for what they were asked to be.
    ClassAccuracy,
    /// How far images of one class lie apart in feature space.
    ClassDiversity,
    /// Kernel distance (Bińkowski et al. 2018).
    Kid,
    /// Inception score (Salimans et al. 2016).
    Is,
    /// Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020).
    Neighbours,
}

impl Score {
    /// All, with the words of the command line.
    pub const ALL: [(&'static str, Self); 8] = [
        ("fid", Self::Fid),
        ("fid-infinity", Self::FidInfinity),
        ("fid-per-class", Self::FidPerClass),
        ("class-accuracy", Self::ClassAccuracy),
        ("class-diversity", Self::ClassDiversity),
        ("kid", Self::Kid),
        ("is", Self::Is),
        ("prdc", Self::Neighbours),
    ];

    /// Whether both sides must have classes.
    pub fn needs_classes(self) -> bool {
        matches!(self, Self::FidPerClass | Self::ClassAccuracy | Self::ClassDiversity)
    }

    /// Whether features of all images are needed, and not only their mean and covariance.
    pub fn needs_features(self) -> bool {
        self != Self::Fid
    }
}

/// Constants of the scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoreOptions {
    /// Subsets of the kernel distance.
    pub kernel: KernelOptions,
    /// Parts of the inception score.
    pub splits: i64,
    /// Neighbours that a ball reaches to.
    pub neighbours: i64,
    /// Of whatever is drawn.
    pub seed: u64,
    /// Names of the classes that labels number, for scores of single ones.
    pub classes: Vec<String>,
    /// The extractor's number for each of them, where it knows them.
    pub columns: Vec<i64>,
}

impl Default for ScoreOptions {
    /// The authors', but 5 neighbours as Naeem et al. have them.
    fn default() -> Self {
        Self {
            kernel: KernelOptions::default(),
            splits: 10,
            neighbours: 5,
            seed: 1,
            classes: Vec::new(),
            columns: Vec::new(),
        }
    }
}

/// What is known of one set: statistics of each half of it, and the features if they were asked for.
#[derive(Debug)]
pub struct Gathered {
    halves: [Gaussian; 2],
    kept: Option<Kept>,
    seen: i64,
}

#[derive(Debug, Default)]
struct Kept {
    features: Vec<Tensor>,
    logits: Vec<Tensor>,
    labels: Vec<i64>,
}

impl Gathered {
    /// Of no images yet.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(extractor: &dyn Extract, keeps_features: bool) -> Result<Self> {
        let half = || Gaussian::new(extractor.dimensions());
        Ok(Self { halves: [half()?, half()?], kept: keeps_features.then(Kept::default), seen: 0 })
    }

    /// Of statistics alone, such as those in a file; they have no halves.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn of_statistics(gaussian: Gaussian) -> Result<Self> {
        let (seen, none) = (gaussian.count() as i64, Gaussian::new(gaussian.dimensions())?);
        Ok(Self { halves: [gaussian, none], kept: None, seen })
    }

    /// Of the statistics of two halves, as [`Gathered::halves`] gives them.
    pub fn of_halves(halves: [Gaussian; 2]) -> Self {
        let seen = halves.iter().map(|half| half.count() as i64).sum();
        Self { halves, kept: None, seen }
    }

    /// The next images: every second belongs to the same half. `labels` may be empty.
    ///
    /// # Errors
    /// Features that are not finite or of other dimensions; LibTorch's.
    pub fn push(&mut self, features: Features, labels: &[i64]) -> Result<()> {
        let count = features.pooled.size()[0];
        for (half, first) in self.halves.iter_mut().zip([self.seen % 2, (self.seen + 1) % 2]) {
            if first < count {
                half.push(&features.pooled.f_slice(0, first, count, 2)?)?;
            }
        }
        self.seen += count;
        if let Some(kept) = &mut self.kept {
            kept.features.push(features.pooled);
            kept.logits.extend(features.logits);
            kept.labels.extend(labels);
        }
        Ok(())
    }

    /// Images seen.
    pub fn count(&self) -> i64 {
        self.seen
    }

    /// Statistics of the images counted 0, 2, 4, ... and of the others.
    pub fn halves(&self) -> &[Gaussian; 2] {
        &self.halves
    }

    /// Statistics of all.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn whole(&self) -> Result<Gaussian> {
        let mut whole = Gaussian::new(self.halves[0].dimensions())?;
        self.halves.iter().try_for_each(|half| whole.merge(half))?;
        Ok(whole)
    }

    /// All features with the classes of their images, if they were kept.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn all(&self) -> Result<Option<(Features, &[i64])>> {
        if self.kept.is_none() {
            return Ok(None);
        }
        let features = Features { pooled: self.features()?, logits: self.logits()? };
        Ok(Some((features, self.labels()?)))
    }

    fn kept(&self) -> Result<&Kept> {
        self.kept.as_ref().ok_or_else(|| {
            Error::config("metrics", "statistics without images give the Fréchet distance (fid) alone")
        })
    }

    /// `[N, D]`
    pub(crate) fn features(&self) -> Result<Tensor> {
        Ok(Tensor::f_cat(&self.kept()?.features, 0)?)
    }

    pub(crate) fn logits(&self) -> Result<Option<Tensor>> {
        let logits = &self.kept()?.logits;
        Ok(if logits.is_empty() { None } else { Some(Tensor::f_cat(logits, 0)?) })
    }

    pub(crate) fn labels(&self) -> Result<&[i64]> {
        Ok(&self.kept()?.labels)
    }
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The score's word, with what it is of.
    pub score: String,
    /// Its value.
    pub value: f64,
    /// Its standard deviation over subsets or parts, or the standard error of a mean over pairs.
    pub spread: Option<f64>,
    /// The same of one half of the real images against the other: nothing real can be expected to do better.
    pub floor: Option<f64>,
    /// Whether less is better.
    pub lower_is_better: bool,
}

/// The scores of `generated` against `real`.
///
/// # Errors
/// Too few images for a score, scores of what was not gathered; LibTorch's.
pub fn scores(
    generated: &Gathered,
    real: &Gathered,
    wanted: &[Score],
    options: &ScoreOptions,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for &score in wanted {
        match score {
            Score::Fid => rows.push(fid(generated, real)?),
            Score::FidInfinity => rows.push(Row {
                value: frechet_infinity(&generated.features()?, &real.whole()?, options.seed)?,
                floor: None,
                ..row("fid-infinity", true)
            }),
            Score::FidPerClass => rows.extend(classes::fid(generated, real, &options.classes)?),
            Score::ClassAccuracy => rows.push(classes::accuracy(generated, real, &options.columns)?),
            Score::ClassDiversity => rows.push(classes::diversity(generated, real)?),
            Score::Kid => rows.push(kid(generated, real, options)?),
            Score::Is => {
                let (Some(logits), reals) = (generated.logits()?, real.logits()?) else {
                    return Err(Error::config(
                        "metrics",
                        "the extractor does not classify; it gives no `is`",
                    ));
                };
                let (value, spread) = inception_score(&logits, options.splits)?;
                let best = reals.map(|logits| inception_score(&logits, options.splits)).transpose()?;
                let (spread, floor) = (Some(spread), best.map(|(value, _)| value));
                rows.push(Row { value, spread, floor, ..row("is", false) });
            }
            Score::Neighbours => rows.extend(prdc(generated, real, options)?),
        }
    }
    Ok(rows)
}

pub(crate) fn row(score: &str, lower_is_better: bool) -> Row {
    Row { score: score.to_owned(), value: f64::NAN, spread: None, floor: None, lower_is_better }
}

fn fid(generated: &Gathered, real: &Gathered) -> Result<Row> {
    let [first, second] = real.halves();
    let floor = match second.count() {
        0 | 1 => None,
        _ => Some(frechet(first, second)?),
    };
    Ok(Row { value: frechet(&generated.whole()?, &real.whole()?)?, floor, ..row("fid", true) })
}

fn kid(generated: &Gathered, real: &Gathered, options: &ScoreOptions) -> Result<Row> {
    let (fakes, reals) = (generated.features()?, real.features()?);
    let [first, second] = halves(&reals)?;
    let largest = |a: &Tensor, b: &Tensor| options.kernel.size.min(a.size()[0]).min(b.size()[0]);
    let distance = |a: &Tensor, b: &Tensor| {
        kernel_distance(a, b, KernelOptions { size: largest(a, b), ..options.kernel })
    };
    let score = distance(&fakes, &reals)?;
    let floor = Some(distance(&first, &second)?.mean);
    Ok(Row { value: score.mean, spread: Some(score.std), floor, ..row("kid", true) })
}

fn prdc(generated: &Gathered, real: &Gathered, options: &ScoreOptions) -> Result<Vec<Row>> {
    let (fakes, reals) = (generated.features()?, real.features()?);
    let score = neighbours(&fakes, &reals, options.neighbours)?;
    let [first, second] = halves(&reals)?;
    let best = neighbours(&first, &second, options.neighbours)?;
    let share = |name: &str, value, floor| Row { value, floor: Some(floor), ..row(name, false) };
    Ok(vec![
        share("precision", score.precision, best.precision),
        share("recall", score.recall, best.recall),
        share("density", score.density, best.density),
        share("coverage", score.coverage, best.coverage),
    ])
}

/// Every second feature, and the others.
fn halves(features: &Tensor) -> Result<[Tensor; 2]> {
    let count = features.size()[0];
    Ok([features.f_slice(0, 0, count, 2)?, features.f_slice(0, 1, count, 2)?])
}

/// Sizes of which the distance is taken to extrapolate it.
const SIZES: i64 = 15;

/// Where the distance of ever more generated samples to `real` goes: it falls as 1 / N, so a line through 15 sizes, from a
/// tenth of the samples to all of them, meets 0 there (Chong & Forsyth 2020, section 4; their sizes begin at 5,000 of 50,000).
///
/// # Shapes
/// `generated` `[N, D]`
///
/// # Errors
/// Fewer than 20 samples; LibTorch's.
pub fn frechet_infinity(generated: &Tensor, real: &Gaussian, seed: u64) -> Result<f64> {
    let count = generated.size()[0];
    if count < 20 {
        return Err(Error::config("count", format!("{count} samples show no trend; 20 at least are needed")));
    }
    let mut points = Vec::new();
    for index in 0..SIZES {
        let size = count / 10 + (count - count / 10) * index / (SIZES - 1);
        let draws = Streams::new(seed, 0, index as u64, Device::Cpu).uniform("subset", &[count])?;
        let chosen = draws.f_argsort(0, false)?.f_narrow(0, 0, size)?;
        let mut gaussian = Gaussian::new(generated.size()[1])?;
        gaussian.push(&generated.f_index_select(0, &chosen)?)?;
        points.push((1.0 / size as f64, frechet(&gaussian, real)?));
    }
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
    let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
    let slope = mean(&|p| (p.0 - x) * (p.1 - y)) / mean(&|p| (p.0 - x).powi(2));
    Ok(y - slope * x)
}

/// Sentences about what makes the scores of two sets say less than they seem to.
pub fn warnings(generated: &Gathered, real: &Gathered) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for (side, set) in [("generated", generated), ("real", real)] {
        all.extend(set.whole()?.warning().map(|warning| format!("{side}: {warning}")));
    }
    Ok(all)
}
