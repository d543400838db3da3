//! Trains the built-in extractor and puts its weights into `assets/`: `gan data fetch fashion-mnist` first, then
//! `cargo run --release -p gan-metrics --example train_extractor`.

use gan_core::device::DevicePolicy;
use gan_core::error::{Error, Result};
use gan_data::{DataSet, Options};
use gan_metrics::classifier::{Layout, Recipe};
use gan_metrics::{Classifier, Labelled};
use std::path::Path;
use tch::{Kind, Tensor};

fn main() -> Result<()> {
    let policy = DevicePolicy::resolve("auto", "f32", 0)?;
    policy.apply();
    let (learned, unseen) = (labelled("fashion-mnist")?, labelled("fashion-mnist-test")?);
    let recipe = Recipe { epochs: 12, layout: Layout::DESCRIBING, ..Recipe::default() };
    let folder = std::env::temp_dir().join(format!("train-extractor-{}", std::process::id()));
    let classifier = Classifier::trained(&learned, &recipe, &policy, Some(&folder))?;
    let right = classifier.classify(&unseen.images)?.eq_tensor(&unseen.labels);
    let accuracy = right.to_kind(Kind::Double).mean(Kind::Double).double_value(&[]);
    println!(
        "held-out training images {:.2} %, test images {:.2} %",
        100.0 * classifier.accuracy(),
        100.0 * accuracy
    );

    let asset = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/clothes-128.safetensors");
    let put = || -> std::io::Result<()> {
        for file in std::fs::read_dir(&folder)? {
            std::fs::copy(file?.path(), &asset)?;
        }
        std::fs::remove_dir_all(&folder)
    };
    put().map_err(|source| Error::file(&asset, source))
}

fn labelled(name: &str) -> Result<Labelled> {
    let set = DataSet::open(name, &Options { size: Some(32), ..Options::default() })?;
    let (mut bytes, mut labels) = (Vec::new(), Vec::new());
    for index in 0..set.len() {
        bytes.extend(set.load(index)?);
        labels.push(set.label(index).map_or(0, i64::from));
    }
    let images = Tensor::f_from_data_size(&bytes, &[labels.len() as i64, 1, 32, 32], Kind::Uint8)?;
    Ok(Labelled { name: name.to_owned(), images, labels: Tensor::f_from_slice(&labels)?, classes: 10 })
}
