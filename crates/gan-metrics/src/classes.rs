//! Scores of conditional generators: class by class.

use crate::scores::{Gathered, Row, row};
use crate::{Gaussian, frechet};
use gan_core::error::{Error, Result};
use tch::{Kind, Tensor};

/// Images of a class that are compared with each other, at most.
const MOST_OF_A_CLASS: i64 = 1_000;

/// Features of a set's images of one class.
fn of_class(features: &Tensor, labels: &[i64], class: i64) -> Result<Tensor> {
    let chosen: Vec<i64> = (0..).zip(labels).filter(|(_, label)| **label == class).map(|(i, _)| i).collect();
    Ok(features.f_index_select(0, &Tensor::f_from_slice(&chosen)?)?)
}

/// Each class for which `of` both sides' features, two of each at least, gives a number.
fn each<T>(
    generated: &Gathered,
    real: &Gathered,
    what: &str,
    of: impl Fn(&Tensor, &Tensor) -> Result<T>,
) -> Result<Vec<(i64, T)>> {
    let (fakes, reals) = (generated.features()?, real.features()?);
    let (fake_labels, real_labels) = (generated.labels()?, real.labels()?);
    let classes = real_labels.iter().max().map_or(0, |last| last + 1);
    let mut found = Vec::new();
    for class in 0..classes {
        let (ours, theirs) = (of_class(&fakes, fake_labels, class)?, of_class(&reals, real_labels, class)?);
        if ours.size()[0] > 1 && theirs.size()[0] > 1 {
            found.push((class, of(&ours, &theirs)?));
        }
    }
    if found.is_empty() {
        let why = format!("{what} needs images of known classes on both sides, two of a class at least");
        return Err(Error::config("metrics", why));
    }
    Ok(found)
}

/// The Fréchet distance of every class, after their mean (intra-FID, Miyato & Koyama 2018).
///
/// # Errors
/// Images without classes; LibTorch's.
pub(crate) fn fid(generated: &Gathered, real: &Gathered) -> Result<Vec<Row>> {
    let gaussian = |features: &Tensor| -> Result<Gaussian> {
        let mut gaussian = Gaussian::new(features.size()[1])?;
        gaussian.push(features)?;
        Ok(gaussian)
    };
    let distances =
        each(generated, real, "fid-per-class", |fakes, reals| frechet(&gaussian(fakes)?, &gaussian(reals)?))?;
    let mean = distances.iter().map(|(_, value)| value).sum::<f64>() / distances.len() as f64;
    let rows = distances
        .into_iter()
        .map(|(class, value)| Row { value, ..row(&format!("fid of class {class}"), true) });
    Ok([Row { value: mean, ..row("fid-per-class", true) }].into_iter().chain(rows).collect())
}

/// The share of images that the extractor's classifier takes for the class they were asked to be of, beside that of real
/// images.
///
/// # Errors
/// An extractor that does not classify, or into other classes; images without classes; LibTorch's.
pub(crate) fn accuracy(generated: &Gathered, real: &Gathered) -> Result<Row> {
    let share = |set: &Gathered| -> Result<f64> {
        let labels = set.labels()?;
        let Some(logits) = set.logits()? else {
            let why = "the extractor does not classify; it gives no `class-accuracy`";
            return Err(Error::config("metrics", why));
        };
        if labels.len() as i64 != logits.size()[0] || labels.contains(&-1) {
            return Err(Error::config(
                "metrics",
                "class-accuracy needs images of known classes on both sides",
            ));
        }
        let right = logits.f_argmax(1, false)?.f_eq_tensor(&Tensor::f_from_slice(labels)?)?;
        Ok(right.f_to_kind(Kind::Double)?.f_mean(Kind::Double)?.f_double_value(&[])?)
    };
    let (value, floor) = (share(generated)?, share(real)?);
    // Whoever knows these classes names real images twice as often as by chance.
    let classes = real.labels()?.iter().max().map_or(1, |last| last + 1);
    if floor < 2.0 / classes as f64 {
        let why = format!(
            "the extractor's classes are others: it names {:.0} % of the real images rightly; leave out class-accuracy",
            100.0 * floor
        );
        return Err(Error::config("metrics", why));
    }
    Ok(Row { value, floor: Some(floor), ..row("class-accuracy", false) })
}

/// The mean distance between two images of one class in feature space, mean over the classes, beside that of real images.
///
/// # Errors
/// Images without classes; LibTorch's.
pub(crate) fn diversity(generated: &Gathered, real: &Gathered) -> Result<Row> {
    let apart = |features: &Tensor| -> Result<f64> {
        let some = features.f_narrow(0, 0, features.size()[0].min(MOST_OF_A_CLASS))?;
        Ok(some.f_to_kind(Kind::Double)?.f_pdist(2.0)?.f_mean(Kind::Double)?.f_double_value(&[])?)
    };
    let distances =
        each(generated, real, "class-diversity", |ours, theirs| Ok((apart(ours)?, apart(theirs)?)))?;
    let mean = |of: fn(&(f64, f64)) -> f64| {
        distances.iter().map(|(_, pair)| of(pair)).sum::<f64>() / distances.len() as f64
    };
    Ok(Row { value: mean(|pair| pair.0), floor: Some(mean(|pair| pair.1)), ..row("class-diversity", false) })
}
