//! Both sides taking turns: warmed up, a few iterations each, many rounds.

use super::cases::{COMPARISONS, Comparison, OVERHEAD_GOAL, STARTUP_GOAL};
use super::stats::{median, paired_ratio, spread};
use super::{Options, criterion::seconds, venv};
use crate::workspace;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

const THREADS: &str = "2";

pub fn run(options: &Options) -> Result<ExitCode> {
    let build = ["build", "--release", "-p", "gan-bench", "-p", "gan-cli"];
    workspace::succeed(workspace::cargo().args(build), "building gan-peer")?;
    let python = venv::python()?;
    let pictures = workspace::root().join("target/bench/pictures");
    std::fs::create_dir_all(&pictures)?;
    let side = Sides { python: &python, pictures: &pictures };
    let wanted = |name: &str| options.filter.as_ref().is_none_or(|word| name.contains(word));

    println!(
        "{:44} {:>10} {:>7} {:>10} {:>7} {:>7} {:>7}",
        "case", "ours", "spread", "theirs", "spread", "ratio", "goal"
    );
    let mut rows = Vec::new();
    for comparison in COMPARISONS.iter().filter(|comparison| wanted(comparison.case)) {
        rows.extend(compare(&side, comparison, if options.quick { 4 } else { 12 })?);
    }
    if wanted("startup") {
        rows.push(startup(&side, if options.quick { 2 } else { 5 })?);
    }
    if wanted("overhead") {
        rows.push(overhead()?);
    }
    let machine = json!({"cores": std::thread::available_parallelism().map_or(1, std::num::NonZero::get), "processor": processor()});
    write_json(options, &json!({"machine": machine, "threads": 2, "comparisons": rows}))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the numbers where scripts find them.
pub fn write_json(options: &Options, value: &Value) -> Result<()> {
    let standard = workspace::root().join("target/bench/bench.json");
    for file in [Some(&standard), options.json.as_ref()].into_iter().flatten() {
        std::fs::create_dir_all(file.parent().unwrap_or(file))?;
        let text = serde_json::to_string_pretty(value)?;
        std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(())
}

struct Sides<'a> {
    python: &'a Path,
    pictures: &'a Path,
}

impl Sides<'_> {
    fn ours(&self, case: &str, extra: &[&str]) -> Result<Peer> {
        let mut command = workspace::with_libraries(workspace::root().join("target/release/gan-peer"));
        command.args([case, "--threads", THREADS]).args(extra);
        Peer::start(command, self.pictures, case)
    }

    fn theirs(&self, case: &str, mode: &str) -> Result<Peer> {
        let mut command = venv::command(self.python);
        command.arg(workspace::root().join("benches/pytorch/peer.py"));
        command.args([case, "--mode", mode, "--threads", THREADS]);
        Peer::start(command, self.pictures, case)
    }
}

fn compare(sides: &Sides, comparison: &Comparison, rounds: usize) -> Result<Vec<Value>> {
    let Comparison { case, ours, theirs, block, memory: memory_goal } = comparison;
    let mut our_peer = sides.ours(case, ours)?;
    let mut their_peers =
        theirs.iter().map(|(mode, _)| sides.theirs(case, mode)).collect::<Result<Vec<_>>>()?;
    our_peer.iterate(*block)?;
    for peer in &mut their_peers {
        peer.iterate(*block)?;
    }
    let mut our_times = Vec::new();
    let mut their_times = vec![Vec::new(); theirs.len()];
    for _ in 0..rounds {
        our_times.push(median(&our_peer.iterate(*block)?));
        for (peer, times) in their_peers.iter_mut().zip(&mut their_times) {
            times.push(median(&peer.iterate(*block)?));
        }
    }
    let mut rows = Vec::new();
    for (((mode, goal), peer), times) in theirs.iter().zip(&their_peers).zip(&their_times) {
        let ratio = paired_ratio(&our_times, times);
        let name = format!("{case} against {mode}");
        print_row(&name, (&our_times, times), ratio, &at_least(*goal));
        rows.push(json!({
            "case": case, "mode": mode, "ratio": ratio, "goal_at_least": goal, "rounds": rounds,
            "ours": {"median_s": median(&our_times), "spread": spread(&our_times), "peak_mb": our_peer.peak_mb},
            "theirs": {"median_s": median(times), "spread": spread(times), "peak_mb": peer.peak_mb},
        }));
        let memory = our_peer.peak_mb / peer.peak_mb;
        if *case != "loader" {
            let sizes = format!("{:.0} MB", our_peer.peak_mb);
            println!(
                "{:44} {sizes:>10} {:>7} {:>7.0} MB {:>7} {memory:>7.2} {:>7}",
                "  peak memory",
                "",
                peer.peak_mb,
                "",
                memory_goal.map_or_else(String::new, at_most)
            );
        }
    }
    Ok(rows)
}

/// From starting a process to the end of its first step, both sides in turns.
fn startup(sides: &Sides, rounds: usize) -> Result<Value> {
    let case = "dcgan-32-f32";
    let timed = |start: &dyn Fn() -> Result<Peer>| -> Result<f64> {
        let started = Instant::now();
        start()?.iterate(1)?;
        Ok(started.elapsed().as_secs_f64())
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let pair = (timed(&|| sides.ours(case, &[]))?, timed(&|| sides.theirs(case, "eager"))?);
        // The first round reads the libraries from the disk.
        if round > 0 {
            ours.push(pair.0);
            theirs.push(pair.1);
        }
    }
    let ratio = 1.0 / paired_ratio(&ours, &theirs);
    print_row("process start to first step against eager", (&ours, &theirs), ratio, &at_most(STARTUP_GOAL));
    Ok(json!({"case": "startup", "mode": "eager", "share": ratio, "goal_at_most": STARTUP_GOAL,
        "ours": {"median_s": median(&ours)}, "theirs": {"median_s": median(&theirs)}}))
}

/// The share of wall time outside steps in a real run, with reports, pictures and checkpoints more often than by default.
fn overhead() -> Result<Value> {
    let folder = tempfile::tempdir()?;
    let run = folder.path().join("run");
    let mut gan = workspace::with_libraries(workspace::root().join("target/release/gan"));
    gan.args([
        "train",
        "dcgan",
        "--images",
        "20k",
        "--precision",
        "f32",
        "--threads",
        THREADS,
        "--device",
        "cpu",
    ]);
    gan.args(["--set", "preview_images=5000", "--set", "checkpoint_images=10000", "--out"]).arg(&run);
    let output = gan.output().context("gan could not be started")?;
    ensure!(output.status.success(), "gan train failed: {}", String::from_utf8_lossy(&output.stderr));
    let (mut before, mut outside) = (0.0, 0.0);
    for line in std::fs::read_to_string(run.join("log.jsonl"))?.lines() {
        let report: Value = serde_json::from_str(line)?;
        let seconds = report["seconds"].as_f64().context("a report without seconds")?;
        outside += (seconds - before)
            * (1.0 - report["share_in_steps"].as_f64().context("a report without share")?);
        before = seconds;
    }
    let share = outside / before;
    println!("{:74} {share:>15.4} {:>7}", "share of wall time outside the step", at_most(OVERHEAD_GOAL));
    Ok(json!({"case": "overhead", "share": share, "goal_at_most": OVERHEAD_GOAL, "seconds": before}))
}

fn print_row(name: &str, (ours, theirs): (&[f64], &[f64]), ratio: f64, goal: &str) {
    let percent = |values: &[f64]| format!("{:.0}%", spread(values) * 100.0);
    println!(
        "{name:44} {:>10} {:>7} {:>10} {:>7} {ratio:>7.2} {goal:>7}",
        seconds(median(ours)),
        percent(ours),
        seconds(median(theirs)),
        percent(theirs)
    );
}

fn at_least(goal: f64) -> String {
    format!(">={goal}")
}

fn at_most(goal: f64) -> String {
    format!("<={goal}")
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name")).unwrap_or_default();
    line.split(':').nth(1).unwrap_or("unknown").trim().to_owned()
}

/// One side: a process that waits for its turn.
struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    name: String,
    log: PathBuf,
    peak_mb: f64,
}

impl Peer {
    fn start(mut command: Command, pictures: &Path, case: &str) -> Result<Self> {
        if case == "loader" {
            command.arg("--data").arg(pictures);
        }
        let name = format!("{command:?}");
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let log = workspace::root().join(format!("target/bench/peer-{number}.log"));
        let stderr = std::fs::File::create(&log).map_or_else(|_| Stdio::null(), Stdio::from);
        command.env("OMP_NUM_THREADS", THREADS).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().with_context(|| format!("{name} could not be started"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("{name} has no pipes")
        };
        Ok(Self { child, input, output: BufReader::new(output), name, log, peak_mb: f64::NAN })
    }

    /// Lets the process do some iterations; seconds of each.
    fn iterate(&mut self, count: usize) -> Result<Vec<f64>> {
        writeln!(self.input, "run {count}")
            .and_then(|()| self.input.flush())
            .with_context(|| self.ended())?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line).with_context(|| self.ended())?;
        self.peak_mb = answer["peak_mb"].as_f64().unwrap_or(f64::NAN);
        let seconds = answer["seconds"].as_array().with_context(|| self.ended())?;
        Ok(seconds.iter().filter_map(Value::as_f64).collect())
    }

    fn ended(&self) -> String {
        format!("{} ended or answered nonsense (its words are in {})", self.name, self.log.display())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = writeln!(self.input, "quit");
        let _ = self.input.flush();
        // A loader's workers may hang on: the process gets a moment, then goes.
        for _ in 0..20 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
