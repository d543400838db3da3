//! What is watched while a run trains: on the disk, in words, and in what ends or resumes it.

mod support;

use serde_json::Value;
use std::path::Path;
use support::{Place, tensors};

const EVALUATED: &[&str] = &["--set", "train.evaluate_images=16"];

fn log(run: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(run.join("log.jsonl")).expect("log");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Images shown and the distance at each evaluation.
fn qualities(run: &Path) -> Vec<(u64, f64)> {
    let read = |line: &Value| {
        Some((line["images"].as_u64()?, line["values"].get("quality/fid-clothes")?.get("mean")?.as_f64()?))
    };
    log(run).iter().filter_map(read).collect()
}

#[test]
fn evaluations_are_logged_and_the_best_is_kept() {
    let place = Place::new();
    let done = place.train(&[&["--out", "run"], EVALUATED].concat()).succeeded();
    let run = place.path("run");
    let found = qualities(&run);
    assert_eq!(found.iter().map(|(images, _)| *images).collect::<Vec<_>>(), [16, 32, 48, 64]);
    for line in log(&run).iter().filter(|line| line["images"].as_u64().is_some_and(|images| images % 16 == 0))
    {
        for name in ["diversity/samples", "diversity/reals", "quality/fid-clothes", "quality/swd"] {
            assert!(line["values"][name]["mean"].as_f64().is_some_and(|value| value > 0.0), "{name}: {line}");
        }
    }
    let (images, best) = found.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1)).expect("evaluations");
    assert!(
        done.out.contains("Quality (fid-clothes) is") && done.out.contains("gan sample run --best"),
        "{}",
        done.out
    );
    assert!(done.err.contains("diversity") && done.err.contains("(best)"), "{}", done.err);

    let info: Value =
        serde_json::from_str(&place.gan(&["info", "run", "--json"]).succeeded().out).expect("JSON");
    assert_eq!(info["best"]["images"].as_u64(), Some(images));
    assert_eq!(info["convergence"]["qualities"][0]["best"], serde_json::json!([images, best]));
    let text = place.gan(&["info", "run"]).succeeded().out;
    assert!(
        text.contains("run/best")
            && text.contains(&format!("the best: fid-clothes {best:.3} after {images} images")),
        "{text}"
    );
    let about_best = place.gan(&["info", "run/best"]).succeeded().out;
    assert!(about_best.contains(&format!("{images} of 64 images")), "{about_best}");

    place
        .gan(&["sample", "run", "--best", "--count", "2", "--threads", "1", "--out", "best.png"])
        .succeeded();
    let folder = format!("run/checkpoints/{images:09}");
    if place.path(&folder).is_dir() {
        place.gan(&["sample", &folder, "--count", "2", "--threads", "1", "--out", "same.png"]).succeeded();
        let read = |file: &str| std::fs::read(place.path(file)).expect(file);
        assert!(read("best.png") == read("same.png"));
        place.gan(&["sample", &folder, "--best"]).refused(2, &["--best", "run's folder"]);
    }
}

#[test]
fn a_run_that_was_never_evaluated_has_no_best() {
    let place = Place::new();
    let done = place.train(&["--out", "run"]).succeeded();
    assert!(done.out.contains("too few evaluations"), "{}", done.out);
    assert!(!place.path("run/best").exists());
    place.gan(&["sample", "run", "--best"]).refused(1, &["no best checkpoint", "train.evaluate_images"]);
}

#[test]
fn what_was_watched_is_the_same_after_a_resume() {
    let place = Place::new();
    place.train(&[&["--out", "whole", "--guard", "rollback"], EVALUATED].concat()).succeeded();
    place
        .train(&[&["--out", "parts", "--images", "32", "--guard", "rollback"], EVALUATED].concat())
        .succeeded();
    place.gan(&["resume", "parts", "--images", "64"]).succeeded();
    assert_eq!(qualities(&place.path("whole")), qualities(&place.path("parts")));
    let last = |run: &str| place.path(run).join("checkpoints/000000064");
    assert!(tensors(&last("whole")) == tensors(&last("parts")));
    let watched = |run: &str| std::fs::read_to_string(last(run).join("watch.json")).expect("watch.json");
    assert_eq!(watched("whole"), watched("parts"), "to the last bit");
    let best = |run: &str| tensors(&place.path(run).join("best"));
    assert!(best("whole") == best("parts"));
}

#[test]
fn a_plateau_ends_a_run_and_can_be_left() {
    let place = Place::new();
    let settings = ["--set", "evaluate_images=8", "--set", "stop_on_plateau=2", "--images", "4k"];
    let done = place.train(&[&["--out", "run"], &settings[..]].concat()).succeeded();
    assert!(done.out.contains("stopped on a plateau: "), "{}", done.out);
    let found = qualities(&place.path("run"));
    let best = found.iter().map(|(_, value)| *value).fold(f64::INFINITY, f64::min);
    let since = found.iter().rev().take_while(|(_, value)| *value > best).count();
    assert_eq!(since, 2, "{found:?}");
    let done = place.gan(&["resume", "run"]).succeeded();
    assert!(done.err.contains("stopped on a plateau"), "{}", done.err);
    place.gan(&["resume", "run", "--images", "8k"]).succeeded();
    assert!(qualities(&place.path("run")).len() > found.len());
}

#[test]
fn images_can_be_held_out() {
    let place = Place::new();
    let done = place.train(&["--dry-run", "--set", "data.holdout=0.05"]).succeeded();
    assert!(done.out.contains("500 more held out") && done.out.contains("holdout = 0.05"), "{}", done.out);
    place.train(&[&["--out", "run", "--set", "data.holdout=0.05"], EVALUATED].concat()).succeeded();
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let place = Place::new();
    let refused = |arguments: &[&str], words: &[&str]| {
        place.train(&[arguments, &["--out", "run"]].concat()).refused(2, words);
        assert!(!place.path("run").exists());
    };
    refused(&["--guard", "maybe"], &["--guard", "off, warn, rollback"]);
    refused(&["--set", "train.guard=maybe"], &["train.guard", "rollback"]);
    refused(&["--set", "guard_rollbacks=0", "--guard", "rollback"], &["train.guard_rollbacks", "at least 1"]);
    refused(&["--set", "stop_on_plateau=3", "--set", "evaluate_images=0"], &["train.stop_on_plateau"]);
    refused(&["--set", "data.holdout=0.9"], &["holdout", "0.5"]);
    refused(&["--set", "data.holdout=0.0005"], &["data.holdout", "5 images", "batch of 8"]);
}
