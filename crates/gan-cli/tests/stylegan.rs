//! StyleGAN from the command line: styles mixed, moved along and truncated.

mod support;

use support::{Done, Place, TINY, checkpoints, is_png, tensors};

const SMALL: &[&str] = &[
    "--size",
    "16",
    "--batch",
    "8",
    "--images",
    "64",
    "--device",
    "cpu",
    "--threads",
    "1",
    "--set",
    "channel_base=64",
    "--set",
    "r1_interval=2",
    "--set",
    "path_length=2",
    "--data",
    "fashion-mnist-test",
];

fn train(place: &Place, more: &[&str]) -> Done {
    place.gan(&[&["train", "stylegan"], SMALL, more].concat())
}

#[test]
fn a_run_is_resumed_and_its_styles_are_used() {
    let place = Place::new();
    let ada = ["--set", "ada.pipe=bgc", "--set", "ada.speed_images=100"];
    train(&place, &[&["--out", "whole"][..], &ada].concat()).succeeded();
    train(&place, &[&["--out", "parts", "--images", "32"][..], &ada].concat()).succeeded();
    place.gan(&["resume", "parts", "--images", "64"]).succeeded();
    let newest = |run: &str| {
        let run = place.path(run);
        run.join("checkpoints").join(checkpoints(&run).pop().expect("a checkpoint"))
    };
    assert!(tensors(&newest("whole")) == tensors(&newest("parts")), "w average, path length and p included");
    let log = std::fs::read_to_string(place.path("whole/log.jsonl")).expect("a log");
    for name in ["penalty/r1", "path_length", "augment/p"] {
        assert!(log.contains(name), "{name}");
    }

    let bytes = |name: &str| std::fs::read(place.path(name)).expect("a picture");
    for (name, psi) in [("whole.png", "1"), ("half.png", "0.5")] {
        place.gan(&["sample", "whole", "--count", "4", "--psi", psi, "--out", name]).succeeded();
    }
    place.gan(&["sample", "whole", "--count", "4", "--out", "plain.png"]).succeeded();
    assert_ne!(bytes("whole.png"), bytes("half.png"));
    assert_eq!(bytes("whole.png"), bytes("plain.png"), "1 is as in training");

    place.gan(&["stylemix", "whole", "--rows", "1,2", "--cols", "5-7", "--layers", "0-2"]).succeeded();
    assert!(is_png(&place.path("whole/generated/stylemix-layers0-2.png")));
    place.gan(&["directions", "whole", "--count", "2", "--steps", "3", "--out", "moved.png"]).succeeded();
    assert!(is_png(&place.path("moved.png")));
    place.gan(&["interpolate", "whole", "--seeds", "1,2", "--steps", "4", "--out", "way"]).succeeded();
    assert!(is_png(&place.path("way.png")));

    place.gan(&["stylemix", "whole", "--layers", "0-99"]).refused(2, &["--layers 0-99", "one of 0 to"]);
    place.gan(&["stylemix", "whole", "--rows", "x"]).refused(2, &["--rows x", "3,14"]);
    place.gan(&["directions", "whole", "--strength", "0"]).refused(2, &["above 0"]);
    place.gan(&["sample", "whole", "--psi", "11"]).refused(2, &["from 0 to 10"]);
}

#[test]
fn what_does_not_suit_is_refused_in_a_sentence() {
    let place = Place::new();
    place.gan(&["train", "stylegan", "--size", "100"]).refused(2, &["does not halve often enough", "96x96"]);
    train(&place, &["--out", "x", "--set", "ada.pipe=bgx"]).refused(2, &["bgx", "bgcfnc"]);
    train(&place, &["--out", "x", "--set", "conditional=true", "--batch", "6"]).refused(2, &["groups of"]);
    let dcgan = ["train", "dcgan", "--out", "d", "--data", "fashion-mnist-test"];
    place.gan(&[&dcgan[..], TINY, &["--size", "16"]].concat()).succeeded();
    place.gan(&["stylemix", "d"]).refused(2, &["a dcgan has no styles"]);
}

#[test]
fn classes_are_learned_where_they_are_asked_for() {
    let place = Place::new();
    train(&place, &["--out", "run", "--set", "conditional=true"]).succeeded();
    place.gan(&["sample", "run", "--class", "3", "--count", "4", "--out", "three.png"]).succeeded();
    place
        .gan(&["interpolate", "run", "--seeds", "1", "--from-class", "1", "--to-class", "2", "--steps", "3"])
        .succeeded();
    place.gan(&["sample", "run", "--class", "dragon"]).refused(2, &["dragon"]);
}
