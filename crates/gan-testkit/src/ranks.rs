//! Threads that train one model together, as processes would.

use gan_core::comm::Comm;
use gan_core::error::Result;
use std::sync::{Arc, Barrier, Mutex};
use tch::Tensor;

/// One of several ranks, each a thread.
#[derive(Debug)]
pub struct Rank {
    rank: u64,
    table: Arc<Table>,
}

/// Where ranks lay down what they tell each other.
#[derive(Debug)]
struct Table {
    places: Vec<Mutex<Vec<Tensor>>>,
    barrier: Barrier,
}

/// Runs `body` once for each of `count` ranks at the same time, each in a thread of its own; the results in their order.
///
/// # Panics
/// Where a rank does.
pub fn together<T: Send>(count: usize, body: impl Fn(&'static Rank) -> T + Sync) -> Vec<T> {
    let places = (0..count).map(|_| Mutex::default()).collect();
    let table = Arc::new(Table { places, barrier: Barrier::new(count) });
    std::thread::scope(|scope| {
        let body = &body;
        let threads: Vec<_> = (0..count as u64)
            .map(|rank| {
                // A group of ranks lives as long as the process.
                let rank: &'static Rank = Box::leak(Box::new(Rank { rank, table: table.clone() }));
                scope.spawn(move || body(rank))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a rank")).collect()
    })
}

impl Rank {
    /// Lays down tensors, waits for all ranks, and makes something of what lies there before any rank goes on.
    fn meet(&self, own: &[Tensor], each: impl Fn(&mut Tensor, Vec<Tensor>)) -> Vec<Tensor> {
        let place = |rank: usize| self.table.places[rank].lock().expect("no rank panicked");
        *place(self.rank as usize) = own.iter().map(Tensor::copy).collect();
        self.table.barrier.wait();
        let mut made: Vec<Tensor> = own.iter().map(Tensor::copy).collect();
        for (at, tensor) in made.iter_mut().enumerate() {
            each(tensor, (0..self.table.places.len()).map(|rank| place(rank)[at].copy()).collect());
        }
        self.table.barrier.wait();
        made
    }

    fn replace(&self, tensors: &mut [Tensor], each: impl Fn(&mut Tensor, Vec<Tensor>)) {
        for (tensor, made) in tensors.iter().zip(self.meet(tensors, each)) {
            tensor.shallow_clone().copy_(&made);
        }
    }
}

impl Comm for Rank {
    fn rank(&self) -> u64 {
        self.rank
    }

    fn world_size(&self) -> u64 {
        self.table.places.len() as u64
    }

    fn all_reduce_mean(&self, tensors: &mut [Tensor]) -> Result<()> {
        self.replace(tensors, |tensor, all| *tensor = Tensor::stack(&all, 0).mean_dim(0, false, None));
        Ok(())
    }

    fn broadcast(&self, tensors: &mut [Tensor]) -> Result<()> {
        self.replace(tensors, |tensor, mut all| *tensor = all.swap_remove(0));
        Ok(())
    }

    fn barrier(&self) -> Result<()> {
        self.table.barrier.wait();
        Ok(())
    }
}
