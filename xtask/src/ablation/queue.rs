//! Runs side by side, each kept as soon as it is done.

use super::gan::{Attempt, Gan};
use super::record::{Outcome, Record};
use super::run::Run;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Arguments;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// Set by Ctrl-C: nothing new begins.
pub static STOP: AtomicBool = AtomicBool::new(false);

/// Does `work` with every item, so many at a time, in order. The first error ends it once what runs has ended; one after
/// Ctrl-C, which our processes get as well, is none.
fn in_parallel<T: Sync>(items: &[T], jobs: usize, work: impl Fn(&T) -> Result<()> + Sync) -> Result<()> {
    let (next, error) = (AtomicUsize::new(0), Mutex::new(None));
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(items.len()) {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = work(item);
                    if outcome.is_err() || STOP.load(Ordering::Relaxed) {
                        next.store(items.len(), Ordering::Relaxed);
                    }
                    if let Err(new) = outcome
                        && !STOP.load(Ordering::Relaxed)
                    {
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
pub fn check(gan: &Gan, runs: &[&Run], jobs: usize) -> Result<()> {
    let rows: BTreeMap<_, &Run> = runs.iter().map(|run| ((&run.row, run.data), *run)).collect();
    let one_each: Vec<&Run> = rows.into_values().collect();
    in_parallel(&one_each, jobs, |run| gan.check(&run.arguments).with_context(|| run.row.clone()))
}

/// Trains and measures; tells `say` so run by run. Out: runs that failed.
///
/// # Errors
/// Settings that `gan` refuses; results that cannot be written.
pub fn work_off(gan: &Gan, runs: &[&Run], jobs: usize, say: impl Fn(Arguments) + Sync) -> Result<usize> {
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
        let left = format_args!("about {:.0} min left", (left / 60.0).ceil());
        say(format_args!("{done}/{} {name}: {words}, {left}", runs.len()));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ablation::Data;
    use anyhow::bail;

    #[test]
    fn everything_is_done_once_and_an_error_ends_it() {
        let items: Vec<usize> = (0..100).collect();
        let done = Mutex::new(Vec::new());
        let note = |item: &usize| {
            done.lock().expect("no worker panics").push(*item);
            if *item == 200 { bail!("item {item}") } else { Ok(()) }
        };
        in_parallel(&items, 3, note).expect("no errors");
        let mut all = std::mem::take(&mut *done.lock().expect("no panics"));
        all.sort_unstable();
        assert_eq!(all, items);

        let error = in_parallel(&[0, 200, 1], 1, note).expect_err("an error");
        assert_eq!((error.to_string().as_str(), done.lock().expect("no panics").len()), ("item 200", 2));
    }

    #[cfg(unix)]
    #[test]
    fn results_are_kept_and_failures_are_not() {
        let folder = tempfile::tempdir().expect("folder");
        let gan = crate::ablation::gan::stand_in();
        let run = |row: &str, word: &str| Run {
            data: Data::Ring8,
            row: row.to_owned(),
            seed: 1,
            arguments: vec!["train".to_owned(), word.to_owned()],
            folder: folder.path().join(row).join("1"),
        };
        let runs = [run("a", "works"), run("b", "diverges"), run("c", "fails")];
        let all: Vec<&Run> = runs.iter().collect();
        let said = Mutex::new(Vec::new());
        let say = |line: Arguments| said.lock().expect("no worker panics").push(line.to_string());
        assert_eq!(work_off(&gan, &all, 1, say).expect("no refusal"), 1);
        let said = said.into_inner().expect("no worker panics");
        assert!(said[0].starts_with("1/3 ring8 / a / seed 1: 8 modes, KL 0.00, 0 s, about "), "{said:?}");
        assert!(
            said[2]
                .contains("c / seed 1: failed, to be tried again the next time: no space left, about 0 min"),
            "{said:?}"
        );
        let kept = runs.iter().map(|run| run.record().map(|record| words(&record.outcome)));
        let expected = [Some("8 modes, KL 0.00".to_owned()), Some("diverged".to_owned()), None];
        assert_eq!(kept.collect::<Vec<_>>(), expected);
        let error = check(&gan, &[&run("d", "refused")], 2).expect_err("refused");
        assert!(format!("{error:#}").starts_with("d: vanilla.x: no"), "{error:#}");
    }
}
