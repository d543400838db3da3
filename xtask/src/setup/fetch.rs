//! Wheels through pip: it knows the user's index, proxy and certificates.

use super::platform::Platform;
use super::unpack;
use anyhow::{Context, Result};
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A wheel in `folder`, downloaded unless a sound one is there already.
pub fn wheel(folder: &Path, requirement: &str, platform: &Platform) -> Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be written", folder.display()))?;
    if let Some(found) = present(folder, requirement)? {
        println!("{requirement}: already downloaded");
        return Ok(found);
    }
    println!("{requirement}: downloading");
    let plain = download(folder, requirement, &[]);
    if let Err(Failure::NoMatch) = plain {
        // The wheel of any Python serves: only its libraries are used.
        let mut options = vec!["--only-binary=:all:", "--python-version", "3.12", "--implementation", "cp"];
        for tag in platform.tags {
            options.extend(["--platform", tag]);
        }
        download(folder, requirement, &options).map_err(|failure| failure.sentence(requirement))?;
    } else {
        plain.map_err(|failure| failure.sentence(requirement))?;
    }
    present(folder, requirement)?.with_context(|| format!("pip said it was done, but {requirement} is not in {}", folder.display()))
}

/// A sound wheel of this requirement; a damaged one is thrown away.
fn present(folder: &Path, requirement: &str) -> Result<Option<PathBuf>> {
    let prefix = format!("{}-", requirement.split("==").next().unwrap_or(requirement).replace('-', "_"));
    for entry in fs::read_dir(folder)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with(&prefix) || !name.ends_with(".whl") {
            continue;
        }
        if unpack::is_whole(&entry.path()) {
            return Ok(Some(entry.path()));
        }
        println!("{name} is damaged or only half there: fetching it again");
        fs::remove_file(entry.path()).with_context(|| format!("{name} cannot be removed"))?;
    }
    Ok(None)
}

enum Failure {
    NoPython(std::io::Error),
    NoPip,
    NoMatch,
    DiskFull,
    Other(String),
}

impl Failure {
    fn sentence(self, requirement: &str) -> anyhow::Error {
        let by_hand = format!("or download a {requirement} wheel elsewhere and run `cargo xtask setup --wheel FILE`");
        match self {
            Self::NoPython(error) => anyhow::anyhow!(
                "python3 could not be started ({error}); install Python 3 with pip (on Debian: apt install python3-pip), {by_hand}"
            ),
            Self::NoPip => anyhow::anyhow!(
                "python3 has no pip; install it (on Debian: apt install python3-pip; elsewhere: python3 -m ensurepip), {by_hand}"
            ),
            Self::NoMatch => anyhow::anyhow!(
                "pip found no {requirement}: there is no network, or its index does not have it; check the connection and \
                 `pip config list`, then run `cargo xtask setup` again, {by_hand}"
            ),
            Self::DiskFull => anyhow::anyhow!("the disk is full; free some space, or set XDG_CACHE_HOME to another disk"),
            Self::Other(line) => anyhow::anyhow!("pip could not download {requirement} ({line}); try again, {by_hand}"),
        }
    }
}

fn download(folder: &Path, requirement: &str, options: &[&str]) -> Result<(), Failure> {
    let mut command = Command::new("python3");
    command.args(["-m", "pip", "download", "--no-deps", "--disable-pip-version-check", "--dest"]).arg(folder);
    command.args(options).arg(requirement).stdin(Stdio::null()).stderr(Stdio::piped());
    if !std::io::stdout().is_terminal() {
        command.args(["--progress-bar", "off"]);
    }
    let output = command.spawn().and_then(std::process::Child::wait_with_output).map_err(Failure::NoPython)?;
    if output.status.success() {
        return Ok(());
    }
    Err(classify(&String::from_utf8_lossy(&output.stderr)))
}

fn classify(said: &str) -> Failure {
    let has = |sign: &str| said.contains(sign);
    match () {
        () if has("No module named pip") => Failure::NoPip,
        () if has("No space left") => Failure::DiskFull,
        () if has("No matching distribution") || has("Could not find a version") => Failure::NoMatch,
        () => {
            let line = said.lines().rev().find(|line| line.contains("ERROR")).or_else(|| said.lines().last());
            let line = line.unwrap_or("no reason given").trim().trim_start_matches("ERROR: ");
            Failure::Other(line.chars().take(200).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pip_says_becomes_one_sentence() {
        let cases = [
            ("/usr/bin/python3: No module named pip", "ensurepip"),
            ("ERROR: No matching distribution found for torch==2.11.0", "no network"),
            ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
            ("noise\nERROR: hash mismatch\n", "hash mismatch"),
            ("", "no reason given"),
        ];
        for (said, expected) in cases {
            let sentence = classify(said).sentence("torch==2.11.0").to_string();
            assert!(sentence.contains(expected) && sentence.lines().count() == 1, "{sentence}");
        }
    }

    #[test]
    fn a_truncated_wheel_is_thrown_away() {
        let folder = tempfile::tempdir().expect("temp dir");
        let file = folder.path().join("torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl");
        fs::write(&file, b"PK\x03\x04 and nothing more").expect("file");
        assert!(present(folder.path(), "torch==2.11.0").expect("looked").is_none());
        assert!(!file.exists());
    }
}
