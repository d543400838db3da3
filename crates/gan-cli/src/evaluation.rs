//! An evaluation: samples of the averaged generator, from the same latents every time, against a fixed draw of reals.
//!
//! It runs on the training thread. Nearly all of it is generating, which needs the weights as they are and LibTorch's
//! threads, so that a thread of its own would save nothing; and the guard, the best checkpoint and a plateau are judged
//! by its numbers in the report of the same step, which keeps a resumed run exact.

use crate::config::RunConfig;
use crate::dataset::Opened;
use anyhow::Result;
use gan_core::data::{ImageBatch, Source};
use gan_core::device::DevicePolicy;
use gan_core::random::{self, Streams};
use gan_core::tensor::range;
use gan_core::trainer::{Better, Trainer};
use gan_core::variant::{Generate, GenerateOptions, ImageGan, Weights};
use gan_metrics::extract::{Clothes, Extract};
use gan_metrics::{Gaussian, Projections, diversity, frechet, sliced_wasserstein};
use std::cell::OnceCell;
use std::time::Instant;
use tch::{Device, Kind, Tensor};

/// Samples, reals and held-out reals that are looked at.
const IMAGES: i64 = 512;
/// Samples that are generated at a time.
const AT_A_TIME: i64 = 64;
/// What the distance in the built-in extractor's features is called.
const FID: &str = "fid-clothes";
/// Lines along which the two sets are compared.
const DIRECTIONS: i64 = 128;

/// What stays the same over a run.
#[derive(Debug)]
pub struct Evaluation {
    reals: ImageBatch,
    held_out: Option<ImageBatch>,
    latents: Tensor,
    labels: Option<Tensor>,
    /// Whether values are pixels, which are compared as u8; points are compared as they are.
    are_pixels: bool,
    projections: Projections,
    policy: DevicePolicy,
    /// For grey images the built-in extractor and what it makes of the reals; made at the first measurement.
    clothes: OnceCell<(Clothes, Gaussian)>,
    /// The reals as they are compared, and their diversity.
    compared: Tensor,
    distance: f64,
}

impl Evaluation {
    /// Draws reals and latents; the run's seed decides which.
    ///
    /// # Errors
    /// Data that cannot be read; no memory.
    pub fn new(
        config: &RunConfig,
        data: &Opened,
        held_out: Option<&Opened>,
        generator: &dyn Generate,
        policy: &DevicePolicy,
    ) -> Result<Self> {
        let seed = random::key(config.train.seed, &[], "evaluation");
        let reals = draw(config, data, seed, policy)?;
        let held_out = held_out.map(|data| draw(config, data, seed, policy)).transpose()?;
        let count = reals.images.size()[0];
        let streams = Streams::new(seed, 0, 0, Device::Cpu);
        let latents = streams.normal("latent", &[&[count][..], &generator.latent_shape()].concat())?;
        // As the reals are labelled, where attributes go together in ways that a draw of each alone does not know.
        let labels = match &reals.attributes {
            Some(attributes) if !generator.attributes().is_empty() => Some(attributes.shallow_clone()),
            _ => generator.draw_labels(&streams, count)?,
        };
        let labels = labels.map(|labels| labels.f_to_device(policy.device)).transpose()?;
        let are_pixels = config.gan.size() > 1;
        let projections = Projections { count: DIRECTIONS, seed };
        let compared = comparable(&reals.images, are_pixels)?;
        let distance = diversity(&compared)?;
        let latents = latents.f_to_device(policy.device)?;
        let (policy, clothes) = (*policy, OnceCell::new());
        Ok(Self {
            reals,
            held_out,
            latents,
            labels,
            are_pixels,
            projections,
            policy,
            clothes,
            compared,
            distance,
        })
    }

    /// Measures the generator as it is and hands the numbers in; in words for the user.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn measure(&self, gan: &dyn ImageGan, trainer: &mut Trainer) -> Result<String> {
        let began = Instant::now();
        let fakes = tch::no_grad(|| self.generate(gan.generator(Weights::Averaged)))?;
        let generated = comparable(&fakes, self.are_pixels)?;
        let fid = self.fid(&generated)?;
        let swd = sliced_wasserstein(&generated, &self.compared, &self.projections)?;
        let distance = diversity(&generated)?;
        // The first decides which checkpoint is the best.
        if let Some(fid) = fid {
            trainer.observe_quality(FID, fid, Better::Lower);
        }
        trainer.observe_quality("swd", swd, Better::Lower);
        trainer.observe("diversity/samples", distance);
        trainer.observe("diversity/reals", self.distance);
        let share = 100.0 * distance / self.distance;
        let best = trainer.watch().convergence.quality().is_some_and(|q| q.best.0 == trainer.clock().images);
        let mut words = fid.map_or_else(String::new, |fid| format!("{FID} {fid:.2}, "));
        let best = if best { " (best)" } else { "" };
        words += &format!("swd {swd:.3}{best}, diversity {share:.0} % of reals'");
        if let Some((trained, held_out, overfitting)) = tch::no_grad(|| self.overfitting(gan, &fakes))? {
            trainer.observe("accuracy/trained", trained);
            trainer.observe("accuracy/held_out", held_out);
            trainer.observe("overfitting/r_v", overfitting);
            words += &format!(
                ", held-out reals {:.0} % right, {:.0} % of those shown",
                100.0 * held_out,
                100.0 * trained
            );
        }
        Ok(format!("{words} ({:.1} s)", began.elapsed().as_secs_f64()))
    }

    /// The Fréchet distance of grey samples from the reals, in the features of the built-in extractor. It is too large by what
    /// few samples make of a covariance, by the same at every time.
    fn fid(&self, generated: &Tensor) -> Result<Option<f64>> {
        if !self.are_pixels || generated.size()[1] != 1 || generated.size()[0] < 2 {
            return Ok(None);
        }
        let gaussian = |clothes: &Clothes, images: &Tensor| -> Result<Gaussian> {
            let mut gaussian = Gaussian::new(Clothes::DIMENSIONS)?;
            gaussian.push(&clothes.extract(images)?.pooled)?;
            Ok(gaussian)
        };
        if self.clothes.get().is_none() {
            let clothes = Clothes::new(&self.policy)?;
            let reals = gaussian(&clothes, &self.compared)?;
            let _ = self.clothes.set((clothes, reals));
        }
        let Some((clothes, reals)) = self.clothes.get() else { return Ok(None) };
        let fakes = gaussian(clothes, generated)?;
        // As early samples may be, all the same: a distance like any other.
        Ok(Some(frechet(&fakes, reals)?))
    }

    fn generate(&self, generator: &dyn Generate) -> Result<Tensor> {
        let count = self.latents.size()[0];
        let mut images = Vec::new();
        let mut at = 0;
        while at < count {
            let length = AT_A_TIME.min(count - at);
            let part = |tensor: &Tensor| tensor.f_narrow(0, at, length);
            let labels = self.labels.as_ref().map(part).transpose()?;
            images.push(generator.generate(
                &part(&self.latents)?,
                labels.as_ref(),
                &GenerateOptions::default(),
            )?);
            at += length;
        }
        Ok(Tensor::f_cat(&images, 0)?)
    }

    /// Accuracy on reals that were shown and on reals that were not, and r_v of Karras et al. 2020a, equation 1:
    /// (E[D_train] - E[D_validation]) / (E[D_train] - E[D_generated]).
    fn overfitting(&self, gan: &dyn ImageGan, fakes: &Tensor) -> Result<Option<(f64, f64, f64)>> {
        let Some(held_out) = &self.held_out else { return Ok(None) };
        let generator = gan.generator(Weights::Averaged);
        let labels = |batch: &ImageBatch| {
            let labels = if generator.attributes().is_empty() { &batch.labels } else { &batch.attributes };
            let wanted = generator.classes() > 0 || !generator.attributes().is_empty();
            labels.as_ref().filter(|_| wanted).map(Tensor::shallow_clone)
        };
        let mut logits = Vec::new();
        for (images, labels) in [
            (&self.reals.images, labels(&self.reals)),
            (&held_out.images, labels(held_out)),
            (fakes, self.labels.as_ref().map(Tensor::shallow_clone)),
        ] {
            let Some(judged) = gan.judge(images, labels.as_ref()) else { return Ok(None) };
            logits.push(judged?.f_to_kind(Kind::Double)?);
        }
        let mean = |values: &Tensor| values.f_mean(Kind::Double)?.f_double_value(&[]);
        let accuracy = |values: &Tensor| mean(&values.f_gt(0.0)?.f_to_kind(Kind::Double)?);
        let [trained, unseen, generated] = [mean(&logits[0])?, mean(&logits[1])?, mean(&logits[2])?];
        // A discriminator that takes fakes for more real than reals has learned nothing, by heart or otherwise.
        let range = trained - generated;
        let share = if range > 0.0 { ((trained - unseen) / range).clamp(0.0, 1.0) } else { 0.0 };
        Ok(Some((accuracy(&logits[0])?, accuracy(&logits[1])?, share)))
    }
}

/// So many images of a set, in an order of their own.
fn draw(config: &RunConfig, data: &Opened, seed: u64, policy: &DevicePolicy) -> Result<ImageBatch> {
    let mut config = config.clone();
    config.train.seed = seed;
    let mut source = data.source(&config, policy)?;
    let wanted = match data.count() {
        0 => IMAGES,
        count => IMAGES.min(count as i64),
    };
    let (mut images, mut labels, mut attributes, mut count) = (Vec::new(), Vec::new(), Vec::new(), 0);
    while count < wanted {
        let batch = source.next()?;
        count += batch.images.size()[0];
        images.push(batch.images);
        labels.extend(batch.labels);
        attributes.extend(batch.attributes);
    }
    let joined = |parts: &[Tensor]| Tensor::f_cat(parts, 0)?.f_narrow(0, 0, wanted);
    let present = |parts: Vec<Tensor>| (!parts.is_empty()).then(|| joined(&parts)).transpose();
    Ok(ImageBatch { images: joined(&images)?, labels: present(labels)?, attributes: present(attributes)? })
}

/// Samples as they are compared: of pixels their bytes, points as they are.
fn comparable(images: &Tensor, are_pixels: bool) -> Result<Tensor> {
    Ok(if are_pixels { range::to_bytes(images)? } else { images.shallow_clone() })
}
