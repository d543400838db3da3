//! `gan doctor`: what was found, and what to do about what was not.

use crate::dataset;
use crate::say::line;
use anyhow::{Context, Result};
use gan_core::device::{DevicePolicy, available_cores, cuda_devices, device_name, has_native_bf16};
use gan_data::{Options, Place};
use serde::Serialize;
use std::path::{Path, PathBuf};
use tch::Device;

/// How to say it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// As JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  gan doctor
  gan doctor --json";

/// One thing that was looked for.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    /// Whether it is as good as it can be.
    good: bool,
    found: String,
    /// What to do, where something is to be done.
    advice: Option<String>,
}

impl Finding {
    fn good(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, good: true, found: found.into(), advice: None }
    }

    fn lacking(what: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what, good: false, found: found.into(), advice: Some(advice.into()) }
    }
}

/// The LibTorch that tch 0.24 is made for.
const LIBTORCH: &str = "2.11.0";

/// Looks and prints.
///
/// # Errors
/// None in practice: what is missing is part of the answer.
pub fn run(args: Args) -> Result<()> {
    let mut findings =
        vec![libtorch(), processor(), threads(), cpu_bf16(), cuda(), default_policy(), works()];
    findings.extend(data());
    if args.json {
        line(format_args!("{}", serde_json::to_string_pretty(&findings).context("JSON")?));
        return Ok(());
    }
    for Finding { what, good, found, advice } in &findings {
        line(format_args!("{} {what:<12} {found}", if *good { "ok  " } else { "note" }));
        if let Some(advice) = advice {
            line(format_args!("     {:<12} -> {advice}", ""));
        }
    }
    Ok(())
}

fn libtorch() -> Finding {
    let Some(library) = loaded_library("libtorch_cpu") else {
        return Finding::good(
            "LibTorch",
            format!("{LIBTORCH} expected; where it was loaded from cannot be told here"),
        );
    };
    let place = library.display();
    match version_beside(&library) {
        Some(version) if version.split('+').next() == Some(LIBTORCH) => {
            Finding::good("LibTorch", format!("{version} from {place}"))
        }
        Some(version) => Finding::lacking(
            "LibTorch",
            format!("{version} from {place}"),
            format!(
                "this program is made for {LIBTORCH}; unset LIBTORCH and LD_LIBRARY_PATH, or run `cargo xtask setup`"
            ),
        ),
        None => Finding::good(
            "LibTorch",
            format!("from {place} (no file there says its version; {LIBTORCH} is needed)"),
        ),
    }
}

/// The file from which a shared library of this process was loaded.
fn loaded_library(stem: &str) -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let paths = maps.lines().filter_map(|line| line.find('/').map(|at| PathBuf::from(&line[at..])));
    paths
        .into_iter()
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(stem)))
}

/// A LibTorch distribution has `build-version`, Python's package `version.py`.
fn version_beside(library: &Path) -> Option<String> {
    let root = library.parent()?.parent()?;
    if let Ok(text) = std::fs::read_to_string(root.join("build-version")) {
        return Some(text.trim().to_owned());
    }
    let text = std::fs::read_to_string(root.join("version.py")).ok()?;
    let quoted = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
    Some(quoted.trim_matches(['\'', '"']).to_owned())
}

fn processor() -> Finding {
    let capability = gan_sys::runtime::cpu_capability();
    match capability.as_str() {
        "DEFAULT" | "" => Finding::lacking(
            "processor",
            "LibTorch uses its plain kernels",
            "AVX2 or AVX-512 would be several times faster; check that ATEN_CPU_CAPABILITY is not set",
        ),
        _ => Finding::good("processor", format!("LibTorch uses its {capability} kernels")),
    }
}

fn threads() -> Finding {
    let cores = available_cores();
    match std::env::var("OMP_NUM_THREADS").ok().and_then(|text| text.parse::<usize>().ok()) {
        Some(limit) if limit < cores => Finding::lacking(
            "threads",
            format!("{cores} cores, but OMP_NUM_THREADS is {limit}"),
            format!("unset it, or say --threads {cores}"),
        ),
        _ => Finding::good("threads", format!("{cores} cores for this process")),
    }
}

fn cpu_bf16() -> Finding {
    if has_native_bf16(Device::Cpu) {
        return Finding::good("bf16 on CPU", "native: --precision auto takes it");
    }
    Finding::good("bf16 on CPU", "not native: --precision auto takes f32 here (bf16 works, but slowly)")
}

fn cuda() -> Finding {
    match cuda_devices() {
        Ok(count) => Finding::good("CUDA", format!("{count} {}", if count == 1 { "GPU" } else { "GPUs" })),
        // A machine without a GPU lacks nothing.
        Err(why) if Path::new("/proc/driver/nvidia").exists() => {
            Finding::lacking("CUDA", "there is an NVIDIA driver, but no GPU can be used", why)
        }
        Err(why) => Finding::good("CUDA", format!("no GPU will be used: {why}")),
    }
}

fn default_policy() -> Finding {
    match DevicePolicy::resolve("auto", "auto", 0) {
        Ok(policy) => {
            let precision = format!("{:?}", policy.precision).to_lowercase();
            let device = device_name(policy.device);
            Finding::good(
                "defaults",
                format!("--device {device} --precision {precision} --threads {}", policy.threads),
            )
        }
        Err(error) => Finding::lacking("defaults", "cannot be decided", error.to_string()),
    }
}

/// A convolution there and back, on the device that training would use.
fn works() -> Finding {
    let attempt = || -> Result<f64> {
        let policy = DevicePolicy::resolve("auto", "auto", 0)?;
        let options = (tch::Kind::Float, policy.device);
        let images = tch::Tensor::f_ones([1, 1, 4, 4], options)?;
        let weight = tch::Tensor::f_ones([1, 1, 3, 3], options)?.f_set_requires_grad(true)?;
        let out = images.f_conv2d(&weight, None::<&tch::Tensor>, 1, 0, 1, 1)?.f_sum(tch::Kind::Float)?;
        out.f_backward()?;
        Ok(out.f_double_value(&[])? + weight.grad().f_sum(tch::Kind::Float)?.f_double_value(&[])?)
    };
    match attempt() {
        Ok(sum) if (sum - 72.0).abs() < 1e-3 => {
            Finding::good("arithmetic", "a convolution and its gradient are right")
        }
        Ok(sum) => Finding::lacking(
            "arithmetic",
            format!("a sum is {sum} instead of 72"),
            "this LibTorch does not fit this machine",
        ),
        Err(error) => {
            Finding::lacking("arithmetic", "a convolution failed", crate::failure::sentence(&error))
        }
    }
}

fn data() -> Vec<Finding> {
    let mut findings: Vec<Finding> = gan_data::list(&Options::default())
        .into_iter()
        .map(|set| {
            let found = set.to_string();
            match set.place {
                // Nobody needs every data set.
                Place::Absent => {
                    let advice = Some(format!("gan data fetch {}", set.name));
                    Finding { advice, ..Finding::good("data set", found) }
                }
                _ => Finding::good("data set", found),
            }
        })
        .collect();
    findings.push(match dataset::cache_folder() {
        Some(folder) => Finding::good("data folder", folder.display().to_string()),
        None => Finding::lacking(
            "data folder",
            "there is no home folder",
            "set GAN_DATA to a folder that may be written",
        ),
    });
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_both_kinds_of_distribution() {
        let folder = tempfile::tempdir().expect("temp dir");
        let library = folder.path().join("lib/libtorch_cpu.so");
        assert_eq!(version_beside(&library), None);
        std::fs::write(folder.path().join("version.py"), "x = 1\n__version__ = '2.11.0+cu130'\n")
            .expect("file");
        assert_eq!(version_beside(&library).as_deref(), Some("2.11.0+cu130"));
        std::fs::write(folder.path().join("build-version"), "2.11.0\n").expect("file");
        assert_eq!(version_beside(&library).as_deref(), Some("2.11.0"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_library_of_this_process_is_found() {
        let _uses_libtorch = tch::Tensor::from(1.0);
        let library = loaded_library("libtorch_cpu").expect("it is loaded");
        assert!(library.is_file(), "{}", library.display());
        assert!(works().good, "{:?}", works());
    }
}
