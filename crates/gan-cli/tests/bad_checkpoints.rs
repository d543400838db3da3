//! Checkpoints that cannot be used, disks that are full, gradients that are not finite.

mod support;

use serde_json::json;
use std::path::Path;
use std::process::Command;
use support::{Done, GAN, Place, checkpoints, forge_meta, tiny};

fn flip(file: &Path) {
    let mut bytes = std::fs::read(file).expect("file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(file, bytes).expect("file");
}

#[test]
fn damage_is_named_and_the_previous_checkpoint_offered() {
    let place = Place::new();
    let run = place.finished_run();
    assert_eq!(checkpoints(&run), ["000000032", "000000048", "000000064"]);
    flip(&run.join("checkpoints/000000064/generator.safetensors"));
    let words = ["000000064", "generator.safetensors is damaged", "checksum", "000000048 is sound"];
    for command in ["resume", "sample", "interpolate"] {
        place.gan(&[command, "run"]).refused(1, &words);
    }
    let info = place.gan(&["info", "run"]).succeeded();
    assert!(
        info.out.contains("generator.safetensors is damaged") && info.out.contains("sound"),
        "{}",
        info.out
    );

    // The offer holds, and the damaged one is not lost.
    let done = place.gan(&["resume", "run/checkpoints/000000048"]).succeeded();
    assert!(done.err.contains("set aside"), "{}", done.err);
    assert_eq!(checkpoints(&run), ["000000032", "000000048", "000000064", "aside-000000064-0"]);
    place.gan(&["sample", "run", "--count", "2"]).succeeded();

    let adam = run.join("checkpoints/000000064/discriminator.adam.safetensors");
    let bytes = std::fs::read(&adam).expect("file");
    std::fs::write(&adam, &bytes[..bytes.len() - 7]).expect("file");
    place.gan(&["resume", "run"]).refused(1, &["discriminator.adam.safetensors is damaged"]);
    std::fs::remove_file(&adam).expect("remove");
    place.gan(&["resume", "run"]).refused(1, &["discriminator.adam.safetensors is missing"]);
}

#[test]
fn checkpoints_of_other_programs_are_refused() {
    let place = Place::new();
    let run = place.finished_run();
    let newest = run.join("checkpoints/000000064");
    forge_meta(&newest, |meta| meta["format"] = json!(99));
    place.gan(&["sample", "run/checkpoints/000000064"]).refused(1, &["layout 99", "layout 1"]);
    forge_meta(&newest, |meta| {
        meta["format"] = json!(1);
        meta["variant"] = json!("biggan");
    });
    place.gan(&["sample", "run/checkpoints/000000064"]).refused(1, &["variant `biggan`", "dcgan"]);
    forge_meta(&newest, |meta| {
        meta["variant"] = json!("dcgan");
        meta["config"]["dcgan"]["latent"] = json!(16);
    });
    place
        .gan(&["sample", "run/checkpoints/000000064"])
        .refused(1, &["000000064", "shape", "configuration differs"]);
    forge_meta(&newest, |meta| meta["config"]["dcgan"]["colour"] = json!(1));
    place.gan(&["sample", "run/checkpoints/000000064"]).refused(1, &["000000064", "colour"]);
}

#[test]
fn what_is_no_run_and_no_checkpoint() {
    let place = Place::new();
    std::fs::create_dir(place.path("empty")).expect("folder");
    for command in ["resume", "sample", "interpolate", "info"] {
        place.gan(&[command, "nowhere"]).refused(1, &["nowhere", "no such file or folder"]);
        place.gan(&[command, "empty"]).refused(1, &["empty", "neither a run nor a checkpoint"]);
    }
    let run = place.finished_run();
    std::fs::rename(run.join("checkpoints/000000064"), place.path("alone")).expect("move");
    place.gan(&["sample", "alone", "--count", "2", "--out", "x.png"]).succeeded();
    place.gan(&["resume", "alone"]).refused(1, &["alone", "lies in no run folder"]);
    std::fs::remove_dir_all(run.join("checkpoints")).expect("remove");
    place.gan(&["sample", "run"]).refused(1, &["no checkpoint yet", "gan resume run"]);
}

#[test]
#[cfg(unix)]
fn a_full_disk_costs_checkpoints_but_not_the_old_ones_nor_the_run() {
    let place = Place::new();
    // 128 kB of weights in the generator's first layer alone.
    let wide = ["--set", "generator_width=64", "--set", "preview_images=0"];
    place.train(&[&wide[..], &["--out", "run", "--images", "16"]].concat()).succeeded();
    let script = format!("ulimit -f 48; exec '{GAN}' resume run --images 64");
    let output =
        Command::new("bash").args(["-c", &script]).current_dir(place.path("")).output().expect("bash");
    let done = Done::of(output).refused(1, &["stopped after 64 images", "000000016 is kept"]);
    assert!(done.err.contains("warning: a checkpoint could not be written"), "{}", done.err);
    assert_eq!(checkpoints(&place.path("run")), ["000000016"]);
    // With room again, all is as if the disk had never been full.
    place.gan(&["resume", "run", "--images", "64"]).succeeded();
    place.train(&[&wide[..], &["--out", "other"]].concat()).succeeded();
    let last = |run: &str| support::tensors(&place.path(run).join("checkpoints/000000064"));
    assert!(last("run") == last("other"), "bit for bit");
}

#[test]
fn gradients_that_are_not_finite_stop_or_are_skipped() {
    let place = Place::new();
    let hot = ["--set", "generator_optimizer.lr=1e30", "--out", "run"];
    place
        .gan(&tiny(&hot))
        .refused(1, &["gradient", "not finite at step", "on_nonfinite=skip", "stopped after"]);
    for name in checkpoints(&place.path("run")) {
        let path = format!("run/checkpoints/{name}");
        place.gan(&["sample", &path, "--count", "2", "--out", "x.png"]).succeeded();
    }
    let skip = ["--set", "generator_optimizer.lr=1e30", "--set", "on_nonfinite=skip", "--out", "skipped"];
    let done = place.gan(&tiny(&skip)).succeeded();
    assert!(done.err.contains("were skipped"), "{}", done.err);
}
