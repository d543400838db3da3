//! Made-up photographs, for loaders to load.

use std::path::Path;

use anyhow::{Context, Result};
use gan_report::{Picture, save_png};

/// Fills `folder/photos` with `count` pictures of `side` pixels that compress like photographs: soft
/// shapes, texture, some noise. Pictures that are there already stay.
pub fn make(folder: &Path, count: usize, side: u32) -> Result<()> {
    let target = folder.join("photos");
    let there = std::fs::read_dir(&target)
        .map_or(0, |entries| entries.flatten().filter(|entry| is_png(&entry.path())).count());
    if there >= count {
        return Ok(());
    }
    let mut random = Random(1);
    for index in 0..count {
        let path = target.join(format!("{index:05}.png"));
        save_png(&path, &photo(&mut random, side)).with_context(|| "cannot make the pictures to load")?;
    }
    Ok(())
}

fn is_png(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "png")
}

/// Noise at several scales, the coarse ones strong, as in nature.
fn photo(random: &mut Random, side: u32) -> Picture {
    let mut values = vec![128.0; (side * side * 3) as usize];
    for (cells, weight) in [(2, 90.0), (4, 60.0), (8, 35.0), (16, 18.0), (32, 9.0), (side, 5.0)] {
        let octave: Vec<f64> = (0..(cells + 1) * (cells + 1) * 3).map(|_| random.signed() * weight).collect();
        let at = |x: u32, y: u32, channel: u32| octave[((y * (cells + 1) + x) * 3 + channel) as usize];
        for (index, value) in values.iter_mut().enumerate() {
            let (pixel, channel) = (index as u32 / 3, index as u32 % 3);
            let place = |position: u32| f64::from(position) * f64::from(cells) / f64::from(side);
            let (x, y) = (place(pixel % side), place(pixel / side));
            let (left, top) = (x as u32, y as u32);
            let (u, v) = (x - f64::from(left), y - f64::from(top));
            let upper = at(left, top, channel) * (1.0 - u) + at(left + 1, top, channel) * u;
            let lower = at(left, top + 1, channel) * (1.0 - u) + at(left + 1, top + 1, channel) * u;
            *value += upper * (1.0 - v) + lower * v;
        }
    }
    Picture {
        width: side,
        height: side,
        channels: 3,
        pixels: values.into_iter().map(|value| value as u8).collect(),
    }
}

/// xorshift: the pictures must be the same everywhere, not good dice.
struct Random(u64);

impl Random {
    /// Between -1 and 1.
    fn signed(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}
