//! Where the workspace lies and how its commands are started.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The workspace's root folder.
pub fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// A cargo command in the root, which builds into `target/` whatever built xtask itself.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).env_remove("CARGO_TARGET_DIR");
    if let Some(lib) = crate::setup::users_library_folder() {
        let before = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let paths = std::iter::once(lib).chain(std::env::split_paths(&before));
        if let Ok(joined) = std::env::join_paths(paths) {
            command.env("LD_LIBRARY_PATH", joined);
        }
    }
    command
}

/// Runs a command in the foreground; its exit code is ours.
pub fn foreground(command: &mut Command) -> Result<ExitCode> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("{program} could not be started"))?;
    // A child ended by a signal has no code.
    Ok(ExitCode::from(status.code().unwrap_or(130).clamp(0, 255) as u8))
}

/// Runs a command in the foreground; anything but success is an error.
pub fn succeed(command: &mut Command, what: &str) -> Result<()> {
    let status = command.status().with_context(|| format!("{what}: could not be started"))?;
    anyhow::ensure!(status.success(), "{what} failed");
    Ok(())
}
