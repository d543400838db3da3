//! Whole runs: what they leave on the disk, interrupted and resumed, and what is made from them.

mod support;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::{Done, Place, checkpoints, tensors, tiny};

fn log_steps(run: &Path) -> Vec<u64> {
    let text = std::fs::read_to_string(run.join("log.jsonl")).expect("log");
    text.lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).expect("JSON")["step"].as_u64().expect("step")
        })
        .collect()
}

#[test]
fn a_run_leaves_what_it_promises() {
    let place = Place::new();
    let done = place.train(&["--out", "run"]).succeeded();
    let run = place.path("run");
    assert_eq!(log_steps(&run), (1..=8).collect::<Vec<u64>>());
    assert_eq!(checkpoints(&run), ["000000032", "000000048", "000000064"]);
    for (file, width) in [
        ("real", 8 * 66 + 2),
        ("000000008", 8 * 66 + 2),
        ("000000032", 8 * 66 + 2),
        ("000000064", 8 * 66 + 2),
    ] {
        let picture = image::open(run.join(format!("samples/{file}.png"))).expect(file);
        assert_eq!(picture.width(), width, "{file}");
    }
    assert!(image::open(run.join("curves.png")).is_ok());
    let files: Vec<String> = std::fs::read_dir(&run)
        .expect("run")
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    assert!(files.iter().any(|name| name.starts_with("events.out.tfevents.")), "{files:?}");
    for next in
        ["gan sample run", "gan interpolate run", "gan resume run --images", "tensorboard --logdir run"]
    {
        assert!(done.out.contains(next), "{}", done.out);
    }
    // Not a terminal: plain lines, the last one included.
    assert!(done.err.contains("64 of 64 images") && done.err.contains("D(G(z))"), "{}", done.err);
    assert!(!done.err.contains('\u{1b}'), "no escape codes: {}", done.err);

    // The record repeats the run.
    place.gan(&["train", "dcgan", "--config", "run/config.toml", "--out", "again"]).succeeded();
    let last = |run: &str| tensors(&place.path(run).join("checkpoints/000000064"));
    assert!(last("run") == last("again"), "the same weights from config.toml alone");
}

#[test]
fn a_dry_run_prints_everything_and_leaves_nothing() {
    let place = Place::new();
    let done = place.train(&["--dry-run", "--images", "500k"]).succeeded();
    for words in [
        "variant = \"dcgan\"",
        "images = 500000",
        "# generator: ",
        "10000 images",
        "[dcgan.generator_optimizer]",
    ] {
        assert!(done.out.contains(words), "{words} in {}", done.out);
    }
    assert!(!place.path("runs").exists());
}

#[test]
fn folders_are_numbered() {
    let place = Place::new();
    place.train(&["--images", "8"]).succeeded();
    place.train(&["--images", "8"]).succeeded();
    place.photos("my photos", 9);
    place.train(&["--images", "8", "--data", "my photos"]).succeeded();
    let mut names: Vec<String> = std::fs::read_dir(place.path("runs"))
        .expect("runs")
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["dcgan-fashion-mnist-32-001", "dcgan-fashion-mnist-32-002", "dcgan-my-photos-001"]);
}

#[test]
fn an_older_branch_is_gone_on_with() {
    let place = Place::new();
    let every = ["--set", "checkpoint_images=16", "--set", "keep_checkpoints=9"];
    place.train(&[&["--out", "run", "--images", "48"], &every[..]].concat()).succeeded();
    place.gan(&["resume", "run/checkpoints/000000016", "--images", "64"]).succeeded();
    let names = || checkpoints(&place.path("run"));
    let aside = ["aside-000000032-0", "aside-000000048-0"];
    assert_eq!(names(), [&["000000016", "000000032", "000000048", "000000064"], &aside[..]].concat());
    place.gan(&["resume", "run/checkpoints/aside-000000032-0", "--images", "40"]).succeeded();
    let again = ["aside-000000048-1", "aside-000000064-0"];
    assert_eq!(names(), [&["000000016", "000000032", "000000040"], &aside[..], &again[..]].concat());
}

#[test]
fn a_new_length_outlives_a_kill() {
    let place = Place::new();
    place.train(&["--out", "run", "--images", "32"]).succeeded();
    // What a resume with `--images 64` leaves when it is killed before its first checkpoint.
    let file = place.path("run/config.toml");
    let text = std::fs::read_to_string(&file).expect("config.toml");
    std::fs::write(&file, text.replace("\nimages = 32\nseed", "\nimages = 64\nseed")).expect("config.toml");
    place.gan(&["resume", "run"]).succeeded();
    assert!(checkpoints(&place.path("run")).contains(&"000000064".to_owned()));
}

#[test]
fn a_slip_in_a_run_s_configuration_is_named() {
    let place = Place::new();
    let file = place.finished_run().join("config.toml");
    let text = std::fs::read_to_string(&file).expect("config.toml");
    std::fs::write(&file, format!("foo = [\n{text}")).expect("config.toml");
    place.gan(&["resume", "run", "--images", "80"]).refused(1, &["config.toml", "mend the file"]);
    assert!(std::fs::read_to_string(&file).expect("config.toml").starts_with("foo"), "left as it was");
}

#[test]
fn a_data_set_that_changed_is_mentioned() {
    let place = Place::new();
    let photos = place.photos("photos", 12);
    place.train(&["--out", "run", "--images", "16", "--data", "photos"]).succeeded();
    std::fs::remove_file(photos.join("003.png")).expect("file");
    let done = place.gan(&["resume", "run", "--images", "32"]).succeeded();
    assert!(done.err.contains("holds 11 images, 12 when the run began"), "{}", done.err);
}

#[test]
fn longer_is_exactly_like_long_from_the_start() {
    let place = Place::new();
    place.train(&["--out", "whole"]).succeeded();
    place.train(&["--out", "halves", "--images", "32"]).succeeded();
    let finished = place.gan(&["resume", "halves"]).succeeded();
    assert!(finished.err.contains("finished") && finished.err.contains("--images 64"), "{}", finished.err);
    place.gan(&["resume", "halves", "--images", "16"]).refused(2, &["--images 16", "32 already"]);
    place.gan(&["resume", "halves", "--images", "64"]).succeeded();
    let last = |run: &str| tensors(&place.path(run).join("checkpoints/000000064"));
    assert!(last("whole") == last("halves"), "bit for bit");
    assert_eq!(log_steps(&place.path("halves")), (1..=8).collect::<Vec<u64>>());
}

/// 500 steps and 62 checkpoints: time to be killed in.
const LONG: &[&str] = &["--images", "4k", "--set", "report_images=64", "--set", "checkpoint_images=64"];

/// Starts a long run and waits for its first checkpoint.
fn started(place: &Place, out: &str) -> std::process::Child {
    let mut command = place.command(&tiny(&[&["--out", out], LONG].concat()));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("gan starts");
    let begun = Instant::now();
    while checkpoints(&place.path(out)).iter().all(|name| name.starts_with('.')) {
        assert!(begun.elapsed() < Duration::from_secs(60), "no checkpoint");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

#[test]
#[cfg(unix)]
fn killed_or_interrupted_runs_end_as_if_nothing_had_happened() {
    let place = Place::new();
    place.train(&[&["--out", "whole"], LONG].concat()).succeeded();
    let last = |run: &str| tensors(&place.path(run).join("checkpoints/000004000"));

    let mut child = started(&place, "killed");
    std::thread::sleep(Duration::from_millis(137));
    child.kill().expect("SIGKILL");
    child.wait().expect("wait");
    place.gan(&["resume", "killed"]).succeeded();
    assert!(last("whole") == last("killed"), "after SIGKILL");

    let child = started(&place, "interrupted");
    assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGINT) }, 0);
    let done = Done::of(child.wait_with_output().expect("wait"));
    assert_eq!(done.code, Some(130), "{}\n{}", done.out, done.err);
    assert!(done.out.contains("gan resume interrupted"), "{}", done.out);
    place.gan(&["resume", "interrupted"]).succeeded();
    assert!(last("whole") == last("interrupted"), "after SIGINT");
}

#[test]
fn a_run_killed_before_its_first_checkpoint_starts_anew() {
    let place = Place::new();
    place.train(&["--out", "whole"]).succeeded();
    place.train(&["--out", "run"]).succeeded();
    std::fs::remove_dir_all(place.path("run/checkpoints")).expect("remove");
    let done = place.gan(&["resume", "run"]).succeeded();
    assert!(done.err.contains("starting anew"), "{}", done.err);
    let last = |run: &str| tensors(&place.path(run).join("checkpoints/000000064"));
    assert!(last("whole") == last("run"));
    assert_eq!(log_steps(&place.path("run")), (1..=8).collect::<Vec<u64>>());
}

#[test]
fn one_process_trains_in_a_folder() {
    let place = Place::new();
    let mut child = started(&place, "run");
    place.gan(&["resume", "run"]).refused(1, &["another process"]);
    child.kill().expect("kill");
    child.wait().expect("wait");
}

#[test]
fn samples_are_functions_of_their_seeds() {
    let place = Place::new();
    place.finished_run();
    let sheet = |out: &str, more: &[&str]| {
        place.gan(&[&["sample", "run", "--threads", "1", "--out", out], more].concat()).succeeded();
        std::fs::read(place.path(out)).expect(out)
    };
    let first = sheet("a.png", &["--count", "9", "--grid=3"]);
    assert_eq!(image::load_from_memory(&first).expect("PNG").width(), 3 * 66 + 2);
    assert!(first == sheet("b.png", &["--count", "9", "--batch", "4"]), "whatever the batch");
    assert!(first != sheet("c.png", &["--count", "9", "--seed", "10"]));
    for (file, kind) in [("d.jpg", image::ImageFormat::Jpeg), ("e.webp", image::ImageFormat::WebP)] {
        let bytes = sheet(file, &["--count", "2"]);
        assert_eq!(image::guess_format(&bytes).expect("known"), kind);
        image::load_from_memory(&bytes).expect(file);
    }
    let done = place
        .gan(&["sample", "run", "--count", "3", "--seed", "7", "--single", "--out", "single"])
        .succeeded();
    assert!(done.out.contains("3 pictures"), "{}", done.out);
    for seed in 7..10 {
        let picture = image::open(place.path(&format!("single/seed{seed:06}.png"))).expect("PNG");
        assert_eq!((picture.width(), picture.height()), (16, 16));
    }
    place.gan(&["sample", "run", "--count", "2"]).succeeded();
    assert!(place.path("run/generated/sheet-000000064-seed1.png").is_file());
}

#[test]
fn an_interpolation_is_a_strip_and_an_animation() {
    let place = Place::new();
    place.finished_run();
    let make = |more: &[&str]| {
        place.gan(&[&["interpolate", "run", "--threads", "1", "--steps", "5"], more].concat())
    };
    make(&["--seeds", "1,2,3", "--out", "way"]).succeeded();
    let strip = image::open(place.path("way.png")).expect("PNG");
    assert_eq!((strip.width(), strip.height()), (5 * 66 + 2, 2 * 66 + 2));
    let gif = std::fs::read(place.path("way.gif")).expect("GIF");
    assert!(gif.starts_with(b"GIF89a"));
    make(&["--from", "1", "--to", "2", "--animation", "apng", "--out", "true"]).succeeded();
    let apng = std::fs::read(place.path("true.apng")).expect("APNG");
    assert!(apng.windows(4).any(|word| word == b"acTL"), "animated");
    // Without the program a sentence; what it wrote is what stands there.
    let video = ["interpolate", "run", "--steps", "3", "--animation", "mp4", "--out", "film"];
    let with_path =
        |path: &Path| Done::of(place.command(&video).env("PATH", path).output().expect("gan starts"));
    let programs = place.path("programs");
    std::fs::create_dir_all(&programs).expect("folder");
    with_path(&programs).refused(1, &["ffmpeg", "install it", "gif or apng"]);
    let script = "#!/bin/sh\nfor last; do :; done\nexec /bin/cat > \"$last\"\n";
    std::fs::write(programs.join("ffmpeg"), script).expect("script");
    std::fs::set_permissions(programs.join("ffmpeg"), PermissionsExt::from_mode(0o755)).expect("rights");
    with_path(&programs).succeeded();
    assert!(std::fs::read(place.path("film.mp4")).expect("film").windows(4).any(|word| word == b"acTL"));
    make(&[]).succeeded();
    assert!(place.path("run/generated/interpolation-1-2-3-4.gif").is_file());
    make(&["--seeds", "1"]).refused(2, &["at least two"]);
}

#[test]
fn info_and_doctor_speak_json_too() {
    let place = Place::new();
    place.finished_run();
    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&place.gan(arguments).succeeded().out).expect("JSON")
    };
    let info = json(&["info", "run", "--json"]);
    assert_eq!((info["images"].as_u64(), info["steps"].as_u64()), (Some(64), Some(8)));
    // ConvTranspose 8x8x4x4 + 8x4x4x4 + 4x1x4x4, batch norms 2 x (8 + 4).
    assert_eq!(info["parameters"]["generator"], 8 * 8 * 16 + 8 * 4 * 16 + 4 * 16 + 2 * (8 + 4));
    assert_eq!(info["checkpoints"].as_array().map(Vec::len), Some(3));
    assert!(info["last_report"]["values"]["loss/generator"]["mean"].is_f64());
    let text = place.gan(&["info", "run/checkpoints/000000048"]).succeeded().out;
    assert!(text.contains("48 of 64 images (75 %)") && text.contains("sound"), "{text}");
    let findings = json(&["doctor", "--json"]);
    let whats: Vec<&str> =
        findings.as_array().expect("list").iter().filter_map(|f| f["what"].as_str()).collect();
    for what in ["LibTorch", "processor", "threads", "CUDA", "data set", "arithmetic"] {
        assert!(whats.contains(&what), "{whats:?}");
    }
}

#[test]
fn every_shell_gets_completions_and_every_command_help() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(place.gan(&["completions", shell]).succeeded().out.contains("interpolate"), "{shell}");
    }
    for command in ["train", "resume", "sample", "interpolate", "info", "data", "doctor", "completions"] {
        assert!(place.gan(&[command, "--help"]).succeeded().out.contains("Example"), "{command}");
    }
}

#[test]
fn data_sets_are_listed_and_inspected() {
    let place = Place::new();
    let list = place.gan(&["data", "list"]).succeeded().out;
    assert!(list.contains("fashion-mnist-test") && list.contains("[built in]"), "{list}");
    place.photos("photos", 4);
    let inspected = place.gan(&["data", "inspect", "photos", "--sheet", "sheet.png"]).succeeded().out;
    assert!(inspected.contains('4') && inspected.contains("20"), "{inspected}");
    assert!(image::open(place.path("sheet.png")).is_ok());
    place.gan(&["data", "inspect", "nowhere"]).refused(1, &["nowhere"]);
    place.gan(&["data", "fetch", "nothing-known"]).refused(1, &["nothing-known", "fashion-mnist"]);
}

#[test]
fn lines_come_while_it_trains() {
    let place = Place::new();
    let mut command = place.command(&tiny(&["--out", "run", "--images", "100k"]));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("gan starts");
    let lines = BufReader::new(child.stderr.take().expect("stderr")).lines();
    let found = lines.map_while(Result::ok).any(|line| line.contains("of 100,000 images"));
    child.kill().expect("kill");
    child.wait().expect("wait");
    assert!(found, "a line long before the end");
}
