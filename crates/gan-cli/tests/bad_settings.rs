//! Settings, flags and places that cannot work: one sentence, exit code 2 or 1, nothing left behind.

mod support;

use support::{GAN, Place};

/// Nothing was begun.
#[track_caller]
fn refused(arguments: &[&str], words: &[&str]) {
    let place = Place::new();
    place.train(&[arguments, &["--out", "run"]].concat()).refused(2, words);
    assert!(!place.path("run").exists(), "no folder for a run that never began");
}

#[test]
fn unknown_keys_name_the_nearest_known_one() {
    refused(&["--set", "los=hinge"], &["there is no such key", "dcgan.loss"]);
    refused(&["--set", "generator_optimiser.lr=1e-4"], &["dcgan.generator_optimizer.lr"]);
    refused(&["--set", "lr=1e-4"], &["dcgan.generator_optimizer.lr", "dcgan.discriminator_optimizer.lr"]);
    refused(&["--set", "zzzzzzzzzzz=1"], &["--dry-run"]);
    refused(&["--set", "loss"], &["key=value"]);
}

#[test]
fn values_of_the_wrong_kind_say_what_is_expected() {
    refused(&["--set", "loss=hing"], &["dcgan.loss", "hinge", "non_saturating"]);
    refused(&["--set", "train.images=many"], &["train.images", "500k"]);
    refused(&["--set", "generator_optimizer.lr=fast"], &["2e-4"]);
    refused(&["--set", "train.keep_checkpoints=0"], &["train.keep_checkpoints", "at least 1"]);
    refused(&["--set", "data.fit=squeeze"], &["data.fit", "crop"]);
    refused(&["--images", "lots"], &["--images", "500k"]);
}

#[test]
fn config_files_are_checked_like_flags() {
    let place = Place::new();
    let with = |text: &str| {
        std::fs::write(place.path("c.toml"), text).expect("file");
        place.train(&["--config", "c.toml", "--out", "run"])
    };
    with("[dcgan]\nlos = \"hinge\"\n").refused(2, &["c.toml", "dcgan.los", "dcgan.loss"]);
    with("[train]\nimages = 2.5\n").refused(2, &["c.toml", "train.images", "whole number"]);
    with("[train\n").refused(2, &["c.toml", "line 1"]);
    with("variant = \"biggan\"\n").refused(2, &["biggan"]);
    place.train(&["--config", "none.toml"]).refused(1, &["none.toml", "no such file"]);
    assert!(!place.path("run").exists());
}

#[test]
fn sizes_presets_batches_and_devices_that_are_not_there() {
    refused(&["--size", "48"], &["48", "16, 32, 64, 128 or 256"]);
    refused(&["--channels", "5"], &["dcgan.channels", "1 (grey) to 4"]);
    refused(&["--preset", "none"], &["fashion-mnist-32", "dcgan-64", "celeba-64"]);
    refused(&["--batch", "20k"], &["dcgan.batch", "20000", "10000 images"]);
    refused(&["--batch", "1"], &["at least 2"]);
    refused(&["--device", "cuda:99"], &["device cuda:99"]);
    refused(&["--device", "gpu"], &["auto, cpu, cuda:0"]);
    refused(&["--precision", "f16"], &["auto, f32, bf16"]);
    refused(&["--set", "game.discriminator_steps=99999999"], &["game.discriminator_steps", "at most 1000"]);
    refused(&["--channels", "4", "--set", "game.ada.pipe=bgc"], &["game.ada.pipe", "use bg"]);
    refused(&["--set", "game.ada.pipe=bgcf"], &["game.ada.pipe", "more than 21 pixels", "16x16"]);
    refused(&["--set", "data.points=99999999999"], &["data.points", "100000000"]);
}

#[test]
fn a_network_too_large_for_memory_is_a_sentence() {
    let place = Place::new();
    let done = place.train(&["--size", "256", "--set", "generator_width=4096", "--dry-run"]);
    done.refused(1, &["out of memory", "--batch"]);
}

#[test]
fn commands_that_cannot_be_read() {
    let place = Place::new();
    place.gan(&["train", "dcgan", "--batsh", "8"]).refused(2, &["--batsh", "--batch"]);
    place.gan(&["train", "stylegan9"]).refused(2, &["stylegan9", "dcgan"]);
    place.gan(&["train"]).refused(2, &["<VARIANT>"]);
    place.gan(&["sample"]).refused(2, &["RUN|CHECKPOINT"]);
    let nothing = place.gan(&[]);
    assert_eq!(nothing.code, Some(2));
    assert!(nothing.err.contains("Usage") || nothing.err.contains("gan: "), "{}", nothing.err);
}

#[test]
fn another_run_s_folder_is_left_alone() {
    let place = Place::new();
    let run = place.finished_run();
    let before = std::fs::read(run.join("config.toml")).expect("config");
    place.train(&["--out", "run", "--seed", "2"]).refused(1, &["run", "another configuration", "--out"]);
    place.train(&["--out", "run"]).refused(1, &["holds this run already", "gan resume run"]);
    assert_eq!(std::fs::read(run.join("config.toml")).expect("config"), before);
    std::fs::create_dir(place.path("full")).expect("folder");
    std::fs::write(place.path("full/letter.txt"), "dear").expect("file");
    place.train(&["--out", "full"]).refused(1, &["full", "not empty"]);
}

#[test]
fn places_that_cannot_be_written() {
    let place = Place::new();
    std::fs::write(place.path("file"), "").expect("file");
    place.train(&["--out", "file/run"]).refused(1, &["file/run"]);
    #[cfg(target_os = "linux")]
    place.train(&["--out", "/proc/run"]).refused(1, &["/proc/run"]);
    let run = place.finished_run();
    let run = run.to_str().expect("UTF-8");
    for command in ["sample", "interpolate"] {
        place.gan(&[command, run, "--truncation", "nan"]).refused(2, &["--truncation", "0 to 10"]);
        place.gan(&[command, run, "--class", "1"]).refused(2, &["knows no classes"]);
        place.gan(&[command, run, "--threads", "3000000000"]).refused(2, &["threads", "1024"]);
    }
    place.gan(&["sample", run, "--out", "sheet.gif"]).refused(2, &["gif", "png"]);
    place
        .gan(&["sample", run, "--count", "2", "--threads", "1", "--out", "file/x.png"])
        .refused(1, &["file"]);
    place
        .gan(&["interpolate", run, "--steps", "2", "--threads", "1", "--out", "file/x"])
        .refused(1, &["file"]);
}

#[test]
#[cfg(unix)]
fn a_reader_that_goes_away_is_no_failure() {
    let place = Place::new();
    // The reader is gone before the first of many lines.
    let script = format!("(sleep 0.3; '{GAN}' train dcgan --dry-run) | true; exit ${{PIPESTATUS[0]}}");
    let output =
        std::process::Command::new("bash").args(["-c", &script]).current_dir(place.path("")).output();
    let done = support::Done::of(output.expect("bash"));
    assert!(!done.err.contains("panicked") && !done.err.contains("internal error"), "{}", done.err);
    done.succeeded();
}
