//! Tensors to pictures.

use anyhow::{Context, Result};
use gan_core::error::Error;
use gan_core::random::Streams;
use gan_core::tensor::range;
use gan_core::variant::Panel;
use gan_data::PointSet;
use gan_report::{Grid, Picture, Scatter};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder};
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};

/// Images as pictures.
///
/// # Shapes
/// f32 in [-1, 1], `[N, C, H, W]`
///
/// # Errors
/// LibTorch's, such as no memory.
pub fn of_images(images: &Tensor) -> Result<Vec<Picture>> {
    of_bytes(&range::to_bytes(images)?)
}

/// Images as pictures; with two channels the second is left out, since no picture has two.
///
/// # Shapes
/// u8 `[N, C, H, W]`
///
/// # Errors
/// LibTorch's, such as no memory.
pub fn of_bytes(images: &Tensor) -> Result<Vec<Picture>> {
    let images = if images.size4()?.1 == 2 { images.f_narrow(1, 0, 1)? } else { images.shallow_clone() };
    let (count, channels, height, width) = images.size4()?;
    let images = images.f_to_device(Device::Cpu)?.f_contiguous()?;
    let mut bytes = vec![0; images.numel()];
    let length = bytes.len();
    images.f_copy_data_u8(&mut bytes, length)?;
    Ok(Picture::from_planar(count as usize, channels as u8, height as u32, width as u32, &bytes)?)
}

/// One sheet; small images are enlarged by a whole factor so that they can be looked at.
///
/// # Errors
/// No images.
pub fn sheet(pictures: &[Picture], columns: usize) -> Result<Picture> {
    Ok(gan_report::grid(pictures, &Grid { columns, ..Grid::default() })?)
}

/// A panel as one sheet.
///
/// # Errors
/// LibTorch's, such as no memory.
pub fn of_panel(panel: &Panel) -> Result<Picture> {
    sheet(&of_images(&panel.images)?, panel.columns.max(0) as usize)
}

/// A picture file's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Lossless, read everywhere
    Png,
    /// Small, with losses; no transparency
    #[value(alias = "jpeg")]
    Jpg,
    /// Lossless and small
    Webp,
}

impl Format {
    /// The ending of its files' names.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpg => "jpg",
            Self::Webp => "webp",
        }
    }
}

/// Writes a picture.
///
/// # Errors
/// A place that cannot be written; a picture that the format has no form for.
pub fn save(picture: &Picture, path: &Path, format: Format) -> Result<()> {
    let mut bytes = Vec::new();
    let without_alpha = if picture.channels == 4 { picture.to_rgb() } else { picture.clone() };
    match format {
        Format::Png => bytes = gan_report::encode_png(picture)?,
        Format::Jpg => encode(&without_alpha, JpegEncoder::new_with_quality(&mut bytes, 92))?,
        Format::Webp => encode(picture, WebPEncoder::new_lossless(&mut bytes))?,
    }
    Ok(gan_report::write_file(path, &bytes)?)
}

fn encode(picture: &Picture, encoder: impl ImageEncoder) -> Result<()> {
    let colour = match picture.channels {
        1 => ExtendedColorType::L8,
        3 => ExtendedColorType::Rgb8,
        _ => ExtendedColorType::Rgba8,
    };
    encoder
        .write_image(&picture.pixels, picture.width, picture.height, colour)
        .context("a picture cannot be written in this format")
}

/// Real points that a scatter plot shows, and seconds that an animation lasts.
const REAL_POINTS: i64 = 2_500;
const SECONDS: f64 = 6.0;
/// Pictures of an animation, at most.
const FRAMES: usize = 90;

/// Points over those of the set that they should be like.
///
/// # Shapes
/// f32 `[N, 2, 1, 1]`
///
/// # Errors
/// Tensors of another shape; LibTorch's, such as no memory.
pub fn of_points(points: &Tensor, set: Option<PointSet>) -> Result<Picture> {
    let samples = pairs(points)?;
    let mut real = Vec::new();
    if let Some(set) = set {
        let streams = Streams::new(0, 0, 0, Device::Cpu);
        real = pairs(&set.draw(&streams, REAL_POINTS, Device::Cpu)?.0)?;
    }
    let far = samples
        .iter()
        .flatten()
        .filter(|value| value.is_finite())
        .fold(1.0f32, |far, value| far.max(value.abs()));
    let extent = set.map_or(far * 1.1, |set| set.extent() as f32);
    Ok(gan_report::scatter(&Scatter { real: &real, samples: &samples, extent })?)
}

/// The coordinates of points.
///
/// # Shapes
/// `[N, 2, 1, 1]` or `[N, 2]`
///
/// # Errors
/// Tensors of another shape; LibTorch's, such as no memory.
pub fn pairs(points: &Tensor) -> Result<Vec<[f32; 2]>> {
    let flat = points.f_flatten(1, -1)?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    gan_core::tensor::guard::shape("points", &flat, &[gan_core::tensor::guard::ANY, 2])?;
    let values = Vec::<f32>::try_from(&flat.f_reshape([-1i64])?)?;
    Ok(values.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect())
}

/// A run's previews as `samples.gif`, those of earlier sessions included; `None` if there are fewer than two.
///
/// # Errors
/// Files that cannot be read or written.
pub fn animate(run: &Path) -> Result<Option<PathBuf>> {
    let folder = run.join("samples");
    let entries = std::fs::read_dir(&folder).map_err(|source| Error::file(&folder, source))?;
    let is_preview = |path: &PathBuf| {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        path.extension().is_some_and(|ending| ending == "png")
            && stem.bytes().all(|byte| byte.is_ascii_digit())
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_preview).collect();
    files.sort();
    if files.len() < 2 {
        return Ok(None);
    }
    // The first and the last are always there.
    let count = files.len().min(FRAMES);
    let chosen = (0..count).map(|frame| &files[frame * (files.len() - 1) / (count - 1)]);
    let mut frames = chosen.map(|path| read_png(path)).collect::<Result<Vec<Picture>>>()?;
    let fps = count as f64 / SECONDS;
    // The end is looked at for a second.
    let last = frames[count - 1].clone();
    frames.extend(std::iter::repeat_n(last, fps.ceil() as usize));
    let path = run.join("samples.gif");
    gan_report::save_gif(&path, &frames, fps)?;
    Ok(Some(path))
}

fn read_png(path: &Path) -> Result<Picture> {
    let image = image::open(path).with_context(|| format!("{} cannot be read", path.display()))?.to_rgb8();
    let (width, height) = image.dimensions();
    Ok(Picture::new(width, height, 3, image.into_raw())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previews_become_an_animation() {
        let run = tempfile::tempdir().expect("temp dir");
        let samples = run.path().join("samples");
        std::fs::create_dir(&samples).expect("folder");
        let points = |shift: f64| Tensor::zeros([5, 2, 1, 1], (Kind::Float, Device::Cpu)) + shift;
        for (index, name) in ["000000010", "real", "000000020"].into_iter().enumerate() {
            let picture = of_points(&points(index as f64 * 0.3), Some(PointSet::Ring8)).expect("picture");
            gan_report::save_png(samples.join(format!("{name}.png")), &picture).expect("written");
            assert_eq!(animate(run.path()).expect("animation").is_some(), name == "000000020");
        }
        let bytes = std::fs::read(run.path().join("samples.gif")).expect("file");
        assert!(bytes.starts_with(b"GIF89a"));
    }

    #[test]
    fn points_keep_their_coordinates() {
        let points = Tensor::from_slice(&[1.5f32, -2.0, f32::NAN, 7.0]).view([2, 2, 1, 1]);
        let pairs = pairs(&points).expect("pairs");
        assert!(pairs[0] == [1.5, -2.0] && pairs[1][0].is_nan() && pairs[1][1] == 7.0);
        assert!(super::pairs(&Tensor::zeros([2, 3], (Kind::Float, Device::Cpu))).is_err());
        assert_eq!(of_points(&points, None).expect("picture").width, 480);
    }

    #[test]
    fn values_and_channels_arrive() {
        let images = Tensor::from_slice(&[-1.0f32, 1.0, 0.0, 1.0]).view([1, 4, 1, 1]);
        let picture = &of_images(&images).expect("pictures")[0];
        assert_eq!((picture.channels, picture.pixels.as_slice()), (4, &[0, 255, 128, 255][..]));
        let two = Tensor::zeros([1, 2, 16, 16], (Kind::Uint8, Device::Cpu));
        let pictures = of_bytes(&two).expect("pictures");
        assert_eq!(pictures[0].channels, 1);
        assert_eq!(sheet(&pictures, 0).expect("sheet").width, 64 + 4);
    }
}
