//! `curves.png`: a run at a glance.
//!
//! One panel a group of values: `loss/generator` and `loss/discriminator` share the panel `loss`.
//! A group nobody has heard of gets a panel of its own, so that what a variant records is seen
//! without a line being changed here.

mod chart;
mod series;

use std::collections::BTreeMap;
use std::path::Path;

use crate::atomic;
use crate::error::Result;
use crate::log::{LogLine, read_log};
use crate::picture::Picture;
use crate::save::encode_png;
use series::Series;

/// One drawn panel.
struct Panel {
    title: String,
    /// Fixed limits of the y axis, where the quantity has some.
    limits: Option<(f64, f64)>,
    /// Whether the axis should show zero.
    from_zero: bool,
    series: Vec<Series>,
}

/// Draws a run's log; `None` if there is nothing to draw.
///
/// `title` is printed above the panels: the run's name, say.
pub fn draw_curves(lines: &[LogLine], title: &str) -> Result<Option<Picture>> {
    let panels = panels(lines);
    match lines.last() {
        Some(last) if !panels.is_empty() => chart::draw(&panels, title, &summary(last)).map(Some),
        _ => Ok(None),
    }
}

/// Draws `log.jsonl` of a run folder to its `curves.png`; false, and no file, if the log is empty.
pub fn save_curves(run_folder: impl AsRef<Path>) -> Result<bool> {
    let folder = run_folder.as_ref();
    let lines = read_log(folder.join("log.jsonl"))?;
    let name = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let title = name.file_name().map(|name| name.display().to_string()).unwrap_or_default();
    let Some(picture) = draw_curves(&lines, &title)? else { return Ok(false) };
    atomic::write(&folder.join("curves.png"), &encode_png(&picture)?)?;
    Ok(true)
}

/// Groups that come first, in this order; whether their axis goes from 0 to 1, and whether it shows 0.
const FIRST: [(&str, bool, bool); 8] = [
    ("loss", false, false),
    ("score", true, true),
    ("quality", false, true),
    ("diversity", false, true),
    ("accuracy", true, true),
    ("gradient_norm", false, true),
    ("trend", false, true),
    (SPEED, false, true),
];
const SPEED: &str = "images per second";

/// The groups of [`FIRST`], then every other one in the order of its first appearance.
fn panels(lines: &[LogLine]) -> Vec<Panel> {
    let first = FIRST.map(|(title, is_share, from_zero)| Panel {
        title: title.into(),
        limits: is_share.then_some((0.0, 1.0)),
        from_zero,
        series: Vec::new(),
    });
    let mut panels = Vec::from(first);
    for line in lines {
        let kimg = line.images as f64 / 1000.0;
        if line.images_per_second.is_finite() {
            push(&mut panels[FIRST.len() - 1], "speed", kimg, line.images_per_second);
        }
        // Of values for every single weight, `group/player/weight`, the largest is drawn.
        let mut largest = BTreeMap::new();
        let mut drawn = Vec::new();
        for (name, moments) in &line.values {
            let (group, label) = name.split_once('/').unwrap_or(("other", name));
            match label.split_once('/') {
                Some((player, _)) => {
                    let most: &mut f64 =
                        largest.entry((group, format!("{player}, largest"))).or_insert(moments.mean);
                    *most = most.max(moments.mean);
                }
                None => drawn.push((group, label.to_owned(), moments.mean)),
            }
        }
        drawn.extend(largest.into_iter().map(|((group, label), mean)| (group, label, mean)));
        for (group, label, mean) in drawn {
            let position = panels.iter().position(|panel| panel.title == group).unwrap_or_else(|| {
                panels.push(Panel {
                    title: group.into(),
                    limits: None,
                    from_zero: false,
                    series: Vec::new(),
                });
                panels.len() - 1
            });
            push(&mut panels[position], &label, kimg, mean);
        }
    }
    panels.retain(|panel| panel.series.iter().any(|series| !series.points.is_empty()));
    for panel in &mut panels {
        panel.title = match panel.title.as_str() {
            "loss" => "losses".into(),
            "score" => "D(x) and D(G(z))".into(),
            "quality" => "quality of samples".into(),
            "diversity" => "mean distance between images".into(),
            "accuracy" => "share that D judges rightly".into(),
            "gradient_norm" => "lengths of gradients".into(),
            "trend" => "slopes of losses, per 100,000 images".into(),
            other => other.replace('_', " "),
        };
        let scores = panel.title == "D(x) and D(G(z))";
        for series in &mut panel.series {
            series.label = match series.label.as_str() {
                "real" if scores => "D(x)".into(),
                "fake" if scores => "D(G(z))".into(),
                other => other.replace('_', " "),
            };
        }
        if scores {
            // The same colours whatever the order in the log.
            panel.series.sort_by_key(|series| series.label != "D(x)");
        }
    }
    panels
}

fn push(panel: &mut Panel, label: &str, kimg: f64, value: f64) {
    let index = panel.series.iter().position(|series| series.label == label).unwrap_or_else(|| {
        panel.series.push(Series { label: label.into(), points: Vec::new() });
        panel.series.len() - 1
    });
    panel.series[index].points.push((kimg, value));
}

fn summary(last: &LogLine) -> String {
    let kimg = last.images as f64 / 1000.0;
    let minutes = (last.seconds / 60.0).round() as u64;
    let time = match (minutes, last.seconds) {
        (_, seconds) if seconds < 120.0 => format!("{seconds:.0} s"),
        (minutes, _) if minutes < 120 => format!("{minutes} min"),
        (minutes, _) => format!("{} h {:02} min", minutes / 60, minutes % 60),
    };
    let digits = if kimg < 100.0 { 1 } else { 0 };
    let mut summary = format!("{kimg:.digits$} kimg · step {} · {time}", last.step);
    if last.images_per_second.is_finite() {
        summary += &format!(" · {:.0} images/s", last.images_per_second);
    }
    summary
}
