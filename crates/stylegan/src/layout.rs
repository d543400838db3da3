//! Which resolutions there are, and how wide the networks are at each.

use crate::Config;

/// The pyramid of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Height and width at the bottom: 4 x 4 for squares of a power of two.
    pub base: [i64; 2],
    /// Doublings up to the image.
    pub doublings: u32,
    channel_base: i64,
    channel_max: i64,
}

/// The shorter side at the bottom is not shorter.
pub(crate) const BASE: i64 = 4;
/// The longer side at the bottom is not longer.
pub(crate) const LONGEST_BASE: i64 = 16;

impl Layout {
    /// Of images so large, halved while both sides are even and long enough.
    pub fn new(config: &Config) -> Self {
        let mut base = config.image();
        let mut doublings = 0;
        while base.iter().all(|side| side % 2 == 0 && side / 2 >= BASE) {
            base = base.map(|side| side / 2);
            doublings += 1;
        }
        let &Config { channel_base, channel_max, .. } = config;
        Self { base, doublings, channel_base, channel_max }
    }

    /// Every level from the bottom up: 0 is the base.
    pub fn levels(&self) -> std::ops::RangeInclusive<u32> {
        0..=self.doublings
    }

    /// The name of a level: what its side would be above a base of 4.
    pub fn name(level: u32) -> String {
        format!("b{}", BASE << level)
    }

    /// The side of a level above a base of 4.
    pub fn size_of(level: u32) -> i64 {
        BASE << level
    }

    /// Channels of a level.
    pub fn channels(&self, level: u32) -> i64 {
        (self.channel_base / (BASE << level)).clamp(1, self.channel_max)
    }

    /// Height and width of a level.
    pub fn size(&self, level: u32) -> [i64; 2] {
        self.base.map(|side| side << level)
    }
}
