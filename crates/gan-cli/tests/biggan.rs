//! BigGAN from the command line: classes, truncation, sweeps, standing statistics, published weights.

mod support;

use gan_core::tensor::file;
use serde_json::Value;
use std::path::{Path, PathBuf};
use support::{Done, Place, TINY, is_png, newest, tensors};

fn train(place: &Place, more: &[&str]) -> Done {
    let small = ["--size", "32", "--set", "embedding=4", "--data", "fashion-mnist-test"];
    place.gan(&[&["train", "biggan"], TINY, &small, more].concat())
}

/// A recorded network's weights as a file.
fn published(place: &Place, golden: &str, prefix: &str, name: &str) -> PathBuf {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens");
    let all = file::read(&goldens.join(format!("{golden}.safetensors"))).expect("a golden");
    let weights: Vec<_> = all
        .into_iter()
        .filter_map(|(name, tensor)| {
            Some((name.strip_prefix(prefix)?.to_owned(), tensor.to_kind(tch::Kind::Float)))
        })
        .collect();
    let path = place.path(name);
    std::fs::write(&path, file::encode(&weights).expect("bytes")).expect("a file");
    path
}

#[test]
fn a_run_is_resumed_sampled_and_swept() {
    let place = Place::new();
    let details = ["--set", "details_images=16"];
    train(&place, &[&["--out", "whole"][..], &details].concat()).succeeded();
    train(&place, &[&["--out", "parts", "--images", "32"][..], &details].concat()).succeeded();
    place.gan(&["resume", "parts", "--images", "64"]).succeeded();
    assert!(
        tensors(&newest(&place.path("whole"))) == tensors(&newest(&place.path("parts"))),
        "spectral-norm buffers included"
    );

    let log = std::fs::read_to_string(place.path("whole/log.jsonl")).expect("a log");
    for name in ["singular_value/generator/blocks.0.0.conv1.sv0", "weight_norm/discriminator/linear.weight"] {
        assert!(log.contains(name), "{name}");
    }
    let sample = |out: &str, more: &[&str]| {
        place.gan(&[&["sample", "whole", "--count", "4", "--class", "1", "--out", out], more].concat())
    };
    sample("plain.png", &[]).succeeded();
    sample("cut.png", &["--truncation", "0.5"]).succeeded();
    let bytes = |name: &str| std::fs::read(place.path(name)).expect("a picture");
    assert_ne!(bytes("plain.png"), bytes("cut.png"));
    sample("far.png", &["--truncation", "3"]).refused(2, &["truncation", "at most 2"]);

    let sweep = [
        "sweep",
        "truncation",
        "whole",
        "--values",
        "0.5,none",
        "--count",
        "40",
        "--metrics",
        "fid,is,class-accuracy",
    ];
    let done = place.gan(&[&sweep[..], &["--threads", "1"]].concat()).succeeded();
    assert!(done.out.contains("truncation") && done.out.contains("none"), "{}", done.out);
    let table =
        std::fs::read_to_string(place.path("whole/sweeps/truncation-000000064.json")).expect("a table");
    let table: Value = serde_json::from_str(&table).expect("JSON");
    assert_eq!(table["rows"].as_array().map(Vec::len), Some(2));
    assert!(is_png(&place.path("whole/sweeps/truncation-000000064.png")));
    place.gan(&["sweep", "truncation", "whole", "--values", "x"]).refused(2, &["neither a number"]);
    place.gan(&["sweep", "truncation", "whole", "--truncation", "1"]).refused(2, &["--values"]);
    place.gan(&["sweep", "truncation", "whole", "--metrics", "psnr"]).refused(2, &["scores by features"]);
}

#[test]
fn standing_statistics_make_a_run_of_their_own() {
    let place = Place::new();
    train(&place, &["--out", "run"]).succeeded();
    let done = place.gan(&["standing", "run", "--batches", "3", "--batch", "8"]).succeeded();
    assert!(done.out.contains("run/standing"), "{}", done.out);
    for run in ["run", "run/standing"] {
        let out = format!("{}.png", run.replace('/', "-"));
        place.gan(&["sample", run, "--count", "4", "--out", &out]).succeeded();
    }
    let bytes = |name: &str| std::fs::read(place.path(name)).expect("a picture");
    assert_ne!(bytes("run.png"), bytes("run-standing.png"));
    place.gan(&["standing", "run"]).refused(1, &["standing"]);

    train(&place, &["--out", "running", "--set", "norm_statistics=running"]).succeeded();
    place.gan(&["standing", "running"]).refused(2, &["norm_statistics"]);
    assert!(!place.path("running/standing").exists());
    place.train(&["--out", "dcgan"]).succeeded();
    place.gan(&["standing", "dcgan"]).refused(2, &["biggan keeps them"]);
}

#[test]
fn both_kinds_of_published_weights_are_imported() {
    let place = Place::new();
    let generator = published(&place, "biggan32", "state/G/", "G.safetensors");
    let discriminator = published(&place, "biggan32", "state/D/", "D.safetensors");
    let [generator, discriminator] = [&generator, &discriminator].map(|path| path.to_str().expect("UTF-8"));
    place.gan(&["import", "biggan", generator, discriminator, "--out", "both"]).succeeded();
    place.gan(&["sample", "both", "--class", "3", "--count", "4", "--out", "a.png"]).succeeded();
    let told = ["import", "biggan", generator, "--truncation", "0.5", "--out", "x"];
    place.gan(&told).refused(2, &["the same statistics", "gan sample"]);
    place.gan(&["import", "biggan", discriminator, "--out", "x"]).refused(1, &["no BigGAN"]);

    let authors = published(&place, "biggan_pretrained", "state/M/", "authors.safetensors");
    let authors = authors.to_str().expect("UTF-8");
    place.gan(&["import", "biggan", authors, "--truncation", "0.4", "--out", "authors"]).succeeded();
    let sample =
        ["sample", "authors", "--class", "3", "--count", "4", "--truncation", "0.4", "--out", "b.png"];
    place.gan(&sample).succeeded();
    assert!(is_png(&place.path("a.png")) && is_png(&place.path("b.png")));
    place.gan(&["import", "biggan", authors, "--truncation", "2"]).refused(2, &["truncation", "at most 1"]);
    place.gan(&["import", "cyclegan", authors, "--truncation", "1"]).refused(2, &["only published BigGANs"]);
}

#[test]
fn settings_that_cannot_be_are_named() {
    let place = Place::new();
    let refused = |setting: &str, words: &[&str]| {
        train(&place, &["--out", "no", "--set", setting]).refused(2, words);
    };
    refused("generator_attention=[24]", &["24x24 never occurs", "8, 16, 32"]);
    refused("latent=9", &["equal pieces", "8 can"]);
    refused("game.micro_batches=3", &["micro-batches"]);
    train(&place, &["--out", "no", "--set", "size=48"]).refused(2, &["32, 64, 128, 256 or 512"]);
    train(&place, &["--out", "run"]).succeeded();
    let config = std::fs::read_to_string(place.path("run/config.toml")).expect("config");
    std::fs::write(place.path("other.toml"), config.replace("\"Trouser\", ", "")).expect("config");
    let other = ["train", "biggan", "--config", "other.toml", "--out", "no"];
    place.gan(&other).refused(2, &["but the data has", "9 and 10 classes"]);
}
