//! The classification accuracy score (Ravuri & Vinyals 2019): what a classifier learns from generated images, by its accuracy on
//! real ones that nobody was trained on.

use super::{Args, Pool};
use crate::progress;
use crate::say::{line, thousands};
use anyhow::{Context, Result};
use gan_core::device::DevicePolicy;
use gan_metrics::classifier::Recipe;
use gan_metrics::{Classifier, Labelled};
use serde_json::json;
use tch::Tensor;

/// Accuracies of the classifiers of one kind.
struct Measured {
    name: &'static str,
    images: usize,
    /// Of all test images.
    accuracies: Vec<f64>,
    /// Of test images of the classes that were filled up.
    filled: Vec<f64>,
}

/// Trains classifiers on each of `alone` and on the real images together with `added`, and prints what they make of `test`.
///
/// # Errors
/// Too few images; LibTorch's.
pub fn compare(
    args: &Args,
    alone: [(&'static str, &Pool); 2],
    added: &Pool,
    test: &Pool,
    names: &[String],
    policy: &DevicePolicy,
) -> Result<()> {
    let [(_, real), _] = alone;
    let both = Pool {
        images: match added.labels.is_empty() {
            true => real.images.shallow_clone(),
            false => Tensor::f_cat(&[&real.images, &added.images], 0)?,
        },
        labels: [real.labels.as_slice(), &added.labels].concat(),
    };
    let mut filled = added.labels.clone();
    filled.sort_unstable();
    filled.dedup();
    let kinds = [alone[0], alone[1], ("real and generated", &both)];
    let bar = progress::counted("training classifiers", kinds.len() as u64 * args.classifiers);
    let mut table = Vec::new();
    for (name, pool) in kinds {
        let mut measured = Measured { name, images: pool.labels.len(), accuracies: vec![], filled: vec![] };
        for seed in 1..=args.classifiers {
            let classifier = trained(pool, names.len(), (seed, args.shown), policy)?;
            let (all, of_filled) = accuracies(&classifier, test, &filled)?;
            measured.accuracies.push(all);
            measured.filled.push(of_filled);
            bar.inc(1);
        }
        table.push(measured);
    }
    bar.finish_and_clear();
    print(args, &table, test)
}

/// A classifier that was shown as many images as any other, whatever it learns from.
fn trained(
    pool: &Pool,
    classes: usize,
    (seed, shown): (u64, u64),
    policy: &DevicePolicy,
) -> Result<Classifier> {
    let count = pool.labels.len() as i64;
    let data = Labelled {
        name: String::new(),
        images: pool.images.shallow_clone(),
        labels: Tensor::f_from_slice(&pool.labels)?,
        classes: classes as i64,
    };
    let batch = Recipe::default().batch.min(count / 2);
    let shown = (shown as i64).max(batch);
    let recipe = Recipe { shown, batch, seed, test_every: 0, ..Recipe::default() };
    Ok(Classifier::trained(&data, &recipe, policy, None)?)
}

/// Of all test images, and of those of some classes.
fn accuracies(classifier: &Classifier, test: &Pool, classes: &[i64]) -> Result<(f64, f64)> {
    let labels = Tensor::f_from_slice(&test.labels)?;
    let all = classifier.accuracy_on(&test.images, &labels)?;
    let chosen: Vec<i64> =
        (0..).zip(&test.labels).filter(|(_, label)| classes.contains(label)).map(|(n, _)| n).collect();
    if chosen.is_empty() || chosen.len() == test.labels.len() {
        return Ok((all, all));
    }
    let chosen = Tensor::f_from_slice(&chosen)?;
    let images = test.images.f_index_select(0, &chosen)?;
    Ok((all, classifier.accuracy_on(&images, &labels.f_index_select(0, &chosen)?)?))
}

/// Mean and standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squared = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (mean, (squared / (count - 1.0).max(1.0)).sqrt())
}

fn print(args: &Args, table: &[Measured], test: &Pool) -> Result<()> {
    if args.json {
        let rows: Vec<_> = table
            .iter()
            .map(|row| {
                json!({ "trained_on": row.name, "images": row.images, "accuracies": row.accuracies,
                        "filled_up_classes": row.filled })
            })
            .collect();
        let facts = json!({ "test_images": test.labels.len(), "shown": args.shown, "rows": rows });
        line(format_args!("{}", serde_json::to_string_pretty(&facts).context("JSON")?));
        return Ok(());
    }
    line(format_args!(
        "accuracy on {} real test images, mean and spread of {} classifiers, each shown {} images",
        thousands(test.labels.len() as u64),
        args.classifiers,
        thousands(args.shown)
    ));
    line(format_args!(
        "\n{:20} {:>9} {:>16} {:>18}",
        "trained on", "images", "accuracy", "classes filled up"
    ));
    for row in table {
        let percent = |values: &[f64]| {
            let (mean, spread) = moments(values);
            match values.len() {
                1 => format!("{:.1} %", 100.0 * mean),
                _ => format!("{:.1} ± {:.1} %", 100.0 * mean, 100.0 * spread),
            }
        };
        line(format_args!(
            "{:20} {:>9} {:>16} {:>18}",
            row.name,
            thousands(row.images as u64),
            percent(&row.accuracies),
            percent(&row.filled)
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_that_of_a_sample() {
        assert_eq!(moments(&[0.5]), (0.5, 0.0));
        let (mean, spread) = moments(&[1.0, 2.0, 3.0]);
        assert!((mean - 2.0).abs() < 1e-12 && (spread - 1.0).abs() < 1e-12);
    }
}
