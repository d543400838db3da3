//! `cargo xtask`: one word for everything that is done to this workspace. It never links LibTorch.

mod ablation;
mod bench;
mod doctor;
mod goldens;
mod lint;
mod new_variant;
mod setup;
mod test;
mod tidy;
mod train;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Sets up, trains, tests, checks and measures this workspace.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", after_help = "Begin with `cargo xtask train dcgan`.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Put LibTorch 2.11.0 where the workspace expects it (about 530 MB to download, once per user)
    Setup(setup::Options),
    /// Say what is here, what is missing, and what to do about it
    Doctor,
    /// Set up, build and train: `cargo xtask train dcgan --images 200k`
    Train(train::Options),
    /// Set up and run all tests
    Test(test::Options),
    /// Formatting, clippy, documentation and tidy, warnings denied
    Lint,
    /// The house rules that no compiler checks
    Tidy,
    /// Run the benchmarks; `--peer pytorch` compares with PyTorch, interleaved
    Bench(bench::Options),
    /// Measure every objective and trick of `vanilla` on points, and make the table of its README
    Ablation(ablation::Options),
    /// Check that tests/goldens is complete and readable
    Goldens,
    /// Write a small working variant crate to start from
    NewVariant(new_variant::Options),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Setup(options) => setup::run(&options),
        Command::Doctor => doctor::run(),
        Command::Train(options) => train::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Lint => lint::run(),
        Command::Tidy => tidy::run(),
        Command::Bench(options) => bench::run(&options),
        Command::Ablation(options) => ablation::run(&options),
        Command::Goldens => goldens::run(),
        Command::NewVariant(options) => new_variant::run(&options),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
