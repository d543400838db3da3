//! What a run leaves behind.

use crate::support::{gan, newest, succeed, train};
use serde_json::Value;

#[test]
fn a_run_leaves_everything_that_the_readme_promises() {
    let folder = tempfile::tempdir().expect("temp dir");
    let run = folder.path().join("run");
    let output = succeed(&mut train(&run, 128, 64));
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("gan sample"), "the end names the next commands: {said}");

    let config = std::fs::read_to_string(run.join("config.toml")).expect("config.toml");
    assert!(config.contains("generator_width = 4") && config.contains("seed = 3"), "{config}");

    let log = std::fs::read_to_string(run.join("log.jsonl")).expect("log.jsonl");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 8, "a report every 16 of 128 images");
    for line in &lines {
        for name in ["loss/discriminator", "loss/generator", "score/real", "score/fake"] {
            assert!(line["values"][name]["mean"].as_f64().is_some_and(f64::is_finite), "{name} in {line}");
        }
    }

    for picture in ["samples/real.png", "samples/000000064.png", "samples/000000128.png", "curves.png"] {
        let bytes = std::fs::read(run.join(picture)).unwrap_or_else(|error| panic!("{picture}: {error}"));
        assert!(bytes.starts_with(b"\x89PNG") && bytes.len() > 300, "{picture} is a picture");
    }
    let events = std::fs::read_dir(&run).expect("folder").flatten();
    assert!(events.into_iter().any(|e| e.file_name().to_string_lossy().starts_with("events.out.tfevents")));

    assert!(newest(&run).ends_with("000000128"));
    let info = succeed(gan().args(["info", "--json"]).arg(&run));
    serde_json::from_slice::<Value>(&info.stdout).expect("JSON");
}

#[test]
fn one_seed_gives_one_run() {
    let folder = tempfile::tempdir().expect("temp dir");
    let [first, second] = ["a", "b"].map(|name| folder.path().join(name));
    for run in [&first, &second] {
        succeed(&mut train(run, 64, 64));
    }
    assert_eq!(crate::support::state(&first), crate::support::state(&second));
}

#[test]
fn samples_and_interpolations_come_from_the_checkpoint_alone() {
    let folder = tempfile::tempdir().expect("temp dir");
    let run = folder.path().join("run");
    succeed(&mut train(&run, 64, 64));
    let sheets = [0, 1].map(|index| folder.path().join(format!("sheet{index}.png")));
    for sheet in &sheets {
        succeed(
            gan().args(["sample", "--count", "6", "--seed", "5", "--grid", "--out"]).arg(sheet).arg(&run),
        );
    }
    let bytes = sheets.map(|sheet| std::fs::read(sheet).expect("sheet"));
    assert!(bytes[0].starts_with(b"\x89PNG") && bytes[0] == bytes[1]);
    let out = folder.path().join("walk");
    succeed(
        gan().args(["interpolate", "--seeds", "1,2", "--steps", "4", "--out"]).arg(&out).arg(newest(&run)),
    );
    let written = ["png", "gif"].map(|ending| out.with_extension(ending).is_file());
    assert_eq!(written, [true, true], "a strip and an animation");
}
