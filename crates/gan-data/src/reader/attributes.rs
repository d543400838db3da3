//! Attributes from a CSV: a row per image, whose first cell names the file and whose others are numbers.

use super::beside::Beside;
use super::clean_name;
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use csv::{ReaderBuilder, StringRecord};
use std::collections::{HashMap, HashSet};

/// Letters of a cell that a message repeats: a quote that is never closed makes the rest of the file one cell.
const SHOWN: usize = 40;

/// Reads a header and rows such as `00000/img.png,0.5,1`; also a sentence about rows whose file is not there.
pub(crate) fn from_csv(csv: &Beside, paths: &[String]) -> Result<(Attributes, Option<String>)> {
    let wrong =
        |at: usize, why: String| Error::data(&csv.path, format!("line {} {why}", line_at(&csv.bytes, at)));
    std::str::from_utf8(&csv.bytes).map_err(|error| {
        wrong(error.valid_up_to(), "is not UTF-8; save the file in that encoding".to_owned())
    })?;
    // Rows of any length, because its own words for a wrong one are no sentence for users.
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(csv.bytes.as_slice());
    let mut records = reader.records();
    let mut next = || -> Result<Option<(usize, StringRecord)>> {
        let record = records.next().transpose().map_err(|error| Error::data(&csv.path, error.to_string()))?;
        Ok(record.map(|record| (record.position().map_or(0, |position| position.byte() as usize), record)))
    };
    let (at, header) = next()?.unwrap_or_default();
    let names = names(&header, csv, paths).map_err(|why| wrong(at, why))?;

    let mut rows = Rows::default();
    while let Some((at, record)) = next()? {
        rows.add(&names, &record, at, &csv.bytes).map_err(|why| wrong(at, why))?;
    }
    let note = rows.note(csv, paths);
    let values = rows.arranged(csv, paths, names.len())?;
    Ok((Attributes { names, values }, note))
}

/// The file's rows, in its order.
#[derive(Default)]
struct Rows {
    /// The number of each file's row.
    by_file: HashMap<String, usize>,
    /// Where each begins.
    starts: Vec<usize>,
    values: Vec<f32>,
}

impl Rows {
    /// Reads one row; `text` is all of the file.
    fn add(&mut self, names: &[String], record: &StringRecord, at: usize, text: &[u8]) -> Result<(), String> {
        let (found, expected) = (record.len(), names.len() + 1);
        if found != expected {
            return Err(format!(
                "has {found} cells and the header {expected}; \
                 write the file and a number for each attribute, as in `a.png,0.5`"
            ));
        }
        for (name, cell) in names.iter().zip(record.iter().skip(1)) {
            let value = cell.trim().parse().ok().filter(|value: &f32| value.is_finite());
            self.values.push(value.ok_or_else(|| {
                let cell = shown(cell);
                format!(
                    "says {cell} for `{name}`, which is no finite number; \
                     write one such as 0.5, or 1 and 0 for yes and no"
                )
            })?);
        }
        if let Some(first) = self.by_file.insert(clean_name(&record[0]), self.starts.len()) {
            let (file, line) = (shown(&record[0]), line_at(text, self.starts[first]));
            return Err(format!("is a second row for {file}, after line {line}; keep one of them"));
        }
        self.starts.push(at);
        Ok(())
    }

    /// The number of an image's row.
    fn of(&self, csv: &Beside, path: &str) -> Option<usize> {
        self.by_file.get(name_in(csv, path)).copied()
    }

    /// All values in the images' order.
    fn arranged(&self, csv: &Beside, paths: &[String], count: usize) -> Result<Vec<f32>> {
        let bare: Vec<&String> = paths.iter().filter(|path| self.of(csv, path).is_none()).collect();
        if let Some(first) = bare.first() {
            let (missing, all) = (bare.len(), paths.len());
            let why = format!(
                "has no row for the image `{first}` (rows are missing for {missing} of {all} images); \
                 add them, or take those images away"
            );
            return Err(Error::data(&csv.path, why));
        }
        let rows = paths.iter().filter_map(|path| self.of(csv, path));
        Ok(rows.flat_map(|row| &self.values[row * count..][..count]).copied().collect())
    }

    /// A sentence about rows that are of no image.
    fn note(&self, csv: &Beside, paths: &[String]) -> Option<String> {
        let used: HashSet<usize> = paths.iter().filter_map(|path| self.of(csv, path)).collect();
        let absent = self.by_file.iter().filter(|(_, row)| !used.contains(row));
        let (example, _) = absent.clone().min_by_key(|(_, row)| **row)?;
        let (example, file) = (shown(example), csv.path.file_name().unwrap_or_default().to_string_lossy());
        Some(match absent.count() {
            1 => format!("1 row of {file} is for a file that is not there: {example}"),
            count => format!("{count} rows of {file} are for files that are not there, such as {example}"),
        })
    }
}

/// What a file calls an image.
fn name_in<'a>(csv: &Beside, path: &'a str) -> &'a str {
    path.strip_prefix(&csv.place).unwrap_or(path)
}

/// The attributes' names: every cell of the header but the first.
fn names(header: &StringRecord, csv: &Beside, paths: &[String]) -> Result<Vec<String>, String> {
    let first = header.get(0).unwrap_or_default();
    if header.len() < 2 {
        let why =
            "has no attribute columns; begin the file with a header such as `file,tilt,smiling`, with commas";
        return Err(why.to_owned());
    }
    let file = clean_name(first);
    if paths.iter().any(|path| name_in(csv, path) == file) {
        return Err(format!(
            "is a row for {}; put a header such as `file,tilt,smiling` before it",
            shown(first)
        ));
    }
    let mut names: Vec<String> = Vec::with_capacity(header.len() - 1);
    for (column, name) in (2..).zip(header.iter().skip(1)) {
        let name = name.trim();
        if name.is_empty() {
            return Err(format!("has no name for column {column}; name the attribute, or remove the column"));
        }
        // Names are printed in lines and lists.
        if name.chars().any(char::is_control) {
            return Err(format!(
                "has a line break or the like in the name of column {column}; write it in one line"
            ));
        }
        if names.iter().any(|known| known == name) {
            return Err(format!("names the attribute `{name}` twice; rename or remove one of the columns"));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// A cell as a message says it: short and in one line.
fn shown(cell: &str) -> String {
    match cell.char_indices().nth(SHOWN) {
        _ if cell.trim().is_empty() => "nothing".to_owned(),
        Some((end, _)) => format!("`{}...`", cell[..end].escape_debug()),
        None => format!("`{}`", cell.escape_debug()),
    }
}

/// The line, from 1, of the first text at or after `at`: a record begins with the line breaks before it.
fn line_at(text: &[u8], at: usize) -> usize {
    let breaks = text[at..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    1 + text[..at + breaks].iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Attributes, Option<String>)> {
        let csv = Beside { path: "x.csv".into(), place: "in/".to_owned(), bytes: text.as_bytes().to_vec() };
        from_csv(&csv, &["in/a.png".to_owned(), "in/sub/b.png".to_owned()])
    }

    #[test]
    fn values_go_by_name_whatever_the_order_and_the_line_ends() {
        for text in [
            "file,tilt, größte Breite \nsub/b.png,-1e-1, 2\n./a.png,.5,0\n",
            "\u{feff}Datei,tilt,größte Breite\r\n\r\nsub\\b.png,-0.1,2\r\n\"a.png\",0.5,0",
        ] {
            let (found, note) = read(text).expect("a table");
            assert_eq!(found.names, ["tilt", "größte Breite"]);
            assert_eq!((found.values, note), (vec![0.5, 0.0, -0.1, 2.0], None));
        }
    }

    #[test]
    fn lines_are_counted_as_an_editor_does() {
        let line = |text: &str| {
            let text = read(text).expect_err("a mistake").to_string();
            text.strip_prefix("x.csv: line ").and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok())
        };
        for end in ["\n", "\r\n"] {
            let lines = |lines: &[&str]| line(&lines.join(end));
            assert_eq!(lines(&["f,t", "a.png,1", "sub/b.png,x"]), Some(3));
            assert_eq!(lines(&["", "f,t", "", "a.png,1", "", "", "sub/b.png,x", "c.png,1"]), Some(7));
            assert_eq!(lines(&["f,t", "\"two", "lines.png\",1", "sub/b.png,x"]), Some(4));
            assert_eq!(lines(&["", "", "f"]), Some(3));
        }
        assert_eq!(line(""), Some(1));
    }
}
