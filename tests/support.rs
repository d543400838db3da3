//! The real binary, run small.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// `gan`, as `cargo test --workspace` has built it beside this test.
pub fn gan() -> Command {
    let test = std::env::current_exe().expect("a running test has a path");
    let binary = test.ancestors().nth(2).expect("target/PROFILE/deps/test").join("gan");
    assert!(binary.is_file(), "{} is missing: run `cargo test --workspace`", binary.display());
    let mut command = Command::new(binary);
    command.stdin(Stdio::null()).env("OMP_NUM_THREADS", "1");
    command
}

/// Trains a tiny DCGAN on the built-in images: `images` in steps of 8, a checkpoint every `checkpoint` images.
pub fn train(run: &Path, images: u64, checkpoint: u64) -> Command {
    let mut command = gan();
    command.args(["train", "dcgan", "--size", "16", "--batch", "8", "--seed", "3", "--threads", "1"]);
    command.args(["--device", "cpu", "--precision", "f32", "--images", &images.to_string()]);
    let sets = [
        "generator_width=4".to_owned(),
        "discriminator_width=4".to_owned(),
        "latent=8".to_owned(),
        "train.report_images=16".to_owned(),
        "train.preview_images=64".to_owned(),
        format!("train.checkpoint_images={checkpoint}"),
    ];
    for set in sets {
        command.args(["--set", &set]);
    }
    command.arg("--out").arg(run);
    command
}

/// Runs to the end.
///
/// # Panics
/// With the command's own words if it fails.
pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().expect("gan starts");
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The newest checkpoint of a run.
pub fn newest(run: &Path) -> PathBuf {
    gan_core::trainer::RunDir::checkpoints_of(run).pop().expect("a checkpoint")
}

/// The tensor files of a run's newest checkpoint, by name.
pub fn state(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(newest(run)).expect("checkpoint folder").flatten();
    entries
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "safetensors"))
        .map(|entry| {
            (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).expect("file"))
        })
        .collect()
}
