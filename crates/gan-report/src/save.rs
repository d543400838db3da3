//! Pictures and animations as files.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::atomic;
use crate::error::{Error, Result};
use crate::picture::Picture;

/// Encodes a picture as PNG, fast: a sheet of samples takes milliseconds, not a quarter of a second.
pub fn encode_png(picture: &Picture) -> Result<Vec<u8>> {
    picture.check()?;
    let mut bytes = Vec::with_capacity(picture.pixels.len() / 2 + 1024);
    let mut writer = encoder(&mut bytes, picture)?.write_header().map_err(encoding)?;
    writer.write_image_data(&picture.pixels).map_err(encoding)?;
    writer.finish().map_err(encoding)?;
    Ok(bytes)
}

/// Writes a PNG; the file appears whole or not at all.
pub fn save_png(path: impl AsRef<Path>, picture: &Picture) -> Result<()> {
    atomic::write(path.as_ref(), &encode_png(picture)?)
}

/// Writes an endlessly repeated GIF with 256 colours a frame: opens everywhere, colours suffer.
///
/// `fps` is rounded to what a GIF can say: hundredths of a second a frame.
pub fn save_gif(path: impl AsRef<Path>, frames: &[Picture], fps: f64) -> Result<()> {
    let first = check_frames(frames, fps)?;
    let side = |value: u32| {
        u16::try_from(value).map_err(|_| Error::Picture(format!("{value} pixels are more than a GIF holds")))
    };
    let (width, height) = (side(first.width)?, side(first.height)?);
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, width, height, &[]).map_err(encoding)?;
    encoder.set_repeat(gif::Repeat::Infinite).map_err(encoding)?;
    for frame in frames {
        // 1 is the finest palette, 30 the quickest.
        let mut frame = gif::Frame::from_rgb_speed(width, height, &frame.to_rgb().pixels, 10);
        // Viewers slow a delay below 2 down to 10.
        frame.delay = (100.0 / fps).round().clamp(2.0, 65535.0) as u16;
        encoder.write_frame(&frame).map_err(encoding)?;
    }
    drop(encoder);
    atomic::write(path.as_ref(), &bytes)
}

/// Writes an endlessly repeated animated PNG: true colours, opens in browsers; elsewhere a still picture.
pub fn save_apng(path: impl AsRef<Path>, frames: &[Picture], fps: f64) -> Result<()> {
    atomic::write(path.as_ref(), &encode_apng(frames, fps)?)
}

/// Writes a video by the program `ffmpeg`, which must be installed; a last row or column is added where sides are odd.
pub fn save_mp4(path: impl AsRef<Path>, frames: &[Picture], fps: f64) -> Result<()> {
    let (film, path) = (encode_apng(frames, fps)?, path.as_ref());
    let aside = path.with_file_name(format!(".{}.tmp.mp4", std::process::id()));
    let even = "pad=ceil(iw/2)*2:ceil(ih/2)*2";
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-y", "-loglevel", "error", "-f", "apng", "-i", "-", "-vf", even, "-pix_fmt", "yuv420p"])
        .arg(&aside)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| {
            Error::Video(format!(
                "the program ffmpeg cannot be started ({error}); install it, or make a gif or apng"
            ))
        })?;
    // Whatever is wrong with what it reads it says itself.
    let _ = ffmpeg.stdin.take().map(|mut film_in| film_in.write_all(&film));
    let done = ffmpeg.wait_with_output().map_err(|error| Error::Video(error.to_string()))?;
    if !done.status.success() {
        let _ = std::fs::remove_file(&aside);
        let text = String::from_utf8_lossy(&done.stderr);
        return Err(Error::Video(format!("ffmpeg says: {}", text.lines().last().unwrap_or("nothing"))));
    }
    std::fs::rename(&aside, path).map_err(|source| Error::file("write", path, source))
}

fn encode_apng(frames: &[Picture], fps: f64) -> Result<Vec<u8>> {
    let first = check_frames(frames, fps)?;
    let mut bytes = Vec::new();
    let mut encoder = encoder(&mut bytes, first)?;
    encoder.set_animated(frames.len() as u32, 0).map_err(encoding)?;
    let milliseconds = (1000.0 / fps).round().clamp(1.0, 65535.0) as u16;
    encoder.set_frame_delay(milliseconds, 1000).map_err(encoding)?;
    let mut writer = encoder.write_header().map_err(encoding)?;
    for frame in frames {
        writer.write_image_data(&frame.pixels).map_err(encoding)?;
    }
    writer.finish().map_err(encoding)?;
    Ok(bytes)
}

fn encoder<'a>(bytes: &'a mut Vec<u8>, picture: &Picture) -> Result<png::Encoder<'static, &'a mut Vec<u8>>> {
    let mut encoder = png::Encoder::new(bytes, picture.width, picture.height);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_color(match picture.channels {
        1 => png::ColorType::Grayscale,
        3 => png::ColorType::Rgb,
        4 => png::ColorType::Rgba,
        other => return Err(Error::Picture(format!("{other} channels, where 1, 3 or 4 can be written"))),
    });
    Ok(encoder)
}

fn check_frames(frames: &[Picture], fps: f64) -> Result<&Picture> {
    if !(fps.is_finite() && fps > 0.0) {
        return Err(Error::Picture(format!("an animation of {fps} frames per second")));
    }
    let first = frames.first().ok_or_else(|| Error::Picture("an animation of no frames".into()))?;
    for (index, frame) in frames.iter().enumerate() {
        frame.check()?;
        if (frame.width, frame.height, frame.channels) != (first.width, first.height, first.channels) {
            return Err(Error::Picture(format!("frame {index} differs from the first in size or channels")));
        }
    }
    Ok(first)
}

fn encoding(error: impl std::fmt::Display) -> Error {
    Error::Picture(error.to_string())
}
