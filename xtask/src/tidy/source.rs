//! What no Rust file may contain, and what only some may.

use super::{Finding, Tree};
use std::path::Path;

const LONGEST_FILE: usize = 500;
const LARGEST_FILE: u64 = 5 << 20;

/// Only players, averages and checkpoint loading write parameters (invariant 2); these files do it.
const WRITERS: [&str; 8] = [
    "crates/gan-core/src/player.rs",
    "crates/gan-core/src/optim.rs",
    "crates/gan-core/src/ema.rs",
    "crates/gan-core/src/nn/parameters.rs",
    // Moves buffers: the vectors of power iteration.
    "crates/gan-core/src/nn/spectral_norm.rs",
    // Copies pixels into a sheet.
    "crates/gan-core/src/tensor/grid.rs",
    // Keeps what is recorded.
    "crates/gan-core/src/recorder.rs",
    "crates/gan-sys/src/list.rs",
];

/// Words with no place in finished code. Assembled, so that this list is no finding itself.
fn unfinished() -> [String; 4] {
    ["todo!", "unimplemented!", "FIXME", "#[ignore"].map(str::to_owned)
}

/// Reading a tensor's value inside a step stalls the device (invariant 3).
const HOST_READS: [&str; 5] = ["double_value(", "int64_value(", "::try_from(&", ".item(", "copy_data("];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in &tree.files {
        let shown = path.display();
        let size = std::fs::metadata(tree.root.join(path)).map_or(0, |meta| meta.len());
        if size > LARGEST_FILE {
            findings.push(format!("{shown}: {} MB are too much for a repository", size >> 20));
        }
        if path.extension().is_some_and(|extension| extension == "rs") && !path.starts_with("xtask/templates")
        {
            findings.extend(check_rust(path, &tree.text(path)));
        }
    }
    findings
}

fn check_rust(path: &Path, text: &str) -> Vec<Finding> {
    let shown = path.display();
    let mut findings = Vec::new();
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        findings.push(format!("{shown}: has {lines} lines, {LONGEST_FILE} at most: one purpose a file"));
    }
    let name = path.to_string_lossy();
    let library =
        name.starts_with("crates/") && name.contains("/src/") && !name.starts_with("crates/gan-testkit");
    let writer = WRITERS.contains(&name.as_ref());
    let step = name.ends_with("/src/variant.rs") && !name.starts_with("crates/gan-core");
    let tidy = name.starts_with("xtask/src/tidy");
    let mut in_tests = false;
    for (number, line) in text.lines().enumerate() {
        let at = format!("{shown}:{}", number + 1);
        in_tests |= line.trim_start().starts_with("#[cfg(test)]");
        let code = line.split("//").next().unwrap_or_default();
        if let Some(word) = unfinished().iter().find(|word| !tidy && line.contains(word.as_str())) {
            findings.push(format!("{at}: `{word}` has no place in finished code"));
        }
        if library && !in_tests && code.contains(".unwrap()") {
            findings.push(format!(
                "{at}: `.unwrap()` in a library; return an error, or `expect` with the reason"
            ));
        }
        if library && !in_tests && !writer && (code.contains(".copy_(") || code.contains(".f_copy_(")) {
            findings.push(format!("{at}: only Player, Ema and checkpoint loading write parameters"));
        }
        if step && !in_tests && HOST_READS.iter().any(|read| code.contains(read)) {
            findings
                .push(format!("{at}: reads a tensor's value on the host inside a step; record it instead"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> usize {
        check_rust(Path::new(path), text).len()
    }

    #[test]
    fn each_rule_finds_its_case_and_spares_the_others() {
        assert_eq!(findings("crates/x/src/a.rs", "let a = b.unwrap();"), 1);
        assert_eq!(findings("crates/x/src/a.rs", "#[cfg(test)]\nlet a = b.unwrap();"), 0);
        assert_eq!(findings("crates/x/tests/a.rs", "let a = b.unwrap();"), 0);
        assert_eq!(findings("crates/x/src/a.rs", "weights.f_copy_(&other)?;"), 1);
        assert_eq!(findings("crates/gan-core/src/optim.rs", "weights.f_copy_(&other)?;"), 0);
        assert_eq!(findings("crates/x/src/variant.rs", "let v = loss.double_value(&[]);"), 1);
        assert_eq!(findings("crates/x/src/config.rs", "let v = loss.double_value(&[]);"), 0);
        assert_eq!(findings("crates/x/src/a.rs", &format!("// {}", unfinished()[2])), 1);
        assert_eq!(findings("benches/a.rs", &"x\n".repeat(501)), 1);
    }
}
