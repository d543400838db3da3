//! Criterion's benchmarks, collected into one table.

use super::Options;
use crate::workspace;
use anyhow::Result;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub fn run(options: &Options) -> Result<ExitCode> {
    let mut command = workspace::cargo();
    command.args(["bench", "-p", "gan", "--benches"]).arg("--");
    if options.quick {
        command.args(["--quick", "--noplot"]);
    }
    command.args(&options.filter);
    let started = std::time::SystemTime::now();
    workspace::succeed(&mut command, "cargo bench")?;

    let mut found = Vec::new();
    collect(&workspace::root().join("target/criterion"), started, &mut found);
    found.sort_by(|a, b| a.0.cmp(&b.0));
    println!("\n{:52} {:>12} {:>8}", "benchmark", "median", "spread");
    for (name, median, spread) in &found {
        println!("{name:52} {:>12} {:>7.1}%", seconds(*median), spread * 100.0);
    }
    let rows: Vec<Value> = found
        .iter()
        .map(|(name, median, spread)| json!({"name": name, "seconds": median, "spread": spread}))
        .collect();
    super::peer::write_json(options, &json!({"benchmarks": rows}))?;
    Ok(ExitCode::SUCCESS)
}

fn collect(folder: &Path, since: std::time::SystemTime, found: &mut Vec<(String, f64, f64)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "report") {
            if path.ends_with("new") {
                found.extend(read(&path, since));
            } else {
                collect(&path, since, found);
            }
        }
    }
}

fn read(folder: &Path, since: std::time::SystemTime) -> Option<(String, f64, f64)> {
    let file = folder.join("estimates.json");
    if fs::metadata(&file).ok()?.modified().ok()? < since {
        return None;
    }
    let parse = |path: PathBuf| serde_json::from_slice::<Value>(&fs::read(path).ok()?).ok();
    let estimates = parse(file)?;
    let name = parse(folder.join("benchmark.json"))?["full_id"].as_str()?.to_owned();
    let median = estimates["median"]["point_estimate"].as_f64()? * 1e-9;
    let deviation = estimates["median_abs_dev"]["point_estimate"].as_f64()? * 1e-9;
    Some((name, median, deviation / median))
}

/// A time with a unit that keeps three digits readable.
pub fn seconds(value: f64) -> String {
    match value {
        v if v >= 1.0 => format!("{v:.3} s"),
        v if v >= 1e-3 => format!("{:.3} ms", v * 1e3),
        v => format!("{:.2} us", v * 1e6),
    }
}
