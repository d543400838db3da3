//! `cargo xtask ablation`: every objective and every trick by itself, measured on points, where the truth is known.

mod gan;
mod queue;
mod readme;
mod record;
mod rows;
mod run;
mod table;

use crate::{setup, workspace};
use anyhow::{Context, Result, ensure};
use gan::Gan;
use rows::{Row, Rows};
use run::Run;
use serde::Deserialize;
use std::io::Write;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use table::{Line, Protocol};

/// Exit code of a command that Ctrl-C has ended.
const INTERRUPTED: u8 = 130;

/// What to measure. Results are kept in target/ablation: what is there for the same arguments is not run again.
#[derive(clap::Args)]
#[command(
    after_help = "The rows are those of benches/ablation.toml. Ctrl-C loses no more than the runs in progress; \
    delete target/ablation after a change of the code that is measured."
)]
pub struct Options {
    /// Seeds of each row, from 1 up [default: 5; 1 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// Points shown in a run [default: 1024000; 102400 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    points: Option<u64>,
    /// Data sets
    #[arg(long, value_delimiter = ',', default_value = "ring8,grid25", value_name = "D")]
    data: Vec<Data>,
    /// Only rows whose group, key or name contains this word
    #[arg(long, value_name = "WORD")]
    filter: Option<String>,
    /// Runs side by side, each on one thread [default: one for each core]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    /// Short runs of one seed: a first impression
    #[arg(long)]
    quick: bool,
    /// Run nothing: ask `gan` whether it understands every row
    #[arg(long)]
    check: bool,
    /// Run nothing: make the table of what is there
    #[arg(long, conflicts_with = "check")]
    table_only: bool,
    /// Put the table into crates/vanilla/README.md
    #[arg(long, conflicts_with_all = ["check", "filter", "quick", "data"])]
    write: bool,
    /// Measure this binary instead of building one
    #[arg(long, value_name = "FILE")]
    gan: Option<PathBuf>,
}

/// Points whose modes are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Data {
    /// Eight Gaussians on a circle.
    Ring8,
    /// 25 Gaussians on a grid.
    Grid25,
}

impl Data {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ring8, Self::Grid25];

    /// For `gan`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ring8 => "ring8",
            Self::Grid25 => "grid25",
        }
    }

    /// For people.
    pub fn short(self) -> &'static str {
        match self {
            Self::Ring8 => "ring",
            Self::Grid25 => "grid",
        }
    }
}

pub fn run(options: &Options) -> Result<ExitCode> {
    let root = workspace::root();
    let file = "benches/ablation.toml";
    let text = std::fs::read_to_string(root.join(file)).context(file)?;
    let mut rows = Rows::read(&text).context(file)?;
    if let Some(word) = &options.filter {
        rows.rows.retain(|row| [&row.group, &row.key, &row.name].iter().any(|text| text.contains(word)));
        ensure!(!rows.rows.is_empty(), "no row of {file} contains `{word}`");
    }
    let (points, seeds) = if options.quick { (102_400, 1) } else { (1_024_000, 5) };
    let (points, seeds) = (options.points.unwrap_or(points), options.seeds.unwrap_or(seeds));
    // Seed by seed: the whole table is there after the first.
    let mut runs = Vec::new();
    for seed in 1..=seeds {
        for row in &rows.rows {
            for data in &options.data {
                runs.push(Run::new(&folder(), &rows, row, *data, (points, seed))?);
            }
        }
    }
    let code = if options.table_only { ExitCode::SUCCESS } else { measure(options, &runs)? };
    if options.check || queue::STOP.load(Ordering::Relaxed) {
        return Ok(code);
    }
    let lines: Vec<Line> = rows.rows.iter().map(|row| line(row, &options.data, &runs)).collect();
    let table = table::render(&Protocol { data: options.data.clone(), points, seeds }, &lines)
        .context("nothing is measured yet with these points and seeds on all of these data sets")?;
    say(format_args!("\n{table}"));
    if options.write {
        readme::write(&root.join("crates/vanilla/README.md"), &table)?;
    }
    Ok(code)
}

/// A line for the user, if they still listen: hours of work do not end with a pipe.
fn say(text: std::fmt::Arguments) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Where runs and results lie.
fn folder() -> PathBuf {
    workspace::root().join("target/ablation")
}

/// Does what is not done yet.
fn measure(options: &Options, runs: &[Run]) -> Result<ExitCode> {
    let wanted = |run: &&Run| options.check || run.record().is_none();
    let missing: Vec<&Run> = runs.iter().filter(wanted).collect();
    if missing.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    std::fs::create_dir_all(folder())?;
    let lock = std::fs::File::create(folder().join("lock"))?;
    ensure!(fs4::fs_std::FileExt::try_lock_exclusive(&lock)?, "another `cargo xtask ablation` is at work");
    let gan = Gan(match &options.gan {
        Some(gan) => gan.canonicalize().with_context(|| gan.display().to_string())?,
        None => {
            setup::ensure_ready()?;
            let build = ["build", "--release", "-p", "gan-cli"];
            workspace::succeed(workspace::cargo().args(build), "building gan")?;
            workspace::root().join("target/release/gan")
        }
    });
    // Ctrl-C goes to the whole process group: each gan saves and ends, we wait for them.
    ctrlc::set_handler(|| queue::STOP.store(true, Ordering::Relaxed))?;
    let jobs = options.jobs.or(std::thread::available_parallelism().ok()).map_or(1, NonZero::get);
    // A row that gan refuses is told before hours of work, not after.
    queue::check(&gan, &missing, jobs)?;
    let mut failed = 0;
    if !options.check {
        let done = runs.len() - missing.len();
        say(format_args!("{done} of {} runs are done, {jobs} at a time", runs.len()));
        failed = queue::work_off(&gan, &missing, jobs, say)?;
    }
    if queue::STOP.load(Ordering::Relaxed) {
        say(format_args!("stopped; what is done is kept, the same command goes on"));
        return Ok(ExitCode::from(INTERRUPTED));
    }
    if options.check {
        say(format_args!("gan understands every row"));
    }
    if failed > 0 {
        eprintln!("{failed} runs failed; the same command tries them again");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// A row with what is known of it.
fn line(row: &Row, data: &[Data], runs: &[Run]) -> Line {
    let note = row.note.as_ref().map_or(String::new(), |note| format!(" ({note})"));
    let records = |data: &Data| {
        let own = runs.iter().filter(|run| run.row == row.key && run.data == *data);
        own.filter_map(Run::record).collect()
    };
    Line {
        group: row.group.clone(),
        what: format!("{}{note}", row.name),
        records: data.iter().map(records).collect(),
    }
}
