//! What is said about files that are no images.

/// Files that go with images and need no words.
const SIDE_ENDINGS: &[&str] = &[
    "txt", "md", "rst", "json", "jsonl", "csv", "tsv", "xml", "yaml", "yml", "toml", "ini", "html", "htm",
    "log",
];
const SIDE_STARTS: &[&str] = &["license", "licence", "copying", "readme", "notice", "authors", "thumbs.db"];

/// A sentence about the files among `names` that a user may have taken for images.
pub(crate) fn note(names: &[String]) -> Option<String> {
    let left: Vec<&String> = names.iter().filter(|name| !is_side_file(name)).collect();
    let example = left.iter().min()?;
    Some(match left.len() {
        1 => format!("1 other file was left out: {example}"),
        count => format!("{count} other files were left out, such as {example}"),
    })
}

fn is_side_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    SIDE_ENDINGS.contains(&ending)
        || SIDE_STARTS.iter().any(|start| name.starts_with(start))
        || name.contains("label")
}
