//! `cargo xtask doctor`: what is here, what is missing, what to do about it.

use crate::{setup, workspace};
use anyhow::Result;
use std::process::{Command, ExitCode};

pub fn run() -> Result<ExitCode> {
    let root = workspace::root();
    let mut all_well = true;
    let mut line = |name: &str, found: Result<String, String>| match found {
        Ok(text) => println!("ok       {name:14} {text}"),
        Err(advice) => {
            all_well = false;
            println!("MISSING  {name:14} {advice}");
        }
    };

    let link = root.join("target/libtorch");
    line(
        "LibTorch",
        match setup::users_own() {
            Some(Ok(folder)) => Ok(format!("{} of yours in {}", setup::VERSION, folder.display())),
            Some(Err(error)) => Err(error.to_string()),
            None if setup::is_complete(&link) => {
                Ok(format!("{} in {}", setup::VERSION, link.canonicalize().unwrap_or(link).display()))
            }
            None => Err("run `cargo xtask setup`".to_owned()),
        },
    );
    line("rustc", first_line("rustc", &["--version"], "install Rust with rustup"));
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    line("C++ compiler", first_line(&compiler, &["--version"], "install one (on Debian: apt install g++)"));
    line(
        "python3",
        first_line("python3", &["--version"], "install Python 3: setup downloads LibTorch with its pip"),
    );
    line("pip", first_line("python3", &["-m", "pip", "--version"], "on Debian: apt install python3-pip"));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    line("cores", Ok(cores.to_string()));
    if let Some(memory) = memory_megabytes() {
        let text = format!("{memory} MB");
        line(
            "memory",
            if memory >= 4_000 { Ok(text) } else { Err(format!("{text}; building wants 4000 MB")) },
        );
    }
    let cache = setup::cache_folder()?;
    let free = fs4::available_space(&root).unwrap_or(0) >> 20;
    let text = format!("{free} MB free");
    line("disk", if free >= 5_000 { Ok(text) } else { Err(format!("{text}; a full build wants 5000 MB")) });
    line("cache folder", Ok(cache.display().to_string()));

    let gan = ["release", "debug"].map(|profile| root.join("target").join(profile).join("gan"));
    match gan.iter().find(|binary| binary.is_file()) {
        Some(binary) => {
            println!("\n{} doctor", binary.display());
            workspace::foreground(workspace::with_libraries(binary).arg("doctor"))?;
        }
        None => println!(
            "\ngan is not built yet: `cargo build --release -p gan-cli`, then `gan doctor` tells about devices."
        ),
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn first_line(program: &str, arguments: &[&str], advice: &str) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output().map_err(|_| advice.to_owned())?;
    if !output.status.success() {
        return Err(advice.to_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn memory_megabytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}
