//! Scores of pairs: against scikit-image (recorded by `recorded/ssim.py`), in batches as at once, and what is no pair.

use gan_core::random::split_mix;
use gan_metrics::extract::{Extract, Features};
use gan_metrics::{PairScore, Paired, psnr, ssim};
use serde_json::Value;
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// The script's pairs: a slope with a wave, and the same with noise.
fn pair(case: usize, [channels, height, width]: [usize; 3]) -> [Tensor; 2] {
    let (mut generated, mut target) = (Vec::new(), Vec::new());
    for j in 0..channels * height * width {
        let (c, y, x) = (j / (height * width), j / width % height, j % width);
        let level = (5 * x + 3 * y * (c + 1) + (x * y) % 41) % 256;
        let noise = (split_mix(((case as u64) << 32) + j as u64) % 40) as usize;
        target.push(level as u8);
        generated.push((level + noise).min(255) as u8);
    }
    let shape = [1, channels, height, width].map(|n| n as i64);
    [generated, target].map(|bytes| Tensor::from_data_size(&bytes, &shape, Kind::Uint8))
}

fn many(count: usize) -> [Tensor; 2] {
    let pairs: Vec<[Tensor; 2]> = (0..count).map(|case| pair(case, [3, 16, 12])).collect();
    [0, 1].map(|side| Tensor::cat(&pairs.iter().map(|pair| &pair[side]).collect::<Vec<_>>(), 0))
}

#[test]
fn similarity_and_ratio_are_scikit_images() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/ssim.json");
    let json: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON");
    for (case, facts) in json["cases"].as_array().expect("cases").iter().enumerate() {
        let shape = [0, 1, 2].map(|i| facts["shape"][i].as_u64().expect("a size") as usize);
        let [generated, target] = pair(case, shape);
        for (what, ours) in [("ssim", ssim(&generated, &target)), ("psnr", psnr(&generated, &target))] {
            let (ours, theirs) = (ours.expect(what)[0], facts[what].as_f64().expect(what));
            assert!((ours - theirs).abs() < 1e-10 * theirs, "{what} of case {case}: {ours}, not {theirs}");
        }
    }
}

#[test]
fn similarity_is_one_of_equals_symmetric_and_falls() {
    let [generated, target] = many(3);
    assert_eq!(ssim(&target, &target).expect("similarity"), [1.0; 3]);
    let there = ssim(&generated, &target).expect("similarity");
    for (a, b) in there.iter().zip(ssim(&target, &generated).expect("similarity")) {
        assert!((a - b).abs() < 1e-15 && *a < 0.99);
    }
    // Of flat images only their levels count: (2 a b + C1) / (a² + b² + C1).
    let flat = |level: i64| Tensor::full([1, 1, 11, 11], level, (Kind::Uint8, Device::Cpu));
    let c1 = 2.55f64 * 2.55;
    let expected = (2.0 * 100.0 * 50.0 + c1) / (100.0 * 100.0 + 50.0 * 50.0 + c1);
    assert!((ssim(&flat(100), &flat(50)).expect("similarity")[0] - expected).abs() < 1e-9);
    let negative = target.bitwise_not().to_kind(Kind::Uint8);
    assert!(ssim(&negative, &target).expect("similarity")[0] < there[0]);
    let error =
        ssim(&flat(1).narrow(2, 0, 10), &flat(1).narrow(2, 0, 10)).expect_err("too small").to_string();
    assert_eq!(error, "ssim: images of 11 x 10 are smaller than its window of 11 x 11; leave it out");
}

/// Means of 4 x 4 squares, for features and for maps.
struct Squares;

impl Extract for Squares {
    fn name(&self) -> String {
        "squares".to_owned()
    }

    fn short_name(&self) -> String {
        "squares".to_owned()
    }

    fn dimensions(&self) -> i64 {
        36
    }

    fn describe(&self, images: &Tensor) -> gan_core::error::Result<Features> {
        Ok(Features { pooled: self.describe_with_depths(images)?.1.remove(0).flatten(1, -1), logits: None })
    }

    fn describe_with_depths(&self, images: &Tensor) -> gan_core::error::Result<(Features, Vec<Tensor>)> {
        let map = images.avg_pool2d([4, 4], [4, 4], [0, 0], false, false, None);
        Ok((Features { pooled: map.flatten(1, -1), logits: None }, vec![map]))
    }
}

#[test]
fn batches_do_not_matter_and_rows_say_all() {
    let [generated, target] = many(40);
    let all = PairScore::ALL.map(|(_, score)| score);
    let score = |batch: i64, wanted: &[PairScore]| {
        let mut paired = Paired::new(wanted, Some(&Squares)).expect("scores");
        for (a, b) in generated.split(batch, 0).iter().zip(target.split(batch, 0)) {
            paired.push(a, &b).expect("pairs");
        }
        paired.scores().expect("scores")
    };
    let (whole, parts) = (score(40, &all), score(7, &all));
    let (found, again) = (whole.retrieval.expect("shares"), parts.retrieval.expect("shares"));
    assert_eq!((whole.count, whole.equal, found, found.count), (40, 0, again, 40));
    for (a, b) in whole.rows().iter().zip(parts.rows()) {
        assert!((a.value - b.value).abs() < 1e-12 && a.score == b.score, "{a:?} and {b:?}");
    }
    let names: Vec<String> = whole.rows().into_iter().map(|row| row.score).collect();
    assert_eq!(names, ["psnr", "ssim", "feature-distance", "retrieval top-1", "retrieval top-10"]);
    // The mean and its error are those of the single values.
    let single = psnr(&generated, &target).expect("ratios");
    let mean = single.iter().sum::<f64>() / 40.0;
    let squares: f64 = single.iter().map(|value| (value - mean).powi(2)).sum();
    let estimate = whole.psnr.expect("a ratio");
    assert!((estimate.mean - mean).abs() < 1e-10);
    assert!((estimate.standard_error - (squares / 39.0 / 40.0).sqrt()).abs() < 1e-10);
    let only = score(40, &[PairScore::Retrieval]);
    assert_eq!((only.psnr, only.feature_distance, only.retrieval), (None, None, whole.retrieval));
}

#[test]
fn equal_pairs_are_counted_and_what_is_no_pair_refused() {
    let [generated, target] = many(2);
    let mut paired = Paired::new(&[PairScore::Psnr], None).expect("scores");
    assert!(paired.scores().expect_err("none").to_string().contains("there are none"));
    paired.push(&target, &target).expect("pairs");
    paired.push(&generated, &target).expect("pairs");
    let scores = paired.scores().expect("scores");
    assert_eq!((scores.count, scores.equal), (4, 2));
    let expected = psnr::mean(&[psnr(&generated, &target).expect("ratios"), vec![f64::INFINITY; 2]].concat());
    assert!((scores.psnr.expect("a ratio").mean - expected).abs() < 1e-12);
    assert!(paired.push(&generated, &target.narrow(0, 0, 1)).is_err());
    assert!(paired.push(&generated.narrow(2, 0, 8), &target).is_err());
    let error = Paired::new(&[PairScore::Retrieval], None).err().expect("no extractor").to_string();
    assert!(error.contains("retrieval: is taken in the features of an extractor"), "{error}");
}
