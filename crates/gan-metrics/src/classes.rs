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

/// Each class of which there are two images on both sides at least, with what `of` makes of their features, and how many
/// classes there are.
fn each<T>(
    generated: &Gathered,
    real: &Gathered,
    what: &str,
    of: impl Fn(&Tensor, &Tensor) -> Result<T>,
) -> Result<(Vec<(i64, T)>, i64)> {
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
    Ok((found, classes))
}

/// A row's name, which says so if it is not of all classes.
fn named(what: &str, found: usize, classes: i64) -> String {
    match found as i64 == classes {
        true => what.to_owned(),
        false => format!("{what} of {found} of {classes} classes"),
    }
}

/// The Fréchet distance of every class, after their mean (intra-FID, Miyato & Koyama 2018).
///
/// # Errors
/// Images without classes; LibTorch's.
pub(crate) fn fid(generated: &Gathered, real: &Gathered, names: &[String]) -> Result<Vec<Row>> {
    let gaussian = |features: &Tensor| -> Result<Gaussian> {
        let mut gaussian = Gaussian::new(features.size()[1])?;
        gaussian.push(features)?;
        Ok(gaussian)
    };
    let (distances, classes) =
        each(generated, real, "fid-per-class", |fakes, reals| frechet(&gaussian(fakes)?, &gaussian(reals)?))?;
    let count = distances.len();
    let mean = distances.iter().map(|(_, value)| value).sum::<f64>() / count as f64;
    let rows = distances.into_iter().map(|(class, value)| {
        let name = names.get(class as usize).map_or_else(|| format!("class {class}"), String::clone);
        Row { value, ..row(&format!("fid of {name}"), true) }
    });
    let first = Row { value: mean, ..row(&named("fid-per-class", count, classes), true) };
    Ok([first].into_iter().chain(rows).collect())
}

/// The share of images that the extractor's classifier takes for the class they were asked to be of, beside that of real
/// images. `columns` has the extractor's number for each class.
///
/// # Errors
/// An extractor that does not classify, or into other classes; images without classes; LibTorch's.
pub(crate) fn accuracy(generated: &Gathered, real: &Gathered, columns: &[i64]) -> Result<Row> {
    let share = |set: &Gathered| -> Result<f64> {
        let Some(logits) = set.logits()? else {
            let why = "the extractor does not classify; it gives no `class-accuracy`";
            return Err(Error::config("metrics", why));
        };
        let known = |label: &i64| usize::try_from(*label).ok().and_then(|label| columns.get(label)).copied();
        let labels: Option<Vec<i64>> = set.labels()?.iter().map(known).collect();
        let Some(labels) = labels.filter(|labels| labels.len() as i64 == logits.size()[0]) else {
            let why = "class-accuracy needs images of classes that the extractor knows on both sides";
            return Err(Error::config("metrics", why));
        };
        let right = logits.f_argmax(1, false)?.f_eq_tensor(&Tensor::f_from_slice(&labels)?)?;
        Ok(right.f_to_kind(Kind::Double)?.f_mean(Kind::Double)?.f_double_value(&[])?)
    };
    Ok(Row { value: share(generated)?, floor: Some(share(real)?), ..row("class-accuracy", false) })
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
    let (distances, classes) =
        each(generated, real, "class-diversity", |ours, theirs| Ok((apart(ours)?, apart(theirs)?)))?;
    let mean = |of: fn(&(f64, f64)) -> f64| {
        distances.iter().map(|(_, pair)| of(pair)).sum::<f64>() / distances.len() as f64
    };
    Ok(Row {
        value: mean(|pair| pair.0),
        floor: Some(mean(|pair| pair.1)),
        ..row(&named("class-diversity", distances.len(), classes), false)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Extract, Features};
    use gan_core::random::Streams;
    use tch::Device;

    struct Given;

    impl Extract for Given {
        fn name(&self) -> String {
            "given".to_owned()
        }
        fn short_name(&self) -> String {
            self.name()
        }
        fn dimensions(&self) -> i64 {
            3
        }
        fn describe(&self, images: &Tensor) -> Result<Features> {
            Ok(Features { pooled: images.shallow_clone(), logits: None })
        }
    }

    /// `count` images of each of two classes around (0, 0, 0) and (9, 9, 9), and what a classifier with the classes the other
    /// way round makes of them, the first `wrong` of them wrong.
    fn set(count: i64, scale: f64, wrong: i64) -> Gathered {
        let draws =
            Streams::new(count as u64, 0, 0, Device::Cpu).normal("x", &[2 * count, 3]).expect("draws");
        let labels: Vec<i64> = (0..2 * count).map(|n| n / count).collect();
        let classes = Tensor::from_slice(&labels);
        let pooled = draws * scale + classes.unsqueeze(1).to_kind(Kind::Float) * 9.0;
        let seen: Vec<i64> =
            (0..).zip(&labels).map(|(n, label)| if n < wrong { *label } else { 1 - label }).collect();
        let logits = Tensor::from_slice(&seen).one_hot(2).to_kind(Kind::Float);
        let mut set = Gathered::new(&Given, true).expect("memory");
        set.push(Features { pooled, logits: Some(logits) }, &labels).expect("features");
        set
    }

    #[test]
    fn classes_are_scored_one_by_one() {
        let (fakes, reals) = (set(4_000, 2.0, 800), set(5_000, 1.0, 0));
        let accuracy = accuracy(&fakes, &reals, &[1, 0]).expect("a share");
        assert_eq!((accuracy.value, accuracy.floor), (0.9, Some(1.0)));
        // Twice as far from each other; within a class, however far the classes lie apart.
        let diversity = diversity(&fakes, &reals).expect("a distance");
        let ratio = diversity.value / diversity.floor.expect("of reals");
        assert!((ratio - 2.0).abs() < 0.1, "{ratio}");
        // Three dimensions of deviation 2 and 1: a distance of 3 (2 - 1)².
        let names = ["first".to_owned(), "second".to_owned()];
        let rows = fid(&fakes, &reals, &names).expect("distances");
        assert_eq!(
            rows.iter().map(|row| row.score.as_str()).collect::<Vec<_>>(),
            ["fid-per-class", "fid of first", "fid of second"]
        );
        assert!(rows.iter().all(|row| (row.value - 3.0).abs() < 0.3), "{rows:?}");
        assert!((rows[0].value - (rows[1].value + rows[2].value) / 2.0).abs() < 1e-12);
    }

    #[test]
    fn strangers_have_no_accuracy() {
        let (fakes, reals) = (set(10, 1.0, 0), set(20, 1.0, 0));
        let why = accuracy(&fakes, &reals, &[1]).expect_err("an unknown class").to_string();
        assert!(why.contains("classes that the extractor knows"), "{why}");
    }
}
