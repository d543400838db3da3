//! Scores of generated images that each have the true one as partner, gathered batch by batch.

use crate::extract::Extract;
use crate::feature_distance::compared;
use crate::pair::{self, Estimate, Moments};
use crate::retrieval::{Retrieval, retrieval};
use crate::scores::{Row, row};
use crate::{psnr, ssim};
use gan_core::error::{Error, Result};
use tch::Tensor;

/// A score of pairs by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairScore {
    /// Peak signal-to-noise ratio.
    Psnr,
    /// Structural similarity (Wang et al. 2004).
    Ssim,
    /// How far the two lie apart at several depths of an extractor.
    FeatureDistance,
    /// Whether of all targets its own is the nearest.
    Retrieval,
}

impl PairScore {
    /// All, with the words of the command line.
    pub const ALL: [(&'static str, Self); 4] = [
        ("psnr", Self::Psnr),
        ("ssim", Self::Ssim),
        ("feature-distance", Self::FeatureDistance),
        ("retrieval", Self::Retrieval),
    ];

    /// Whether an extractor is needed.
    pub fn needs_extractor(self) -> bool {
        matches!(self, Self::FeatureDistance | Self::Retrieval)
    }
}

/// Pairs seen so far. Memory does not grow with them, but for retrieval, which keeps the features of both sides.
pub struct Paired<'a> {
    wanted: Vec<PairScore>,
    extractor: Option<&'a dyn Extract>,
    psnr: Moments,
    ssim: Moments,
    distance: Moments,
    equal: u64,
    count: u64,
    /// Features of generated images and of targets.
    kept: [Vec<Tensor>; 2],
}

/// Means over pairs; `None` for what was not asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairScores {
    /// In decibels, each pair's counted as [`psnr::CAP`] at most.
    pub psnr: Option<Estimate>,
    /// 1 at best.
    pub ssim: Option<Estimate>,
    /// 0 at best.
    pub feature_distance: Option<Estimate>,
    /// Shares of partners found.
    pub retrieval: Option<Retrieval>,
    /// Pairs.
    pub count: u64,
    /// Of which both images are equal.
    pub equal: u64,
}

impl<'a> Paired<'a> {
    /// Of no pairs yet.
    ///
    /// # Errors
    /// A score that needs an extractor where there is none.
    pub fn new(wanted: &[PairScore], extractor: Option<&'a dyn Extract>) -> Result<Self> {
        let needs =
            PairScore::ALL.iter().find(|(_, score)| wanted.contains(score) && score.needs_extractor());
        if let (Some((word, _)), None) = (needs, extractor) {
            return Err(Error::config(*word, "is taken in the features of an extractor, and there is none"));
        }
        Ok(Self {
            wanted: wanted.to_vec(),
            extractor,
            psnr: Moments::default(),
            ssim: Moments::default(),
            distance: Moments::default(),
            equal: 0,
            count: 0,
            kept: Default::default(),
        })
    }

    /// The next pairs: image i of one belongs to image i of the other. Their size may differ from that of pairs before.
    ///
    /// # Shapes
    /// both u8 `[N, C, H, W]`
    ///
    /// # Errors
    /// Images of another kind, or of two shapes, or too small for a score; LibTorch's.
    pub fn push(&mut self, generated: &Tensor, target: &Tensor) -> Result<()> {
        pair::check(generated, target)?;
        let wants = |score| self.wanted.contains(&score);
        let similar = if wants(PairScore::Ssim) { ssim::ssim(generated, target)? } else { Vec::new() };
        let ratios = psnr::psnr(generated, target)?;
        if let (Some(extractor), true) = (self.extractor, wants(PairScore::FeatureDistance)) {
            let compared = compared(extractor, generated, target)?;
            compared.distances.into_iter().for_each(|distance| self.distance.push(distance));
            self.keep([compared.generated, compared.target]);
        } else if let (Some(extractor), true) = (self.extractor, wants(PairScore::Retrieval)) {
            self.keep([vec![extractor.extract(generated)?], vec![extractor.extract(target)?]]);
        }
        self.count += ratios.len() as u64;
        self.equal += ratios.iter().filter(|ratio| ratio.is_infinite()).count() as u64;
        ratios.into_iter().for_each(|ratio| self.psnr.push(ratio.min(psnr::CAP)));
        similar.into_iter().for_each(|similarity| self.ssim.push(similarity));
        Ok(())
    }

    fn keep(&mut self, sides: [Vec<crate::Features>; 2]) {
        if self.wanted.contains(&PairScore::Retrieval) {
            for (kept, features) in self.kept.iter_mut().zip(sides) {
                kept.extend(features.into_iter().map(|features| features.pooled));
            }
        }
    }

    /// The scores of all pairs pushed.
    ///
    /// # Errors
    /// No pairs; LibTorch's.
    pub fn scores(&self) -> Result<PairScores> {
        if self.count == 0 {
            return Err(Error::config("pairs", "there are none"));
        }
        let estimate = |score, moments: &Moments| self.wanted.contains(&score).then(|| moments.estimate());
        let [generated, targets] = &self.kept;
        Ok(PairScores {
            psnr: estimate(PairScore::Psnr, &self.psnr),
            ssim: estimate(PairScore::Ssim, &self.ssim),
            feature_distance: estimate(PairScore::FeatureDistance, &self.distance),
            retrieval: match generated.is_empty() {
                true => None,
                false => Some(retrieval(&Tensor::f_cat(generated, 0)?, &Tensor::f_cat(targets, 0)?)?),
            },
            count: self.count,
            equal: self.equal,
        })
    }
}

impl PairScores {
    /// As rows of a table, with standard errors for spreads.
    pub fn rows(&self) -> Vec<Row> {
        let mean = |name: &str, estimate: Option<Estimate>, lower_is_better| {
            estimate.map(|Estimate { mean, standard_error }| Row {
                value: mean,
                spread: standard_error.is_finite().then_some(standard_error),
                ..row(name, lower_is_better)
            })
        };
        let share = |name: &str, share: f64| {
            let spread = Some((share * (1.0 - share) / self.count as f64).sqrt());
            Row { value: share, spread, ..row(name, false) }
        };
        let means = [
            mean("psnr", self.psnr, false),
            mean("ssim", self.ssim, false),
            mean("feature-distance", self.feature_distance, true),
        ];
        let found = self
            .retrieval
            .iter()
            .flat_map(|found| [share("retrieval top-1", found.top1), share("retrieval top-10", found.top10)]);
        means.into_iter().flatten().chain(found).collect()
    }
}
