//! Many pictures on one sheet.

use crate::error::{Error, Result};
use crate::picture::Picture;

/// How [`grid`] lays pictures out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Pictures in a row; 0 chooses a sheet about as wide as high.
    pub columns: usize,
    /// Pixels between pictures and around the sheet, not enlarged.
    pub padding: u32,
    /// The colour between the pictures.
    pub background: [u8; 3],
    /// Pictures whose shorter side is smaller than this are enlarged by a whole factor until it is
    /// not, so that samples of 32 pixels can be looked at; 0 never enlarges.
    pub smallest_side: u32,
}

impl Default for Grid {
    fn default() -> Self {
        Self { columns: 0, padding: 2, background: [255, 255, 255], smallest_side: 64 }
    }
}

/// Lays pictures of one size out in rows, first row first.
pub fn grid(pictures: &[Picture], layout: &Grid) -> Result<Picture> {
    let Some(first) = pictures.first() else {
        return Err(Error::Picture("a grid of no pictures".into()));
    };
    for (index, picture) in pictures.iter().enumerate() {
        picture.check()?;
        if (picture.width, picture.height) != (first.width, first.height) {
            return Err(Error::Picture(format!(
                "picture {index} of a grid is {} x {}, the first is {} x {}",
                picture.width, picture.height, first.width, first.height
            )));
        }
    }
    let factor = layout.smallest_side.div_ceil(first.width.min(first.height)).max(1);
    let (tile_width, tile_height) = ((first.width * factor) as usize, (first.height * factor) as usize);
    let columns = match layout.columns {
        0 => {
            let square = (pictures.len() as f64 * tile_height as f64 / tile_width as f64).sqrt();
            (square.round() as usize).max(1)
        }
        columns => columns,
    }
    .min(pictures.len());
    let rows = pictures.len().div_ceil(columns);
    let padding = layout.padding as usize;
    let width = columns * (tile_width + padding) + padding;
    let height = rows * (tile_height + padding) + padding;
    let mut sheet = Picture::filled(width as u32, height as u32, layout.background);
    for (index, picture) in pictures.iter().enumerate() {
        let tile = upscale_nearest(&picture.to_rgb(), factor);
        let left = padding + (index % columns) * (tile_width + padding);
        let top = padding + (index / columns) * (tile_height + padding);
        for (row, line) in tile.pixels.chunks_exact(tile_width * 3).enumerate() {
            let start = ((top + row) * width + left) * 3;
            sheet.pixels[start..start + line.len()].copy_from_slice(line);
        }
    }
    // A sheet of grey pictures on a grey ground stays grey: a third of the bytes.
    let [red, green, blue] = layout.background;
    if red == green && green == blue && pictures.iter().all(|picture| picture.channels == 1) {
        sheet = Picture { channels: 1, pixels: sheet.pixels.into_iter().step_by(3).collect(), ..sheet };
    }
    Ok(sheet)
}

/// Pictures of one size side by side, otherwise as [`Grid::default`] says.
pub fn strip(pictures: &[Picture]) -> Result<Picture> {
    grid(pictures, &Grid { columns: pictures.len(), ..Grid::default() })
}

/// Repeats every pixel `factor` times in both directions; 0 counts as 1.
pub fn upscale_nearest(picture: &Picture, factor: u32) -> Picture {
    if factor <= 1 {
        return picture.clone();
    }
    let (factor, depth) = (factor as usize, picture.channels as usize);
    let mut pixels = Vec::with_capacity(picture.pixels.len() * factor * factor);
    for row in picture.pixels.chunks_exact((picture.width as usize * depth).max(1)) {
        let start = pixels.len();
        for pixel in row.chunks_exact(depth) {
            for _ in 0..factor {
                pixels.extend_from_slice(pixel);
            }
        }
        let end = pixels.len();
        for _ in 1..factor {
            pixels.extend_from_within(start..end);
        }
    }
    let (width, height) = (picture.width * factor as u32, picture.height * factor as u32);
    Picture { width, height, channels: picture.channels, pixels }
}
