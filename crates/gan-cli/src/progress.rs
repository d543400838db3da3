//! What one sees while waiting: a bar on a terminal; while training, plain lines elsewhere.

use crate::say::{duration, note, thousands};
use gan_core::trainer::Report;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Plain lines come at most this often, but for the first and the last.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// A bar for work of a known length, on stderr if that is a terminal.
pub fn counted(what: &str, total: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg}: {bar:20} {human_pos} of {human_len}, {eta} left");
    ProgressBar::new(total)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(what.to_owned())
}

/// Shows how far training has come, on stderr.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    total: u64,
    last_line: Option<Instant>,
    /// A report that was not shown because it came too soon.
    unshown: Option<String>,
}

impl Progress {
    /// A bar from `images` on, of `total`.
    pub fn new(images: u64, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{percent:>3}% {bar:20} {human_pos} of {human_len} images{msg}");
            let bar = ProgressBar::new(total).with_position(images);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self { bar, total, last_line: None, unshown: None }
    }

    /// After every step.
    pub fn advance(&self, images: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(images);
        }
    }

    /// After a report.
    pub fn report(&mut self, report: &Report) {
        let state = state(report, self.total);
        let text = format!("{} of {} images{state}", thousands(report.images), thousands(self.total));
        match &self.bar {
            Some(bar) => bar.set_message(state),
            None if self.last_line.is_none_or(|last| last.elapsed() >= BETWEEN_LINES) => {
                self.last_line = Some(Instant::now());
                self.unshown = None;
                note(format_args!("{text}"));
            }
            None => self.unshown = Some(text),
        }
    }

    /// One sentence about something that went wrong without ending the run.
    pub fn warn(&self, sentence: &str) {
        self.print(&format!("warning: {sentence}"));
    }

    /// A line above the bar.
    pub fn print(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => note(format_args!("{line}")),
        }
    }

    /// Leaves the last state standing.
    pub fn finish(&mut self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
        if let Some(text) = self.unshown.take() {
            note(format_args!("{text}"));
        }
    }
}

/// What stands after `12,800 of 64,000 images`: `, 512/s, 1 min 40 s left | loss D 1.2 G 0.9 | D(x) 0.7 ...`
fn state(report: &Report, total: u64) -> String {
    let speed = report.images_per_second;
    let left = total.saturating_sub(report.images) as f64 / speed;
    let mut text = format!(", {speed:.0}/s");
    if left > 0.0 {
        text.push_str(&format!(", {} left", duration(left)));
    }
    let group = |prefix: &str| -> String {
        let values =
            report.values.iter().filter_map(|(name, moments)| Some((name.strip_prefix(prefix)?, moments)));
        values.map(|(name, moments)| format!(" {} {:.3}", short(prefix, name), moments.mean)).collect()
    };
    let (losses, scores) = (group("loss/"), group("score/"));
    if !losses.is_empty() {
        text.push_str(&format!(" | loss{losses}"));
    }
    if !scores.is_empty() {
        text.push_str(&format!(" |{scores}"));
    }
    text
}

/// The names that papers use, where there are some.
fn short<'a>(group: &str, name: &'a str) -> &'a str {
    match (group, name) {
        ("loss/", "discriminator") => "D",
        ("loss/", "generator") => "G",
        ("score/", "real") => "D(x)",
        ("score/", "fake") => "D(G(z))",
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_becomes_one_line() {
        let values = serde_json::json!({
            "loss/discriminator": {"mean": 1.25, "std": 0.0, "count": 1},
            "loss/generator": {"mean": 0.5, "std": 0.0, "count": 1},
            "score/real": {"mean": 0.75, "std": 0.0, "count": 1},
            "score/fake": {"mean": null, "std": null, "count": 1},
            "gradient_norm/generator": {"mean": 3.0, "std": 0.0, "count": 1}
        });
        let report: Report = serde_json::from_value(serde_json::json!({
            "step": 10, "images": 12_800, "seconds": 25.0, "images_per_second": 512.0, "share_in_steps": 1.0,
            "values": values, "phase_seconds": {}
        }))
        .expect("report");
        assert_eq!(
            state(&report, 64_000),
            ", 512/s, 1 min 40 s left | loss D 1.250 G 0.500 | D(G(z)) NaN D(x) 0.750"
        );
    }
}
