//! The arguments, and what happens when they cannot be read.

use crate::commands::{
    augment, completions, data, directions, doctor, evaluate, import, info, interpolate, modes, project,
    resume, sample, standing, stylemix, train, translate,
};
use crate::failure::USAGE;
use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// GANs on LibTorch: train, resume, sample, interpolate.
#[derive(Debug, Parser)]
#[command(name = "gan", version, max_term_width = 110, after_help = EXAMPLES, subcommand_required = true, args_override_self = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  gan train dcgan                                   on the built-in Fashion-MNIST images
  gan train dcgan --data photos/ --size 64          on a folder of pictures
  gan resume runs/dcgan-fashion-mnist-32-001        goes on exactly where it stopped
  gan sample runs/dcgan-fashion-mnist-32-001        a sheet of new pictures
  gan translate runs/cyclegan-emoji-64-001 faces/   other pictures from pictures
  gan evaluate runs/dcgan-fashion-mnist-32-001      how good they are

Exit codes: 0 done, 1 failed, 2 not understood, 130 interrupted and saved.";

/// One of the commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a GAN in a new run folder
    Train(Box<train::Args>),
    /// Go on with a run, exactly where it stopped
    Resume(resume::Args),
    /// Generate new pictures
    Sample(sample::Args),
    /// Pictures on the way from one to another: a strip and an animation
    Interpolate(interpolate::Args),
    /// Score samples, or a folder of images, against real ones: FID, KID, precision and recall
    Evaluate(Box<evaluate::Args>),
    /// Samples and their scores at several truncations
    Sweep(Box<evaluate::sweep::Args>),
    /// Coarse styles of some pictures with fine styles of others
    Stylemix(stylemix::Args),
    /// What changes pictures most when their styles move
    Directions(directions::Args),
    /// Find the styles whose picture is nearest an image
    Project(project::Args),
    /// Generate by standing statistics of batch normalisation
    Standing(standing::Args),
    /// Fill a labelled set up with generated images, and see whether a classifier is better for it
    Augment(Box<augment::Args>),
    /// Turn images into images: another domain's, restored, enlarged, coloured
    Translate(translate::Args),
    /// Use published weights
    Import(import::Args),
    /// How many modes a run covers, where they are known: points and stacked images
    Modes(modes::Args),
    /// What a run or checkpoint is and how far it came
    Info(info::Args),
    /// Data sets: list, fetch, inspect
    Data(data::Args),
    /// What this machine offers, and what to do about what is missing
    Doctor(doctor::Args),
    /// Completions for a shell
    Completions(completions::Args),
}

/// Reads the process's arguments. `Err` is the exit code when there is nothing more to do: after help, or
/// after a sentence about a mistake.
///
/// # Errors
/// Nothing to run.
pub fn parse() -> Result<Cli, ExitCode> {
    Cli::try_parse().map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(USAGE)
        }
        _ => {
            crate::say::note(format_args!("gan: {}", one_sentence(&error.render().to_string())));
            ExitCode::from(USAGE)
        }
    })
}

/// clap's paragraphs (what, tips, usage, where to read on) as one sentence.
fn one_sentence(rendered: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for line in rendered.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let line = line.strip_prefix("error: ").unwrap_or(line);
        if line.starts_with("For more information") {
            break;
        }
        let line = match (line.strip_prefix("tip: "), line.strip_prefix("Usage: ")) {
            (Some(tip), _) => format!("; {tip}"),
            (_, Some(usage)) => format!("; usage: {usage}"),
            _ if parts.is_empty() => line.to_owned(),
            _ => format!(" {line}"),
        };
        parts.push(line);
    }
    parts.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn clap_s_paragraphs_become_a_sentence() {
        let text = "error: unexpected argument '--batsh' found\n\n  tip: a similar argument exists: '--batch'\n\n\
                    Usage: gan train <VARIANT>\n\nFor more information, try '--help'.\n";
        assert_eq!(
            one_sentence(text),
            "unexpected argument '--batsh' found; a similar argument exists: '--batch'; usage: gan train <VARIANT>"
        );
    }

    #[test]
    fn every_command_has_examples() {
        fn check(command: &clap::Command) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "`{}` has no examples", command.get_name());
            command.get_subcommands().filter(|sub| sub.get_name() != "help").for_each(check);
        }
        check(&Cli::command());
    }
}
