//! What can go wrong between a file and a batch. Each text is one sentence: what is wrong, where, what to do.

use std::io;
use std::path::PathBuf;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong with data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting that cannot work with this data.
    #[error("{field}: {why}")]
    Config {
        /// The setting, such as `size`.
        field: String,
        /// What is wrong with it and what would do.
        why: String,
    },
    /// A data set, or one image of it under `strict`, that cannot be used.
    #[error("{}: {why}", path.display())]
    Data {
        /// The folder, file or name.
        path: PathBuf,
        /// What is wrong with it and what to do.
        why: String,
    },
    /// A file or folder that cannot be read or written.
    #[error("{}: {}", path.display(), io_sentence(source))]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A data set that could not be fetched.
    #[error("cannot fetch {name}: {why}")]
    Fetch {
        /// The data set's name.
        name: String,
        /// What is in the way and what to do.
        why: String,
    },
    /// A loader thread failed in a way that is this program's fault, not the data's.
    #[error("a data loader thread failed ({why}); this is a bug, please report it")]
    Worker {
        /// The panic's message.
        why: String,
    },
}

impl Error {
    pub(crate) fn config(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Config { field: field.into(), why: why.into() }
    }

    pub(crate) fn data(path: impl Into<PathBuf>, why: impl Into<String>) -> Self {
        Self::Data { path: path.into(), why: why.into() }
    }

    pub(crate) fn file(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::File { path: path.into(), source }
    }

    pub(crate) fn fetch(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Fetch { name: name.into(), why: why.into() }
    }
}

pub(crate) fn io_sentence(error: &io::Error) -> String {
    use io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        ErrorKind::PermissionDenied => "no permission; choose another place or change its rights".to_owned(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "the disk is full; free some space or choose another place".to_owned()
        }
        ErrorKind::UnexpectedEof => "the file ends too early; it was cut off while being copied".to_owned(),
        _ => error.to_string(),
    }
}

/// The message of a caught panic.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    text.lines().next().unwrap_or("no message").to_owned()
}
