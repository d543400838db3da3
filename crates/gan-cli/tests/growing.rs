//! The StyleGAN that grows from the command line: resumed in the middle of a fade, sampled while it grows.

mod support;

use support::{Place, is_png, newest, tensors};

/// 4x4 for 24 images; 8x8 is faded in for 24 and stays for 24: the checkpoint after 32 images is in the middle of a fade.
const SMALL: &[&str] = &[
    "train",
    "stylegan1",
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
    "start=4",
    "--set",
    "phase_images=24",
    "--set",
    "channel_base=64",
    "--data",
    "fashion-mnist-test",
];

#[test]
fn a_run_is_resumed_in_the_middle_of_a_fade_and_its_styles_are_used() {
    let place = Place::new();
    place.gan(&[SMALL, &["--out", "whole"]].concat()).succeeded();
    place.gan(&[SMALL, &["--out", "parts", "--images", "32"]].concat()).succeeded();
    place.gan(&["sample", "parts", "--count", "4", "--out", "growing.png"]).succeeded();
    place.gan(&["resume", "parts", "--images", "64"]).succeeded();
    assert!(
        tensors(&newest(&place.path("whole"))) == tensors(&newest(&place.path("parts"))),
        "what stands still included"
    );
    let log = std::fs::read_to_string(place.path("whole/log.jsonl")).expect("a log");
    for name in ["growth/side", "growth/alpha", "penalty/r1"] {
        assert!(log.contains(name), "{name}");
    }

    let bytes = |name: &str| std::fs::read(place.path(name)).expect("a picture");
    for (name, psi) in [("whole.png", "1"), ("half.png", "0.5")] {
        place.gan(&["sample", "whole", "--count", "4", "--psi", psi, "--out", name]).succeeded();
    }
    assert_ne!(bytes("whole.png"), bytes("half.png"));
    assert_eq!(
        picture_size(&bytes("growing.png")),
        picture_size(&bytes("whole.png")),
        "enlarged while it grows"
    );
    place.gan(&["stylemix", "whole", "--rows", "1,2", "--cols", "5-7", "--layers", "0-1"]).succeeded();
    assert!(is_png(&place.path("whole/generated/stylemix-layers0-1.png")));
    place.gan(&["directions", "whole", "--count", "2", "--steps", "3", "--out", "moved.png"]).succeeded();
    assert!(is_png(&place.path("moved.png")));
    place.gan(&["interpolate", "whole", "--seeds", "1,2", "--steps", "4", "--out", "way"]).succeeded();
    assert!(is_png(&place.path("way.png")));
}

/// Width and height, where a PNG has them.
fn picture_size(png: &[u8]) -> &[u8] {
    &png[16..24]
}

#[test]
fn what_does_not_suit_is_refused_in_a_sentence() {
    let place = Place::new();
    let refused = |more: &[&str], words: &[&str]| {
        place.gan(&[SMALL, &["--out", "x"], more].concat()).refused(2, words);
        assert!(!place.path("x").exists(), "no folder for a run that never began");
    };
    refused(&["--size", "48"], &["stylegan1.size", "48 is no power of two", "32 or 64"]);
    refused(&["--set", "phase_images=0"], &["stylegan1.phase_images", "at least 1 image"]);
    refused(&["--set", "start=32"], &["stylegan1.start", "not between 4 and 16"]);
    refused(&["--set", "loss=relativistic_paired"], &["stylegan1.loss", "wasserstein"]);
    refused(&["--set", "phase_image=10"], &["stylegan1.phase_images"]);
    refused(&["--preset", "ffhq"], &["ffhq", "small-32", "paper-1024"]);
}
