//! The Inception of FID against torch-fidelity's and pytorch-fid's, with weights that a formula fills.

use gan_core::tensor::file::Named;
use gan_metrics::extract::resize::{Resize, resized};
use gan_metrics::extract::{Convention, Extract, Inception, Tap, Weights};
use gan_testkit::golden::Golden;
use serde_json::Value;
use std::path::Path;
use tch::{Device, IndexOp, Kind, Tensor};

/// The recipe of the golden: a hash of seed, tensor and element, scaled by what the tensor is.
fn filled(golden: &Golden) -> Weights {
    let seed = golden.integer("weight_seed") as u64;
    let keys = golden.part("inception_keys").as_array().expect("keys");
    let tensors: Named = keys
        .iter()
        .enumerate()
        .map(|(t, key)| {
            let name = key[0].as_str().expect("a name");
            let shape: Vec<i64> =
                key[1].as_array().expect("a shape").iter().filter_map(Value::as_i64).collect();
            let fan_in: i64 = shape.iter().skip(1).product();
            let scale: Box<dyn Fn(f64) -> f64> = match name {
                "fc.weight" => Box::new(|v| 0.25 * v),
                "fc.bias" => Box::new(|v| 0.1 * v),
                name if name.ends_with("conv.weight") => Box::new(move |v| v * (6.0 / fan_in as f64).sqrt()),
                name if name.ends_with("bn.weight") => Box::new(|v| 1.0 + 0.2 * v),
                name if name.ends_with("running_var") => Box::new(|v| 1.0 + 0.4 * v),
                _ => Box::new(|v| 0.2 * v),
            };
            let count = shape.iter().product::<i64>() as u64;
            let values: Vec<f32> =
                (0..count).map(|j| scale(uniform(seed + ((t as u64) << 40) + j)) as f32).collect();
            (name.to_owned(), Tensor::from_slice(&values).view(shape.as_slice()))
        })
        .collect();
    for (name, probe) in golden.part("weight_probe").as_object().expect("probes") {
        let tensor = &tensors.iter().find(|(key, _)| key == name).expect("a probed tensor").1;
        let sum = tensor.to_kind(Kind::Double).sum(Kind::Double).double_value(&[]);
        assert!(
            (sum - probe["sum_f64"].as_f64().expect("a sum")).abs() < 1e-6,
            "{name} was not filled as the recipe says"
        );
    }
    Weights::new(tensors, Path::new("formula"))
}

fn uniform(x: u64) -> f64 {
    let mut z = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 40) as f64 / f64::from(1 << 23) - 1.0
}

#[test]
fn features_are_the_references() {
    let golden = Golden::open("metrics_inception");
    let weights = filled(&golden);
    let sets = golden.config()["sizes"].as_array().expect("sizes").len();
    for (convention, reference) in
        [(Convention::TensorFlow, "fidelity"), (Convention::PytorchFid, "pytorch_fid")]
    {
        for (dimensions, tap) in Tap::ALL {
            let network =
                Inception::new(&weights, tap, convention, Device::Cpu, Kind::Float).expect("network");
            assert_eq!(network.dimensions(), dimensions);
            for set in 0..sets {
                let images = golden.tensor(&format!("in/images{set}"));
                let features = network.extract(&images).expect("features");
                let key = format!("out/{reference}/images{set}");
                golden.check(&format!("{key}/{dimensions}"), &features.pooled);
                if (tap, convention) == (Tap::Pool3, Convention::TensorFlow) {
                    golden.check(&format!("{key}/logits_unbiased"), &features.logits.expect("logits"));
                    golden
                        .check(&format!("{key}/logits"), &network.logits(&features.pooled).expect("logits"));
                }
            }
        }
    }
}

#[test]
fn batches_and_precision_change_little() {
    let golden = Golden::open("metrics_inception");
    let weights = filled(&golden);
    let network = |kind| {
        Inception::new(&weights, Tap::Pool3, Convention::TensorFlow, Device::Cpu, kind).expect("network")
    };
    let images = golden.tensor("in/images1");
    let whole = network(Kind::Float).extract(&images).expect("features").pooled;
    let alone = network(Kind::Float).extract(&images.i(1..2)).expect("features").pooled;
    let apart = |a: &Tensor, b: &Tensor| ((a - b).norm() / b.norm()).double_value(&[]);
    assert!(apart(&alone, &whole.i(1..2)) < 1e-5);
    let rough = network(Kind::BFloat16).extract(&images).expect("features").pooled;
    let error = apart(&rough, &whole);
    assert!(error > 1e-5 && error < 0.05, "bf16 moves features by {error}");
    // Grey is the same in every channel.
    let grey = images.narrow(1, 0, 1);
    let three = network(Kind::Float).extract(&grey.expand([-1, 3, -1, -1], false)).expect("features").pooled;
    assert_eq!(network(Kind::Float).extract(&grey).expect("features").pooled, three);
}

#[test]
fn resizes_are_the_references() {
    let golden = Golden::open("metrics_resize");
    for (case, sizes) in golden.config()["cases"].as_array().expect("cases").iter().enumerate() {
        let size = [3, 4].map(|i| sizes[i].as_i64().expect("a size"));
        let images = golden.tensor(&format!("in/{case}/x"));
        for (how, name) in [(Resize::TensorFlow, "tf1"), (Resize::Centres, "torch_half_pixel")] {
            let key = format!("out/{case}/{name}");
            if golden.has(&key) {
                golden.check(&key, &resized(&images, size, how).expect("a resize"));
            }
        }
    }
    let golden = Golden::open("metrics_inception");
    let images = golden.tensor("in/images0").to_kind(Kind::Float);
    let large = resized(&images, [299, 299], Resize::TensorFlow).expect("a resize");
    golden.check("out/fidelity/images0/resized_row0", &large.i((0, .., 0)));
}

#[test]
fn weights_of_another_network_are_refused() {
    let none = Weights::new(vec![], Path::new("some.pth"));
    let open = |weights: &Weights| {
        Inception::new(weights, Tap::Pool3, Convention::TensorFlow, Device::Cpu, Kind::Float)
            .expect_err("no weights")
            .to_string()
    };
    assert_eq!(
        open(&none),
        "some.pth: has no tensor `Conv2d_1a_3x3.conv.weight`: these are the weights of another network"
    );
    let small = Tensor::zeros([32, 1, 3, 3], (Kind::Float, Device::Cpu));
    let other = Weights::new(vec![("Conv2d_1a_3x3.conv.weight".to_owned(), small)], Path::new("some.pth"));
    assert!(open(&other).contains("has shape [32, 1, 3, 3], not [32, 3, 3, 3]"), "{}", open(&other));
}
