//! Runs the real `gan` on runs that take a second.
#![allow(dead_code, missing_docs)] // each test binary uses its part

use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub const GAN: &str = env!("CARGO_BIN_EXE_gan");

/// 16 x 16, a few thousand parameters, 8 steps; a report every step, checkpoints after steps 2, 4, 6 and 8.
pub const TINY: &[&str] = &[
    "--size",
    "16",
    "--batch",
    "8",
    "--images",
    "64",
    "--device",
    "cpu",
    "--precision",
    "f32",
    "--threads",
    "1",
    "--set",
    "generator_width=4",
    "--set",
    "discriminator_width=4",
    "--set",
    "latent=8",
    "--set",
    "report_images=8",
    "--set",
    "preview_images=32",
    "--set",
    "checkpoint_images=16",
];

/// A folder of its own to run in.
pub struct Place(tempfile::TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("temp dir"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(GAN);
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        command.env_remove("GAN_DEBUG").env("GAN_DATA", self.path("data-cache"));
        command
    }

    pub fn gan(&self, arguments: &[&str]) -> Done {
        Done::of(self.command(arguments).output().expect("gan starts"))
    }

    /// `gan train dcgan TINY ... more`
    pub fn train(&self, more: &[&str]) -> Done {
        self.gan(&tiny(more))
    }

    /// A finished tiny run in `run`.
    pub fn finished_run(&self) -> PathBuf {
        self.train(&["--out", "run"]).succeeded();
        self.path("run")
    }

    /// A folder of small colour PNGs.
    pub fn photos(&self, name: &str, count: u8) -> PathBuf {
        let folder = self.path(name);
        std::fs::create_dir_all(&folder).expect("folder");
        for index in 0..count {
            let picture =
                image::RgbImage::from_fn(20, 20, |x, y| image::Rgb([index * 3, x as u8 * 9, y as u8 * 9]));
            picture.save(folder.join(format!("{index:03}.png"))).expect("PNG");
        }
        folder
    }
}

pub fn tiny<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["train", "dcgan"], TINY, more].concat()
}

/// A process that has ended.
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Done {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self
    }

    /// It ended with `code` and one sentence that begins with `gan: ` and holds all of `words`. Nothing that
    /// a user cannot read stands beside it.
    #[track_caller]
    pub fn refused(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        let sentences: Vec<&str> = self.err.lines().filter(|line| line.starts_with("gan: ")).collect();
        assert_eq!(sentences.len(), 1, "one sentence: {}", self.err);
        assert_eq!(self.err.lines().last(), Some(sentences[0]), "the sentence comes last: {}", self.err);
        for word in words {
            assert!(sentences[0].contains(word), "`{word}` in: {}", sentences[0]);
        }
        for sign in ["panicked", "backtrace", "internal error", "Exception raised", "Torch(\""] {
            assert!(!self.err.contains(sign), "{}", self.err);
        }
        self
    }
}

/// The names of a run's checkpoints.
pub fn checkpoints(run: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(run.join("checkpoints")).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A run's newest checkpoint.
pub fn newest(run: &Path) -> PathBuf {
    run.join("checkpoints").join(checkpoints(run).pop().expect("a checkpoint"))
}

/// Every tensor file of a checkpoint, by name.
pub fn tensors(checkpoint: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(checkpoint).expect("a checkpoint").flatten();
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .filter(|(name, _)| name.ends_with(".safetensors"))
        .map(|(name, path)| (name, std::fs::read(path).expect("file")))
        .collect();
    files.sort();
    assert!(files.len() >= 5, "weights, optimisers and the rest");
    files
}

/// Changes a checkpoint's `meta.json` and makes its checksums agree again.
pub fn forge_meta(checkpoint: &Path, change: impl FnOnce(&mut serde_json::Value)) {
    let path = checkpoint.join("meta.json");
    let mut meta = serde_json::from_slice(&std::fs::read(&path).expect("meta")).expect("JSON");
    change(&mut meta);
    let text = serde_json::to_vec_pretty(&meta).expect("JSON");
    let sum: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::write(&path, text).expect("write");
    let sums = checkpoint.join("SHA256SUMS");
    let lines = std::fs::read_to_string(&sums).expect("sums");
    let forged: String =
        lines
            .lines()
            .map(|line| {
                if line.ends_with("  meta.json") {
                    format!("{sum}  meta.json\n")
                } else {
                    format!("{line}\n")
                }
            })
            .collect();
    std::fs::write(&sums, forged).expect("write");
}

/// Whether a picture of this kind is there.
pub fn is_png(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"\x89PNG"))
}
