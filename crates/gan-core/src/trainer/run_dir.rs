//! A run's folder: `config.toml`, `log.jsonl`, `samples/`, `checkpoints/`, `best/`, and a lock for the one process that trains.

use crate::error::{Error, Result};
use crate::trainer::Checkpoint;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The folder of the best checkpoint.
pub(super) const BEST: &str = "best";

/// A run folder that this process holds.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    _lock: File,
}

impl RunDir {
    /// Makes a run folder with the resolved configuration in it.
    ///
    /// # Errors
    /// A folder that holds a run or other files already, or cannot be written.
    pub fn create(path: &Path, config: &str) -> Result<Self> {
        if let Ok(existing) = fs::read_to_string(path.join("config.toml")) {
            let why = if existing == config {
                format!(
                    "holds this run already; go on with `gan resume {}` or choose another --out",
                    path.display()
                )
            } else {
                "holds a run with another configuration; choose another --out".to_owned()
            };
            return Err(Error::run(path, why));
        }
        // What a process that was killed at this very place leaves does not count.
        let counts =
            |entry: fs::DirEntry| entry.file_name() != ".lock" && entry.file_name() != ".config.toml.new";
        if fs::read_dir(path).is_ok_and(|entries| entries.flatten().any(counts)) {
            return Err(Error::run(path, "is not empty and holds no run; choose another --out"));
        }
        fs::create_dir_all(path).map_err(|source| Error::file(path, source))?;
        let run = Self::lock(path)?;
        let file = path.join("config.toml");
        let aside = path.join(".config.toml.new");
        fs::write(&aside, config)
            .and_then(|()| File::open(&aside)?.sync_all())
            .and_then(|()| fs::rename(&aside, &file))
            .map_err(|source| Error::file(&file, source))?;
        Ok(run)
    }

    /// Opens an existing run folder for training.
    ///
    /// # Errors
    /// A folder that holds no run, or one that another process is training.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.join("config.toml").is_file() {
            return Err(Error::run(path, "holds no run (there is no config.toml in it)"));
        }
        Self::lock(path)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `checkpoints/`
    pub fn checkpoints_path(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// `log.jsonl`
    pub fn log_path(&self) -> PathBuf {
        self.path.join("log.jsonl")
    }

    /// The folders of a run's checkpoints, oldest first.
    pub fn checkpoints_of(run: &Path) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(run.join("checkpoints")) else { return Vec::new() };
        let mut found: Vec<(u64, PathBuf)> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter_map(|path| Some((Self::images_of(&path)?, path)))
            .collect();
        found.sort();
        found.into_iter().map(|(_, path)| path).collect()
    }

    /// After how many images a checkpoint was taken, going by its folder's name; `None` for any other folder.
    pub fn images_of(checkpoint: &Path) -> Option<u64> {
        let name = checkpoint.file_name()?.to_str()?;
        name.bytes().all(|byte| byte.is_ascii_digit()).then(|| name.parse().ok())?
    }

    /// Renames checkpoints after `images`: a run that goes on from an older one leaves them behind, and they must
    /// neither be taken for its newest nor be pruned. One sentence for each.
    pub(super) fn set_aside_after(&self, images: u64) -> Result<Vec<String>> {
        let mut moved = Vec::new();
        for path in
            Self::checkpoints_of(&self.path).into_iter().filter(|path| Self::images_of(path) > Some(images))
        {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let mut number = 0;
            let aside = loop {
                let aside = path.with_file_name(format!("aside-{name}-{number}"));
                if !aside.exists() {
                    break aside;
                }
                number += 1;
            };
            fs::rename(&path, &aside).map_err(|source| Error::file(&path, source))?;
            moved.push(format!("the newer checkpoint {name} was set aside as {}", aside.display()));
        }
        Ok(moved)
    }

    /// Where a run keeps the checkpoint with the best quality so far.
    pub fn best_of(run: &Path) -> PathBuf {
        run.join(BEST)
    }

    /// The newest checkpoint of a run, verified; `None` before the first.
    ///
    /// # Errors
    /// The newest one is damaged; the sentence offers the one before it.
    pub fn latest(run: &Path) -> Result<Option<Checkpoint>> {
        let all = Self::checkpoints_of(run);
        let Some(newest) = all.last() else { return Ok(None) };
        match Checkpoint::open(newest) {
            Ok(checkpoint) => Ok(Some(checkpoint)),
            Err(Error::Checkpoint { path, why }) => {
                let sound = all.iter().rev().skip(1).find(|path| Checkpoint::open(path).is_ok());
                let offer = match sound {
                    Some(previous) => format!("{} is sound: name it instead of the run", previous.display()),
                    None => "no older one is sound".to_owned(),
                };
                Err(Error::Checkpoint { path, why: format!("{why}; {offer}") })
            }
            Err(other) => Err(other),
        }
    }

    fn lock(path: &Path) -> Result<Self> {
        let file = path.join(".lock");
        let lock = File::create(&file).map_err(|source| Error::file(&file, source))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(Error::run(path, "another process is training in it")),
            // Some network file systems have no locks; training there is better than not training.
            Err(fs::TryLockError::Error(_)) => Ok(Self { path: path.to_owned(), _lock: lock }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_in_the_order_of_their_images() {
        let folder = tempfile::tempdir().expect("temp dir");
        for name in ["999999936", "1000000064", "000000064", "aside-000000032-0", ".writing-000000128"] {
            fs::create_dir_all(folder.path().join("checkpoints").join(name)).expect("folder");
        }
        let found = RunDir::checkpoints_of(folder.path());
        let images: Vec<Option<u64>> = found.iter().map(|path| RunDir::images_of(path)).collect();
        assert_eq!(images, [Some(64), Some(999_999_936), Some(1_000_000_064)]);
    }

    #[test]
    fn a_run_is_made_once_and_trained_by_one() {
        let folder = tempfile::tempdir().expect("temp dir");
        let path = folder.path().join("run");
        let run = RunDir::create(&path, "a = 1").expect("create");
        assert!(RunDir::open(&path).expect_err("locked").to_string().contains("another process"));
        drop(run);
        let sentence = |config: &str| RunDir::create(&path, config).expect_err("exists").to_string();
        assert!(sentence("a = 1").contains("gan resume"));
        assert!(sentence("a = 2").contains("another configuration"));
        assert!(RunDir::open(&path).is_ok());
        assert!(RunDir::open(folder.path()).expect_err("no run").to_string().contains("no config.toml"));
        assert!(RunDir::create(folder.path(), "").expect_err("files").to_string().contains("not empty"));
    }
}
