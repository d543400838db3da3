//! Line drawings and the same in colour, from the npm package `openmoji`: pairs, equal to the pixel, for pix2pix.
//!
//! Drawn once, at [`SIDE`] pixels on white. Flags (whose lines are a frame) and skin tones are left out; so is a drawing
//! whose lines are those of one before it, or in which nothing is coloured. [`split`] says which drawing is held out, by
//! what it shows: a man, a woman and a person doing the same thing stay together.
//!
//! Coloured drawings are a third vendor's emoji, too ([`super::emoji`]): those of the half that Google's are not of, to train a
//! translation without pairs on, and the held-out ones.

use super::packages::{Request, npm_folder, read_json};
use super::{picture, split, threads};
use crate::error::{Error, Result};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::path::Path;

const PACKAGE: &str = "openmoji";
const VERSION: &str = "17.0.0";
/// Height and width of what is drawn.
const SIDE: u32 = 128;

/// Folders of PNGs: lines and colours to train on, and those to test with, with the same names in A and in B; colours of
/// emoji that `emoji-google` has none of.
pub(crate) const FOLDERS: [&str; 5] = ["trainA", "trainB", "testA", "testB", "emoji"];
/// The half of emoji that is OpenMoji's where Google has the other.
const HALF: usize = 1;
pub(crate) const BY_HAND: &str =
    "get the npm package openmoji@17.0.0 by hand and give its folder with --from";
pub(crate) const NOTICE: &str = include_str!("../../assets/notices/openmoji.txt");

/// A row of `openmoji.json`.
#[derive(Deserialize)]
struct Emoji {
    /// Its code points joined by dashes: the files' name.
    hexcode: String,
    group: String,
    subgroups: String,
    skintone: serde_json::Value,
}

impl Emoji {
    fn is_wanted(&self) -> bool {
        let parts = [&self.group, &self.subgroups];
        let has = |word: &str| parts.iter().any(|part| part.contains(word));
        self.skintone.as_str() == Some("") && !has("flag") && !has("component") && !has("skin-tone")
    }

    /// Whether it is in the second half of what other vendors draw, too.
    fn is_in_half(&self) -> bool {
        !self.group.starts_with("extras") && split::half(&split::emoji_group(&self.hexcode)) == HALF
    }
}

/// One emoji's pictures, as PNGs.
struct Pair {
    lines: Vec<u8>,
    colours: Vec<u8>,
    /// Of the lines' pixels.
    hash: [u8; 32],
    /// Neither without lines nor without colours.
    is_useful: bool,
}

/// Draws the pictures into [`FOLDERS`] below `ready`.
pub(super) fn gather(request: &Request, from: Option<&Path>, ready: &Path) -> Result<()> {
    let packages = match from {
        Some(folder) => folder.to_owned(),
        None => request.npm(&[&format!("{PACKAGE}@{VERSION}")])?,
    };
    let package = npm_folder(&packages, PACKAGE, VERSION, "data/openmoji.json")?;
    let table = package.join("data/openmoji.json");
    let mut emoji: Vec<Emoji> = read_json(&table)?;
    emoji.retain(Emoji::is_wanted);
    // Of equal drawings the simplest is kept: a person before a person with red hair, which lines do not show.
    emoji.sort_by(|left, right| {
        (left.hexcode.len(), &left.hexcode).cmp(&(right.hexcode.len(), &right.hexcode))
    });
    let pairs = threads::each(&emoji, |row| pair(&package, &row.hexcode))?;
    for folder in FOLDERS {
        let path = ready.join(folder);
        std::fs::create_dir(&path).map_err(|error| Error::file(&path, error))?;
    }
    let mut seen = HashSet::new();
    let mut chosen: Vec<(&Emoji, &Pair)> = emoji.iter().zip(&pairs).collect();
    chosen.retain(|(_, pair)| pair.is_useful && seen.insert(pair.hash));
    let is_test = |row: &Emoji| split::is_test(&split::emoji_group(&row.hexcode));
    let tests = chosen.iter().filter(|(row, _)| is_test(row)).count();
    if tests == 0 || tests == chosen.len() {
        let why = format!("lists {} drawings, too few to train and to test with", chosen.len());
        return Err(Error::data(table, why));
    }
    for (row, pair) in chosen {
        let part = if is_test(row) { "test" } else { "train" };
        for (side, png) in [("A", &pair.lines), ("B", &pair.colours)] {
            let name = format!("{part}{side}/{}.png", row.hexcode.to_lowercase());
            let path = ready.join(name);
            std::fs::write(&path, png).map_err(|error| Error::file(&path, error))?;
        }
        if !is_test(row) && row.is_in_half() {
            let path = ready.join(format!("emoji/{}.png", row.hexcode.to_lowercase()));
            std::fs::write(&path, &pair.colours).map_err(|error| Error::file(&path, error))?;
        }
    }
    Ok(())
}

fn pair(package: &Path, hexcode: &str) -> Result<Pair> {
    let [black, color] =
        ["black", "color"].map(|kind| package.join(kind).join("svg").join(format!("{hexcode}.svg")));
    let (lines, colours) = (draw(&black)?, draw(&color)?);
    Ok(Pair {
        hash: Sha256::digest(&lines).into(),
        is_useful: lines.iter().any(|value| *value != 255) && lines != colours,
        lines: picture::encode(&black, [SIDE; 2], 3, &lines)?,
        colours: picture::encode(&color, [SIDE; 2], 3, &colours)?,
    })
}

/// A square drawing as RGB on white.
#[cfg(feature = "svg")]
fn draw(path: &Path) -> Result<Vec<u8>> {
    use resvg::tiny_skia::{Color, Pixmap, Transform};
    use resvg::usvg::{Options, Tree};
    let bytes = std::fs::read(path).map_err(|error| Error::file(path, error))?;
    let tree = Tree::from_data(&bytes, &Options::default())
        .map_err(|error| Error::data(path, format!("is no drawing that can be read ({error})")))?;
    let mut canvas =
        Pixmap::new(SIDE, SIDE).ok_or_else(|| Error::data(path, "cannot be drawn: there is no memory"))?;
    canvas.fill(Color::WHITE);
    let scale = SIDE as f32 / tree.size().width().max(tree.size().height());
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut canvas.as_mut());
    Ok(canvas.data().chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect())
}

#[cfg(not(feature = "svg"))]
fn draw(path: &Path) -> Result<Vec<u8>> {
    Err(Error::data(
        path,
        "is a drawing, and this program was built without `svg`; build it with that feature",
    ))
}
