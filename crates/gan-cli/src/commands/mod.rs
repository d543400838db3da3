//! One file per command.

pub mod augment;
pub mod completions;
pub mod data;
pub mod directions;
pub mod doctor;
pub mod evaluate;
pub mod import;
pub mod info;
pub mod interpolate;
pub mod modes;
pub mod project;
pub mod resume;
pub mod sample;
pub mod standing;
pub mod stylemix;
pub mod train;
pub mod translate;

use crate::cli::{Cli, Command};
use anyhow::Result;
use std::process::ExitCode;

/// Does what the arguments ask.
///
/// # Errors
/// The command's.
pub fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Train(args) => return train::run(*args),
        Command::Resume(args) => return resume::run(args),
        Command::Sample(args) => sample::run(args)?,
        Command::Interpolate(args) => interpolate::run(args)?,
        Command::Evaluate(args) => evaluate::run(*args)?,
        Command::Sweep(args) => evaluate::sweep::run(*args)?,
        Command::Stylemix(args) => stylemix::run(args)?,
        Command::Directions(args) => directions::run(args)?,
        Command::Project(args) => project::run(args)?,
        Command::Standing(args) => standing::run(args)?,
        Command::Augment(args) => augment::run(*args)?,
        Command::Translate(args) => translate::run(args)?,
        Command::Import(args) => import::run(args)?,
        Command::Modes(args) => modes::run(args)?,
        Command::Info(args) => info::run(args)?,
        Command::Data(args) => data::run(args)?,
        Command::Doctor(args) => doctor::run(args)?,
        Command::Completions(args) => completions::run(&args),
    }
    Ok(ExitCode::SUCCESS)
}
