//! How wide the networks are at every resolution (Brock et al. 2019, appendix B, tables 4 to 9).

use crate::config::Form;

/// One stage of a network: a residual block, in the deep form several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// Channels in and out, in units of the width.
    pub channels: [i64; 2],
    /// Height and width of what comes out.
    pub size: i64,
    /// Whether the resolution changes.
    pub resamples: bool,
}

/// Sizes of images that there are networks for.
pub const SIZES: [i64; 5] = [32, 64, 128, 256, 512];
/// Height and width at a generator's first stage.
pub const BOTTOM: i64 = 4;

/// The stages of a generator, from [`BOTTOM`] to `size`.
pub fn generator(size: i64) -> Vec<Stage> {
    let units: &[i64] = match size {
        32 => &[4, 4, 4, 4],
        64 => &[16, 16, 8, 4, 2],
        128 => &[16, 16, 8, 4, 2, 1],
        256 => &[16, 16, 8, 8, 4, 2, 1],
        _ => &[16, 16, 8, 8, 4, 2, 1, 1],
    };
    let stage = |(index, pair): (usize, &[i64])| Stage {
        channels: [pair[0], pair[1]],
        size: BOTTOM << (index + 1),
        resamples: true,
    };
    units.windows(2).enumerate().map(stage).collect()
}

/// The stages of a discriminator, from `size` down; the first takes the image itself, or in the deep form what a first
/// convolution of one unit made of it. Its channels in are 0 where they are the image's.
pub fn discriminator(size: i64, form: Form) -> Vec<Stage> {
    let units: &[i64] = match (size, form) {
        (32, _) => &[4, 4, 4, 4],
        (64, _) => &[1, 2, 4, 8, 16],
        (128, _) => &[1, 2, 4, 8, 16, 16],
        (256, _) => &[1, 2, 4, 8, 8, 16, 16],
        _ => &[1, 1, 2, 4, 8, 8, 16, 16],
    };
    let (first, outs) = match form {
        Form::Biggan => (0, units),
        Form::Deep => (units[0], &units[1..]),
    };
    let halvings = match (size, form) {
        (32, _) => 2, // as in SNGAN
        (_, Form::Biggan) => outs.len() - 1,
        (_, Form::Deep) => outs.len(),
    };
    let mut channels = first;
    let stage = |(index, out): (usize, &i64)| {
        let stage = Stage {
            channels: [channels, *out],
            size: size >> (index + 1).min(halvings),
            resamples: index < halvings,
        };
        channels = *out;
        stage
    };
    outs.iter().enumerate().map(stage).collect()
}
