//! This workspace's side of the benchmarks, driven line by line like `benches/pytorch/peer.py`.
//!
//! It reads commands from standard input and answers each with one line of JSON:
//!
//! ```text
//! hello    {"name": ..., "version": ..., "threads": ...}
//! run K    K iterations: {"seconds": [K numbers], "peak_mb": ...}
//! quit
//! ```
//!
//! An iteration is what a user's run does: `Trainer::advance` with its log, or one batch of a loader.

mod case;
mod loader;
mod metric;
mod photos;
mod sampling;
mod translation;

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Parser;
use gan_core::device::DevicePolicy;
use serde_json::json;
use tch::Device;

use case::{Case, Work};

/// Runs one benchmark case on command, to be timed beside PyTorch.
#[derive(Parser)]
#[command(name = "gan-peer", version)]
struct Options {
    /// What to run.
    case: Case,
    /// CPU threads of one operation.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// f32 or bf16, if not the one that the case is named after.
    #[arg(long)]
    precision: Option<String>,
    /// Whether images are planes (NCHW) instead of channels-last.
    #[arg(long)]
    planes: bool,
    /// cpu or cuda:N.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Folder of pictures for the case `loader`; filled if it is empty.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Whether the case `loader` may keep decoded pictures in memory, as it does by default elsewhere.
    #[arg(long)]
    cached: bool,
    /// Threads that load, for the case `loader`; 0 for one per core.
    #[arg(long, default_value_t = 2)]
    workers: usize,
}

fn main() -> ExitCode {
    match serve(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gan-peer: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Answers commands until `quit` or the end of input.
fn serve(options: &Options) -> Result<()> {
    let mut work = Work::new(options)?;
    let device = DevicePolicy::resolve(&options.device, "f32", 0)?.device;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line.context("standard input ended badly")?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words[..] {
            ["hello"] => {
                json!({"name": work.name(), "version": env!("CARGO_PKG_VERSION"), "threads": tch::get_num_threads()})
            }
            ["run", count] => {
                let count = count.parse().with_context(|| format!("`{count}` is no number of iterations"))?;
                json!({"seconds": run(&mut work, count, device)?, "peak_mb": peak_mb()})
            }
            ["quit"] => break,
            _ => bail!("expected `hello`, `run K` or `quit`, got `{line}`"),
        };
        writeln!(out, "{answer}").and_then(|()| out.flush()).context("nobody reads standard output")?;
    }
    Ok(())
}

/// Seconds of each of `count` iterations. A loader runs ahead, so that one batch costs nothing and
/// the next twice its time: there all numbers are the mean, and what was loaded ahead while nobody
/// asked is drawn before the clock starts.
fn run(work: &mut Work, count: usize, device: Device) -> Result<Vec<f64>> {
    for _ in 0..work.ahead() {
        work.iteration()?;
    }
    wait_for(device);
    let mut seconds = Vec::with_capacity(count);
    let mut last = Instant::now();
    for _ in 0..count {
        work.iteration()?;
        let now = Instant::now();
        seconds.push((now - last).as_secs_f64());
        last = now;
    }
    wait_for(device);
    if let Some(seconds) = seconds.last_mut() {
        *seconds += last.elapsed().as_secs_f64();
    }
    // Neither a loader that works ahead nor a GPU behind the program's back has times of single iterations.
    if device.is_cuda() || matches!(work, Work::Loader(_)) {
        let mean = seconds.iter().sum::<f64>() / count.max(1) as f64;
        seconds.fill(mean);
    }
    Ok(seconds)
}

/// Until a GPU has done what it was told.
fn wait_for(device: Device) {
    if let Device::Cuda(index) = device {
        tch::Cuda::synchronize(index as i64);
    }
}

/// The most memory this process has held, in MB of 2^20 bytes; null where the system does not say.
fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
}
