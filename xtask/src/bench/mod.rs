//! `cargo xtask bench`: criterion's benchmarks in one table, or both sides of a comparison with PyTorch.

mod cases;
mod criterion;
mod peer;
pub mod stats;
mod venv;

use crate::setup;
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Compare with another framework, both sides taking turns in the same minutes
    #[arg(long, value_parser = ["pytorch"])]
    peer: Option<String>,
    /// Fewer rounds: a first impression
    #[arg(long)]
    quick: bool,
    /// Only what contains this word
    #[arg(long, value_name = "WORD")]
    filter: Option<String>,
    /// Write the numbers to this file as well (always: target/bench/bench.json)
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    setup::ensure_ready()?;
    match options.peer {
        Some(_) => peer::run(options),
        None => criterion::run(options),
    }
}
