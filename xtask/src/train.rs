//! `cargo xtask train VARIANT [...]`: from a fresh clone to a training run.

use crate::{setup, workspace};
use anyhow::Result;
use std::process::{Command, ExitCode};

/// What to train; everything goes on to `gan train`.
#[derive(clap::Args)]
pub struct Options {
    /// The variant and the arguments of `gan train`
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    setup::run(&setup::Options::default())?;
    workspace::succeed(workspace::cargo().args(["build", "--release", "-p", "gan-cli"]), "building gan")?;
    // Ctrl-C goes to the whole process group: gan saves and ends, we wait for it.
    let _ = ctrlc_ignored();
    let gan = workspace::root().join("target/release/gan");
    workspace::foreground(Command::new(gan).arg("train").args(&options.arguments))
}

/// Leaves Ctrl-C to the child.
fn ctrlc_ignored() -> Result<()> {
    Ok(ctrlc::set_handler(|| {})?)
}
