//! Gets and unpacks packages with the system's own tools. None of them needs root or runs what is in a package.

use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Who asks for packages, and where they may be put.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    /// The data set's name.
    pub name: &'a str,
    /// What to do where a tool fails, as the end of a sentence.
    pub by_hand: &'a str,
    /// A folder of our own.
    pub work: &'a Path,
}

impl Request<'_> {
    /// Gets packages, each with its version, from npm; says in which folder their folders are.
    ///
    /// # Errors
    /// npm is missing or fails.
    pub fn npm(&self, packages: &[&str]) -> Result<PathBuf> {
        let mut command = Command::new("npm");
        command
            .args([
                "install",
                "--ignore-scripts",
                "--no-save",
                "--no-audit",
                "--no-fund",
                "--fetch-retries=1",
            ])
            .arg("--prefix")
            .arg(self.work)
            .args(packages);
        let output = self.run("npm", &mut command)?;
        if output.status.success() {
            return Ok(self.work.join("node_modules"));
        }
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let mut lines = text.lines().filter_map(|line| line.strip_prefix("npm error "));
        Err(self.failed("npm", lines.find(|line| line.contains(' '))))
    }

    /// Gets Debian packages' files. apt checks them against the signed package lists.
    ///
    /// # Errors
    /// apt is missing, does not know a package, or fails.
    pub fn apt(&self, packages: &[&str]) -> Result<Vec<PathBuf>> {
        const OPTIONS: [&str; 3] =
            ["Acquire::Retries=1", "Acquire::http::Timeout=30", "Acquire::https::Timeout=30"];
        let mut command = Command::new("apt-get");
        command.args(OPTIONS.iter().flat_map(|option| ["-o", option])).arg("download").args(packages);
        let output = self.run("apt-get", &mut command)?;
        // apt warns about its sandbox when root downloads into a private folder; only a failure is worth words.
        let files = with_ending(self.work, "deb")?;
        if output.status.success() && files.len() == packages.len() {
            return Ok(files);
        }
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let unknown = ["Unable to locate package", "No candidate version", "has no installation candidate"];
        if unknown.iter().any(|sign| text.contains(sign)) {
            let why = format!(
                "apt does not know {}; run `apt-get update` as root, or {}",
                packages.join(" and "),
                self.by_hand
            );
            return Err(Error::fetch(self.name, why));
        }
        Err(self.failed("apt-get download", text.lines().find_map(|line| line.strip_prefix("E: "))))
    }

    /// Gets a wheel, whose version is part of `requirement`, from the Python package index.
    ///
    /// # Errors
    /// Python or its pip is missing or fails.
    pub fn pip(&self, requirement: &str) -> Result<PathBuf> {
        let mut command = Command::new("python3");
        command
            .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--retries=1"])
            .args(["--no-deps", "--only-binary=:all:", requirement]);
        let output = self.run("python3", &mut command)?;
        if let (true, Some(wheel)) = (output.status.success(), with_ending(self.work, "whl")?.pop()) {
            return Ok(wheel);
        }
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        if text.contains("No module named pip") {
            let why = format!("pip is missing (on Debian: apt install python3-pip); {}", self.by_hand);
            return Err(Error::fetch(self.name, why));
        }
        Err(self.failed("pip download", text.lines().find_map(|line| line.strip_prefix("ERROR: "))))
    }

    /// Unpacks a Debian package's files below `target`.
    ///
    /// # Errors
    /// dpkg-deb is missing; the package is damaged.
    pub fn unpack_deb(&self, package: &Path, target: &Path) -> Result<()> {
        let output = Command::new("dpkg-deb").arg("-x").arg(package).arg(target).env("LC_ALL", "C").output();
        let output = output.map_err(|error| {
            let why = format!("dpkg-deb, which unpacks Debian packages, cannot be started ({error}); unpack {} by hand and give the folder with --from", package.display());
            Error::fetch(self.name, why)
        })?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let reason = text.lines().next().unwrap_or("no reason given");
            return Err(Error::data(package, format!("cannot be unpacked ({reason}); fetch it again")));
        }
        Ok(())
    }

    fn run(&self, tool: &str, command: &mut Command) -> Result<Output> {
        command.current_dir(self.work).env("LC_ALL", "C").output().map_err(|error| {
            let why = match error.kind() {
                ErrorKind::NotFound => format!("{tool} is not on this system; {}", self.by_hand),
                _ => format!("{tool} cannot be started ({error}); {}", self.by_hand),
            };
            Error::fetch(self.name, why)
        })
    }

    fn failed(&self, tool: &str, reason: Option<&str>) -> Error {
        let reason = reason.unwrap_or("no reason given").trim_end_matches('.');
        Error::fetch(self.name, format!("{tool} failed ({reason}); check the network, or {}", self.by_hand))
    }
}

/// How Debian packages start.
pub(crate) const DEB: &[u8] = b"!<arch>\n";
/// How wheels start, which are zip archives.
pub(crate) const WHEEL: &[u8] = b"PK\x03\x04";

/// Whether a file starts with these bytes.
///
/// # Errors
/// It cannot be read.
pub(crate) fn starts_with(path: &Path, signature: &[u8]) -> Result<bool> {
    use std::io::Read;
    let mut start = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| Error::file(path, error))?;
    file.take(signature.len() as u64).read_to_end(&mut start).map_err(|error| Error::file(path, error))?;
    Ok(start == signature)
}

/// The folder of an npm package: `from` itself, or one of this name in it, or npm's archive unpacked in it.
///
/// # Errors
/// There is none that holds `sign`, a path within the package, or it is another version.
pub(crate) fn npm_folder(from: &Path, package: &str, version: &str, sign: &str) -> Result<PathBuf> {
    let places =
        [from.join(package), from.join("node_modules").join(package), from.join("package"), from.to_owned()];
    let Some(folder) = places.into_iter().find(|place| place.join(sign).exists()) else {
        let why = format!("holds no {sign}; give the folder of the unpacked npm package {package}@{version}");
        return Err(Error::data(from, why));
    };
    let path = folder.join("package.json");
    let about: About = read_json(&path)?;
    if about.version != version {
        let why = format!("is of version {}; {package}@{version} is needed", about.version);
        return Err(Error::data(path, why));
    }
    Ok(folder)
}

#[derive(serde::Deserialize)]
struct About {
    version: String,
}

/// A JSON file.
///
/// # Errors
/// It cannot be read, or holds something else.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read(path).map_err(|error| Error::file(path, error))?;
    serde_json::from_slice(&text)
        .map_err(|error| Error::data(path, format!("is not what it should be ({error}); fetch it again")))
}

/// Files in a folder by the ending of their names, sorted.
///
/// # Errors
/// The folder cannot be read.
pub(crate) fn with_ending(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|error| Error::file(folder, error))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|found| found == ending)).collect();
    paths.sort();
    Ok(paths)
}

/// As `sha256sum` prints it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
