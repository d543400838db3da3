//! `cargo xtask train VARIANT [...]`: from a fresh clone to a training run.

use crate::{setup, workspace};
use anyhow::Result;
use std::process::ExitCode;

/// What to train; everything goes on to `gan train`.
#[derive(clap::Args)]
pub struct Options {
    /// The variant and the arguments of `gan train`
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    setup::ensure_ready()?;
    workspace::succeed(workspace::cargo().args(["build", "--release", "-p", "gan-cli"]), "building gan")?;
    // Ctrl-C goes to the whole process group: gan saves and ends, we wait for it.
    ctrlc::set_handler(|| {})?;
    let gan = workspace::root().join("target/release/gan");
    workspace::foreground(workspace::with_libraries(gan).arg("train").args(&options.arguments))
}
