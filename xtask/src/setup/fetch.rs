//! Wheels through pip: it knows the user's index, proxy and certificates.

use super::platform::Platform;
use super::unpack;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where pip works inside the download folder, so that half a download is on the same disk and found again.
pub const PARTIAL: &str = "partial";

/// That every wheel of the user's is one that is needed, going by its name, and is whole.
pub fn check_users(users: &[PathBuf], requirements: &[String]) -> Result<()> {
    for file in users {
        ensure!(
            requirements.iter().any(|requirement| is_named(file, requirement)),
            "{} is not named like a wheel of {}; give it the name that its package index has for it",
            file.display(),
            requirements.join(" or of ")
        );
        ensure!(
            unpack::is_whole(file),
            "{} is missing or no whole wheel; give another --wheel",
            file.display()
        );
    }
    Ok(())
}

/// A wheel: one of the user's, or the one in `folder`, downloaded unless a sound one is there already.
pub fn wheel(
    folder: &Path,
    requirement: &str,
    users: &[PathBuf],
    offline: bool,
    platform: &Platform,
) -> Result<PathBuf> {
    if let Some(file) = users.iter().find(|file| is_named(file, requirement)) {
        return Ok(file.clone());
    }
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be written", folder.display()))?;
    if let Some(found) = present(folder, requirement)? {
        println!("{requirement}: already downloaded");
        return Ok(found);
    }
    ensure!(
        !offline,
        "{requirement} is not downloaded yet and --offline was given; run `cargo xtask setup` with a network, or name \
         the wheel with --wheel FILE"
    );
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
    present(folder, requirement)?
        .with_context(|| format!("pip said it was done, but {requirement} is not in {}", folder.display()))
}

/// A sound wheel of this requirement; a damaged one is thrown away.
fn present(folder: &Path, requirement: &str) -> Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !is_named(&entry.path(), requirement) {
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

/// Whether a file's name is that of a wheel of this requirement: `torch-2.11.0-cp312-...whl` of `torch==2.11.0`.
fn is_named(file: &Path, requirement: &str) -> bool {
    let (package, version) = requirement.split_once("==").unwrap_or((requirement, "*"));
    let start = format!("{}-{}", package.replace('-', "_"), version.trim_end_matches('*'));
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let rest =
        name.strip_prefix(&start).filter(|rest| version.ends_with('*') || rest.starts_with(['-', '+']));
    rest.is_some_and(|rest| rest.ends_with(".whl"))
}

enum Failure {
    NoPython(std::io::Error),
    NoPip,
    NoNetwork,
    NoMatch,
    DiskFull,
    Other(String),
}

impl Failure {
    fn sentence(self, requirement: &str) -> anyhow::Error {
        let by_hand =
            format!("or download a {requirement} wheel elsewhere and run `cargo xtask setup --wheel FILE`");
        match self {
            Self::NoPython(error) => anyhow::anyhow!(
                "python3 could not be started ({error}); install Python 3 with pip (on Debian: apt install python3-pip), {by_hand}"
            ),
            Self::NoPip => anyhow::anyhow!(
                "python3 has no pip; install it (on Debian: apt install python3-pip; elsewhere: python3 -m ensurepip), {by_hand}"
            ),
            Self::NoNetwork => anyhow::anyhow!(
                "pip could not reach its package index for {requirement}; check the network (and `python3 -m pip config \
                 list`), then run `cargo xtask setup` again, {by_hand}"
            ),
            Self::NoMatch => anyhow::anyhow!(
                "pip found no {requirement} for this platform in its index; check `python3 -m pip config list`, {by_hand}"
            ),
            Self::DiskFull => {
                anyhow::anyhow!("the disk is full; free some space, or set XDG_CACHE_HOME to another disk")
            }
            Self::Other(line) => {
                anyhow::anyhow!("pip could not download {requirement} ({line}); try again, {by_hand}")
            }
        }
    }
}

fn download(folder: &Path, requirement: &str, options: &[&str]) -> Result<(), Failure> {
    let partial = folder.join(PARTIAL);
    let _ = fs::create_dir_all(&partial);
    let mut command = Command::new("python3");
    // Without pip's own cache, which would keep the 530 MB a second time.
    command.args(["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--disable-pip-version-check"]);
    command.arg("--dest").arg(folder).env("TMPDIR", &partial);
    command.args(options).arg(requirement).stdin(Stdio::null()).stderr(Stdio::piped());
    if !std::io::stdout().is_terminal() {
        command.args(["--progress-bar", "off"]);
    }
    let output =
        command.spawn().and_then(std::process::Child::wait_with_output).map_err(Failure::NoPython)?;
    if output.status.success() {
        return Ok(());
    }
    Err(classify(&String::from_utf8_lossy(&output.stderr)))
}

/// What pip's warnings before its last line tell of.
const NO_CONNECTION: [&str; 5] =
    ["Failed to establish a new connection", "name resolution", "ConnectTimeout", "ProxyError", "SSLError"];

fn classify(said: &str) -> Failure {
    let has = |sign: &str| said.contains(sign);
    match () {
        () if has("No module named pip") => Failure::NoPip,
        () if has("No space left") => Failure::DiskFull,
        () if NO_CONNECTION.iter().any(|sign| has(sign)) => Failure::NoNetwork,
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
            ("ERROR: No matching distribution found for torch==2.11.0", "in its index"),
            (
                "WARNING: Failed to establish a new connection\nERROR: No matching distribution found",
                "the network",
            ),
            (
                "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
                "disk is full",
            ),
            ("noise\nERROR: hash mismatch\n", "hash mismatch"),
            ("", "no reason given"),
        ];
        for (said, expected) in cases {
            let sentence = classify(said).sentence("torch==2.11.0").to_string();
            assert!(sentence.contains(expected) && sentence.lines().count() == 1, "{sentence}");
        }
    }

    #[test]
    fn a_wheel_is_known_by_its_name() {
        let is = |name: &str, requirement| is_named(Path::new(name), requirement);
        assert!(is("/a/torch-2.11.0-cp312-cp312-manylinux_2_28_x86_64.whl", "torch==2.11.0"));
        assert!(is("torch-2.11.0+cpu-cp312-cp312-linux_x86_64.whl", "torch==2.11.0"));
        assert!(is(
            "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.whl",
            "nvidia-cuda-runtime==13.0.*"
        ));
        assert!(!is("torch-2.11.01-cp312.whl", "torch==2.11.0"));
        assert!(!is("torch-2.6.0-cp312.whl", "torch==2.11.0"));
        assert!(!is("torchvision-0.26.0-cp312.whl", "torch==2.11.0"));
    }

    #[test]
    fn without_a_network_nothing_is_fetched() {
        let folder = tempfile::tempdir().expect("temp dir");
        let platform =
            Platform { announcement: "", bytes_needed: 0, extra_wheels: &[], libraries: &[], tags: &[] };
        let missing = wheel(folder.path(), "torch==2.11.0", &[], true, &platform).expect_err("nothing there");
        assert!(missing.to_string().contains("--offline"), "{missing}");
    }

    #[test]
    fn wheels_of_the_users_are_checked_before_anything_is_done() {
        let folder = tempfile::tempdir().expect("temp dir");
        let requirements = ["torch==2.11.0".to_owned(), "nvidia-cuda-cupti==13.0.*".to_owned()];
        for (name, sentence) in
            [("torch-2.11.0-x.whl", "no whole wheel"), ("torch-2.6.0-x.whl", "not named like")]
        {
            let file = folder.path().join(name);
            fs::write(&file, b"PK").expect("half");
            let error = check_users(std::slice::from_ref(&file), &requirements).expect_err(name);
            assert!(error.to_string().contains(sentence) && file.exists(), "{error}");
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
