//! One error type. Each variant's text is one sentence: what is wrong, where, and what to do.

use std::io;
use std::path::PathBuf;

/// The result of this workspace's libraries.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in a library of this workspace.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting that cannot work.
    #[error("{field}: {why}")]
    Config {
        /// The setting, as the user writes it, such as `dcgan.size`.
        field: String,
        /// What is wrong with it and what would do.
        why: String,
    },
    /// A tensor of another shape than a function is made for.
    #[error("{what} must have shape {expected}, got {got:?}")]
    Shape {
        /// Which tensor.
        what: String,
        /// The shape asked for, `_` for any size.
        expected: String,
        /// The shape that came.
        got: Vec<i64>,
    },
    /// Reading or writing a file failed.
    #[error("{}: {}", path.display(), io_sentence(source))]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A data set that cannot be trained on.
    #[error("{}: {why}", path.display())]
    Data {
        /// The folder, file or name of the data set.
        path: PathBuf,
        /// What is wrong with it and what to do.
        why: String,
    },
    /// A checkpoint that cannot be used.
    #[error("checkpoint {}: {why}", path.display())]
    Checkpoint {
        /// The checkpoint's folder.
        path: PathBuf,
        /// What is wrong with it and what to do.
        why: String,
    },
    /// A run folder that cannot be used.
    #[error("run folder {}: {why}", path.display())]
    Run {
        /// The run's folder.
        path: PathBuf,
        /// What is wrong with it and what to do.
        why: String,
    },
    /// A player's gradient had an infinite or NaN value. Its parameters were left as they were.
    #[error(
        "the gradient of the {player} was not finite at step {step}; its weights were left unchanged: \
         lower the learning rate, use --precision f32, go on past such steps with --set train.on_nonfinite=skip, or \
         return to the checkpoint before with --guard rollback"
    )]
    NonFinite {
        /// The player's name.
        player: String,
        /// The step, counted from 1.
        step: u64,
    },
    /// The device has no memory left.
    #[error("out of memory on {device}: use a smaller --batch, --size or width ({why})")]
    OutOfMemory {
        /// Which device.
        device: String,
        /// LibTorch's first line.
        why: String,
    },
    /// The device asked for is not there.
    #[error("device {asked}: {why}")]
    Device {
        /// As the user wrote it.
        asked: String,
        /// Why it cannot be used and what to do.
        why: String,
    },
    /// LibTorch refused an operation.
    #[error("LibTorch: {0}")]
    Torch(String),
}

impl Error {
    /// A setting that cannot work.
    pub fn config(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Config { field: field.into(), why: why.into() }
    }

    /// A file that could not be read or written.
    pub fn file(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::File { path: path.into(), source }
    }

    /// A checkpoint that cannot be used.
    pub fn checkpoint(path: impl Into<PathBuf>, why: impl Into<String>) -> Self {
        Self::Checkpoint { path: path.into(), why: why.into() }
    }

    /// A run folder that cannot be used.
    pub fn run(path: impl Into<PathBuf>, why: impl Into<String>) -> Self {
        Self::Run { path: path.into(), why: why.into() }
    }

    /// A data set that cannot be trained on.
    pub fn data(path: impl Into<PathBuf>, why: impl Into<String>) -> Self {
        Self::Data { path: path.into(), why: why.into() }
    }

    /// A panic inside a step: LibTorch's text, where one of tch's plain operators panicked with it, or a bug's.
    pub fn from_panic(text: &str) -> Self {
        match text.split_once("Torch(\"") {
            // The text was printed as a literal: its line ends are two characters.
            Some((_, torch)) => Self::from_torch_text(&torch.replace("\\n", "\n")),
            None => Self::Torch(format!("the step panicked: {}", text.lines().next().unwrap_or_default())),
        }
    }

    /// LibTorch's text as an error of the right kind: tch panics with it or returns it.
    pub fn from_torch_text(text: &str) -> Self {
        let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("unknown failure").trim();
        let line = line.trim_start_matches("Torch(\"").chars().take(240).collect::<String>();
        let memory = ["out of memory", "can't allocate memory", "bad_alloc", "not enough memory"];
        if memory.iter().any(|sign| text.contains(sign)) {
            let device = if text.contains("CUDA") { "the GPU" } else { "this machine" };
            // Of LibTorch's text only how much was asked for helps.
            let asked = text.split_once("ried to allocate ").map(|(_, rest)| {
                let words = rest.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
                format!("{} were asked for at once", words.trim_end_matches('.'))
            });
            return Self::OutOfMemory { device: device.to_owned(), why: asked.unwrap_or(line) };
        }
        Self::Torch(line)
    }
}

impl From<tch::TchError> for Error {
    fn from(error: tch::TchError) -> Self {
        Self::from_torch_text(&error.to_string())
    }
}

impl From<gan_sys::ShimError> for Error {
    fn from(error: gan_sys::ShimError) -> Self {
        Self::from_torch_text(&error.0)
    }
}

fn io_sentence(error: &io::Error) -> String {
    use io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        ErrorKind::PermissionDenied => "no permission; choose another place or change its rights".to_owned(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "the disk is full; free some space or choose another place".to_owned()
        }
        ErrorKind::AlreadyExists => "is there already, as a file; choose another place".to_owned(),
        ErrorKind::IsADirectory => "is a folder, where a file is needed".to_owned(),
        ErrorKind::NotADirectory => "lies in what is a file, not a folder; choose another place".to_owned(),
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only; choose another place".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torch_text_becomes_one_line() {
        let error = Error::from_torch_text("size mismatch\nException raised from foo\nframe #0");
        assert_eq!(error.to_string(), "LibTorch: size mismatch");
        let panic = "called `Result::unwrap()` on an `Err` value: Torch(\"size mismatch\\nException raised from foo\")";
        assert_eq!(Error::from_panic(panic).to_string(), "LibTorch: size mismatch");
        assert!(Error::from_panic("index out of bounds\n").to_string().contains("the step panicked: index"));
        let error =
            Error::from_torch_text("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried");
        assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
        let text =
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 4096 bytes. Error code 12";
        assert!(Error::from_torch_text(text).to_string().ends_with("(4096 bytes were asked for at once)"));
    }
}
