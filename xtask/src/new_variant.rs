//! `cargo xtask new-variant NAME`: a small working variant crate whose comments are the manual.

use crate::workspace;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// What to make.
#[derive(clap::Args)]
pub struct Options {
    /// The crate's name: lower-case letters, digits and dashes, such as `wgan`
    name: String,
}

/// Template files; `.tmpl` keeps cargo and rustfmt from reading them where they lie.
const FILES: [(&str, &str); 9] = [
    ("Cargo.toml", include_str!("../templates/variant/Cargo.toml.tmpl")),
    ("README.md", include_str!("../templates/variant/README.md.tmpl")),
    ("src/lib.rs", include_str!("../templates/variant/src/lib.rs.tmpl")),
    ("src/config.rs", include_str!("../templates/variant/src/config.rs.tmpl")),
    ("src/generator.rs", include_str!("../templates/variant/src/generator.rs.tmpl")),
    ("src/discriminator.rs", include_str!("../templates/variant/src/discriminator.rs.tmpl")),
    ("src/variant.rs", include_str!("../templates/variant/src/variant.rs.tmpl")),
    ("examples/train.rs", include_str!("../templates/variant/examples/train.rs.tmpl")),
    ("tests/contract.rs", include_str!("../templates/variant/tests/contract.rs.tmpl")),
];

pub fn run(options: &Options) -> Result<ExitCode> {
    let folder = write(&workspace::root().join("crates"), &options.name)?;
    let name = &options.name;
    // Names differ in length and order: the templates cannot be laid out for all of them.
    let _ = workspace::cargo().args(["fmt", "-p", name]).status();
    println!("{folder} is a working variant. Try it:\n");
    println!("  cargo test -p {name}\n  cargo run --release -p {name} --example train-{name}\n");
    println!("Then name it in the lists that `cargo xtask tidy` tells you.");
    Ok(ExitCode::SUCCESS)
}

/// Writes a variant, tests it and removes it: nothing else compiles the templates.
pub fn trial() -> Result<ExitCode> {
    let name = "new-variant-trial";
    let (crates, lock) = (workspace::root().join("crates"), workspace::root().join("Cargo.lock"));
    let locked = fs::read(&lock).context("Cargo.lock cannot be read")?;
    let _ = fs::remove_dir_all(crates.join(name));
    write(&crates, name)?;
    let result = workspace::foreground(workspace::cargo().args(["test", "-p", name]));
    fs::remove_dir_all(crates.join(name)).context("the trial variant cannot be removed")?;
    fs::write(&lock, locked).context("Cargo.lock cannot be written")?;
    result
}

fn write(crates: &Path, name: &str) -> Result<String> {
    let valid = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !name.ends_with('-');
    ensure!(valid, "`{name}` is no crate name: use lower-case letters, digits and dashes, such as `wgan`");
    let folder = crates.join(name);
    ensure!(!folder.exists(), "crates/{name} exists already; choose another name");
    for (file, template) in &FILES {
        let path = folder.join(file);
        let parent = path.parent().unwrap_or(&folder);
        fs::create_dir_all(parent).with_context(|| format!("{} cannot be written", parent.display()))?;
        fs::write(&path, fill(template, name))
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(format!("crates/{name}"))
}

/// `{{name}}` is the crate, `{{module}}` its name in Rust paths, `{{Name}}` its type.
fn fill(template: &str, name: &str) -> String {
    let capital = |part: &str| part[..1].to_uppercase() + &part[1..];
    let type_name: String = name.split('-').filter(|part| !part.is_empty()).map(capital).collect();
    template
        .replace("{{name}}", name)
        .replace("{{module}}", &name.replace('-', "_"))
        .replace("{{Name}}", &type_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_in_everywhere() {
        let temp = tempfile::tempdir().expect("temp dir");
        write(temp.path(), "my-gan").expect("written");
        for (file, template) in &FILES {
            let text = fs::read_to_string(temp.path().join("my-gan").join(file)).expect("file");
            assert!(!text.contains("{{") && !template.is_empty(), "{file} has an open place");
        }
        let variant = fs::read_to_string(temp.path().join("my-gan/src/variant.rs")).expect("file");
        assert!(variant.contains("struct MyGan"));
        assert!(write(temp.path(), "my-gan").expect_err("exists").to_string().contains("exists"));
    }

    #[test]
    fn odd_names_are_refused() {
        let temp = tempfile::tempdir().expect("temp dir");
        for name in ["", "Gan", "9gan", "g/n", "..", "gan-"] {
            assert!(write(temp.path(), name).is_err(), "{name}");
        }
    }
}
