//! The built-in extractor and TorchScript modules, and all scores from one extraction.

use gan_core::device::DevicePolicy;
use gan_core::random::Streams;
use gan_data::{DataSet, Options};
use gan_metrics::extract::{Clothes, Extract, Features, Scripted};
use gan_metrics::scores::{Gathered, Row, Score, ScoreOptions, frechet_infinity, scores, warnings};
use gan_metrics::{Gaussian, KernelOptions, frechet};
use tch::{Device, IndexOp, Kind, Tensor};

fn clothes() -> Clothes {
    Clothes::new(&DevicePolicy::resolve("cpu", "f32", 0).expect("a policy")).expect("the extractor")
}

/// Built-in test images in 32 x 32, with their classes.
fn images(first: usize, count: usize) -> (Tensor, Vec<i64>) {
    let set = DataSet::open("fashion-mnist-test", &Options { size: Some(32), ..Options::default() })
        .expect("a set");
    let bytes: Vec<u8> =
        (first..first + count).flat_map(|index| set.load(index).expect("an image")).collect();
    let labels = (first..first + count).map(|index| set.label(index).map_or(-1, i64::from)).collect();
    (Tensor::from_data_size(&bytes, &[count as i64, 1, 32, 32], Kind::Uint8), labels)
}

#[test]
fn the_built_in_extractor_knows_clothes() {
    let clothes = clothes();
    let (images, labels) = images(0, 1000);
    let Features { pooled, logits } = clothes.extract(&images).expect("features");
    assert_eq!((pooled.size(), pooled.kind()), (vec![1000, Clothes::DIMENSIONS], Kind::Float));
    let right = logits.expect("classes").argmax(1, false).eq_tensor(&Tensor::from_slice(&labels));
    let accuracy = right.to_kind(Kind::Double).mean(Kind::Double).double_value(&[]);
    assert!(accuracy > 0.9, "{accuracy}");
    assert!((clothes.accuracy() - 0.9359).abs() < 1e-3, "{}", clothes.accuracy());
    assert!(clothes.name().contains("not Inception"));
    // Batches, colour and size change little or nothing.
    let apart = |a: &Tensor, b: &Tensor| ((a - b).norm() / b.norm()).double_value(&[]);
    let alone = clothes.extract(&images.i(5..6)).expect("features").pooled;
    assert!(apart(&alone, &pooled.i(5..6)) < 1e-5);
    let colour = clothes.extract(&images.expand([-1, 3, -1, -1], false)).expect("features").pooled;
    assert!(apart(&colour, &pooled) < 1e-5);
    let large = images.to_kind(Kind::Float).upsample_nearest2d([64, 64], None, None).to_kind(Kind::Uint8);
    let error = apart(&clothes.extract(&large).expect("features").pooled, &pooled);
    assert!(error > 0.0 && error < 0.3, "{error}");
    assert!(clothes.extract(&images.to_kind(Kind::Float)).is_err(), "only bytes are images");
    assert!(clothes.extract(&images.expand([-1, 2, -1, -1], false)).is_err(), "two channels");
}

/// Features in batches of `batch`, with their labels.
fn gathered(features: &Features, labels: &[i64], batch: usize) -> Gathered {
    let mut set = Gathered::new(&clothes(), true).expect("memory");
    for (part, labels) in labels.chunks(batch).enumerate() {
        let range = (part * batch) as i64..(part * batch + labels.len()) as i64;
        let logits = features.logits.as_ref().map(|logits| logits.i(range.clone()));
        set.push(Features { pooled: features.pooled.i(range), logits }, labels).expect("features");
    }
    set
}

fn value(rows: &[Row], score: &str) -> f64 {
    rows.iter().find(|row| row.score == score).unwrap_or_else(|| panic!("no {score} in {rows:?}")).value
}

#[test]
fn scores_tell_worse_from_better_and_do_not_depend_on_batches() {
    let clothes = clothes();
    let all: Vec<Score> = Score::ALL.iter().map(|(_, score)| *score).collect();
    let options = &ScoreOptions {
        kernel: KernelOptions { subsets: 10, size: 200, seed: 1 },
        columns: (0..10).collect(),
        ..ScoreOptions::default()
    };
    let ((real, real_labels), (other, other_labels)) = (images(0, 1000), images(1000, 999));
    let noise = Streams::new(1, 0, 0, Device::Cpu).normal("noise", &other.size()).expect("noise");
    let noisy = (other.to_kind(Kind::Float) + noise * 40.0).clamp(0.0, 255.0).to_kind(Kind::Uint8);
    let of = |images: &Tensor| clothes.extract(images).expect("features");
    let (real, good, bad) = (of(&real), of(&other), of(&noisy));
    let reals = gathered(&real, &real_labels, 64);
    let score = |features: &Features, batch| {
        scores(&gathered(features, &other_labels, batch), &reals, &all, options).expect("scores")
    };
    let (good, again, bad) = (score(&good, 64), score(&good, 7), score(&bad, 64));
    for (row, same) in good.iter().zip(&again) {
        assert!((row.value - same.value).abs() <= 1e-6 * row.value.abs().max(1e-3), "{row:?} and {same:?}");
    }
    for row in &good {
        let worse = value(&bad, &row.score);
        let is_worse = if row.lower_is_better { worse > row.value } else { worse < row.value };
        // Noise has variety.
        let any = row.score.starts_with("fid of class") || row.score == "class-diversity";
        assert!(is_worse || any, "{row:?} is no better than {worse}");
        if let Some(floor) = row.floor {
            let is_near =
                if row.lower_is_better { row.value < 1.5 * floor + 0.01 } else { row.value > 0.9 * floor };
            assert!(is_near, "real images against others score about as halves do: {row:?}");
        }
    }
    assert!(value(&good, "fid-infinity") < value(&good, "fid"), "more samples come nearer");
    let classes = good.iter().filter(|row| row.score.starts_with("fid of class")).count();
    assert_eq!(classes, 10);
    assert!(warnings(&reals, &reals).expect("warnings").is_empty());
    let few = gathered(&Features { pooled: real.pooled.i(..50), logits: None }, &real_labels[..50], 50);
    assert_eq!(warnings(&few, &reals).expect("warnings").len(), 1);
    assert!(scores(&few, &reals, &[Score::Is], options).is_err(), "no logits, no score");
}

#[test]
fn a_distance_that_falls_as_one_over_n_is_extrapolated_to_its_limit() {
    // Two equal Gaussians: what is left at any size is bias, and none of it in the limit.
    let draw = |name, count| Streams::new(1, 0, 0, Device::Cpu).normal(name, &[count, 16]).expect("draws");
    let mut real = Gaussian::new(16).expect("memory");
    real.push(&draw("real", 200_000)).expect("features");
    let fakes = draw("fake", 4_000);
    let mut whole = Gaussian::new(16).expect("memory");
    whole.push(&fakes).expect("features");
    let (finite, limit) =
        (frechet(&whole, &real).expect("distance"), frechet_infinity(&fakes, &real, 1).expect("a limit"));
    assert!(finite > 0.01 && limit.abs() < 0.2 * finite, "{limit} is not far below {finite}");
    assert!(frechet_infinity(&fakes.i(..10), &real, 1).is_err());
}

#[test]
fn torchscript_modules_are_extractors() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mean.pt");
    let example = Tensor::zeros([2, 3, 8, 8], (Kind::Float, Device::Cpu));
    let module = |name: &str, closure: &mut dyn FnMut(&[Tensor]) -> Vec<Tensor>| {
        tch::CModule::create_by_tracing(name, "forward", &[example.shallow_clone()], &mut |inputs| {
            closure(inputs)
        })
        .expect("a module")
    };
    let means =
        module("Means", &mut |inputs| vec![inputs[0].mean_dim([2i64, 3].as_slice(), false, Kind::Float)]);
    means.save(&path).expect("a file");
    let scripted = Scripted::open(&path, Device::Cpu).expect("an extractor");
    assert_eq!((scripted.dimensions(), scripted.short_name().as_str()), (3, "script"));
    let grey = Tensor::full([4, 1, 8, 8], 90, (Kind::Uint8, Device::Cpu));
    let features = scripted.extract(&grey).expect("features");
    assert_eq!(features.pooled, Tensor::full([4, 3], 90.0, (Kind::Float, Device::Cpu)));
    let total = module("Total", &mut |inputs| vec![inputs[0].sum(Kind::Float)]);
    total.save(&path).expect("a file");
    let error = Scripted::open(&path, Device::Cpu).expect_err("one number").to_string();
    assert!(error.contains("for 2 images, not [N, D]"), "{error}");
}
