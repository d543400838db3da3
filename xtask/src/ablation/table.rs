//! The table, in Markdown.

use super::Data;
use super::record::{Measures, Outcome, Record};
use crate::bench::stats::median;

/// A row's results.
#[derive(Debug)]
pub struct Line {
    pub group: String,
    /// What it is, in words.
    pub what: String,
    /// Of each data set of the table, as many as there are.
    pub records: Vec<Vec<Record>>,
}

/// What all rows have in common.
#[derive(Debug)]
pub struct Protocol {
    pub data: Vec<Data>,
    pub points: u64,
    pub seeds: u64,
}

/// Words about all runs, then the rows of which every data set has at least one run; `None` if there are none.
pub fn render(protocol: &Protocol, lines: &[Line]) -> Option<String> {
    let Protocol { data, points, seeds } = protocol;
    let lines: Vec<&Line> =
        lines.iter().filter(|line| line.records.iter().all(|runs| !runs.is_empty())).collect();
    if lines.is_empty() {
        return None;
    }
    let runs: usize = lines.iter().flat_map(|line| &line.records).map(Vec::len).sum();
    let seeds_words = if *seeds == 1 { "seed 1".to_owned() } else { format!("seeds 1 to {seeds}") };
    let mut text = format!(
        "{} points a run, {seeds_words}, {} rows, {} runs. PacGAN's protocol: 2,500 samples, good within 3 standard deviations \
         of the nearest mean. Modes: mean (worst), reverse KL and good samples: means, seconds of processor time: median.\n\n",
        thousands(*points),
        lines.len(),
        thousands(runs as u64)
    );
    let columns: String =
        data.iter().map(|data| format!(" {}: modes | reverse KL | good |", data.short())).collect();
    text += &format!("| what |{columns} seconds |\n|{}\n", " --- |".repeat(2 + 3 * data.len()));
    let mut group = "";
    for line in lines {
        if group != line.group {
            group = &line.group;
            text += &format!("| **{group}** |{}\n", " |".repeat(1 + 3 * data.len()));
        }
        let fewest = line.records.iter().map(Vec::len).min().unwrap_or(0) as u64;
        let partly = if fewest < *seeds { format!(", {fewest} of {seeds} seeds") } else { String::new() };
        let cells: String = line.records.iter().map(|runs| cells(runs)).collect();
        let seconds: Vec<f64> = line.records.iter().flatten().map(|record| record.seconds).collect();
        text += &format!("| {}{partly} |{cells} {:.0} |\n", line.what, median(&seconds));
    }
    Some(text)
}

/// Three cells. A run that diverged has no modes and no good samples, and is not in the mean of the divergence.
fn cells(runs: &[Record]) -> String {
    let measured: Vec<&Measures> = runs
        .iter()
        .filter_map(|record| match &record.outcome {
            Outcome::Measured(measures) => Some(measures),
            Outcome::Diverged(_) => None,
        })
        .collect();
    let diverged = runs.len() - measured.len();
    if measured.is_empty() {
        return " diverged | | |".to_owned();
    }
    let sum = |of: fn(&Measures) -> f64| measured.iter().map(|measures| of(measures)).sum::<f64>();
    let worst = measured.iter().map(|measures| measures.covered).min().filter(|_| diverged == 0).unwrap_or(0);
    let modes = sum(|it| it.covered as f64) / runs.len() as f64;
    let good = 100.0 * sum(|it| it.good) / runs.len() as f64;
    let kl = sum(|it| it.reverse_kl) / measured.len() as f64;
    let digits = if kl < 0.0995 { 4 } else { 2 };
    let also = if diverged > 0 { format!(", {diverged} diverged") } else { String::new() };
    format!(" {modes:.1} ({worst}){also} | {kl:.digits$} | {good:.1} % |")
}

/// 1,024,000
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(covered: u64, good: f64, reverse_kl: f64) -> Record {
        let outcome = Outcome::Measured(Measures { covered, modes: 8, good, reverse_kl });
        Record { key: Vec::new(), seconds: 16.0, outcome }
    }

    fn diverged() -> Record {
        Record { key: Vec::new(), seconds: 2.0, outcome: Outcome::Diverged("not finite".to_owned()) }
    }

    fn line(group: &str, what: &str, records: Vec<Vec<Record>>) -> Line {
        Line { group: group.to_owned(), what: what.to_owned(), records }
    }

    #[test]
    fn rows_are_means_over_seeds_under_their_groups() {
        let protocol = Protocol { data: Data::ALL.to_vec(), points: 1_024_000, seeds: 2 };
        let lines = [
            line(
                "A",
                "whole",
                vec![vec![run(8, 0.99, 0.002), run(7, 0.97, 0.004)], vec![run(25, 1.0, 1.5); 2]],
            ),
            line("A", "partly", vec![vec![run(8, 0.5, 0.0994); 2], vec![run(1, 0.0, 0.0996)]]),
            line("B", "missing", vec![vec![run(8, 0.99, 0.002)], vec![]]),
            line("C", "unstable", vec![vec![run(8, 0.9, 0.01), diverged()], vec![diverged(), diverged()]]),
        ];
        assert_eq!(render(&protocol, &lines[2..3]), None);
        let text = render(&protocol, &lines).expect("rows");
        let mut lines = text.lines();
        let first = lines.next().expect("words");
        assert!(
            first.starts_with("1,024,000 points a run, seeds 1 to 2, 3 rows, 11 runs. PacGAN"),
            "{first}"
        );
        let expected = [
            "",
            "| what | ring: modes | reverse KL | good | grid: modes | reverse KL | good | seconds |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            "| **A** | | | | | | | |",
            "| whole | 7.5 (7) | 0.0030 | 98.0 % | 25.0 (25) | 1.50 | 100.0 % | 16 |",
            "| partly, 1 of 2 seeds | 8.0 (8) | 0.0994 | 50.0 % | 1.0 (1) | 0.10 | 0.0 % | 16 |",
            "| **C** | | | | | | | |",
            "| unstable | 4.0 (0), 1 diverged | 0.0100 | 45.0 % | diverged | | | 2 |",
        ];
        assert_eq!(lines.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([5, 999, 1_000, 1_024_000].map(thousands), ["5", "999", "1,000", "1,024,000"]);
    }
}
