//! Data whose modes are known, from training to counting.

mod support;

use serde_json::Value;
use support::{Place, is_png, newest, tensors};

const TINY: &[&str] = &[
    "train",
    "vanilla",
    "--batch",
    "20",
    "--images",
    "200",
    "--device",
    "cpu",
    "--threads",
    "1",
    "--set",
    "generator_width=8",
    "--set",
    "discriminator_width=8",
    "--set",
    "report_images=100",
    "--set",
    "preview_images=100",
    "--set",
    "checkpoint_images=100",
];

fn train(place: &Place, more: &[&str]) -> support::Done {
    place.gan(&[TINY, more].concat())
}

#[test]
fn a_run_on_points_shows_and_counts_its_modes() {
    let place = Place::new();
    let said = train(&place, &["--data", "ring8", "--out", "run"]).succeeded();
    assert!(said.err.contains("8 Gaussians") && said.err.contains("100000 drawn once"), "{}", said.err);
    let run = place.path("run");
    for picture in ["samples/real.png", "samples/000000100.png", "samples/000000200.png"] {
        assert!(is_png(&run.join(picture)), "{picture}");
    }
    assert!(std::fs::read(run.join("samples.gif")).expect("animation").starts_with(b"GIF89a"));
    let config = std::fs::read_to_string(run.join("config.toml")).expect("config");
    assert!(config.contains("precision = \"f32\""), "points are not for bf16: {config}");
    assert!(config.contains("preset = \"ring8\"") && config.contains("source = \"ring8\""), "{config}");

    let counted = place.gan(&["modes", "run", "--count", "500"]).succeeded().out;
    for words in ["PacGAN", "500 samples", "of 8", "good samples", "reverse KL", "sliced Wasserstein"] {
        assert!(counted.contains(words), "{words} in {counted}");
    }
    let json = place.gan(&["modes", "run", "--json"]).succeeded().out;
    let facts: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((facts["samples"].as_u64(), facts["modes"].as_u64()), (Some(2500), Some(8)));
    assert!(facts["reverse_kl"].as_f64().is_some_and(|kl| (0.0..=8f64.ln() + 1e-9).contains(&kl)), "{facts}");
    assert!(facts["sliced_wasserstein"].as_f64() > facts["sliced_wasserstein_of_real"].as_f64());

    place.gan(&["sample", "run", "--count", "30", "--out", "points.png"]).succeeded();
    assert!(is_png(&place.path("points.png")));
    let table = std::fs::read_to_string(place.path("points.csv")).expect("table");
    assert_eq!((table.lines().next(), table.lines().count()), (Some("x,y"), 31));
    place.gan(&["sample", "run", "--single", "--out", "f"]).refused(2, &["one picture"]);
    place.gan(&["interpolate", "run"]).refused(2, &["points, not pictures"]);
}

#[test]
fn resuming_on_points_is_exact() {
    for fixed in ["0", "1000"] {
        let place = Place::new();
        let points = format!("data.points={fixed}");
        // The preset's schedules are as long as the run, and these runs are to be alike.
        let mut more = vec!["--data", "grid25", "--set", &points];
        for schedule in [
            "generator_optimizer.lr_schedule.end=0",
            "discriminator_optimizer.lr_schedule.end=0",
            "regularizer.schedule.end=0",
        ] {
            more.extend(["--set", schedule]);
        }
        train(&place, &[&more[..], &["--out", "whole"]].concat()).succeeded();
        train(&place, &[&more[..], &["--out", "parts", "--images", "100"]].concat()).succeeded();
        place.gan(&["resume", "parts", "--images", "200"]).succeeded();
        assert!(
            tensors(&newest(&place.path("whole"))) == tensors(&newest(&place.path("parts"))),
            "data.points={fixed}"
        );
    }
}

#[test]
fn a_set_without_modes_says_so() {
    let place = Place::new();
    train(&place, &["--data", "swissroll", "--out", "run"]).succeeded();
    let counted = place.gan(&["modes", "run", "--count", "200"]).succeeded().out;
    assert!(
        counted.contains("swissroll has no modes") && counted.contains("sliced Wasserstein"),
        "{counted}"
    );
}

#[test]
fn small_images_are_trained_on_too() {
    let place = Place::new();
    train(&place, &["--preset", "goodfellow-28", "--out", "run"]).succeeded();
    assert!(is_png(&place.path("run/samples/000000200.png")));
    assert!(!place.path("run/samples.gif").exists());
    place.gan(&["modes", "run"]).refused(2, &["fashion-mnist-test", "no modes that are known", "ring8"]);
}

#[test]
fn stacked_images_are_trained_on() {
    let place = Place::new();
    let more = ["--data", "stacked-fashion", "--preset", "goodfellow-28", "--out", "run"];
    let said = train(&place, &more).succeeded();
    assert!(said.err.contains("1000 modes"), "{}", said.err);
    let config = std::fs::read_to_string(place.path("run/config.toml")).expect("config");
    assert!(config.contains("channels = 3") && is_png(&place.path("run/samples/real.png")), "{config}");
}

#[test]
fn data_and_sizes_that_do_not_go_together_are_refused() {
    let place = Place::new();
    let refused = |code, arguments: &[&str], words: &[&str]| place.gan(arguments).refused(code, words);
    refused(
        2,
        &["train", "dcgan", "--data", "ring8"],
        &["points in the plane", "gan train vanilla --data ring8"],
    );
    refused(2, &["train", "vanilla", "--data", "ring8", "--size", "28"], &["size 1"]);
    refused(
        2,
        &["train", "vanilla", "--data", "fashion-mnist-test"],
        &["ring8, grid25, swissroll", "--size 28"],
    );
    refused(2, &["train", "vanilla", "--batch", "200000"], &["100000"]);
    refused(1, &["train", "dcgan", "--data", "stacked-digits"], &["gan data fetch mnist-digits"]);
    refused(1, &["data", "inspect", "ring8"], &["made on the fly"]);
    place.gan(&["data", "fetch", "grid25"]).succeeded();
    assert!(place.gan(&["data", "list"]).succeeded().out.contains("swissroll"));
}
