//! Emoji as Google and as Twitter draw them, from the npm packages `emoji-datasource-google` and
//! `emoji-datasource-twitter`: what CycleGAN translates between. They are aligned by meaning, not by pixel.
//!
//! Of the two training sets no emoji of one is in the other, so that there is no pair to learn from. The test sets hold
//! the same emoji under the same file names, so that a translation can be compared with what it should be. [`split`] says
//! which emoji goes where, by what it shows: a man, a woman and a person doing the same thing stay together.
//!
//! Base emoji only: those with a skin tone are as many again, of people alone, and would make half of every batch
//! people. Flags (rectangles, alike at every vendor) and components (no pictures of their own) are left out.

use super::packages::{Request, npm_folder, read_json};
use super::{picture, split};
use crate::decode::{self, Native};
use crate::error::{Error, Result};
use crate::options::Options;
use serde::Deserialize;
use std::path::{Path, PathBuf};

const VERSION: &str = "16.0.0";
const VENDORS: [&str; 2] = ["google", "twitter"];
const LEFT_OUT: [&str; 2] = ["Flags", "Component"];

/// Folders of PNGs: each vendor's half to train on, and the same emoji of both to test with.
pub(crate) const FOLDERS: [&str; 4] = ["google", "google-test", "twitter", "twitter-test"];
pub(crate) const BY_HAND: &str = "get emoji-datasource-google@16.0.0 and emoji-datasource-twitter@16.0.0 by hand and give the folder that holds both with --from";
pub(crate) const NOTICE: &str = include_str!("../../assets/notices/emoji.txt");

/// A row of `emoji.json`, which is the same in both packages.
#[derive(Deserialize)]
struct Emoji {
    /// The file's name: code points joined by dashes.
    image: String,
    category: String,
    has_img_google: bool,
    has_img_twitter: bool,
}

/// Copies the pictures into [`FOLDERS`] below `ready`.
pub(super) fn gather(request: &Request, from: Option<&Path>, ready: &Path) -> Result<()> {
    let names = VENDORS.map(|vendor| format!("emoji-datasource-{vendor}"));
    let packages = match from {
        Some(folder) => folder.to_owned(),
        None => {
            let wanted = names.each_ref().map(|name| format!("{name}@{VERSION}"));
            request.npm(&wanted.each_ref().map(String::as_str))?
        }
    };
    let mut folders = Vec::with_capacity(2);
    for (name, vendor) in names.iter().zip(VENDORS) {
        folders.push(npm_folder(&packages, name, VERSION, &format!("img/{vendor}/64"))?);
    }
    let table = folders[0].join("emoji.json");
    let mut emoji: Vec<Emoji> = read_json(&table)?;
    emoji.retain(|row| row.has_img_google && row.has_img_twitter);
    emoji.retain(|row| !LEFT_OUT.contains(&row.category.as_str()));
    for folder in FOLDERS {
        let path = ready.join(folder);
        std::fs::create_dir(&path).map_err(|error| Error::file(&path, error))?;
    }
    let mut counts = [0; 2];
    for row in &emoji {
        let group = split::emoji_group(row.image.trim_end_matches(".png"));
        let is_test = split::is_test(&group);
        counts[usize::from(is_test)] += 1;
        for (side, (vendor, folder)) in VENDORS.iter().zip(&folders).enumerate() {
            let target = match is_test {
                true => ready.join(format!("{vendor}-test")),
                false if split::half(&group) == side => ready.join(vendor),
                false => continue,
            };
            copy(&folder.join(format!("img/{vendor}/64")).join(&row.image), &target.join(&row.image))?;
        }
    }
    if counts.contains(&0) {
        let why = format!("lists {} emoji, too few to train and to test with", emoji.len());
        return Err(Error::data(table, why));
    }
    Ok(())
}

/// As it is, or turned from a palette or grey into RGBA: all pictures are of one kind.
fn copy(source: &PathBuf, target: &Path) -> Result<()> {
    let bytes = std::fs::read(source).map_err(|error| Error::file(source, error))?;
    // A PNG's header: bits, then the kind of colour.
    if bytes.get(24..26) == Some(&[8, 6]) {
        return std::fs::write(target, bytes).map_err(|error| Error::file(target, error));
    }
    let mut found = Native::default();
    decode::decode(&bytes, Options::default().max_pixels, &mut found)
        .map_err(|why| Error::data(source, format!("{why}; fetch it again")))?;
    let rgba: Vec<u8> = found.pixels.chunks_exact(found.channels as usize).flat_map(rgba).collect();
    picture::write(target, [found.width, found.height], 4, &rgba)
}

fn rgba(pixel: &[u8]) -> [u8; 4] {
    match *pixel {
        [grey] => [grey, grey, grey, 255],
        [grey, alpha] => [grey, grey, grey, alpha],
        [red, green, blue] => [red, green, blue, 255],
        [red, green, blue, alpha, ..] => [red, green, blue, alpha],
        [] => [0; 4],
    }
}
