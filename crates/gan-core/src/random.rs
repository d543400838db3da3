//! Random streams that are pure functions of (seed, rank, step, purpose), so that resuming needs no
//! generator state: the draws of step 1000 are the same whether step 999 ran in this process or not.

use crate::error::{Error, Result};
use crate::tensor::guard;
use std::cell::RefCell;
use std::collections::VecDeque;
use tch::{Device, Tensor};

/// A 64-bit key for a stream: a mix of numbers and the name of what the draw is for.
pub fn key(seed: u64, numbers: &[u64], purpose: &str) -> u64 {
    let mut state = split_mix(seed ^ 0x9e37_79b9_7f4a_7c15);
    for &number in numbers {
        state = split_mix(state ^ number);
    }
    for chunk in purpose.as_bytes().chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        state = split_mix(state ^ u64::from_le_bytes(word));
    }
    split_mix(state ^ purpose.len() as u64)
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every input bit reaches every output bit.
pub fn split_mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The streams of one step on one rank. The n-th draw for a purpose is a stream of its own.
#[derive(Debug)]
pub struct Streams {
    seed: u64,
    coordinates: [u64; 2],
    device: Device,
    drawn: RefCell<Vec<(String, u64)>>,
    replay: Option<RefCell<VecDeque<Tensor>>>,
}

impl Streams {
    /// The streams of `step` on `rank`; draws land on `device`.
    pub fn new(seed: u64, rank: u64, step: u64, device: Device) -> Self {
        Self { seed, coordinates: [rank, step], device, drawn: RefCell::default(), replay: None }
    }

    /// Streams that hand out recorded draws in call order, whatever the purpose: to follow a reference
    /// implementation number by number.
    pub fn replaying(draws: impl IntoIterator<Item = Tensor>) -> Self {
        let replay = Some(RefCell::new(draws.into_iter().collect()));
        Self { replay, ..Self::new(0, 0, 0, Device::Cpu) }
    }

    /// Standard normal draws, f32 of the given shape.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn normal(&self, purpose: &str, shape: &[i64]) -> Result<Tensor> {
        match self.replayed(purpose, shape) {
            Some(recorded) => recorded,
            None => Ok(gan_sys::random::normal(shape, self.next(purpose), self.device)?),
        }
    }

    /// Uniform draws in [0, 1), f32 of the given shape.
    ///
    /// # Errors
    /// As [`Streams::normal`].
    pub fn uniform(&self, purpose: &str, shape: &[i64]) -> Result<Tensor> {
        match self.replayed(purpose, shape) {
            Some(recorded) => recorded,
            None => Ok(gan_sys::random::uniform(shape, self.next(purpose), self.device)?),
        }
    }

    /// Uniform integers in 0..high, i64 of the given shape.
    ///
    /// # Errors
    /// As [`Streams::normal`]; `high` below 1.
    pub fn integers(&self, purpose: &str, high: i64, shape: &[i64]) -> Result<Tensor> {
        match self.replayed(purpose, shape) {
            Some(recorded) => recorded,
            None => Ok(gan_sys::random::integers(high, shape, self.next(purpose), self.device)?),
        }
    }

    /// A uniform number in [0, 1), on the host: for choices that no tensor depends on.
    ///
    /// # Errors
    /// None of its own; a replay that has run out.
    pub fn number(&self, purpose: &str) -> Result<f64> {
        match self.replayed(purpose, &[]) {
            Some(recorded) => Ok(recorded?.f_double_value(&[])?),
            // 53 bits: what a f64 in [0, 1) can tell apart.
            None => Ok((self.next(purpose) >> 11) as f64 / (1u64 << 53) as f64),
        }
    }

    /// A uniform place in 0..`high`, on the host.
    ///
    /// # Errors
    /// As [`Streams::number`]; `high` of 0.
    pub fn index(&self, purpose: &str, high: usize) -> Result<usize> {
        if high == 0 {
            return Err(Error::config(purpose, "there is nothing to choose from"));
        }
        match self.replayed(purpose, &[]) {
            Some(recorded) => Ok(recorded?.f_int64_value(&[])? as usize),
            None => Ok(((u128::from(self.next(purpose)) * high as u128) >> 64) as usize),
        }
    }

    fn replayed(&self, purpose: &str, shape: &[i64]) -> Option<Result<Tensor>> {
        let draw = self.replay.as_ref()?.borrow_mut().pop_front();
        Some(match draw {
            Some(draw) => guard::shape(purpose, &draw, shape).map(|()| draw),
            None => Err(Error::config(purpose, "there is no recorded draw left")),
        })
    }

    fn next(&self, purpose: &str) -> u64 {
        let mut drawn = self.drawn.borrow_mut();
        let count = match drawn.iter_mut().find(|(name, _)| name == purpose) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                drawn.push((purpose.to_owned(), 0));
                0
            }
        };
        key(self.seed, &[self.coordinates[0], self.coordinates[1], count], purpose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor).expect("f32 vector")
    }

    #[test]
    fn draws_are_functions_of_their_coordinates() {
        let draw = |seed, rank, step, purpose: &str| {
            values(&Streams::new(seed, rank, step, Device::Cpu).normal(purpose, &[4]).expect("draw"))
        };
        let base = draw(1, 0, 7, "latent");
        assert_eq!(base, draw(1, 0, 7, "latent"));
        for other in [
            draw(2, 0, 7, "latent"),
            draw(1, 1, 7, "latent"),
            draw(1, 0, 8, "latent"),
            draw(1, 0, 7, "noise"),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn a_second_draw_for_a_purpose_is_another_one() {
        let streams = Streams::new(1, 0, 0, Device::Cpu);
        let [first, second] = [0, 1].map(|_| values(&streams.uniform("x", &[8]).expect("draw")));
        assert_ne!(first, second);
        assert!(first.iter().all(|v| (0.0..1.0).contains(v)));
        let integers = streams.integers("classes", 3, &[100]).expect("draw");
        assert_eq!((integers.min().int64_value(&[]), integers.max().int64_value(&[])), (0, 2));
    }

    #[test]
    fn choices_on_the_host_are_even() {
        let streams = Streams::new(1, 0, 0, Device::Cpu);
        let numbers: Vec<f64> = (0..4000).map(|_| streams.number("pool").expect("draw")).collect();
        let mean = numbers.iter().sum::<f64>() / 4000.0;
        assert!(numbers.iter().all(|n| (0.0..1.0).contains(n)) && (mean - 0.5).abs() < 0.02, "{mean}");
        let mut counts = [0; 3];
        (0..3000).for_each(|_| counts[streams.index("pool", 3).expect("draw")] += 1);
        assert!(counts.iter().all(|count| (900..1100).contains(count)), "{counts:?}");
        assert!(streams.index("pool", 0).is_err());
    }
}
