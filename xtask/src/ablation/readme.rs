//! Puts the table into the README.

use anyhow::{Context, Result};
use std::path::Path;

const BEGIN: &str = "<!-- ablation begin -->";
const END: &str = "<!-- ablation end -->";

/// Replaces what lies between the markers of a file.
///
/// # Errors
/// A file without them, or that cannot be written.
pub fn write(file: &Path, table: &str) -> Result<()> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("{shown} cannot be read"))?;
    let new = replaced(&text, table).with_context(|| format!("{shown} lacks `{BEGIN}` before `{END}`"))?;
    std::fs::write(file, new).with_context(|| format!("{shown} cannot be written"))
}

fn replaced(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{}\n{END}{after}", table.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_between_the_markers_changes() {
        let text = format!("a\n{BEGIN}\n{END}\nb\n");
        let once = replaced(&text, "| x |\n").expect("markers");
        assert_eq!(once, format!("a\n{BEGIN}\n| x |\n{END}\nb\n"));
        assert_eq!(replaced(&once, "| x |"), Some(once.clone()));
        assert_eq!(replaced("a", "x"), None);
        assert_eq!(replaced(&format!("{END}{BEGIN}"), "x"), None);
    }
}
