//! Scores as a table with their protocol, and as JSON.

use super::Args;
use super::beyond;
use super::side::Side;
use crate::say::{line, thousands};
use anyhow::{Context, Result};
use gan_metrics::extract::Extract;
use gan_metrics::paired::PairScores;
use gan_metrics::psnr::CAP;
use gan_metrics::scores::{Gathered, Row};
use serde_json::{Value, json};
use std::path::PathBuf;

/// What a score means nothing without, in order.
pub fn protocol(
    args: &Args,
    subject: &Side,
    real: &Side,
    extractor: &dyn Extract,
    [fakes, reals]: [&Gathered; 2],
) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("generated", subject.describe(fakes.count())),
        ("real", real.describe(reals.count())),
        ("extractor", extractor.name()),
    ];
    let [first, second] = reals.halves();
    if second.count() > 1 {
        let why = format!("{} real images against {} others", first.count(), second.count());
        lines.push(("floor", why));
    }
    if args.metrics.iter().any(|word| word != "fid") {
        lines.push((
            "constants",
            format!(
                "kid: 100 subsets of up to 1,000; is: 10 splits; prdc: 5 neighbours; swd: 512 directions, up to {} images of up to {} pixels a side; ppl: ways from latent to latent, up to {}, steps of 1e-4; draws: seed {}",
                beyond::PIXELS_OF,
                beyond::LARGEST,
                beyond::PATHS,
                args.seed
            ),
        ));
    }
    lines
}

/// What scores of pairs mean nothing without.
pub fn of_pairs(scores: &PairScores) -> (&'static str, String) {
    let count = scores.count;
    let mut text = format!("{} by their files' names", thousands(count));
    if scores.equal > 0 {
        text += &format!(", of which {} are equal, psnr {CAP} dB", thousands(scores.equal));
    }
    text += "; spread: the mean's standard error";
    if scores.ssim.is_some() {
        text += "; ssim: Gaussian window of 11 x 11, per channel";
    }
    if scores.feature_distance.is_some() {
        text += "; feature-distance: 5 depths of equal weight, not LPIPS";
    }
    if scores.retrieval.is_some() {
        let chance = |places: f64| (places / count as f64).min(1.0);
        text += &format!(
            "; retrieval by chance: top-1 {}, top-10 {}",
            figures(chance(1.0)),
            figures(chance(10.0))
        );
    }
    ("pairs", text)
}

/// Prints, and writes where that was asked for or a run is scored.
///
/// # Errors
/// A file that cannot be written.
pub fn write(
    args: &Args,
    subject: &Side,
    protocol: &[(&str, String)],
    extractor: &str,
    rows: &[Row],
) -> Result<()> {
    let mut facts = json!({ "extractor": extractor });
    facts["protocol"] =
        protocol.iter().map(|(what, text)| ((*what).to_owned(), Value::from(text.as_str()))).collect();
    facts["scores"] = serde_json::to_value(rows).context("JSON")?;
    let text = serde_json::to_string_pretty(&facts).context("JSON")?;
    if args.json {
        line(format_args!("{text}"));
    } else {
        print(protocol, extractor, rows);
    }
    if let Some(path) = args.out.clone().or_else(|| place(subject, extractor)) {
        gan_report::write_file(&path, text.as_bytes())?;
        if !args.json {
            line(format_args!("\nwrote {}", path.display()));
        }
    }
    Ok(())
}

/// `RUN/scores/000200064-clothes.json`
fn place(subject: &Side, extractor: &str) -> Option<PathBuf> {
    let Side::Generated(generated) = subject else { return None };
    let name = format!("{:09}-{extractor}.json", generated.images);
    Some(generated.run.as_ref()?.join("scores").join(name))
}

fn print(protocol: &[(&str, String)], extractor: &str, rows: &[Row]) {
    for (what, text) in protocol {
        line(format_args!("{what:<10} {text}"));
    }
    let name = |row: &Row| match row.score.as_str() {
        "swd" | "psnr" | "ssim" => row.score.clone(), // of pixels
        score => format!("{score} ({extractor})"),
    };
    let width = rows.iter().map(|row| name(row).len()).max().unwrap_or(0);
    line(format_args!("\n{:width$} {:>10} {:>10} {:>12}", "", "score", "spread", "real on real"));
    for row in rows {
        let number = |value: Option<f64>| value.map_or_else(String::new, figures);
        let better = if row.lower_is_better { "lower is better" } else { "higher is better" };
        line(format_args!(
            "{:width$} {:>10} {:>10} {:>12}   {better}",
            name(row),
            figures(row.value),
            number(row.spread),
            number(row.floor),
        ));
    }
}

/// Five figures that matter.
fn figures(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.3}"),
        _ => format!("{value:.5}"),
    }
}
