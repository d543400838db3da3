//! The `gan` command: a thin reader of arguments over the workspace's crates.
//!
//! - [`cli`]: the arguments; [`commands`]: one file per command
//! - [`variants`]: the one place where variants are listed
//! - [`config`]: preset < config file < flags < `--set`, resolved into one [`config::RunConfig`]
//! - [`session`]: the training loop; [`progress`], [`interrupt`], [`pictures`]: what it shows and obeys
//! - [`located`]: what a user means by RUN or CHECKPOINT; [`latents`]: seeds to latents and between them
//! - [`failure`]: how errors end a process

pub mod class_folders;
pub mod cli;
pub mod commands;
pub mod config;
pub mod data;
pub mod dataset;
pub mod evaluation;
pub mod failure;
pub mod interrupt;
pub mod labels;
pub mod latents;
pub mod located;
pub mod machine;
pub mod model;
pub mod pair_evaluation;
pub mod pairs;
pub mod pictures;
pub mod progress;
pub mod samples;
pub mod say;
pub mod session;
pub mod styles;
pub mod variants;
pub mod weights;

use std::process::ExitCode;

/// Reads the process's arguments, does what they ask, and turns the outcome into an exit code.
pub fn main() -> ExitCode {
    interrupt::survive_file_size_limit();
    failure::guard(|| match cli::parse() {
        Ok(cli) => commands::run(cli),
        Err(done) => Ok(done),
    })
}
