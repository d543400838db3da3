//! `gan sweep`: a sheet and scores for each of several truncations.

use super::side::Side;
use super::{check_classes, gathered, options_for, wanted};
use crate::failure::usage;
use crate::say::line;
use crate::{latents, pictures};
use anyhow::{Context, Result};
use gan_metrics::scores::{Row, scores};
use serde_json::json;
use std::path::{Path, PathBuf};

/// What is varied, and how each value is scored.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[group(id = "sweep")] // `Args` is the one inside
pub struct Args {
    /// What is varied
    #[arg(value_parser = ["truncation"], value_name = "truncation")]
    what: String,
    /// The values, `none` for latents as in training
    #[arg(long, value_delimiter = ',', default_value = "0.25,0.5,0.75,1,1.5,2,none", value_name = "X,...")]
    values: Vec<String>,
    /// Pictures in a row of the sheet: the same seeds in every row
    #[arg(long, default_value_t = 10, value_name = "N")]
    columns: u64,
    #[command(flatten)]
    evaluate: super::Args,
}

const EXAMPLES: &str = "\
Examples:
  gan sweep truncation runs/biggan-small-32-001
  gan sweep truncation runs/biggan-small-32-001 --values 0.3,0.6,none --metrics fid,is --count 10k";

/// Samples, scores and draws.
///
/// # Errors
/// Values that are none; as `gan evaluate`.
pub fn run(args: Args) -> Result<()> {
    let Args { values, columns, mut evaluate, .. } = args;
    if evaluate.truncation.is_some() {
        return Err(usage("--truncation: it is what is varied; name values with --values"));
    }
    if !(1..=100).contains(&columns) {
        return Err(usage(format!("--columns {columns}: expected 1 to 100")));
    }
    let values: Vec<(String, Option<f64>)> = values.into_iter().map(parsed).collect::<Result<_>>()?;
    let mut of_features = Vec::new();
    for wanted in wanted(&evaluate.metrics)? {
        let score = wanted.of_features().context("a sweep scores by features; leave the others out");
        of_features.push(score.map_err(|error| usage(format!("--metrics: {error}")))?);
    }
    let policy = evaluate.machine.policy()?;
    let extractor = evaluate.extractor.open(&policy)?;
    let keeps = of_features.iter().any(|score| score.needs_features());
    let (mut reals, mut real_side, mut place) = (None, None, None);
    let (mut sheet, mut rows) = (Vec::new(), Vec::new());
    for (name, truncation) in values {
        evaluate.truncation = truncation;
        let mut subject = Side::subject(&evaluate, &policy)?;
        if real_side.is_none() {
            real_side = Some(Side::real(&evaluate, &subject)?);
        }
        let real = real_side.as_mut().context("real images")?;
        let options = options_for(&evaluate, extractor.as_ref(), [&mut subject, real]);
        check_classes(&of_features, [&subject, real], extractor.as_ref(), &options)?;
        let count = evaluate.count.unwrap_or(real.count().unwrap_or(super::MOST).min(super::MOST));
        if reals.is_none() {
            reals = Some(gathered(real, extractor.as_ref(), keeps, count, !evaluate.no_cache)?);
        }
        let Side::Generated(generated) = &subject else {
            return Err(usage(format!("{}: it is no generator's run", subject.name())));
        };
        sheet.extend(pictures::of_images(&generated.samples().of(0..columns)?)?);
        place = generated
            .run
            .as_ref()
            .map(|run| run.join("sweeps").join(format!("truncation-{:09}", generated.images)));
        subject.ask_like(real, count)?;
        let fakes = subject.gather(extractor.as_ref(), keeps, count)?;
        let scored = scores(&fakes, reals.as_ref().context("real images")?, &of_features, &options)?;
        line(format_args!("{}", table_row(&name, &scored, rows.is_empty())));
        rows.push((name, scored));
    }
    let table: Vec<_> =
        rows.iter().map(|(name, scored)| json!({"truncation": name, "scores": scored})).collect();
    let text = serde_json::to_string_pretty(&json!({"extractor": extractor.name(), "rows": table}))
        .context("JSON")?;
    let stem = evaluate.out.or(place).unwrap_or_else(|| PathBuf::from("sweep"));
    write(&stem, &text, &pictures::sheet(&sheet, columns as usize)?)
}

/// A table and a sheet beside it.
fn write(stem: &Path, text: &str, sheet: &gan_report::Picture) -> Result<()> {
    let (table, picture) = (stem.with_extension("json"), stem.with_extension("png"));
    if let Some(folder) = stem.parent() {
        std::fs::create_dir_all(folder).map_err(|source| gan_core::error::Error::file(folder, source))?;
    }
    gan_report::write_file(&table, text.as_bytes())?;
    pictures::save(sheet, &picture, pictures::Format::Png)?;
    line(format_args!("\nwrote {} and {}: a row for each truncation", picture.display(), table.display()));
    Ok(())
}

fn parsed(word: String) -> Result<(String, Option<f64>)> {
    if word == "none" {
        return Ok((word, None));
    }
    let value: f64 =
        word.parse().map_err(|_| usage(format!("--values: `{word}` is neither a number nor none")))?;
    latents::check_truncation(Some(value))?;
    Ok((word, Some(value)))
}

fn table_row(name: &str, scored: &[Row], first: bool) -> String {
    let heads: String = scored.iter().map(|row| format!("{:>16}", row.score)).collect();
    let cells: String = scored.iter().map(|row| format!("{:>16.3}", row.value)).collect();
    let head = if first { format!("{:<12}{heads}\n", "truncation") } else { String::new() };
    format!("{head}{name:<12}{cells}")
}
