//! Writes fetched pictures as PNG files.

use crate::error::{Error, Result};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use std::path::Path;

/// Interleaved bytes of `channels` (3 or 4) as a PNG at `path`.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(path: &Path, size: [u32; 2], channels: usize, pixels: &[u8]) -> Result<()> {
    std::fs::write(path, encode(path, size, channels, pixels)?).map_err(|error| Error::file(path, error))
}

/// The bytes of such a PNG; `path` is what an error is about.
///
/// # Errors
/// Pixels that are not of this size.
pub(crate) fn encode(
    path: &Path,
    [width, height]: [u32; 2],
    channels: usize,
    pixels: &[u8],
) -> Result<Vec<u8>> {
    let color = if channels == 4 { ExtendedColorType::Rgba8 } else { ExtendedColorType::Rgb8 };
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, FilterType::Adaptive)
        .write_image(pixels, width, height, color)
        .map_err(|error| Error::data(path, format!("cannot be encoded ({error})")))?;
    Ok(bytes)
}
