//! `cargo xtask setup`: LibTorch 2.11.0 into a per-user cache, linked from `target/libtorch`.
//!
//! There is no CPU-only LibTorch of this version in the package index for Linux x86-64, but Python's CUDA
//! wheel serves: a quarter of it is kept. Whatever was downloaded stays until setup is complete, and the
//! cache folder gets its name only when everything is in it, so a setup that was killed is just run again.

mod fetch;
mod install;
mod platform;
mod unpack;

use crate::workspace;
use anyhow::{Context, Result, bail, ensure};
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
    /// Download nothing: use what is in the cache and what `--wheel` names
    #[arg(long)]
    offline: bool,
    /// Use this wheel instead of downloading it; may be given once for each wheel
    #[arg(long, value_name = "FILE")]
    wheel: Vec<PathBuf>,
}

/// The command: says where LibTorch is, also when nothing was to be done.
pub fn run(options: &Options) -> Result<ExitCode> {
    let folder = prepare(options)?;
    println!("LibTorch {VERSION} is ready in {}", folder.display());
    Ok(ExitCode::SUCCESS)
}

/// What every command that builds calls first: instant and silent when LibTorch is there.
pub fn ensure_ready() -> Result<()> {
    prepare(&Options::default()).map(|_| ())
}

fn prepare(options: &Options) -> Result<PathBuf> {
    if let Some(own) = users_own() {
        return own;
    }
    let root = std::env::var_os("GAN_SETUP_ROOT").map_or_else(workspace::root, PathBuf::from);
    let link = root.join("target/libtorch");
    if !options.force && is_complete(&link) {
        return Ok(link.canonicalize().unwrap_or(link));
    }
    let cache = cache_folder()?;
    let target = cache.join(format!("libtorch-{VERSION}"));
    if options.force || !is_complete(&target) {
        install::install(options, &cache, &target)?;
    }
    make_link(&target, &link)?;
    Ok(target)
}

/// `~/.cache/gan-rs`, or below `XDG_CACHE_HOME`.
pub fn cache_folder() -> Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME is set; set one of them to a folder that can be written")?;
    Ok(base.join("gan-rs"))
}

/// The LibTorch that the user brings (`LIBTORCH`, `LIBTORCH_USE_PYTORCH`), if they do: its folder, or a sentence.
pub fn users_own() -> Option<Result<PathBuf>> {
    // As torch-sys sees it: set to anything.
    if std::env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
        return Some(pythons_folder().and_then(|folder| {
            let version = python("import importlib.metadata as m; print(m.version('torch'))");
            check_version(folder, version)
        }));
    }
    let own = PathBuf::from(std::env::var_os("LIBTORCH")?);
    // Cargo sets LIBTORCH for us from .cargo/config.toml.
    if is_ours(&own, &workspace::root()) {
        return None;
    }
    let version = version_of(&own);
    Some(check_version(own, version))
}

/// Where python3 keeps its torch. Found without importing it, which takes seconds.
fn pythons_folder() -> Result<PathBuf> {
    let code = "import importlib.util as u, os; print(os.path.dirname(u.find_spec('torch').origin))";
    let folder = python(code).context(
        "LIBTORCH_USE_PYTORCH is set, but python3 has no torch; install torch 2.11.0 for it, or unset LIBTORCH_USE_PYTORCH \
         and run `cargo xtask setup`",
    )?;
    Ok(folder.into())
}

/// Whether a LIBTORCH is the workspace's own `target/libtorch`, which need not exist yet, by whatever path.
fn is_ours(own: &Path, root: &Path) -> bool {
    let by_another_path = || {
        let [folder, ours] = [own.parent()?, &root.join("target")].map(|path| path.canonicalize().ok());
        Some(own.file_name()? == "libtorch" && folder? == ours?)
    };
    own == root.join("target/libtorch") || by_another_path() == Some(true)
}

/// Whether a folder holds an unpacked LibTorch of the right version.
pub fn is_complete(folder: &Path) -> bool {
    let library =
        ["libtorch_cpu.so", "libtorch_cpu.dylib"].iter().any(|name| folder.join("lib").join(name).is_file());
    version_of(folder).as_deref() == Some(VERSION) && library && folder.join("include").is_dir()
}

fn version_of(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join("build-version")).ok()?;
    Some(text.trim().split('+').next().unwrap_or_default().to_owned())
}

fn check_version(folder: PathBuf, found: Option<String>) -> Result<PathBuf> {
    let mend = "unset LIBTORCH and LIBTORCH_USE_PYTORCH and run `cargo xtask setup`";
    match found.as_deref().and_then(|version| version.split('+').next()) {
        Some(VERSION) => Ok(folder),
        Some(version) => bail!(
            "your LibTorch in {} is version {version}, but {VERSION} is needed; point LIBTORCH to that, or {mend}",
            folder.display()
        ),
        None => bail!(
            "LIBTORCH is set, but {} is no LibTorch folder with lib, include and build-version; point it to a LibTorch \
             {VERSION}, or {mend}",
            folder.display()
        ),
    }
}

fn python(code: &str) -> Option<String> {
    let output =
        Command::new("python3").args(["-c", code]).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn make_link(target: &Path, link: &Path) -> Result<()> {
    let folder = link.parent().unwrap_or(link);
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be written", folder.display()))?;
    ensure!(
        !link.exists() || link.is_symlink(),
        "{} is in the way and is no link of ours; remove it and run `cargo xtask setup` again",
        link.display()
    );
    // A link to an older version, or to a cache that is gone, is replaced in one move.
    let aside = folder.join(format!(".libtorch-{}", std::process::id()));
    #[cfg(unix)]
    std::os::unix::fs::symlink(target, &aside)
        .with_context(|| format!("{} cannot be written", aside.display()))?;
    fs::rename(&aside, link).with_context(|| format!("{} cannot be replaced", link.display()))
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
        assert!(!is_complete(folder.path()));
        fs::write(folder.path().join("lib/libtorch_cpu.so"), "").expect("library");
        assert!(is_complete(folder.path()));
        fs::write(folder.path().join("build-version"), "2.6.0").expect("version");
        let sentence = check_version("/x".into(), version_of(folder.path())).expect_err("old").to_string();
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

    #[test]
    fn cargos_own_libtorch_is_nobodys_choice() {
        let root = tempfile::tempdir().expect("temp dir");
        let root = root.path();
        assert!(is_ours(&root.join("target/libtorch"), root), "before there is a target folder");
        fs::create_dir(root.join("target")).expect("target");
        assert!(is_ours(&root.join("target/../target/libtorch"), root));
        assert!(!is_ours(&root.join("libtorch"), root));
        assert!(!is_ours(Path::new("/opt/libtorch"), root));
    }
}
