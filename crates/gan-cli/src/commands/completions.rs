//! `gan completions SHELL`

use crate::cli::Cli;
use clap::CommandFactory;
use clap_complete::{Shell, generate};
use std::io::Write;

/// Which shell.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The shell that is to complete `gan`
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  gan completions bash > ~/.local/share/bash-completion/completions/gan
  gan completions zsh > ~/.zfunc/_gan
  gan completions fish > ~/.config/fish/completions/gan.fish";

/// Prints the script.
pub fn run(args: &Args) {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "gan", &mut script);
    let _ = std::io::stdout().write_all(&script);
}
