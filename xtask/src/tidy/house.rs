//! The tree and the lists that name its parts.

use super::{Finding, Tree};

/// What every variant crate has.
const VARIANT_FILES: [&str; 7] = [
    "README.md",
    "examples/train.rs",
    "src/config.rs",
    "src/discriminator.rs",
    "src/generator.rs",
    "src/variant.rs",
    "tests/contract.rs",
];

/// Where every variant is named.
const VARIANT_LISTS: [&str; 5] =
    ["crates/README.md", "README.md", "Cargo.toml", "crates/gan-cli/src/variants.rs", "benches/step.rs"];

const LONGEST_EXAMPLE: usize = 80;

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let map = tree.text("crates/README.md");
    for name in tree.crates() {
        if !map.contains(&format!("`{name}`")) {
            findings.push(format!("crates/README.md: the code map does not name `{name}`"));
        }
        if !tree.has(format!("crates/{name}/README.md")) {
            findings.push(format!("crates/{name}: has no README.md"));
        }
    }
    for name in tree.variants() {
        let missing = VARIANT_FILES.iter().filter(|file| !tree.has(format!("crates/{name}/{file}")));
        findings.extend(missing.map(|file| format!("crates/{name}: has no {file}")));
        let lists = VARIANT_LISTS.iter().filter(|list| !names(&tree.text(list), &name));
        findings
            .extend(lists.map(|list| format!("{list}: does not name the variant `{name}`; add it there")));
        let example = format!("crates/{name}/examples/train.rs");
        let lines = tree.text(&example).lines().count();
        if lines > LONGEST_EXAMPLE {
            findings.push(format!("{example}: has {lines} lines, {LONGEST_EXAMPLE} at most"));
        }
    }
    let (readme, example) = (tree.text("README.md"), tree.text("crates/dcgan/examples/train.rs"));
    if !example.is_empty() && !readme.contains(example.trim_end()) {
        findings.push("README.md: its snippet is not crates/dcgan/examples/train.rs as it stands".to_owned());
    }
    for file in ["LICENSE-MIT", "LICENSE-APACHE", ".ci/run", "README.md"] {
        if !tree.has(file) {
            findings.push(format!("{file}: is missing"));
        }
    }
    findings
}

/// Whether a text holds a word, not only as a part of a longer one.
fn names(text: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '-';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::PathBuf;

    #[test]
    fn words_are_whole() {
        assert!(names("use dcgan::Config;", "dcgan"));
        assert!(names("Dcgan and \"dcgan\"", "dcgan"));
        assert!(!names("cdcgan dcgan-64", "dcgan"));
    }

    #[test]
    fn a_new_variant_is_told_where_to_be_listed() {
        let temp = tempfile::tempdir().expect("temp dir");
        let root = temp.path().to_owned();
        let files = ["crates/newgan/Cargo.toml", "crates/newgan/src/variant.rs"].map(PathBuf::from);
        fs::create_dir_all(root.join("crates/newgan/src")).expect("folders");
        for file in &files {
            fs::write(root.join(file), "").expect("file");
        }
        let findings = check(&Tree { root, files: files.to_vec() });
        for expected in [
            "crates/README.md: does not name",
            "crates/gan-cli/src/variants.rs: does not name",
            "has no tests/contract.rs",
        ] {
            assert!(findings.iter().any(|finding| finding.contains(expected)), "{expected} in {findings:?}");
        }
    }
}
