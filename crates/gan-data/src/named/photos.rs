//! Photographs, from the Debian packages `mate-backgrounds` and `lomiri-wallpapers-16.04`: for super-resolution and
//! inpainting, which want real detail.
//!
//! At half of their size, where the traces of JPEG and of the camera's colour filter are gone, they are cut into tiles of
//! [`TILE`] pixels that do not overlap. Tiles without detail (sky, blur: the grey values' standard deviation is below
//! [`FLAT`]) are left out. Whole photographs are held out, never tiles of one that is trained on: the [`TESTS`] whose
//! names have the smallest [`split::rank`].

use super::packages::{DEB, Request, starts_with, with_ending};
use super::{picture, split, threads};
use crate::decode::{self, Native};
use crate::error::{Error, Result};
use crate::options::Options;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use std::path::{Path, PathBuf};

const PACKAGES: [&str; 2] = ["mate-backgrounds", "lomiri-wallpapers-16.04"];
/// Where the packages put them, below the root of the file system.
const PLACES: [&str; 2] = ["usr/share/backgrounds/mate/nature", "usr/share/backgrounds"];
/// The photographs among their pictures.
const PHOTOS: [&str; 25] = [
    "Aqua",
    "Blinds",
    "Bridge_by_Sander_Klootwijk",
    "Dragonfly_by_Bolly",
    "Dune",
    "FreshFlower",
    "Garden",
    "GreenMeadow",
    "LadyBird",
    "Picture_0B_by_freespace",
    "Picture_1A_by_freespace",
    "RainDrops",
    "Storm",
    "TwoWings",
    "Wine_by_Jakkub_Mede",
    "Wood",
    "YellowFlower",
    "aitzgorri_by_Aitzol_Berasategi",
    "free_by_Peter_Nerlich",
    "friends_by_Aitzol_Berasategi",
    "greentock_by_Peter_Nerlich",
    "life_by_Aitzol_Berasategi",
    "picosdeeuropa_by_Aitzol_Berasategi",
    "seeding_by_Clements_Engelhardt",
    "sunset_by_Aitzol_Berasategi",
];
/// Photographs that are held out.
const TESTS: usize = 6;
/// Height and width of a tile.
const TILE: u32 = 256;
/// Of grey values from 0 to 255.
const FLAT: f64 = 15.0;

/// Folders of PNGs.
pub(crate) const FOLDERS: [&str; 2] = ["train", "test"];
pub(crate) const BY_HAND: &str = "get the packages mate-backgrounds and lomiri-wallpapers-16.04 by hand and give the folder with their files with --from (or / where they are installed)";
pub(crate) const NOTICE: &str = include_str!("../../assets/notices/photos.txt");

/// Cuts the photographs into [`FOLDERS`] below `ready`.
pub(super) fn gather(request: &Request, from: Option<&Path>, ready: &Path) -> Result<()> {
    let packages = match from {
        Some(folder) if PLACES.iter().any(|place| folder.join(place).is_dir()) => None,
        Some(folder) if folder.is_dir() => Some(with_ending(folder, "deb")?),
        Some(file) => Some(vec![file.to_owned()]),
        None => Some(request.apt(&PACKAGES)?),
    };
    let root = match (&packages, from) {
        (None, Some(folder)) => folder.to_owned(),
        _ => request.work.join("package"),
    };
    for package in packages.iter().flatten() {
        if !starts_with(package, DEB)? {
            return Err(Error::data(
                package,
                "is no Debian package; give the folder that holds both packages",
            ));
        }
        request.unpack_deb(package, &root)?;
    }
    let photos = PHOTOS.iter().map(|name| find(&root, name)).collect::<Result<Vec<PathBuf>>>()?;
    for folder in FOLDERS {
        let path = ready.join(folder);
        std::fs::create_dir(&path).map_err(|error| Error::file(&path, error))?;
    }
    let tests = held_out();
    let photos: Vec<(&str, PathBuf)> = PHOTOS.into_iter().zip(photos).collect();
    threads::each(&photos, |(name, path)| {
        let folder = if tests.contains(name) { "test" } else { "train" };
        cut(path, &ready.join(folder), name)
    })?;
    Ok(())
}

/// A photograph's file.
fn find(root: &Path, name: &str) -> Result<PathBuf> {
    let paths = PLACES.map(|place| root.join(place).join(format!("{name}.jpg")));
    paths.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        let why = format!("holds no {name}.jpg; both packages, {}, are needed", PACKAGES.join(" and "));
        Error::data(root, why)
    })
}

fn held_out() -> Vec<&'static str> {
    let mut names = PHOTOS.to_vec();
    names.sort_by_key(|name| split::rank(name));
    names.truncate(TESTS);
    names
}

/// Writes the tiles of one photograph.
fn cut(path: &Path, folder: &Path, name: &str) -> Result<()> {
    let broken = |why: String| Error::data(path, format!("{why}; fetch it again"));
    let bytes = std::fs::read(path).map_err(|error| Error::file(path, error))?;
    let mut photo = Native::default();
    decode::decode(&bytes, Options::default().max_pixels, &mut photo).map_err(broken)?;
    if photo.channels != 3 {
        return Err(broken(format!("has {} channels, not 3", photo.channels)));
    }
    let half = halve(&photo).map_err(broken)?;
    let (rows, columns) = (half.height() / TILE, half.width() / TILE);
    // The rest is cut off on both sides alike.
    let (top, left) = ((half.height() % TILE) / 2, (half.width() % TILE) / 2);
    let stride = half.width() as usize * 3;
    for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
        let start = (top + row * TILE) as usize * stride + (left + column * TILE) as usize * 3;
        let lines = half.buffer()[start..].chunks(stride).take(TILE as usize);
        let tile: Vec<u8> = lines.flat_map(|line| &line[..TILE as usize * 3]).copied().collect();
        if deviation(&tile) >= FLAT {
            picture::write(&folder.join(format!("{name}-{row}-{column}.png")), [TILE; 2], 3, &tile)?;
        }
    }
    Ok(())
}

fn halve(photo: &Native) -> Result<Image<'static>, String> {
    let source = ImageRef::new(photo.width, photo.height, &photo.pixels, PixelType::U8x3);
    let source = source.map_err(|error| format!("cannot be resized: {error}"))?;
    let mut half = Image::new((photo.width / 2).max(1), (photo.height / 2).max(1), PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    Resizer::new()
        .resize(&source, &mut half, &options)
        .map_err(|error| format!("cannot be resized: {error}"))?;
    Ok(half)
}

/// Standard deviation of the grey values (ITU-R BT.601) of RGB bytes.
fn deviation(pixels: &[u8]) -> f64 {
    let grey = |pixel: &[u8]| {
        0.299 * f64::from(pixel[0]) + 0.587 * f64::from(pixel[1]) + 0.114 * f64::from(pixel[2])
    };
    let count = (pixels.len() / 3) as f64;
    let (sum, squares) = pixels
        .chunks_exact(3)
        .map(grey)
        .fold((0.0, 0.0), |(sum, squares), value| (sum + value, squares + value * value));
    (squares / count - (sum / count).powi(2)).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_photographs_are_always_held_out() {
        let expected = [
            "Picture_1A_by_freespace",
            "Blinds",
            "FreshFlower",
            "aitzgorri_by_Aitzol_Berasategi",
            "GreenMeadow",
            "sunset_by_Aitzol_Berasategi",
        ];
        assert_eq!(held_out(), expected);
    }

    #[test]
    fn detail_is_measured() {
        assert_eq!(deviation(&[77; 30]), 0.0);
        assert!((deviation(&[[100; 3], [140; 3]].concat()) - 20.0).abs() < 1e-9);
    }
}
