//! The classifier and the count of stacked modes, on images that are easily told apart.

use gan_core::device::DevicePolicy;
use gan_core::random::Streams;
use gan_metrics::classifier::{Layout, Recipe};
use gan_metrics::{Classifier, Labelled, stacked};
use std::path::Path;
use tch::{Device, Kind, Tensor};

const RECIPE: Recipe =
    Recipe { epochs: 3, shown: 0, batch: 20, seed: 1, test_every: 6, layout: Layout::NAMING };

/// Dark, bright, striped across, striped down, with noise: classes that a shift by two pixels does not change.
fn stripes(count: i64, seed: u64) -> Labelled {
    let streams = Streams::new(seed, 0, 0, Device::Cpu);
    let labels = streams.integers("labels", 4, &[count]).expect("labels");
    let odd = Tensor::arange(8, (Kind::Float, Device::Cpu)).fmod(2.0);
    let flat = |value: f64| Tensor::full([8, 8], value, (Kind::Float, Device::Cpu));
    let across = odd.view([8, 1]).expand([8, 8], false);
    let down = odd.view([1, 8]).expand([8, 8], false);
    let classes = Tensor::stack(&[flat(0.0), flat(1.0), across, down], 0);
    let lit = classes.index_select(0, &labels).unsqueeze(1);
    let noise = streams.uniform("noise", &[count, 1, 8, 8]).expect("noise");
    let images = (lit * 180.0 + noise * 60.0).to_kind(Kind::Uint8);
    Labelled { name: "stripes".to_owned(), images, labels, classes: 4 }
}

fn trained(cache: Option<&Path>) -> Classifier {
    Classifier::trained(&stripes(600, 1), &RECIPE, &DevicePolicy::reference(), cache).expect("classifier")
}

#[test]
fn classes_and_modes_are_recognised() {
    let classifier = trained(None);
    assert!(classifier.accuracy() > 0.98, "{}", classifier.accuracy());
    let fresh = stripes(300, 2);
    let named = classifier.classify(&fresh.images).expect("classes");
    let right = named.eq_tensor(&fresh.labels).to_kind(Kind::Double).mean(Kind::Double).double_value(&[]);
    assert!(right > 0.98, "{right}");

    // One image in all three channels: four of the 64 modes, and a divergence of ln 16 from uniform.
    let same = fresh.images.repeat([1, 3, 1, 1]);
    let report = stacked::score(&same, &classifier).expect("report");
    assert_eq!((report.samples, report.modes, report.covered), (300, 64, 4));
    let counts = fresh.labels.bincount(None::<Tensor>, 4).to_kind(Kind::Double) / 300.0;
    let entropy = -(&counts * counts.log()).sum(Kind::Double).double_value(&[]);
    assert!((report.kl_uniform - (64f64.ln() - entropy)).abs() < 0.05, "{report:?}");
    assert!(report.protocol.contains("stripes"));

    // Independent channels: every mode, and nearly the data's own distribution.
    let channels: Vec<Tensor> = (0..3).map(|channel| stripes(4000, 10 + channel).images).collect();
    let report = stacked::score(&Tensor::cat(&channels, 1), &classifier).expect("report");
    assert_eq!(report.covered, 64);
    // Chance alone: 63 / 8000, and the classes of `stripes` are equally likely.
    assert!(report.kl_uniform < 0.02 && report.kl_data < 0.05, "{report:?}");
}

#[test]
fn a_trained_classifier_is_kept_and_a_broken_file_is_replaced() {
    let folder = tempfile::tempdir().expect("temp dir");
    let first = trained(Some(folder.path()));
    let files = || -> Vec<_> {
        std::fs::read_dir(folder.path()).expect("folder").map(|entry| entry.expect("entry").path()).collect()
    };
    let [path] = &files()[..] else { panic!("one file: {:?}", files()) };
    let written = std::fs::metadata(path).expect("file").modified().expect("time");
    let again = trained(Some(folder.path()));
    assert_eq!(again.accuracy(), first.accuracy());
    assert_eq!(std::fs::metadata(path).expect("file").modified().expect("time"), written, "it was read");
    let images = stripes(50, 3).images;
    assert_eq!(again.classify(&images).expect("classes"), first.classify(&images).expect("classes"));

    std::fs::write(path, b"rubbish").expect("written");
    assert_eq!(trained(Some(folder.path())).accuracy(), first.accuracy());
    assert!(std::fs::metadata(path).expect("file").len() > 1000, "it was made anew");
    // Other data, another file.
    Classifier::trained(&stripes(600, 9), &RECIPE, &DevicePolicy::reference(), Some(folder.path()))
        .expect("other");
    assert_eq!(files().len(), 2);
}

#[test]
fn what_cannot_be_learnt_is_refused() {
    let refused = |change: fn(&mut Labelled)| {
        let mut data = stripes(60, 1);
        change(&mut data);
        Classifier::trained(&data, &RECIPE, &DevicePolicy::reference(), None)
            .expect_err("refused")
            .to_string()
    };
    assert!(refused(|data| data.classes = 3).contains("labels go from 0 to 3"));
    assert!(refused(|data| data.labels = data.labels.narrow(0, 0, 59)).contains("labels must have shape"));
    assert!(refused(|data| data.images = data.images.to_kind(Kind::Float)).contains("u8"));
    assert!(refused(|data| data.images = data.images.narrow(2, 0, 4)).contains("cannot learn"));
    let floats = stripes(4, 1).images.to_kind(Kind::Float);
    assert!(trained(None).classify(&floats).expect_err("kind").to_string().contains("u8"));
    assert!(
        stacked::score(&floats, &trained(None)).expect_err("channels").to_string().contains("[_, 3, _, _]")
    );
}
