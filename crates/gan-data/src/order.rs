//! Which image is shown when: a pure function of (seed, rank, draw), with no state to save.
//!
//! All ranks together read one endless stream of positions; batch `n` of rank `r` is the stretch of `batch`
//! positions from `(n * world + r) * batch`. Each run of `len` positions is an epoch, shuffled by its own
//! permutation: a Feistel network over the next power of four, walked until it lands inside (Black and
//! Rogaway, "Ciphers with Arbitrary Finite Domains", 2002). Batches run on from one epoch into the next,
//! so that every batch is full and every image is shown once an epoch.

const ROUNDS: usize = 8;

/// One image to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick {
    /// The image's number in the data set.
    pub index: usize,
    /// An even chance, different each time the image is shown.
    pub flip: bool,
    /// Where a random piece of the image lies across and down: even chances from 0, which is as far left or up as
    /// it can lie, different each time the image is shown.
    pub crop: [u32; 2],
}

impl Pick {
    /// Image `index` as it is, or its centre.
    pub fn plain(index: usize) -> Self {
        Self { index, flip: false, crop: [u32::MAX / 2; 2] }
    }
}

/// The order of one rank's images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    len: usize,
    batch: usize,
    rank: usize,
    world: usize,
    seed: u64,
    half_bits: u32,
}

impl Order {
    /// The order of rank `rank` of `world` over `len` images in batches of `batch` per rank.
    ///
    /// # Panics
    /// If `len`, `batch` or `world` is 0 or `rank` is not below `world`; [`crate::Batches::new`] checks first.
    pub fn new(len: usize, batch: usize, rank: usize, world: usize, seed: u64) -> Self {
        assert!(
            len > 0 && batch > 0 && rank < world,
            "an order needs images, a batch and a rank below {world}"
        );
        // At least 8 bits in all: smaller networks reach too few of the permutations.
        let bits = (usize::BITS - (len - 1).leading_zeros()).max(8);
        Self { len, batch, rank, world, seed, half_bits: bits.div_ceil(2) }
    }

    /// Image `item` (below the batch size) of batch `draw`.
    pub fn pick(&self, draw: u64, item: usize) -> Pick {
        self.picks(draw, item..item + 1).next().unwrap_or(Pick::plain(0))
    }

    /// Images `items` of batch `draw`.
    pub fn picks(&self, draw: u64, items: std::ops::Range<usize>) -> impl Iterator<Item = Pick> + use<> {
        let order = *self;
        let first = (u128::from(draw) * order.world as u128 + order.rank as u128) * order.batch as u128;
        let mut keys = None;
        items.map(move |item| {
            let position = first + item as u128;
            let (epoch, offset) = (position / order.len as u128, position % order.len as u128);
            if keys.is_none_or(|(known, _)| known != epoch) {
                keys = Some((epoch, order.keys(epoch as u64)));
            }
            let index = keys.map_or(0, |(_, keys)| order.permute(offset as u64, &keys));
            let chance = mix(mix(order.seed ^ 0x6d69_7272_6f72).wrapping_add(position as u64));
            let crop = mix(mix(order.seed ^ 0x6372_6f70).wrapping_add(position as u64));
            Pick { index, flip: chance & 1 == 1, crop: [crop as u32, (crop >> 32) as u32] }
        })
    }

    fn keys(&self, epoch: u64) -> [u64; ROUNDS] {
        let base = mix(mix(self.seed ^ 0x0065_706f_6368).wrapping_add(epoch));
        std::array::from_fn(|round| mix(base.wrapping_add(round as u64)))
    }

    fn permute(&self, offset: u64, keys: &[u64; ROUNDS]) -> usize {
        if self.len == 1 {
            return 0;
        }
        let mask = (1u64 << self.half_bits) - 1;
        let mut value = offset;
        loop {
            let (mut left, mut right) = (value >> self.half_bits, value & mask);
            for key in keys {
                (left, right) = (right, left ^ (mix(right ^ key) & mask));
            }
            value = left << self.half_bits | right;
            if value < self.len as u64 {
                return value as usize;
            }
        }
    }
}

/// SplitMix64's step and finaliser: nearby numbers become unrelated ones.
pub(crate) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_shows_every_image_once() {
        for len in [1, 2, 3, 10, 255, 256, 257, 1000, 10_000] {
            let order = Order::new(len, 1, 0, 1, 5);
            for epoch in 0..3u64 {
                let mut seen = vec![false; len];
                for offset in 0..len as u64 {
                    let index = order.pick(epoch * len as u64 + offset, 0).index;
                    assert!(!std::mem::replace(&mut seen[index], true), "{index} twice of {len}");
                }
            }
        }
    }

    #[test]
    fn ranks_share_the_same_stream() {
        let alone = Order::new(100, 6, 0, 1, 9);
        let ranks = [0, 1, 2].map(|rank| Order::new(100, 2, rank, 3, 9));
        for draw in 0..40 {
            let together: Vec<Pick> = ranks.iter().flat_map(|order| order.picks(draw, 0..2)).collect();
            assert_eq!(together, alone.picks(draw, 0..6).collect::<Vec<_>>());
        }
    }

    #[test]
    fn shuffles_are_even() {
        // Chi-square over (offset, image) of 4000 epochs of 5 images: 20 degrees would have 99.99 % below 53.
        let len = 5;
        let order = Order::new(len, 1, 0, 1, 3);
        let mut counts = [[0f64; 5]; 5];
        let mut flips = 0;
        let mut crops = [0f64; 2];
        let epochs = 4000;
        for epoch in 0..epochs {
            for (offset, row) in counts.iter_mut().enumerate() {
                let pick = order.pick(epoch * len as u64 + offset as u64, 0);
                row[pick.index] += 1.0;
                flips += u64::from(pick.flip);
                crops = [0, 1].map(|axis| crops[axis] + f64::from(pick.crop[axis]) / f64::from(u32::MAX));
            }
        }
        let expected = epochs as f64 / len as f64;
        let chi: f64 = counts.iter().flatten().map(|count| (count - expected).powi(2) / expected).sum();
        assert!(chi < 53.0, "{chi}");
        assert!((9_650..=10_350).contains(&flips), "{flips} of 20000"); // 5 standard deviations
        assert!(crops.iter().all(|sum| (9_790.0..=10_210.0).contains(sum)), "{crops:?} of 20000"); // likewise
    }

    #[test]
    fn seeds_differ_and_the_far_future_exists() {
        let order = |seed| Order::new(1000, 50, 0, 1, seed).picks(0, 0..50).collect::<Vec<_>>();
        assert_ne!(order(1), order(2));
        assert!(Order::new(1000, 50, 0, 1, 1).pick(u64::MAX, 49).index < 1000);
    }
}
