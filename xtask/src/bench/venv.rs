//! A Python environment with PyTorch, in the per-user cache.
//!
//! The CUDA wheel runs on a CPU without the gigabytes of vendor wheels that it names: of the libraries that
//! it is linked against on a CPU two are needed, and empty stand-ins satisfy the loader for the rest.

use crate::setup;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PLAIN: [&str; 9] = [
    "filelock",
    "typing-extensions>=4.10",
    "sympy",
    "networkx",
    "jinja2",
    "fsspec",
    "numpy",
    "pillow",
    // torch.compile uses it, and 82 dropped what it uses.
    "setuptools<82",
];
const TORCH: [&str; 2] = ["torch==2.11.0", "torchvision==0.26.0"];
const VENDOR: [&str; 2] = ["nvidia-cuda-runtime==13.0.*", "nvidia-cuda-cupti==13.0.*"];
/// What the metrics' peers use, and they themselves, which would ask for PyTorch again.
const SCIENCE: [&str; 3] = ["scipy", "scikit-learn", "tqdm"];
const METRICS: [&str; 3] = ["pytorch-fid==0.3.0", "torch-fidelity==0.3.0", "prdc==0.2"];

/// The environment's Python; made on the first call (about 620 MB to download).
pub fn python() -> Result<PathBuf> {
    let folder = setup::cache_folder()?.join("peer-venv");
    let python = folder.join("bin/python");
    make(&folder, &python)?;
    // Apart, so that an environment from before there were metrics is not made anew.
    let ready = folder.join("ready-metrics");
    if !ready.is_file() {
        pip(&python, &[], &SCIENCE)?;
        pip(&python, &["--no-deps"], &METRICS)?;
        fs::write(ready, "")?;
    }
    Ok(python)
}

fn make(folder: &Path, python: &Path) -> Result<()> {
    let ready = folder.join("ready");
    if ready.is_file() {
        return Ok(());
    }
    println!(
        "Making a Python environment with PyTorch 2.11.0 for the comparison: 560 MB to download, once per user."
    );
    let _ = fs::remove_dir_all(folder);
    run(
        Command::new("python3").args(["-m", "venv"]).arg(folder),
        "python3 -m venv (on Debian: apt install python3-venv)",
    )?;
    pip(python, &[], &PLAIN)?;
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        pip(python, &["--no-deps"], &TORCH)?;
        pip(python, &["--no-deps"], &VENDOR)?;
        stand_in_for_missing_libraries(python)?;
    } else {
        pip(python, &[], &TORCH)?;
    }
    let check = "import torch, torchvision; torch.ones(2, 2) @ torch.ones(2, 2)";
    run(command(python).args(["-c", check]), "importing PyTorch")?;
    Ok(fs::write(ready, "")?)
}

/// A command of the environment in which vendor functions are bound when called, which is never.
pub fn command(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.env("TORCH_USE_RTLD_GLOBAL", "1").env_remove("LD_LIBRARY_PATH");
    command
}

fn pip(python: &Path, options: &[&str], packages: &[&str]) -> Result<()> {
    let mut command = Command::new(python);
    command
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(options)
        .args(packages);
    run(&mut command, "pip install (is there a network?)")
}

fn run(command: &mut Command, what: &str) -> Result<()> {
    let output = command.output().with_context(|| format!("{what} could not be started"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{what} failed: {}", said.lines().last().unwrap_or_default());
    Ok(())
}

fn stand_in_for_missing_libraries(python: &Path) -> Result<()> {
    let site = Command::new(python)
        .args(["-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"])
        .output()?;
    let lib = Path::new(String::from_utf8_lossy(&site.stdout).trim()).join("torch/lib");
    for entry in fs::read_dir(&lib).with_context(|| lib.display().to_string())?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with("libtorch") && !name.starts_with("libc10") {
            continue;
        }
        let listing = Command::new("ldd").arg(entry.path()).output().context("ldd could not be started")?;
        for missing in missing_libraries(&String::from_utf8_lossy(&listing.stdout)) {
            let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
            let mut command = Command::new(compiler);
            command.args(["-shared", "-x", "c", "/dev/null", &format!("-Wl,-soname,{missing}"), "-o"]);
            run(command.arg(lib.join(&missing)), "making a stand-in library")?;
        }
    }
    Ok(())
}

fn missing_libraries(listing: &str) -> Vec<String> {
    let missing = listing.lines().filter(|line| line.contains("not found"));
    missing.filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_ldd_misses_is_read() {
        let listing = "\tlibcudnn.so.9 => not found\n\tlibc.so.6 => /lib/libc.so.6 (0x0)\n";
        assert_eq!(super::missing_libraries(listing), ["libcudnn.so.9"]);
    }
}
