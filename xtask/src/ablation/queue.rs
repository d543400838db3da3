//! Runs side by side, each kept as soon as it is done.

use super::gan::{Attempt, Gan};
use super::record::{Outcome, Record};
use super::run::Run;
use anyhow::{Context, Result};
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// Set by Ctrl-C: nothing new begins.
pub static STOP: AtomicBool = AtomicBool::new(false);

/// Does `work` with every item, so many at a time, in order. The first error ends it once what runs has ended.
fn in_parallel<T: Sync>(items: &[T], jobs: usize, work: impl Fn(&T) -> Result<()> + Sync) -> Result<()> {
    let (next, error) = (AtomicUsize::new(0), Mutex::new(None));
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(items.len()) {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = if STOP.load(Ordering::Relaxed) { return } else { work(item) };
                    if let Err(new) = outcome {
                        next.store(items.len(), Ordering::Relaxed);
                        error.lock().expect("no worker panics").get_or_insert(new);
                    }
                }
            });
        }
    });
    error.into_inner().expect("no worker panics").map_or(Ok(()), Err)
}

/// Asks `gan` whether it understands the runs, those of one seed for all.
///
/// # Errors
/// What `gan` says about the first that it does not.
pub fn check(gan: &Gan, runs: &[&Run], jobs: usize) -> Result<usize> {
    let mut different: Vec<&&Run> = Vec::new();
    for run in runs {
        if !different.iter().any(|other| (other.data, &other.row) == (run.data, &run.row)) {
            different.push(run);
        }
    }
    in_parallel(&different, jobs, |run| gan.check(&run.arguments).with_context(|| run.row.clone()))?;
    Ok(different.len())
}

/// Trains and measures; says so run by run. Out: runs that failed.
///
/// # Errors
/// Settings that `gan` refuses; results that cannot be written.
pub fn work_off(gan: &Gan, runs: &[&Run], jobs: usize) -> Result<usize> {
    let (began, done, failed) = (Instant::now(), AtomicUsize::new(0), AtomicUsize::new(0));
    in_parallel(runs, jobs, |run| {
        let file = run.file();
        fs::create_dir_all(file.parent().unwrap_or(&file))?;
        let words = match gan.attempt(&run.arguments, &run.folder)? {
            Attempt::Interrupted => {
                STOP.store(true, Ordering::Relaxed);
                return Ok(());
            }
            Attempt::Failed(sentence) => {
                failed.fetch_add(1, Ordering::Relaxed);
                format!("failed, to be tried again the next time: {sentence}")
            }
            Attempt::Done(seconds, outcome) => {
                let words = format!("{}, {seconds:.0} s", words(&outcome));
                Record { key: run.arguments.clone(), seconds, outcome }.save(&file)?;
                words
            }
        };
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        let left = began.elapsed().as_secs_f64() / done as f64 * (runs.len() - done) as f64;
        let name = format!("{} / {} / seed {}", run.data.name(), run.row, run.seed);
        println!("{done}/{} {name}: {words}, about {:.0} min left", runs.len(), (left / 60.0).ceil());
        Ok(())
    })?;
    Ok(failed.into_inner())
}

fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Measured(it) => format!("{} modes, KL {:.2}", it.covered, it.reverse_kl),
        Outcome::Diverged(_) => "diverged".to_owned(),
    }
}
