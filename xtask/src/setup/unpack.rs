//! From wheels to a LibTorch folder.

use super::VERSION;
use super::platform::Platform;
use anyhow::{Context, Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use zip::ZipArchive;

/// A wheel that cannot be unpacked.
#[derive(Debug)]
pub struct Damaged(pub PathBuf);

impl std::fmt::Display for Damaged {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} is damaged", self.0.display())
    }
}

impl std::error::Error for Damaged {}

/// Whether a file is a zip archive with its directory, which stands at the very end.
pub fn is_whole(wheel: &Path) -> bool {
    File::open(wheel).ok().and_then(|file| ZipArchive::new(file).ok()).is_some()
}

/// Unpacks what LibTorch needs from `wheels` into `folder`: include, lib, build-version.
pub fn libtorch(wheels: &[PathBuf], folder: &Path, platform: &Platform) -> Result<()> {
    fs::create_dir_all(folder.join("lib"))
        .with_context(|| format!("{} cannot be written", folder.display()))?;
    for wheel in wheels {
        unpack(wheel, folder, platform)?;
    }
    let needed = ["lib/libtorch_cpu", "lib/libc10", "include/ATen/ATen.h"];
    for name in needed {
        let there = ["", ".so", ".dylib"].iter().any(|end| folder.join(format!("{name}{end}")).is_file());
        ensure!(there, "the torch wheel has no {name}: it is not the one for this platform");
    }
    if !platform.libraries.is_empty() {
        // The wheel's own libtorch.so pulls in CUDA; the linker reads this script in its place.
        fs::write(folder.join("lib/libtorch.so"), "INPUT(libtorch_cpu.so libc10.so)\n")?;
    }
    fs::write(folder.join("build-version"), format!("{VERSION}\n"))?;
    Ok(())
}

fn unpack(wheel: &Path, folder: &Path, platform: &Platform) -> Result<()> {
    let damaged = || Damaged(wheel.to_owned());
    let file = File::open(wheel).with_context(|| format!("{} cannot be read", wheel.display()))?;
    let mut archive = ZipArchive::new(file).with_context(damaged)?;
    let bar = ProgressBar::new(0)
        .with_style(ProgressStyle::with_template("unpacking {bar:30} {bytes}/{total_bytes}")?);
    let mut chosen = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).with_context(damaged)?;
        if let Some(place) = place_of(entry.name(), platform) {
            bar.inc_length(entry.size());
            chosen.push((index, place));
        }
    }
    for (index, place) in chosen {
        let mut entry = archive.by_index(index).with_context(damaged)?;
        let target = folder.join(place);
        let parent = target.parent().unwrap_or(folder);
        fs::create_dir_all(parent)?;
        let mut out = File::create(&target)?;
        // The reader compares the CRC at the end of each file.
        copy(&mut entry, &mut out, &bar).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
                damaged().into()
            }
            _ => anyhow::Error::new(error).context(format!("{} could not be written", target.display())),
        })?;
    }
    bar.finish_and_clear();
    Ok(())
}

fn copy(from: &mut impl Read, to: &mut impl io::Write, bar: &ProgressBar) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            count => {
                to.write_all(&buffer[..count])?;
                bar.inc(count as u64);
            }
        }
    }
}

/// Where a wheel's file goes, if it is kept. Names from archives are matched, never joined as they are.
fn place_of(name: &str, platform: &Platform) -> Option<PathBuf> {
    if name.ends_with('/') || name.split('/').any(|part| part == "..") {
        return None;
    }
    if let Some(header) = name.strip_prefix("torch/include/") {
        return Some(Path::new("include").join(header));
    }
    let base = name.rsplit('/').next().unwrap_or(name);
    let library = match name.strip_prefix("torch/lib/") {
        Some(rest) => rest == base && (platform.libraries.is_empty() || platform.libraries.contains(&base)),
        None => ["libcudart.so.13", "libcupti.so.13"].contains(&base) && !platform.libraries.is_empty(),
    };
    library.then(|| Path::new("lib").join(base))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use zip::write::SimpleFileOptions;

    fn platform() -> Platform {
        Platform {
            announcement: "",
            bytes_needed: 0,
            extra_wheels: &[],
            libraries: &["libc10.so", "libtorch_cpu.so"],
            tags: &[],
        }
    }

    fn fake_wheel(folder: &Path, names: &[&str]) -> PathBuf {
        let path = folder.join("torch-2.11.0-x.whl");
        let mut zip = zip::ZipWriter::new(File::create(&path).expect("file"));
        for name in names {
            zip.start_file(*name, SimpleFileOptions::default()).expect("entry");
            zip.write_all(name.as_bytes()).expect("content");
        }
        zip.finish().expect("whole");
        path
    }

    const ALL: [&str; 6] = [
        "torch/lib/libc10.so",
        "torch/lib/libtorch_cpu.so",
        "torch/lib/libtorch_cuda.so",
        "torch/include/ATen/ATen.h",
        "nvidia/cu13/lib/libcudart.so.13",
        "torch/nn/modules.py",
    ];

    #[test]
    fn what_is_needed_is_kept_and_nothing_else() {
        let temp = tempfile::tempdir().expect("temp dir");
        let wheel = fake_wheel(temp.path(), &ALL);
        let folder = temp.path().join("out");
        libtorch(&[wheel], &folder, &platform()).expect("unpacked");
        assert!(super::super::is_complete(&folder));
        assert!(folder.join("lib/libcudart.so.13").is_file() && folder.join("include/ATen/ATen.h").is_file());
        assert!(!folder.join("lib/libtorch_cuda.so").exists());
        assert!(fs::read_to_string(folder.join("lib/libtorch.so")).expect("script").starts_with("INPUT"));
    }

    #[test]
    fn damaged_and_foreign_wheels_are_named() {
        let temp = tempfile::tempdir().expect("temp dir");
        let wheel = fake_wheel(temp.path(), &ALL);
        let bytes = fs::read(&wheel).expect("bytes");
        let half = temp.path().join("half.whl");
        fs::write(&half, &bytes[..bytes.len() / 2]).expect("half");
        assert!(is_whole(&wheel) && !is_whole(&half));
        let error = libtorch(&[half], &temp.path().join("a"), &platform()).expect_err("half").to_string();
        assert!(error.contains("damaged"), "{error}");
        let mut flipped = bytes;
        let middle = flipped.windows(9).position(|nine| nine == b"libc10.so").expect("a stored name") + 9;
        flipped[middle + 2] ^= 1; // inside the first file's compressed data
        let flipped_wheel = temp.path().join("flipped.whl");
        fs::write(&flipped_wheel, flipped).expect("flipped");
        let error = libtorch(&[flipped_wheel], &temp.path().join("c"), &platform()).expect_err("flipped");
        assert!(error.downcast_ref::<Damaged>().is_some(), "{error:#}");
        let foreign = fake_wheel(temp.path(), &["torch/nn/modules.py"]);
        let error =
            libtorch(&[foreign], &temp.path().join("b"), &platform()).expect_err("foreign").to_string();
        assert!(error.contains("not the one for this platform"), "{error}");
    }

    #[test]
    fn archives_cannot_write_elsewhere() {
        assert_eq!(place_of("torch/include/../../etc/passwd", &platform()), None);
        assert_eq!(place_of("torch/lib/sub/libc10.so", &platform()), None);
    }
}
