//! MobileNetV2 against torchvision's, with weights that a formula fills; recorded by `recorded/mobilenet.py`.

mod support;

use gan_core::random::split_mix;
use gan_core::tensor::file::Named;
use gan_metrics::extract::{Clothes, Extract, MobileNet, Weights};
use gan_metrics::feature_distance;
use gan_metrics::feature_distance::between;
use serde_json::Value;
use std::path::Path;
use support::picture;
use tch::{Device, Kind, Tensor};

/// Names and shapes of the network's tensors, as torchvision has them.
fn layout() -> Vec<(String, Vec<i64>)> {
    let mut all = Vec::new();
    let mut convolution = |weight: String, norm: String, size: [i64; 4]| {
        all.push((format!("{weight}.weight"), size.to_vec()));
        all.extend(
            ["weight", "bias", "running_mean", "running_var"]
                .map(|what| (format!("{norm}.{what}"), vec![size[0]])),
        );
    };
    convolution("features.0.0".into(), "features.0.1".into(), [32, 3, 3, 3]);
    convolution("features.18.0".into(), "features.18.1".into(), [1280, 320, 1, 1]);
    let widths = [32, 16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320];
    for (index, pair) in widths.windows(2).enumerate() {
        let (name, inner) =
            (format!("features.{}.conv", index + 1), if index == 0 { 32 } else { 6 * pair[0] });
        let wide = usize::from(index > 0);
        if wide == 1 {
            convolution(format!("{name}.0.0"), format!("{name}.0.1"), [inner, pair[0], 1, 1]);
        }
        convolution(format!("{name}.{wide}.0"), format!("{name}.{wide}.1"), [inner, 1, 3, 3]);
        convolution(format!("{name}.{}", wide + 1), format!("{name}.{}", wide + 2), [pair[1], inner, 1, 1]);
    }
    all.push(("classifier.1.weight".to_owned(), vec![1000, 1280]));
    all.push(("classifier.1.bias".to_owned(), vec![1000]));
    all.sort();
    all
}

/// The script's formula: a hash of tensor and element, scaled by what the tensor is.
fn filled() -> Named {
    let tensor = |(t, (name, shape)): (usize, (String, Vec<i64>))| {
        let fan_in: i64 = shape.iter().skip(1).product();
        let is_scale = name.ends_with("running_var") || (name.ends_with("weight") && shape.len() == 1);
        let scaled = |u: f64| match shape.len() {
            4 => u * (6.0 / fan_in as f64).sqrt(),
            _ if is_scale => 1.0 + 0.4 * u,
            _ => 0.2 * u,
        };
        (name, support::filled(t, &shape, scaled))
    };
    layout().into_iter().enumerate().map(tensor).collect()
}

fn network() -> MobileNet {
    MobileNet::new(&Weights::new(filled(), Path::new("formula")), Device::Cpu).expect("a network")
}

/// Compares features, logits, maps and distances with what was recorded.
fn check(network: &MobileNet, recorded: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded").join(recorded);
    let json: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON");
    for (index, facts) in json["pictures"].as_array().expect("pictures").iter().enumerate() {
        let numbers = |key: &str| -> Vec<f64> {
            facts[key].as_array().expect(key).iter().filter_map(Value::as_f64).collect()
        };
        let near = |what: &str, ours: f64, size: f64| {
            let theirs = facts[what].as_f64().expect(what);
            assert!((ours - theirs).abs() <= 1e-4 * size, "picture {index}, {what}: {ours}, not {theirs}");
        };
        let image = picture(index, [0, 1, 2].map(|i| numbers("shape")[i] as usize));
        assert_eq!(
            image.to_kind(Kind::Int64).sum(Kind::Int64).int64_value(&[]) as f64,
            facts["sum"].as_f64().expect("sum")
        );
        let (features, depths) = network.describe_with_depths(&image.to_kind(Kind::Float)).expect("features");
        assert_eq!(network.extract(&image).expect("features").pooled, features.pooled);
        for (key, tensor) in [("pooled", features.pooled), ("logits", features.logits.expect("logits"))] {
            let norm = tensor.to_kind(Kind::Double).norm().double_value(&[]);
            near(&format!("{key}_norm"), norm, norm);
            let [ours, theirs] =
                [Vec::<f64>::try_from(tensor.view(-1).slice(0, 0, None, 40)).expect("numbers"), numbers(key)];
            let most = theirs.iter().fold(0f64, |most, value| most.max(value.abs()));
            for (ours, theirs) in ours.iter().zip(&theirs) {
                assert!((ours - theirs).abs() <= 1e-4 * most, "picture {index}, {key}: {ours}, not {theirs}");
            }
            assert_eq!(ours.len(), theirs.len());
        }
        let norms: Vec<f64> =
            depths.iter().map(|map| map.to_kind(Kind::Double).norm().double_value(&[])).collect();
        assert_eq!(norms.len(), 5);
        for (ours, theirs) in norms.iter().zip(numbers("depths")) {
            assert!((ours - theirs).abs() <= 1e-5 * theirs, "picture {index}, depths: {ours}, not {theirs}");
        }
        let half = image.divide_scalar_mode(2, "floor").to_kind(Kind::Uint8);
        let distance = feature_distance(network, &image, &half).expect("a distance")[0];
        near("distance_to_half", distance, distance);
    }
}

#[test]
fn features_maps_and_distances_are_torchvisions() {
    check(&network(), "mobilenet.json");
}

#[test]
fn batches_change_little_and_files_hold_the_same_network() {
    let network = network();
    let images = Tensor::cat(&(0..18).map(|i| picture(i, [3, 20, 20])).collect::<Vec<_>>(), 0);
    let (all, depths) = network.describe_with_depths(&images.to_kind(Kind::Float)).expect("features");
    assert_eq!(
        (all.pooled.size(), depths[2].size()),
        (vec![18, MobileNet::DIMENSIONS], vec![18, 32, 28, 28])
    );
    let alone = network.extract(&images.narrow(0, 17, 1)).expect("features").pooled;
    let last = all.pooled.narrow(0, 17, 1);
    assert!(((&alone - &last).norm() / last.norm()).double_value(&[]) < 1e-5);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("weights.safetensors");
    std::fs::write(&path, gan_core::tensor::file::encode(&filled()).expect("bytes")).expect("a file");
    let read = MobileNet::open(&path, Device::Cpu).expect("a network");
    assert_eq!(read.extract(&images.narrow(0, 17, 1)).expect("features").pooled, alone);
    assert!(read.name().starts_with("MobileNetV2 1280 (") && read.name().contains("not Inception"));
}

#[test]
fn distances_are_those_of_a_distance() {
    let network = network();
    let images = Tensor::cat(&[picture(1, [3, 40, 32]), picture(2, [3, 40, 32])], 0);
    let of = |a: &Tensor, b: &Tensor| feature_distance(&network, a, b).expect("distances");
    assert_eq!(of(&images, &images), [0.0, 0.0]);
    let flipped = images.flip([3]);
    let there = of(&images, &flipped);
    assert_eq!(there, of(&flipped, &images), "either way");
    assert!(there.iter().all(|distance| *distance > 0.0 && *distance < 4.0), "{there:?}");
    // More noise, and more blur, lie farther off.
    let noise =
        Tensor::from_slice(&(0..7680u64).map(|j| (split_mix(j) % 201) as f32 - 100.0).collect::<Vec<_>>());
    let noise = noise.view([2, 3, 40, 32]);
    let noisy =
        |share: f64| (images.to_kind(Kind::Float) + &noise * share).clamp(0.0, 255.0).to_kind(Kind::Uint8);
    let blurred = |times: usize| {
        let mean = |x: Tensor| x.avg_pool2d([3, 3], [1, 1], [1, 1], false, false, None);
        (0..times).fold(images.to_kind(Kind::Float), |x, _| mean(x)).round().to_kind(Kind::Uint8)
    };
    let noises: Vec<f64> = [0.05, 0.2, 0.8].map(|share| of(&noisy(share), &images)[0]).to_vec();
    let blurs: Vec<f64> = [1, 3, 9].map(|times| of(&blurred(times), &images)[0]).to_vec();
    assert!(noises.is_sorted() && noises[0] > 0.0 && noises[2] > 2.0 * noises[0], "{noises:?}");
    assert!(blurs.is_sorted() && blurs[0] > 0.0, "{blurs:?}");
}

#[test]
fn maps_can_be_derived_by_the_image() {
    let policy = gan_core::device::DevicePolicy::resolve("cpu", "f32", 0).expect("a policy");
    let clothes = Clothes::new(&policy).expect("an extractor");
    let network = network();
    let image = picture(1, [3, 40, 32]).to_kind(Kind::Float);
    let (_, maps) = network.describe_with_depths(&image).expect("maps");
    assert!(network.depths(&image).expect("maps") == maps, "the same maps");
    for extractor in [&network as &dyn Extract, &clothes] {
        let wanted = extractor.depths(&image.flip([3])).expect("maps");
        let moved = image.copy().set_requires_grad(true);
        let distance = between(&extractor.depths(&moved).expect("maps"), &wanted).expect("a distance");
        let slope = &Tensor::run_backward(&[distance.mean(Kind::Float)], &[&moved], false, false)[0];
        assert!(bool::try_from(slope.isfinite().all()).expect("a word"));
        // A small step down the slope comes nearer.
        let nearer = &image - slope * (1.0 / slope.norm().double_value(&[]));
        let after = between(&extractor.depths(&nearer).expect("maps"), &wanted).expect("a distance");
        assert!(after.double_value(&[0]) < distance.double_value(&[0]), "{}", extractor.short_name());
    }
}

#[test]
fn extractors_without_depths_and_other_weights_are_refused() {
    let policy = gan_core::device::DevicePolicy::resolve("cpu", "f32", 0).expect("a policy");
    let clothes = Clothes::new(&policy).expect("an extractor");
    let image = picture(0, [1, 32, 32]);
    let error = feature_distance(&clothes, &image, &image).expect_err("no depths").to_string();
    assert_eq!(error, "feature-distance: the extractor clothes shows no depths; MobileNet does");
    let none = Weights::new(vec![], Path::new("some.pth"));
    let error = MobileNet::new(&none, Device::Cpu).expect_err("no weights").to_string();
    let sentence = "some.pth: has no tensor `features.0.0.weight`: these are the weights of another network";
    assert_eq!(error, sentence);
}
