//! The crate's errors; every one reads as a single sentence.

use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// What was tried, as in "cannot {doing} FILE".
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A picture, or a set of pictures, that cannot be laid out or encoded.
    #[error("bad picture: {0}")]
    Picture(String),
    /// A video could not be made.
    #[error("no video: {0}")]
    Video(String),
    /// Drawing the curves failed.
    #[error("cannot draw the curves: {0}")]
    Drawing(String),
}

/// `Result` with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn file(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File { doing, path: path.to_path_buf(), source }
    }
}
