//! What JPEG leaves of an image.

use super::draws::Draws;
use crate::error::Error;
use gan_core::error::Result;
use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::{ExtendedColorType, ImageDecoder};
use std::io::Cursor;
use tch::{Device, Kind, Tensor};

/// `images` stored as JPEG and read again, the quality drawn for each from `quality`.
///
/// # Shapes
/// `images` u8 `[N, C, H, W]`, 1 or 3 channels; out the same, on the same device.
pub(super) fn stored(images: &Tensor, quality: [u8; 2], draws: &Draws) -> Result<Tensor> {
    let (n, c, h, w) = images.size4()?;
    let interleaved = images.f_to_device(Device::Cpu)?.f_permute([0, 2, 3, 1])?.f_contiguous()?;
    let mut pixels = Vec::<u8>::try_from(&interleaved.f_flatten(0, -1)?)?;
    let mut file = Vec::new();
    let shape = (c as usize, h as u32, w as u32);
    for (index, image) in (0..n).zip(pixels.chunks_exact_mut((c * h * w) as usize)) {
        let quality = draws.of_image("task jpeg", index).whole(quality.map(u64::from)) as u8;
        file.clear();
        through(image, shape, quality, &mut file)
            .map_err(|why| Error::config("task.jpeg", format!("an image cannot be stored ({why})")))?;
    }
    let stored = Tensor::f_from_data_size(&pixels, &[n, h, w, c], Kind::Uint8)?;
    Ok(stored.f_to_device(images.device())?.f_permute([0, 3, 1, 2])?.f_contiguous()?)
}

fn through(
    image: &mut [u8],
    (c, h, w): (usize, u32, u32),
    quality: u8,
    file: &mut Vec<u8>,
) -> image::ImageResult<()> {
    let kind = if c == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    JpegEncoder::new_with_quality(&mut *file, quality).encode(image, w, h, kind)?;
    let decoder = JpegDecoder::new(Cursor::new(file.as_slice()))?;
    decoder.read_image(image)
}
