//! `cargo xtask lint`: formatting, clippy, documentation, tidy. Every warning is an error.

use crate::{setup, tidy, workspace};
use anyhow::Result;
use std::process::ExitCode;
use std::time::Instant;

pub fn run() -> Result<ExitCode> {
    setup::ensure_ready()?;
    stage("fmt", || {
        workspace::succeed(
            workspace::cargo().args(["fmt", "--all", "--check"]),
            "cargo fmt (mend it with `cargo fmt --all`)",
        )
    })?;
    stage("clippy", || {
        let arguments = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
        workspace::succeed(workspace::cargo().args(arguments), "clippy")
    })?;
    stage("doc", || {
        let mut command = workspace::cargo();
        command.args(["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings");
        workspace::succeed(&mut command, "cargo doc")
    })?;
    stage("tidy", || tidy::run().map(|_| ()))?;
    Ok(ExitCode::SUCCESS)
}

fn stage(name: &str, body: impl FnOnce() -> Result<()>) -> Result<()> {
    let started = Instant::now();
    body()?;
    println!("{name:8} ok  {:5.1} s", started.elapsed().as_secs_f64());
    Ok(())
}
