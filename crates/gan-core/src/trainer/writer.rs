//! Checkpoints on their way to the disk, on a thread of their own: written aside, synced, renamed.

use crate::error::{Error, Result};
use crate::trainer::checkpoint::Bundle;
use crate::trainer::run_dir::BEST;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

/// In front of the name of a checkpoint that is being replaced by one of the same name.
const REPLACED: &str = ".replaced-";

/// In front of the name of a checkpoint that is not whole yet.
const WRITING: &str = ".writing-";

/// Where a checkpoint goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Places {
    /// Among the run's checkpoints, of which the newest are kept.
    pub(super) checkpoint: bool,
    /// In the place of the best so far.
    pub(super) best: bool,
}

impl Places {
    pub(super) const CHECKPOINT: Self = Self { checkpoint: true, best: false };
}

/// Writes at most one checkpoint at a time, and keeps the newest few.
pub(super) struct CheckpointWriter {
    folder: PathBuf,
    keep: usize,
    running: Option<JoinHandle<Result<PathBuf>>>,
    warnings: Vec<String>,
}

impl CheckpointWriter {
    /// Makes the folder, and clears what a killed process left half written.
    pub(super) fn new(folder: PathBuf, keep: usize) -> Result<Self> {
        fs::create_dir_all(&folder).map_err(|source| Error::file(&folder, source))?;
        // The folder itself, and the run's in its parent, must outlive a power cut as the checkpoints do.
        for above in folder.ancestors().skip(1).take(2).filter(|above| !above.as_os_str().is_empty()) {
            let _ = sync_folder(above);
        }
        let entries = fs::read_dir(&folder).map_err(|source| Error::file(&folder, source))?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // Killed between two renames: the old one goes back to its place.
            if let Some(place) =
                name.strip_prefix(REPLACED).map(|name| folder.join(name)).filter(|p| !p.exists())
            {
                let _ = fs::rename(entry.path(), place);
            } else if name.starts_with('.') {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let (best, replaced) =
            (run_of(&folder).join(BEST), run_of(&folder).join(format!("{REPLACED}{BEST}")));
        let _ = fs::remove_dir_all(run_of(&folder).join(format!("{WRITING}{BEST}")));
        if best.exists() {
            let _ = fs::remove_dir_all(replaced);
        } else {
            let _ = fs::rename(replaced, best);
        }
        Ok(Self { folder, keep, running: None, warnings: Vec::new() })
    }

    /// Starts writing; waits first for the one before. The path is where it will lie.
    pub(super) fn write_behind(&mut self, bundle: Bundle, places: Places) -> PathBuf {
        self.join();
        let (folder, keep) = (self.folder.clone(), self.keep);
        let path = folder.join(&bundle.name);
        self.running = Some(std::thread::spawn(move || write(bundle, &folder, keep, places)));
        path
    }

    /// Writes among the checkpoints and waits.
    pub(super) fn write_now(&mut self, bundle: Bundle) -> Result<PathBuf> {
        self.join();
        write(bundle, &self.folder, self.keep, Places::CHECKPOINT)
    }

    /// Waits for the one under way.
    pub(super) fn wait(&mut self) -> Result<()> {
        match self.running.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => Err(error),
            Some(Err(_)) => {
                Err(Error::run(&self.folder, "the thread that writes checkpoints ended unexpectedly"))
            }
            Some(Ok(Ok(_))) | None => Ok(()),
        }
    }

    /// What went wrong since the last call.
    pub(super) fn take_warnings(&mut self) -> Vec<String> {
        if self.running.as_ref().is_some_and(JoinHandle::is_finished) {
            self.join();
        }
        self.take_earlier_warnings()
    }

    /// What went wrong with those before the one under way, whose outcome is left to [`CheckpointWriter::wait`].
    pub(super) fn take_earlier_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Waits for the one under way; what went wrong with it becomes a warning.
    pub(super) fn join(&mut self) {
        if let Err(error) = self.wait() {
            self.warnings.push(format!(
                "a checkpoint could not be written ({error}); the ones before are intact and training goes on"
            ));
        }
    }
}

impl Drop for CheckpointWriter {
    fn drop(&mut self) {
        self.join();
    }
}

fn write(mut bundle: Bundle, folder: &Path, keep: usize, places: Places) -> Result<PathBuf> {
    bundle.seal();
    let target = folder.join(&bundle.name);
    if places.checkpoint {
        write_as(&bundle, folder, &bundle.name)?;
        prune(folder, keep, &target);
    }
    if places.best {
        write_as(&bundle, run_of(folder), BEST)?;
    }
    Ok(target)
}

/// The run's folder, in which the checkpoints' folder lies.
fn run_of(folder: &Path) -> &Path {
    folder.parent().unwrap_or(folder)
}

fn write_as(bundle: &Bundle, folder: &Path, name: &str) -> Result<()> {
    let (target, aside) = (folder.join(name), folder.join(format!("{WRITING}{name}")));
    let written = write_folder(bundle, &aside).and_then(|()| put_in_place(&aside, &target, folder));
    written.map_err(|source| {
        let _ = fs::remove_dir_all(&aside);
        Error::file(target, source)
    })
}

fn write_folder(bundle: &Bundle, aside: &Path) -> std::io::Result<()> {
    let _ = fs::remove_dir_all(aside);
    fs::create_dir_all(aside)?;
    for (name, bytes) in &bundle.files {
        let mut file = File::create(aside.join(name))?;
        file.write_all(bytes)?;
        file.sync_all()?;
    }
    sync_folder(aside)
}

fn put_in_place(aside: &Path, target: &Path, folder: &Path) -> std::io::Result<()> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let replaced = folder.join(format!("{REPLACED}{name}"));
    if target.exists() {
        let _ = fs::remove_dir_all(&replaced);
        fs::rename(target, &replaced)?;
    }
    if let Err(error) = fs::rename(aside, target) {
        let _ = fs::rename(&replaced, target);
        return Err(error);
    }
    sync_folder(folder)?;
    let _ = fs::remove_dir_all(&replaced);
    Ok(())
}

/// A rename is durable only once the folder it happened in is synced.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Deletes the oldest but `keep`, never the one just written.
fn prune(folder: &Path, keep: usize, written: &Path) {
    let all = super::RunDir::checkpoints_of(run_of(folder));
    for old in all[..all.len().saturating_sub(keep.max(1))].iter().filter(|old| *old != written) {
        // Out of sight first: a kill in the middle must not leave half a checkpoint under its name.
        let hidden = folder.join(".deleting");
        if fs::rename(old, &hidden).is_ok() {
            let _ = fs::remove_dir_all(&hidden);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(name: &str, content: &str) -> Bundle {
        Bundle { name: name.to_owned(), files: vec![("a.txt".to_owned(), content.as_bytes().to_vec())] }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .expect("folder")
            .flatten()
            .map(|e| e.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_newest_are_kept_and_rubbish_is_cleared() {
        let temp = tempfile::tempdir().expect("temp dir");
        let folder = temp.path().join("checkpoints");
        for rubbish in [".writing-000000001", ".replaced-000000001", ".replaced-000000002", "000000002"] {
            fs::create_dir_all(folder.join(rubbish)).expect("rubbish");
        }
        let mut writer = CheckpointWriter::new(folder.clone(), 2).expect("writer");
        assert_eq!(names(&folder), ["000000001", "000000002"], "one was put back, one had been replaced");
        for name in ["000000001", "000000002", "000000003", "000000003"] {
            writer.write_behind(bundle(name, name), Places::CHECKPOINT);
        }
        writer.wait().expect("written");
        assert_eq!(names(&folder), ["000000002", "000000003"]);
    }

    #[test]
    fn a_failed_write_warns_and_leaves_the_others() {
        let temp = tempfile::tempdir().expect("temp dir");
        let folder = temp.path().join("checkpoints");
        let mut writer = CheckpointWriter::new(folder.clone(), 2).expect("writer");
        writer.write_now(bundle("000000001", "x")).expect("written");
        // A file where the folder should go: creation fails as on a broken disk.
        let broken =
            Bundle { name: "000000002".to_owned(), files: vec![("no/such/folder".to_owned(), vec![])] };
        writer.write_behind(broken, Places::CHECKPOINT);
        writer.write_behind(bundle("000000003", "x"), Places::CHECKPOINT);
        let warnings = writer.take_warnings();
        assert!(warnings.iter().any(|w| w.contains("000000002") && w.contains("intact")), "{warnings:?}");
        writer.wait().expect("written");
        assert_eq!(names(&folder), ["000000001", "000000003"]);
    }

    #[test]
    fn the_best_lies_beside_the_checkpoints_and_survives_a_kill() {
        let temp = tempfile::tempdir().expect("temp dir");
        let folder = temp.path().join("checkpoints");
        let mut writer = CheckpointWriter::new(folder.clone(), 1).expect("writer");
        let best = |name: &str| std::fs::read_to_string(temp.path().join("best/a.txt")).expect(name);
        writer.write_behind(bundle("000000001", "first"), Places { checkpoint: true, best: true });
        writer.write_behind(bundle("000000002", "second"), Places::CHECKPOINT);
        writer.wait().expect("written");
        assert_eq!((names(&folder), best("kept")), (vec!["000000002".to_owned()], "first".to_owned()));
        writer.write_behind(bundle("000000003", "third"), Places { checkpoint: false, best: true });
        writer.wait().expect("written");
        assert_eq!((names(&folder), best("replaced")), (vec!["000000002".to_owned()], "third".to_owned()));

        // Killed between the two renames, with a new one half written.
        fs::rename(temp.path().join("best"), temp.path().join(".replaced-best")).expect("rename");
        fs::create_dir_all(temp.path().join(".writing-best")).expect("folder");
        fs::write(temp.path().join(".lock"), "").expect("file");
        drop(CheckpointWriter::new(folder, 1).expect("writer"));
        assert_eq!(best("put back"), "third");
        assert_eq!(names(temp.path()), [".lock", "best", "checkpoints"]);
    }

    #[test]
    fn the_last_failure_is_left_to_whoever_waits() {
        let temp = tempfile::tempdir().expect("temp dir");
        let mut writer = CheckpointWriter::new(temp.path().join("checkpoints"), 2).expect("writer");
        let bad =
            || Bundle { name: "000000001".to_owned(), files: vec![("no/such/folder".to_owned(), vec![])] };
        writer.write_behind(bad(), Places::CHECKPOINT);
        writer.write_behind(bad(), Places::CHECKPOINT);
        // However quickly it failed: taken for a warning, a run without its last checkpoint would count as finished.
        while !writer.running.as_ref().is_some_and(JoinHandle::is_finished) {
            std::thread::yield_now();
        }
        assert_eq!(writer.take_earlier_warnings().len(), 1, "the first one's");
        assert!(writer.wait().is_err());
    }
}
