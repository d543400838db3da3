//! Batches as bytes of whatever has items by number, in the order of [`Order`], made ahead of time by worker threads.
//!
//! A batch is cut into pieces of a few images. The consumer keeps a window of pieces asked for; whichever
//! worker is free takes the next. Pieces come back in any order and are put together by number, so threads
//! change when an image is decoded but never which one it is. Buffers travel back and forth.

use crate::attributes::Attributes;
use crate::batches::{Batch, Sampling};
use crate::dataset::Scratch;
use crate::error::{Error, Result, panic_text};
use crate::order::{Order, Pick};
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Images in one piece of work, at most.
const PIECE_IMAGES: usize = 16;
/// Bytes in one piece of work, unless one image has more.
const PIECE_BYTES: usize = 2 << 20;
/// Bytes made ahead of time, unless the workers need more to be busy.
const AHEAD_BYTES: usize = 512 << 20;
/// A batch of an in-memory set up to this size is copied by the caller: quicker than asking a thread.
const DIRECT_BYTES: usize = 4 << 20;
/// Set as the generation when the consumer is gone.
const CLOSED: u64 = u64::MAX;

/// What batches are made of: items of one number of bytes.
pub(crate) trait Stock: Send + Sync + 'static {
    /// What items are called where there are several.
    const NOUN: &str;

    fn name(&self) -> &str;

    fn len(&self) -> usize;

    fn item_bytes(&self) -> usize;

    /// Whether a batch is no more than a copy.
    fn is_whole(&self) -> bool;

    /// Writes the picked item, or the next readable one after it, into `out`; says which it was.
    fn place(&self, pick: &Pick, scratch: &mut Scratch, out: &mut [u8]) -> Result<usize>;

    fn label(&self, index: usize) -> Option<u32>;

    fn attributes(&self) -> Option<&Attributes>;
}

/// An endless sequence of batches. Batch n is a pure function of (stock, seed, rank, world, n).
#[derive(Debug)]
pub(crate) struct Loader<S> {
    stock: Arc<S>,
    order: Order,
    plan: Plan,
    position: u64,
    current: Batch,
    scratch: Scratch,
    workers: usize,
    pool: Option<Pool>,
}

/// How a batch is cut.
#[derive(Debug, Clone, Copy)]
struct Plan {
    batch: usize,
    piece: usize,
    image_bytes: usize,
    labelled: bool,
    /// Numbers that go with an image.
    attributes: usize,
}

impl Plan {
    fn pieces(&self) -> usize {
        self.batch.div_ceil(self.piece)
    }

    fn items(&self, piece: usize) -> std::ops::Range<usize> {
        piece * self.piece..self.batch.min((piece + 1) * self.piece)
    }

    /// Makes room for so many images and what goes with them.
    fn fit(&self, batch: &mut Batch, images: usize) {
        batch.images.resize(images * self.image_bytes, 0);
        batch.labels.resize(if self.labelled { images } else { 0 }, 0);
        batch.attributes.resize(images * self.attributes, 0.0);
    }
}

impl<S: Stock> Loader<S> {
    /// Threads start with the first draw, and only if there is something to decode.
    pub fn new(stock: Arc<S>, sampling: Sampling) -> Result<Self> {
        let Sampling { batch, seed, rank, world, workers } = sampling;
        if world == 0 || rank >= world {
            return Err(Error::config(
                "rank",
                format!("{rank} is not below the number of processes, {world}"),
            ));
        }
        let items = stock.len();
        if batch == 0 || batch.saturating_mul(world) > items {
            let processes = if world > 1 { format!(" in each of {world} processes") } else { String::new() };
            let why = format!(
                "{batch}{processes} is not between 1 and what {} has, {items} {}; \
                 choose a smaller batch or more data",
                stock.name(),
                S::NOUN
            );
            return Err(Error::config("batch", why));
        }
        let image_bytes = stock.item_bytes();
        let labelled = stock.label(0).is_some();
        let attributes = stock.attributes().map_or(0, |attributes| attributes.names.len());
        let piece = (PIECE_BYTES / image_bytes).clamp(1, PIECE_IMAGES).min(batch);
        let workers = match workers {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8),
            workers => workers,
        };
        Ok(Self {
            order: Order::new(items, batch, rank, world, seed),
            plan: Plan { batch, piece, image_bytes, labelled, attributes },
            stock,
            position: 0,
            current: Batch::default(),
            scratch: Scratch::default(),
            workers,
            pool: None,
        })
    }

    pub fn stock(&self) -> &Arc<S> {
        &self.stock
    }

    pub fn position(&self) -> u64 {
        self.position
    }

    pub fn seek(&mut self, position: u64) {
        if position != self.position {
            self.position = position;
            if let Some(pool) = &mut self.pool {
                pool.restart(position);
            }
        }
    }

    /// The next batch, valid until the one after it is asked for; asking again after an error tries again.
    pub fn next(&mut self) -> Result<&Batch> {
        let Plan { batch, image_bytes, .. } = self.plan;
        self.plan.fit(&mut self.current, batch);
        if self.stock.is_whole() && batch * image_bytes <= DIRECT_BYTES {
            let (scratch, out) = (&mut self.scratch, &mut self.current);
            fill(&*self.stock, &self.order, self.position, 0..batch, scratch, out, || true)?;
        } else {
            self.gather()?;
        }
        self.position = self.position.wrapping_add(1);
        Ok(&self.current)
    }

    /// Puts a batch together from the workers' pieces.
    fn gather(&mut self) -> Result<()> {
        let pool = match &mut self.pool {
            Some(pool) => pool,
            none => {
                none.insert(Pool::start(&self.stock, self.order, self.plan, self.workers, self.position)?)
            }
        };
        for piece in 0..self.plan.pieces() {
            let job = match pool.take(self.position, piece) {
                Ok(job) => job,
                Err(error) => {
                    pool.restart(self.position);
                    return Err(error);
                }
            };
            let items = self.plan.items(piece);
            let each = |values: usize| items.start * values..items.end * values;
            self.current.images[each(self.plan.image_bytes)].copy_from_slice(&job.out.images);
            self.current.attributes[each(self.plan.attributes)].copy_from_slice(&job.out.attributes);
            if self.plan.labelled {
                self.current.labels[items].copy_from_slice(&job.out.labels);
            }
            pool.spare.push(job);
        }
        Ok(())
    }
}

/// Writes images `items` of batch `draw` and what goes with them, as long as `wanted`.
fn fill<S: Stock>(
    stock: &S,
    order: &Order,
    draw: u64,
    items: std::ops::Range<usize>,
    scratch: &mut Scratch,
    out: &mut Batch,
    wanted: impl Fn() -> bool,
) -> Result<()> {
    let images = out.images.chunks_exact_mut(stock.item_bytes());
    for (item, (pick, image)) in order.picks(draw, items).zip(images).enumerate() {
        if !wanted() {
            break;
        }
        // Of the image that was taken, which is another one where that picked is broken.
        let index = stock.place(&pick, scratch, image)?;
        if let Some(label) = stock.label(index) {
            out.labels[item] = i64::from(label);
        }
        if let Some(attributes) = stock.attributes() {
            let values = attributes.of(index);
            out.attributes[item * values.len()..][..values.len()].copy_from_slice(values);
        }
    }
    Ok(())
}

/// A piece of a batch, on its way to a worker or back.
#[derive(Debug, Default)]
struct Job {
    draw: u64,
    piece: usize,
    generation: u64,
    out: Batch,
}

/// What consumer and workers share.
#[derive(Debug)]
struct Shared {
    queue: Mutex<VecDeque<Job>>,
    ready: Condvar,
    /// Jobs of an older generation are not worth finishing.
    generation: AtomicU64,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The consumer's side of the workers.
#[derive(Debug)]
struct Pool {
    shared: Arc<Shared>,
    done: Receiver<(Job, Result<()>)>,
    threads: Vec<JoinHandle<()>>,
    plan: Plan,
    /// Pieces that are asked for or waiting to be taken.
    window: usize,
    asked: usize,
    /// The next piece to ask for.
    next: (u64, usize),
    arrived: BTreeMap<(u64, usize), (Job, Result<()>)>,
    spare: Vec<Job>,
}

impl Pool {
    fn start<S: Stock>(
        stock: &Arc<S>,
        order: Order,
        plan: Plan,
        workers: usize,
        position: u64,
    ) -> Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            ready: Condvar::new(),
            generation: AtomicU64::new(0),
        });
        let (sender, done) = channel();
        let affordable = AHEAD_BYTES / (plan.piece * plan.image_bytes);
        let window = (2 * plan.pieces() + workers).min(affordable).max(workers + 1);
        let mut pool = Self {
            shared,
            done,
            threads: Vec::new(),
            plan,
            window,
            asked: 0,
            next: (position, 0),
            arrived: BTreeMap::new(),
            spare: Vec::new(),
        };
        for number in 0..workers {
            let (stock, shared, sender) = (Arc::clone(stock), Arc::clone(&pool.shared), sender.clone());
            let thread = std::thread::Builder::new()
                .name(format!("loader-{number}"))
                .spawn(move || work(&*stock, &order, plan, &shared, &sender))
                .map_err(|error| {
                    Error::config("workers", format!("cannot start thread {number} ({error}); use fewer"))
                })?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// Waits for a piece, having asked for those after it.
    fn take(&mut self, draw: u64, piece: usize) -> Result<Job> {
        self.ask();
        loop {
            if let Some((job, result)) = self.arrived.remove(&(draw, piece)) {
                return result.map(|()| job);
            }
            match self.done.recv_timeout(Duration::from_millis(500)) {
                Ok((job, result)) if job.generation == self.shared.generation.load(Ordering::Relaxed) => {
                    self.asked -= 1;
                    self.arrived.insert((job.draw, job.piece), (job, result));
                }
                Ok((job, _)) => self.spare.push(job),
                Err(RecvTimeoutError::Timeout) if self.threads.iter().all(|thread| !thread.is_finished()) => {
                }
                Err(_) => return Err(Error::Worker { why: "it ended before its work".to_owned() }),
            }
        }
    }

    /// Fills the window.
    fn ask(&mut self) {
        while self.asked + self.arrived.len() < self.window {
            let (draw, piece) = self.next;
            let items = self.plan.items(piece).len();
            let mut job = self.spare.pop().unwrap_or_default();
            (job.draw, job.piece, job.generation) =
                (draw, piece, self.shared.generation.load(Ordering::Relaxed));
            self.plan.fit(&mut job.out, items);
            self.shared.queue().push_back(job);
            self.shared.ready.notify_one();
            self.asked += 1;
            self.next =
                if piece + 1 < self.plan.pieces() { (draw, piece + 1) } else { (draw.wrapping_add(1), 0) };
        }
    }

    /// Drops what was asked for and goes on at `position`.
    fn restart(&mut self, position: u64) {
        self.shared.generation.fetch_add(1, Ordering::Relaxed);
        self.spare.extend(self.shared.queue().drain(..));
        self.spare.extend(std::mem::take(&mut self.arrived).into_values().map(|(job, _)| job));
        self.asked = 0;
        self.next = (position, 0);
    }
}

impl Drop for Pool {
    /// Never waits: each worker ends by itself after at most one image.
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        self.shared.generation.store(CLOSED, Ordering::Relaxed);
        queue.clear();
        drop(queue);
        self.shared.ready.notify_all();
    }
}

fn work<S: Stock>(stock: &S, order: &Order, plan: Plan, shared: &Shared, sender: &Sender<(Job, Result<()>)>) {
    let mut scratch = Scratch::default();
    loop {
        let mut queue = shared.queue();
        let mut job = loop {
            if shared.generation.load(Ordering::Relaxed) == CLOSED {
                return;
            }
            match queue.pop_front() {
                Some(job) => break job,
                None => queue = shared.ready.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(queue);
        let Job { draw, piece, generation, out } = &mut job;
        let wanted = || shared.generation.load(Ordering::Relaxed) == *generation;
        let filled = catch_unwind(AssertUnwindSafe(|| {
            fill(stock, order, *draw, plan.items(*piece), &mut scratch, out, wanted)
        }));
        let result = filled.unwrap_or_else(|panic| {
            scratch = Scratch::default();
            Err(Error::Worker { why: panic_text(&*panic) })
        });
        if sender.send((job, result)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::DataSet;
    use crate::options::Options;
    use crate::reader::{Backing, Listing};

    #[test]
    fn a_panic_in_a_worker_is_an_error_and_not_the_end() {
        let listing = Listing {
            name: "panics".to_owned(),
            backing: Backing::Panics { len: 8, at: 3 },
            labels: None,
            classes: Vec::new(),
            attributes: None,
            notes: Vec::new(),
        };
        let data = Arc::new(DataSet::from_listing(listing, Options::default()).expect("set"));
        let mut batches = Loader::new(data, Sampling::new(8, 0)).expect("batches");
        for _ in 0..3 {
            let error = batches.next().expect_err("image 3 is in every batch").to_string();
            assert!(error.contains("image 3 panics"), "{error}");
            assert_eq!(batches.position(), 0);
        }
    }
}
