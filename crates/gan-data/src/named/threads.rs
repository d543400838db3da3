//! The same work on many items, on all cores.

use crate::error::{Error, Result, panic_text};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What `work` makes of every item, in their order.
///
/// # Errors
/// The first of the items' errors, in their order; a panic.
pub(crate) fn each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> Result<R> + Sync) -> Result<Vec<R>> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(items.len());
    let next = AtomicUsize::new(0);
    let take = || {
        let mut made = Vec::new();
        // Items differ in size: whoever is free takes the next one.
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { break };
            let result = work(item);
            let failed = result.is_err();
            made.push((index, result));
            if failed {
                next.store(items.len(), Ordering::Relaxed);
            }
        }
        made
    };
    let made = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Vec<_>>| {
            thread.join().map_err(|panic| Error::Worker { why: panic_text(&*panic) })
        };
        threads.into_iter().map(join).collect::<Result<Vec<_>>>()
    })?;
    let mut made: Vec<(usize, Result<R>)> = made.into_iter().flatten().collect();
    made.sort_by_key(|(index, _)| *index);
    made.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_items_order_and_errors_end_it() {
        let items: Vec<usize> = (0..100).collect();
        assert_eq!(each(&items, |item| Ok(item * 2)).expect("works")[99], 198);
        assert!(each(&[], |item: &usize| Ok(*item)).expect("nothing to do").is_empty());
        let failed = each(&items, |item| match item {
            7 => Err(Error::data("seven", "is no good")),
            _ => Ok(*item),
        });
        assert!(failed.expect_err("fails").to_string().contains("seven"));
    }
}
