//! `cargo xtask setup`: LibTorch 2.11.0 into a per-user cache, linked from `target/libtorch`.
//!
//! There is no CPU-only LibTorch of this version in the package index for Linux x86-64, but Python's CUDA
//! wheel serves: a quarter of it is kept. Whatever was downloaded stays until setup is complete, and the
//! cache folder gets its name only when everything is in it, so a setup that was killed is just run again.

mod fetch;
mod platform;
mod unpack;

use crate::workspace;
use anyhow::{Context, Result, bail, ensure};
use platform::Platform;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The one version that tch 0.24.0 belongs to.
pub const VERSION: &str = "2.11.0";

/// How to set up.
#[derive(clap::Args, Default)]
pub struct Options {
    /// Download and unpack again, even if LibTorch is there
    #[arg(long)]
    force: bool,
    /// Use this torch wheel instead of downloading one
    #[arg(long, value_name = "FILE")]
    wheel: Option<PathBuf>,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    if let Some(lib) = users_library_folder() {
        check_users_version(&lib)?;
        return Ok(ExitCode::SUCCESS);
    }
    let root = std::env::var_os("GAN_SETUP_ROOT").map_or_else(workspace::root, PathBuf::from);
    let link = root.join("target/libtorch");
    if !options.force && is_complete(&link) {
        return Ok(ExitCode::SUCCESS);
    }
    let cache = cache_folder()?;
    let target = cache.join(format!("libtorch-{VERSION}"));
    if options.force || !is_complete(&target) {
        install(options, &cache, &target)?;
    }
    make_link(&target, &link)?;
    println!("LibTorch {VERSION} is ready in {}", target.display());
    Ok(ExitCode::SUCCESS)
}

/// `~/.cache/gan-rs`, or below `XDG_CACHE_HOME`.
pub fn cache_folder() -> Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME is set; set one of them to a folder that can be written")?;
    Ok(base.join("gan-rs"))
}

/// The lib folder of a LibTorch that the user brings (`LIBTORCH`, `LIBTORCH_USE_PYTORCH`), if they do.
pub fn users_library_folder() -> Option<PathBuf> {
    if std::env::var_os("LIBTORCH_USE_PYTORCH").is_some_and(|value| value == "1") {
        let code = "import torch, os; print(os.path.join(os.path.dirname(torch.__file__), 'lib'))";
        return python(code).map(PathBuf::from).or_else(|| Some(PathBuf::from("torch of python3")));
    }
    let own = PathBuf::from(std::env::var_os("LIBTORCH")?);
    // Cargo sets LIBTORCH for us from .cargo/config.toml.
    (own != workspace::root().join("target/libtorch")).then(|| own.join("lib"))
}

/// Whether a folder holds an unpacked LibTorch of the right version.
pub fn is_complete(folder: &Path) -> bool {
    version_of(folder).as_deref() == Some(VERSION) && folder.join("lib").is_dir() && folder.join("include").is_dir()
}

fn version_of(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join("build-version")).ok()?;
    Some(text.trim().split('+').next().unwrap_or_default().to_owned())
}

fn check_users_version(lib: &Path) -> Result<()> {
    let folder = lib.parent().unwrap_or(lib);
    let found = version_of(folder).or_else(|| {
        let version = python("import torch; print(torch.__version__)")?;
        std::env::var_os("LIBTORCH_USE_PYTORCH")?;
        Some(version.split('+').next().unwrap_or_default().to_owned())
    });
    match found {
        Some(version) if version == VERSION => {
            println!("using your LibTorch {version} in {}", folder.display());
            Ok(())
        }
        Some(version) => bail!(
            "your LibTorch in {} is version {version}, but {VERSION} is needed; point LIBTORCH to that, or unset \
             LIBTORCH and LIBTORCH_USE_PYTORCH and run `cargo xtask setup`",
            folder.display()
        ),
        None => bail!(
            "no LibTorch {VERSION} was found in {} (LIBTORCH or LIBTORCH_USE_PYTORCH is set); unset it and run \
             `cargo xtask setup`, or point it to a folder with lib, include and build-version",
            folder.display()
        ),
    }
}

fn python(code: &str) -> Option<String> {
    let output = Command::new("python3").args(["-c", code]).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn install(options: &Options, cache: &Path, target: &Path) -> Result<()> {
    let platform = Platform::here()?;
    fs::create_dir_all(cache).with_context(|| format!("{} cannot be written", cache.display()))?;
    let free = fs4::available_space(cache).unwrap_or(u64::MAX);
    ensure!(
        free >= platform.bytes_needed,
        "{} has {} MB free, but setting up LibTorch needs {} MB; free some space or set XDG_CACHE_HOME to another disk",
        cache.display(),
        free >> 20,
        platform.bytes_needed >> 20
    );
    println!("Setting up LibTorch {VERSION}: {}.", platform.announcement);
    let downloads = cache.join("download");
    let torch = match &options.wheel {
        Some(file) => file.clone(),
        None => fetch::wheel(&downloads, &format!("torch=={VERSION}"), &platform)?,
    };
    let mut wheels = vec![torch];
    for extra in platform.extra_wheels {
        wheels.push(fetch::wheel(&downloads, extra, &platform)?);
    }
    let aside = cache.join(format!(".libtorch-{VERSION}-{}", std::process::id()));
    let unpacked = unpack::libtorch(&wheels, &aside, &platform);
    if let Err(error) = unpacked {
        let _ = fs::remove_dir_all(&aside);
        return Err(error);
    }
    let _ = fs::remove_dir_all(target);
    fs::rename(&aside, target).with_context(|| format!("{} cannot be written", target.display()))?;
    let _ = fs::remove_dir_all(&downloads);
    Ok(())
}

fn make_link(target: &Path, link: &Path) -> Result<()> {
    let folder = link.parent().unwrap_or(link);
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be written", folder.display()))?;
    // A link to an older version, or to a cache that is gone.
    if link.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
        fs::remove_file(link).with_context(|| format!("{} cannot be replaced", link.display()))?;
    }
    ensure!(
        !link.exists(),
        "{} is in the way and is no link of ours; remove it and run `cargo xtask setup` again",
        link.display()
    );
    #[cfg(unix)]
    std::os::unix::fs::symlink(target, link).with_context(|| format!("{} cannot be written", link.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_complete_only_with_all_its_parts() {
        let folder = tempfile::tempdir().expect("temp dir");
        assert!(!is_complete(folder.path()));
        fs::write(folder.path().join("build-version"), "2.11.0+cpu\n").expect("version");
        assert!(!is_complete(folder.path()));
        fs::create_dir(folder.path().join("lib")).expect("lib");
        fs::create_dir(folder.path().join("include")).expect("include");
        assert!(is_complete(folder.path()));
        fs::write(folder.path().join("build-version"), "2.6.0").expect("version");
        let sentence = check_users_version(&folder.path().join("lib")).expect_err("old").to_string();
        assert!(sentence.contains("2.6.0") && sentence.contains("2.11.0"), "{sentence}");
    }

    #[test]
    fn a_stale_link_is_replaced_and_a_folder_in_the_way_is_not() {
        let folder = tempfile::tempdir().expect("temp dir");
        let (target, link) = (folder.path().join("new"), folder.path().join("target/libtorch"));
        fs::create_dir(&target).expect("target");
        make_link(&folder.path().join("gone"), &link).expect("first link");
        make_link(&target, &link).expect("replaced");
        assert_eq!(fs::read_link(&link).expect("link"), target);
        fs::remove_file(&link).expect("remove");
        fs::create_dir(&link).expect("folder in the way");
        assert!(make_link(&target, &link).expect_err("in the way").to_string().contains("in the way"));
    }
}
