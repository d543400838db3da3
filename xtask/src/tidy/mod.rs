//! `cargo xtask tidy`: the house rules of `crates/README.md` that no compiler checks.

mod graph;
mod house;
mod source;

use crate::workspace;
use anyhow::{Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// One broken rule: where, and a sentence.
pub type Finding = String;

/// The files that git knows or would know, with their text where they have one.
pub struct Tree {
    pub root: PathBuf,
    pub files: Vec<PathBuf>,
}

impl Tree {
    fn here() -> Result<Self> {
        let root = workspace::root();
        let arguments = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
        let output = Command::new("git").current_dir(&root).args(arguments).output()?;
        ensure!(
            output.status.success(),
            "tidy asks git for the list of files, and git failed: is this a clone?"
        );
        let files = output.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        let files = files.map(|name| PathBuf::from(String::from_utf8_lossy(name).into_owned()));
        let mut files: Vec<PathBuf> = files.filter(|path| root.join(path).is_file()).collect();
        files.sort();
        Ok(Self { root, files })
    }

    /// A file's text; empty if it is missing or no text.
    pub fn text(&self, path: impl AsRef<Path>) -> String {
        std::fs::read_to_string(self.root.join(path)).unwrap_or_default()
    }

    pub fn has(&self, path: impl AsRef<Path>) -> bool {
        self.root.join(path).is_file()
    }

    /// The names of the folders in `crates/`.
    pub fn crates(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .files
            .iter()
            .filter_map(|path| {
                path.strip_prefix("crates").ok()?.to_str()?.strip_suffix("/Cargo.toml").map(str::to_owned)
            })
            .collect();
        names.sort();
        names
    }

    /// The crates that are variants: those with a `src/variant.rs`, the core aside (it defines the trait).
    pub fn variants(&self) -> Vec<String> {
        let is_variant =
            |name: &String| name != "gan-core" && self.has(format!("crates/{name}/src/variant.rs"));
        self.crates().into_iter().filter(is_variant).collect()
    }
}

pub fn run() -> Result<ExitCode> {
    let tree = Tree::here()?;
    let mut findings = house::check(&tree);
    findings.extend(source::check(&tree));
    findings.extend(graph::check(&tree)?);
    if findings.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    for finding in &findings {
        eprintln!("{finding}");
    }
    bail!("tidy found {} broken rules", findings.len())
}
