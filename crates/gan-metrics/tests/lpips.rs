//! LPIPS against the Python package `lpips`, with weights that a formula fills; recorded by `recorded/lpips.py`.

mod support;

use gan_core::tensor::file::Named;
use gan_metrics::extract::{Extract, Lpips, Weights};
use gan_metrics::feature_distance;
use serde_json::Value;
use std::path::Path;
use support::picture;
use tch::{Device, Kind, Tensor};

/// Channels and convolutions of VGG16's groups.
const GROUPS: [(i64, usize); 5] = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)];

/// Names and shapes of what the two files hold.
fn layouts() -> [Vec<(String, Vec<i64>)>; 2] {
    let (mut vgg, mut heads) = (Vec::new(), Vec::new());
    let (mut index, mut inputs) = (0, 3);
    for (depth, (outputs, layers)) in GROUPS.into_iter().enumerate() {
        for _ in 0..layers {
            vgg.push((format!("features.{index}.weight"), vec![outputs, inputs, 3, 3]));
            vgg.push((format!("features.{index}.bias"), vec![outputs]));
            (index, inputs) = (index + 2, outputs);
        }
        index += 1;
        heads.push((format!("lin{depth}.model.1.weight"), vec![1, outputs, 1, 1]));
    }
    vgg.sort();
    [vgg, heads]
}

/// The script's formula: a hash of tensor and element, scaled by what the tensor is.
fn filled(layout: &[(String, Vec<i64>)], first: usize) -> Named {
    let tensor = |(t, (name, shape)): (usize, &(String, Vec<i64>))| {
        let fan_in: i64 = shape.iter().skip(1).product();
        let scaled = |u: f64| match shape.len() {
            _ if name.starts_with("lin") => 0.5 + 0.5 * u,
            4 => u * (6.0 / fan_in as f64).sqrt(),
            _ => 0.2 * u,
        };
        (name.clone(), support::filled(first + t, shape, scaled))
    };
    layout.iter().enumerate().map(tensor).collect()
}

#[test]
fn distances_and_gradients_are_the_packages() {
    let [vgg, heads] = layouts();
    let weights = |layout: &[(String, Vec<i64>)], first: usize| {
        Weights::new(filled(layout, first), Path::new("formula"))
    };
    let heads = weights(&heads, vgg.len());
    let network = Lpips::new(&weights(&vgg, 0), &heads, Device::Cpu).expect("a network");
    let error = Lpips::new(&heads, &heads, Device::Cpu).expect_err("no VGG16").to_string();
    assert!(error.contains("features.0.weight") && error.contains("another network"), "{error}");

    let small = network.depths(&Tensor::zeros([1, 3, 15, 40], (Kind::Float, Device::Cpu)));
    assert!(small.expect_err("too small").to_string().contains("at least 16 pixels"));

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/lpips.json");
    let json: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON");
    for (index, facts) in json["pictures"].as_array().expect("pictures").iter().enumerate() {
        let number = |key: &str| facts[key].as_f64().expect(key);
        let side = |axis: usize| facts["shape"][axis].as_u64().expect("a size") as usize;
        let image = picture(index, [0, 1, 2].map(side));
        assert_eq!(image.to_kind(Kind::Int64).sum(Kind::Int64).int64_value(&[]) as f64, number("sum"));
        let half = image.divide_scalar_mode(2, "floor").to_kind(Kind::Uint8);
        let near = |what: &str, ours: f64| {
            let theirs = number(what);
            assert!((ours - theirs).abs() <= 1e-4 * theirs, "picture {index}, {what}: {ours}, not {theirs}");
        };
        near("distance", feature_distance(&network, &image, &half).expect("a distance")[0]);
        assert_eq!(feature_distance(&network, &image, &image).expect("a distance"), [0.0]);

        // Their images are RGB in [-1, 1].
        let levels =
            image.to_kind(Kind::Float).repeat([1, 3 / image.size()[1], 1, 1]).set_requires_grad(true);
        let wanted = network.depths(&half.to_kind(Kind::Float)).expect("maps");
        let apart = network.apart(&network.depths(&levels).expect("maps"), &wanted).expect("a distance");
        let gradient = Tensor::run_backward(&[apart.sum(Kind::Double)], &[&levels], false, false).remove(0);
        near("gradient_norm", gradient.norm().double_value(&[]));
    }
}
