//! Bytes of an image file to 8-bit pixels. Reasons for refusal are pieces of a sentence after a file's name.
//!
//! PNG goes straight to the `png` crate and into a buffer that is used again; the rest goes through `image`.

use crate::error::panic_text;
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Pixels as decoded: interleaved rows, 1 to 4 channels of 8 bits.
#[derive(Debug, Default)]
pub(crate) struct Native {
    pub width: u32,
    pub height: u32,
    pub channels: u32,
    pub pixels: Vec<u8>,
}

/// What a file's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub width: u32,
    pub height: u32,
    pub channels: u32,
    pub format: ImageFormat,
}

/// Endings of files that are taken for images.
pub(crate) const EXTENSIONS: &[&str] = &[
    "png", "jpg", "jpeg", "jpe", "jfif", "webp", "gif", "bmp", "dib", "tif", "tiff", "pbm", "pgm", "ppm",
    "pnm", "pam",
];

pub(crate) fn is_image_name(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(ending)))
}

/// Size, channels and format without the pixels.
pub(crate) fn header(bytes: &[u8], max_pixels: u64) -> Result<Header, String> {
    check_end(bytes)?;
    read_header(bytes, max_pixels)
}

/// As `header`, from no more than a file's start, which must be that of a PNG or JPEG: they have all that
/// matters before their pixels.
pub(crate) fn header_of_start(bytes: &[u8], max_pixels: u64) -> Result<Header, String> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] | [0xff, 0xd8, ..] => read_header(bytes, max_pixels),
        _ => Err("has its header in an unknown place".to_owned()),
    }
}

fn read_header(bytes: &[u8], max_pixels: u64) -> Result<Header, String> {
    guarded(|| {
        let (mut decoder, format) = open(bytes, max_pixels)?;
        let (mut width, mut height) = decoder.dimensions();
        if turns_sideways(decoder.orientation().unwrap_or(Orientation::NoTransforms)) {
            (width, height) = (height, width);
        }
        let channels = u32::from(decoder.color_type().channel_count());
        Ok(Header { width, height, channels, format })
    })
}

/// Decodes into `out`, whose memory is used again. The first frame of an animation; turned as EXIF asks.
pub(crate) fn decode(bytes: &[u8], max_pixels: u64, out: &mut Native) -> Result<(), String> {
    guarded(|| match bytes {
        [0x89, b'P', b'N', b'G', ..] => decode_png(bytes, max_pixels, out),
        _ => decode_other(bytes, max_pixels, out),
    })
}

fn decode_png(bytes: &[u8], max_pixels: u64, out: &mut Native) -> Result<(), String> {
    let limits = png::Limits { bytes: buffer_limit(max_pixels) };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(|error| undecodable(&error))?;
    check_pixels(reader.info().width, reader.info().height, max_pixels)?;
    let exif = reader.info().exif_metadata.as_deref();
    let turn = exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
    if turn != Orientation::NoTransforms {
        return decode_other(bytes, max_pixels, out);
    }
    let length = reader.output_buffer_size().ok_or("has more pixels than memory can hold")?;
    out.pixels.resize(length, 0);
    let info = reader.next_frame(&mut out.pixels).map_err(|error| undecodable(&error))?;
    out.pixels.truncate(info.buffer_size());
    (out.width, out.height) = (info.width, info.height);
    out.channels = info.color_type.samples() as u32;
    Ok(())
}

fn decode_other(bytes: &[u8], max_pixels: u64, out: &mut Native) -> Result<(), String> {
    check_end(bytes)?;
    let (mut decoder, _) = open(bytes, max_pixels)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let (width, height) = decoder.dimensions();
    let color = decoder.color_type();
    let eight_bits = matches!(color, ColorType::L8 | ColorType::La8 | ColorType::Rgb8 | ColorType::Rgba8);
    if eight_bits && orientation == Orientation::NoTransforms {
        let length =
            usize::try_from(decoder.total_bytes()).map_err(|_| "has more pixels than memory can hold")?;
        out.pixels.resize(length, 0);
        decoder.read_image(&mut out.pixels).map_err(|error| undecodable(&error))?;
        (out.width, out.height, out.channels) = (width, height, u32::from(color.channel_count()));
        return Ok(());
    }
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| undecodable(&error))?;
    image.apply_orientation(orientation);
    (out.width, out.height) = (image.width(), image.height());
    out.channels = u32::from(image.color().channel_count());
    out.pixels = match out.channels {
        1 => image.into_luma8().into_raw(),
        2 => image.into_luma_alpha8().into_raw(),
        3 => image.into_rgb8().into_raw(),
        _ => image.into_rgba8().into_raw(),
    };
    Ok(())
}

fn open(bytes: &[u8], max_pixels: u64) -> Result<(impl ImageDecoder + '_, ImageFormat), String> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let mut reader = reader.map_err(|error| undecodable(&error))?;
    let format = reader.format().ok_or_else(|| match bytes {
        [] => "is empty".to_owned(),
        _ => "is not an image in a format that is known here".to_owned(),
    })?;
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(buffer_limit(max_pixels) as u64);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| undecodable(&error))?;
    let (width, height) = decoder.dimensions();
    check_pixels(width, height, max_pixels)?;
    Ok((decoder, format))
}

fn check_pixels(width: u32, height: u32, max_pixels: u64) -> Result<(), String> {
    if width == 0 || height == 0 {
        return Err("has no pixels".to_owned());
    }
    if u64::from(width) * u64::from(height) > max_pixels {
        return Err(format!(
            "has {width} x {height} pixels, more than the limit of {max_pixels} (max_pixels)"
        ));
    }
    Ok(())
}

/// What a decoder may take besides: four channels of 16 bits, and some room for tables.
fn buffer_limit(max_pixels: u64) -> usize {
    usize::try_from(max_pixels.saturating_mul(8).saturating_add(64 << 20)).unwrap_or(usize::MAX)
}

fn check_end(bytes: &[u8]) -> Result<(), String> {
    if bytes.starts_with(&[0xff, 0xd8]) && !jpeg_has_an_end(bytes) {
        return Err("is a truncated JPEG: it was cut off before its end".to_owned());
    }
    Ok(())
}

/// Decoders fill what a cut-off JPEG lacks with grey. Entropy-coded data cannot contain the end marker, but
/// a thumbnail in a segment before it can, so segments are stepped over.
fn jpeg_has_an_end(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        match bytes.get(at..at + 4) {
            Some([0xff, 0xda, ..]) => return bytes[at..].windows(2).rev().any(|pair| pair == [0xff, 0xd9]),
            Some([0xff, 0xff, ..]) => at += 1,
            Some([0xff, _, high, low]) => at += 2 + usize::from(u16::from_be_bytes([*high, *low])),
            // Not in step with the markers: the decoder says what is wrong.
            Some(_) => return true,
            None => return false,
        }
    }
}

fn turns_sideways(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

fn undecodable(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    format!("cannot be decoded: {}", text.lines().next().unwrap_or("unknown reason").trim_end_matches('.'))
}

/// A decoder's panic is one more way for a file to be broken.
fn guarded<T>(body: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(body))
        .unwrap_or_else(|panic| Err(format!("makes its decoder panic: {}", panic_text(&*panic))))
}
