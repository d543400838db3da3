//! From nothing, or from what an earlier setup left, to a complete folder in the cache.

use super::platform::Platform;
use super::{Options, VERSION, fetch, is_complete, unpack};
use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Makes `target`, a folder in `cache`.
pub fn install(options: &Options, cache: &Path, target: &Path) -> Result<()> {
    let platform = Platform::here()?;
    fs::create_dir_all(cache).with_context(|| format!("{} cannot be written", cache.display()))?;
    let _lock = lock(cache)?;
    if !options.force && is_complete(target) {
        return Ok(()); // By the setup we have waited for.
    }
    remove_leftovers(cache)?;
    check_space(cache, &platform)?;
    println!("Setting up LibTorch {VERSION}: {}.", platform.announcement);

    let downloads = cache.join("download");
    let requirements = std::iter::once(format!("torch=={VERSION}"));
    let requirements: Vec<_> =
        requirements.chain(platform.extra_wheels.iter().map(|&extra| extra.to_owned())).collect();
    fetch::check_users(&options.wheel, &requirements)?;
    let mut wheels = Vec::new();
    for requirement in &requirements {
        wheels.push(fetch::wheel(&downloads, requirement, &options.wheel, options.offline, &platform)?);
    }

    let aside = cache.join(format!(".libtorch-{VERSION}-{}", std::process::id()));
    if let Err(error) = unpack::libtorch(&wheels, &aside, &platform) {
        let _ = fs::remove_dir_all(&aside);
        return Err(forget_damaged(error, &wheels, &downloads));
    }
    let _ = fs::remove_dir_all(target);
    fs::rename(&aside, target).with_context(|| format!("{} cannot be written", target.display()))?;
    let _ = fs::remove_dir_all(&downloads);
    Ok(())
}

/// Two setups at once would write the same files; the second waits and finds the work done.
fn lock(cache: &Path) -> Result<File> {
    let path = cache.join("setup.lock");
    let file = File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
    if !fs4::fs_std::FileExt::try_lock_exclusive(&file).unwrap_or(false) {
        println!("waiting for another `cargo xtask setup`");
        fs4::fs_std::FileExt::lock_exclusive(&file)
            .with_context(|| format!("{} cannot be locked", path.display()))?;
    }
    Ok(file)
}

/// What a setup that was killed has left: half an unpacked folder, half a download of pip's.
fn remove_leftovers(cache: &Path) -> Result<()> {
    for entry in fs::read_dir(cache).with_context(|| format!("{} cannot be read", cache.display()))?.flatten()
    {
        if entry.file_name().to_string_lossy().starts_with(".libtorch-") {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let _ = fs::remove_dir_all(cache.join("download").join(fetch::PARTIAL));
    Ok(())
}

fn check_space(cache: &Path, platform: &Platform) -> Result<()> {
    let free = fs4::available_space(cache).unwrap_or(u64::MAX);
    ensure!(
        free >= platform.bytes_needed,
        "{} has {} MB free, but setting up LibTorch needs {} MB; free some space or set XDG_CACHE_HOME to another disk",
        cache.display(),
        free >> 20,
        platform.bytes_needed >> 20
    );
    Ok(())
}

/// A wheel of ours that cannot be unpacked is fetched again next time; one of the user's is theirs.
fn forget_damaged(error: anyhow::Error, wheels: &[PathBuf], downloads: &Path) -> anyhow::Error {
    let Some(unpack::Damaged(wheel)) = error.downcast_ref() else { return error };
    if wheels.contains(wheel) && wheel.starts_with(downloads) && fs::remove_file(wheel).is_ok() {
        return anyhow::anyhow!(
            "{} was damaged and is removed; run `cargo xtask setup` again to fetch it anew",
            wheel.display()
        );
    }
    anyhow::anyhow!("{} is damaged; give another one", wheel.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_of_a_killed_setup_go_and_whole_wheels_stay() {
        let cache = tempfile::tempdir().expect("temp dir");
        let cache = cache.path();
        let partial = cache.join("download").join(fetch::PARTIAL);
        let aside = cache.join(".libtorch-2.11.0-77");
        let wheel = cache.join("download/torch-2.11.0-x.whl");
        fs::create_dir_all(&partial).expect("partial");
        fs::create_dir_all(aside.join("lib")).expect("aside");
        fs::write(&wheel, "whole").expect("wheel");
        remove_leftovers(cache).expect("removed");
        assert!(!partial.exists() && !aside.exists() && wheel.exists());
    }

    #[test]
    fn a_second_setup_waits_for_the_first() {
        let cache = tempfile::tempdir().expect("temp dir");
        let first = lock(cache.path()).expect("free");
        let path = cache.path().to_owned();
        let second = std::thread::spawn(move || lock(&path).map(|_| std::time::Instant::now()));
        std::thread::sleep(std::time::Duration::from_millis(100));
        let released = std::time::Instant::now();
        drop(first);
        assert!(second.join().expect("no panic").expect("locked") >= released);
    }

    #[test]
    fn too_small_a_disk_is_named_before_anything_is_fetched() {
        let cache = tempfile::tempdir().expect("temp dir");
        let platform = Platform {
            announcement: "",
            bytes_needed: u64::MAX - 1,
            extra_wheels: &[],
            libraries: &[],
            tags: &[],
        };
        let sentence = check_space(cache.path(), &platform).expect_err("no disk is that large").to_string();
        assert!(sentence.contains("MB free") && sentence.contains("XDG_CACHE_HOME"), "{sentence}");
    }

    #[test]
    fn only_our_own_damaged_wheel_is_removed() {
        let cache = tempfile::tempdir().expect("temp dir");
        let (ours, theirs) = (cache.path().join("download/a.whl"), cache.path().join("b.whl"));
        fs::create_dir(cache.path().join("download")).expect("folder");
        for wheel in [&ours, &theirs] {
            fs::write(wheel, "half").expect("wheel");
            let error = anyhow::Error::new(unpack::Damaged(wheel.clone()));
            forget_damaged(error, std::slice::from_ref(wheel), &cache.path().join("download"));
        }
        assert!(!ours.exists() && theirs.exists());
    }
}
