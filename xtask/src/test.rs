//! `cargo xtask test`: every test of the workspace.

use crate::{new_variant, setup, workspace};
use anyhow::Result;
use std::process::ExitCode;

/// What to test.
#[derive(clap::Args)]
pub struct Options {
    /// Arguments for `cargo test`, such as `-p dcgan`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    setup::ensure_ready()?;
    let mut command = workspace::cargo();
    command.arg("test").args(&options.arguments);
    if options.arguments.is_empty() {
        command.arg("--workspace");
        workspace::succeed(&mut command, "cargo test")?;
        return new_variant::trial();
    }
    workspace::foreground(&mut command)
}
