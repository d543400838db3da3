//! Where the workspace lies and how its commands are started.

use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

/// The workspace's root folder.
pub fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// A cargo command in the root, which builds into `target/` whatever built xtask itself.
pub fn cargo() -> Command {
    let mut command = with_libraries(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).env("CARGO_TARGET_DIR", root().join("target"));
    command
}

/// A command that finds the LibTorch that the user brings, if they do; ours is found through the rpath.
pub fn with_libraries(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    if let Some(Ok(own)) = crate::setup::users_own() {
        let variable = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
        let before = std::env::var_os(variable).unwrap_or_default();
        let before = std::env::split_paths(&before).filter(|path| !path.as_os_str().is_empty());
        if let Ok(joined) = std::env::join_paths(std::iter::once(own.join("lib")).chain(before)) {
            command.env(variable, joined);
        }
    }
    command
}

/// Runs a command in the foreground; its exit code is ours.
pub fn foreground(command: &mut Command) -> Result<ExitCode> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("{program} could not be started"))?;
    Ok(ExitCode::from(code(status)))
}

/// As a shell tells it: 128 and the number of the signal for a process that was ended by one.
fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal: Option<i32> = None;
    let code = status.code().or(signal.map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

/// Runs a command in the foreground; anything but success is an error.
pub fn succeed(command: &mut Command, what: &str) -> Result<()> {
    let status = command.status().with_context(|| format!("{what}: could not be started"))?;
    anyhow::ensure!(status.success(), "{what} failed");
    Ok(())
}
