//! The background writer of a run folder.

use std::path::{Component, Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indexmap::IndexMap;

use crate::curves::save_curves;
use crate::error::{Error, Result};
use crate::events::EventFile;
use crate::log::LogLine;
use crate::picture::Picture;
use crate::{atomic, save};

/// Orders waiting at most: bounds the memory that pictures may take while the disk is busy.
const QUEUE: usize = 64;
/// How long the training waits, in all, for a disk that does not keep up; after that, orders are left out.
const PATIENCE: Duration = Duration::from_secs(5);
/// What an order that need not wait gives back of that.
const RECOVERY: Duration = Duration::from_millis(50);
const POLL: Duration = Duration::from_millis(2);
/// `curves.png` is drawn again after this time at the soonest.
const REDRAW: Duration = Duration::from_secs(20);
/// And so seldom that drawing takes at most a fiftieth of one core.
const REDRAW_SHARE: u32 = 50;

/// Writes what one looks at in a run folder, on a thread of its own.
///
/// Nothing here ever stops a training: what cannot be written becomes a sentence in [`Self::warnings`].
#[derive(Debug)]
pub struct RunReport {
    orders: Option<SyncSender<Order>>,
    writer: Option<JoinHandle<()>>,
    warnings: Arc<Warnings>,
    /// What is left of [`PATIENCE`].
    patience: Mutex<Duration>,
}

enum Order {
    Report(LogLine),
    Sample { images: u64, tag: String, picture: Picture, file: PathBuf },
    Text { tag: String, text: String },
}

impl RunReport {
    /// Starts reporting into a run folder, which is created if it is missing.
    pub fn open(run_folder: impl AsRef<Path>) -> Result<Self> {
        let folder = run_folder.as_ref().to_path_buf();
        std::fs::create_dir_all(&folder)
            .map_err(|source| Error::file("create the run folder", &folder, source))?;
        let (orders, queue) = sync_channel(QUEUE);
        let warnings = Arc::new(Warnings::default());
        let mut writer = Writer {
            folder: folder.clone(),
            events: None,
            images: 0,
            curves_due: Instant::now(),
            warnings: Arc::clone(&warnings),
        };
        let writer = std::thread::Builder::new()
            .name("report".into())
            .spawn(move || writer.work(queue))
            .map_err(|source| Error::file("start the thread that writes to", &folder, source))?;
        Ok(Self { orders: Some(orders), writer: Some(writer), warnings, patience: Mutex::new(PATIENCE) })
    }

    /// Writes a report's values to the event file. `log.jsonl` is the trainer's, not written here.
    pub fn report(&self, line: &LogLine) {
        self.send(Order::Report(line.clone()));
    }

    /// Writes a picture to `file`, a path inside the run folder, and to the event file under `tag`;
    /// redraws `curves.png` if it is time.
    pub fn sample(&self, images: u64, tag: &str, picture: Picture, file: impl AsRef<Path>) {
        let (tag, file) = (tag.to_owned(), file.as_ref().to_path_buf());
        self.send(Order::Sample { images, tag, picture, file });
    }

    /// Writes a text to the event file: the configuration, say. TensorBoard shows Markdown.
    pub fn text(&self, tag: &str, text: impl Into<String>) {
        self.send(Order::Text { tag: tag.to_owned(), text: text.into() });
    }

    /// What could not be written so far, a sentence each; failures of one kind share one.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.sentences()
    }

    /// Finishes what is waiting, draws `curves.png` and returns [`Self::warnings`].
    pub fn close(mut self) -> Vec<String> {
        self.finish();
        self.warnings()
    }

    fn send(&self, mut order: Order) {
        let Some(orders) = &self.orders else { return };
        let mut patience = lock(&self.patience);
        let start = Instant::now();
        loop {
            match orders.try_send(order) {
                Ok(()) => {
                    let waited = start.elapsed();
                    *patience = if waited < POLL {
                        PATIENCE.min(*patience + RECOVERY)
                    } else {
                        patience.saturating_sub(waited)
                    };
                    return;
                }
                Err(TrySendError::Full(back)) if start.elapsed() < *patience => {
                    order = back;
                    std::thread::sleep(POLL);
                }
                Err(TrySendError::Full(_)) => {
                    *patience = patience.saturating_sub(start.elapsed());
                    return self.warnings.add(
                        "queue",
                        "a report or sample was left out because the disk is slower than the training".into(),
                    );
                }
                Err(TrySendError::Disconnected(_)) => {
                    return self
                        .warnings
                        .add("writer", "the thread that writes reports has ended early".into());
                }
            }
        }
    }

    fn finish(&mut self) {
        self.orders = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            self.warnings.add("writer", "the thread that writes reports has ended early".into());
        }
    }
}

impl Drop for RunReport {
    fn drop(&mut self) {
        self.finish();
    }
}

/// The background thread's side.
struct Writer {
    folder: PathBuf,
    /// Opened at the first order, and again at a later one if that failed.
    events: Option<EventFile>,
    images: u64,
    curves_due: Instant,
    warnings: Arc<Warnings>,
}

impl Writer {
    fn work(&mut self, queue: Receiver<Order>) {
        for order in queue {
            match order {
                Order::Report(line) => {
                    self.images = line.images;
                    self.events("scalars", |events| events.scalars(&line));
                }
                Order::Sample { images, tag, picture, file } => {
                    self.sample(images, &tag, &picture, &file);
                    if Instant::now() >= self.curves_due {
                        self.curves();
                    }
                }
                Order::Text { tag, text } => {
                    let images = self.images;
                    self.events("text", |events| events.text(images, &tag, &text));
                }
            }
        }
        self.curves();
    }

    fn sample(&mut self, images: u64, tag: &str, picture: &Picture, file: &Path) {
        self.images = self.images.max(images);
        if !file.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            let sentence =
                format!("the sample {} was not written: it lies outside the run folder", file.display());
            return self.warnings.add("sample outside", sentence);
        }
        match save::encode_png(picture) {
            Ok(png) => {
                self.note("sample", atomic::write(&self.folder.join(file), &png));
                self.events("images", |events| events.image(images, tag, picture, &png));
            }
            Err(error) => self.note("sample", Err(error)),
        }
    }

    fn events(&mut self, what: &'static str, write: impl FnOnce(&mut EventFile) -> Result<()>) {
        if self.events.is_none() {
            match EventFile::create(&self.folder) {
                Ok(events) => self.events = Some(events),
                Err(error) => return self.note("event file", Err(error)),
            }
        }
        if let Some(events) = &mut self.events {
            let written = write(events);
            self.note(what, written);
        }
    }

    fn curves(&mut self) {
        let start = Instant::now();
        let drawn = save_curves(&self.folder).map(drop);
        self.note("curves", drawn);
        self.curves_due = Instant::now() + REDRAW.max(start.elapsed() * REDRAW_SHARE);
    }

    fn note(&self, kind: &'static str, result: Result<()>) {
        if let Err(error) = result {
            self.warnings.add(kind, error.to_string());
        }
    }
}

/// The first sentence of each kind, and how many more there were: a full disk fails a thousand times.
#[derive(Debug, Default)]
struct Warnings(Mutex<IndexMap<&'static str, (String, u64)>>);

impl Warnings {
    fn add(&self, kind: &'static str, sentence: String) {
        lock(&self.0).entry(kind).and_modify(|(_, more)| *more += 1).or_insert((sentence, 0));
    }

    fn sentences(&self) -> Vec<String> {
        lock(&self.0)
            .values()
            .map(|(sentence, more)| match more {
                0 => sentence.clone(),
                1 => format!("{sentence} (and once more)"),
                more => format!("{sentence} (and {more} times more)"),
            })
            .collect()
    }
}

/// Nothing behind these locks can be left half changed, so a panic elsewhere is no reason to add one here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_hangs_costs_orders_not_the_training() {
        // A queue that nobody empties, and little patience left.
        let (orders, queue) = sync_channel(1);
        let mut report = RunReport {
            orders: Some(orders),
            writer: None,
            warnings: Arc::default(),
            patience: Mutex::new(Duration::ZERO),
        };
        let start = Instant::now();
        for _ in 0..4 {
            report.text("note", "text");
        }
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        let sentence = "a report or sample was left out because the disk is slower than the training";
        assert_eq!(report.warnings(), [format!("{sentence} (and 2 times more)")]);
        // The queue moves again.
        assert!(queue.recv().is_ok());
        report.text("note", "text");
        assert_eq!(report.warnings(), [format!("{sentence} (and 2 times more)")]);
        report.finish();
        assert_eq!(queue.into_iter().count(), 1);
    }
}
