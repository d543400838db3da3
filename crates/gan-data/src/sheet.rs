//! A picture of a data set: some of its images side by side, one class a row where there are classes.

use crate::dataset::DataSet;
use crate::error::{Error, Result};
use crate::font;
use image::{Rgb, RgbImage};
use std::path::Path;

const BACKGROUND: Rgb<u8> = Rgb([32, 32, 32]);
const INK: [u8; 3] = [224, 224, 224];
const GAP: u32 = 2;
/// Smaller images are enlarged by whole numbers to about this.
const CELL: u32 = 56;
/// The widest that a class's name may be, in letters.
const NAME_LETTERS: usize = 16;

/// What a contact sheet shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SheetOptions {
    /// Images in a row.
    pub columns: u32,
    /// Rows, at most; of a set with classes, the classes from the first.
    pub rows: u32,
    /// Whether each row shows one class with its name before it; a set without classes ignores it.
    pub labels: bool,
}

impl Default for SheetOptions {
    fn default() -> Self {
        Self { columns: 12, rows: 10, labels: true }
    }
}

/// Writes a PNG with images spread evenly over the set.
///
/// # Errors
/// The file cannot be written, an option is 0 or above 1000, or no image can be read.
pub fn contact_sheet(data: &DataSet, options: &SheetOptions, path: &Path) -> Result<()> {
    for (field, value) in [("columns", options.columns), ("rows", options.rows)] {
        if !(1..=1000).contains(&value) {
            return Err(Error::config(field, format!("{value} is not between 1 and 1000")));
        }
    }
    let rows = if options.labels && !data.classes().is_empty() {
        rows_by_class(data, options)
    } else {
        let shown = data.len().min(options.columns as usize * options.rows as usize);
        let spread: Vec<usize> = (0..shown).map(|item| item * data.len() / shown).collect();
        spread.chunks(options.columns as usize).map(|row| ("", row.to_vec())).collect()
    };
    let sheet = draw(data, options, &rows)?;
    write(&sheet, path)
}

fn rows_by_class<'a>(data: &'a DataSet, options: &SheetOptions) -> Vec<(&'a str, Vec<usize>)> {
    let mut by_class = vec![Vec::new(); data.classes().len().min(options.rows as usize)];
    for index in 0..data.len() {
        if let Some(members) = data.label(index).and_then(|label| by_class.get_mut(label as usize)) {
            members.push(index);
        }
    }
    let spread = |members: Vec<usize>| {
        let shown = members.len().min(options.columns as usize);
        (0..shown).map(|item| members[item * members.len() / shown]).collect()
    };
    data.classes().iter().map(String::as_str).zip(by_class.into_iter().map(spread)).collect()
}

fn draw(data: &DataSet, options: &SheetOptions, rows: &[(&str, Vec<usize>)]) -> Result<RgbImage> {
    let zoom = (CELL / data.width().max(data.height())).max(1);
    let (width, height) = (data.width() * zoom, data.height() * zoom);
    let letters =
        rows.iter().map(|(name, _)| name.chars().count().min(NAME_LETTERS)).max().unwrap_or(0) as u32;
    let margin = if letters == 0 { 0 } else { letters * font::ADVANCE + GAP };
    let columns = rows.iter().map(|(_, row)| row.len() as u32).max().unwrap_or(0).min(options.columns);
    let total = (margin + GAP + columns * (width + GAP), GAP + rows.len() as u32 * (height + GAP));
    if u64::from(total.0) * u64::from(total.1) > 500_000_000 {
        let why = format!("a sheet of {} x {} pixels is too large; show fewer images", total.0, total.1);
        return Err(Error::config("columns", why));
    }
    let mut sheet = RgbImage::from_pixel(total.0, total.1, BACKGROUND);
    let mut drawn = 0usize;
    for (row, (name, indices)) in (0..).zip(rows) {
        let top = GAP + row * (height + GAP);
        let name: String = name.chars().take(NAME_LETTERS).collect();
        font::write(&mut sheet, &name, GAP, top + height.saturating_sub(font::HEIGHT) / 2, INK);
        for (column, index) in (0..).zip(indices) {
            // A broken image leaves its place empty.
            if let Ok(image) = data.load(*index) {
                paint(&mut sheet, data, &image, margin + GAP + column * (width + GAP), top, zoom);
                drawn += 1;
            }
        }
    }
    if drawn == 0 {
        return Err(Error::data(data.name(), "has no image that can be read"));
    }
    Ok(sheet)
}

/// One planar image, enlarged; alpha over white.
fn paint(sheet: &mut RgbImage, data: &DataSet, image: &[u8], left: u32, top: u32, zoom: u32) {
    let (width, height) = (data.width(), data.height());
    let plane = (width * height) as usize;
    for y in 0..height {
        for x in 0..width {
            let at = (y * width + x) as usize;
            let value = |channel: usize| image[channel * plane + at];
            let over_white = |value: u8, alpha: u8| {
                ((u32::from(value) * u32::from(alpha) + 255 * (255 - u32::from(alpha))) / 255) as u8
            };
            let pixel = match data.channels() {
                1 => [value(0); 3],
                2 => [over_white(value(0), value(1)); 3],
                3 => [0, 1, 2].map(value),
                _ => [0, 1, 2].map(|channel| over_white(value(channel), value(3))),
            };
            for dy in 0..zoom {
                for dx in 0..zoom {
                    sheet.put_pixel(left + x * zoom + dx, top + y * zoom + dy, Rgb(pixel));
                }
            }
        }
    }
}

/// Beside its place first, so that no half-written file is ever seen.
fn write(sheet: &RgbImage, path: &Path) -> Result<()> {
    let unwritten = |error: std::io::Error| Error::file(path, error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut bytes = std::io::Cursor::new(Vec::new());
    sheet
        .write_to(&mut bytes, image::ImageFormat::Png)
        .map_err(|error| Error::data(path, format!("cannot be encoded ({error})")))?;
    let mut file = tempfile::Builder::new().prefix(".sheet").tempfile_in(folder).map_err(unwritten)?;
    std::io::Write::write_all(&mut file, bytes.get_ref()).map_err(unwritten)?;
    #[cfg(unix)]
    {
        // Temporary files are private; a picture is not.
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(unwritten)?;
    }
    file.persist(path).map_err(|error| unwritten(error.error))?;
    Ok(())
}
