//! What a user means by RUN or CHECKPOINT.

use crate::config::RunConfig;
use crate::failure::usage;
use crate::variants::VariantName;
use anyhow::{Result, anyhow};
use gan_core::device::DevicePolicy;
use gan_core::error::Error;
use gan_core::trainer::{Checkpoint, Parts, RunDir};
use gan_core::variant::{Generate, ImageTranslator, Weights};
use std::path::{Path, PathBuf};

/// A folder that was named, understood.
#[derive(Debug)]
pub enum Located {
    /// A run's folder.
    Run(PathBuf),
    /// A checkpoint's folder and, when it lies in one, the run's.
    Checkpoint {
        /// Its folder.
        path: PathBuf,
        /// The run it lies in.
        run: Option<PathBuf>,
    },
}

impl Located {
    /// Whether a run or a checkpoint lies at `path`, and not images.
    pub fn is_there(path: &Path) -> bool {
        ["config.toml", "SHA256SUMS", "meta.json"].iter().any(|file| path.join(file).exists())
    }

    /// Looks at what lies at `path`.
    ///
    /// # Errors
    /// Nothing there, or neither of the two.
    pub fn find(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Err(Error::file(path, std::io::ErrorKind::NotFound.into()).into());
        }
        if path.join("config.toml").is_file() {
            return Ok(Self::Run(path.to_owned()));
        }
        let is_checkpoint = ["SHA256SUMS", "meta.json"].iter().any(|file| path.join(file).exists());
        if is_checkpoint {
            // Through the real path: `.` has no parent to ask for.
            let real = path.canonicalize().map_err(|source| Error::file(path, source))?;
            // RUN/checkpoints/NNN or RUN/best.
            let run = match real.parent() {
                Some(folder) if folder.ends_with("checkpoints") => folder.parent(),
                folder => folder.filter(|folder| RunDir::best_of(folder) == real),
            };
            let run = run.filter(|run| run.join("config.toml").is_file()).map(|real_run| {
                // As the user wrote it, where that can be said.
                let is_it = |run: &&Path| run.canonicalize().is_ok_and(|run| run == real_run);
                path.ancestors().skip(1).take(2).find(is_it).unwrap_or(real_run).to_owned()
            });
            return Ok(Self::Checkpoint { path: path.to_owned(), run });
        }
        Err(Error::run(
            path,
            "is neither a run nor a checkpoint (there is no config.toml and no SHA256SUMS in it)",
        )
        .into())
    }

    /// The run's folder, if there is one.
    pub fn run(&self) -> Option<&Path> {
        match self {
            Self::Run(run) => Some(run),
            Self::Checkpoint { run, .. } => run.as_deref(),
        }
    }

    /// The checkpoint that was named, or the run's newest; `None` for a run that has none yet.
    ///
    /// # Errors
    /// A damaged one; the sentence names the file and offers another.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        Ok(match self {
            Self::Run(run) => RunDir::latest(run)?,
            Self::Checkpoint { path, .. } => Some(Checkpoint::open(path)?),
        })
    }

    /// The run's checkpoint with the best samples.
    ///
    /// # Errors
    /// A checkpoint was named instead of a run; nothing was evaluated yet; a damaged one.
    pub fn best(&self) -> Result<Checkpoint> {
        let Self::Run(run) = self else {
            return Err(usage("--best: name the run's folder, not a checkpoint's"));
        };
        let path = RunDir::best_of(run);
        if !path.is_dir() {
            let why = "has no best checkpoint: its samples were not evaluated yet (train.evaluate_images says when)";
            return Err(Error::run(run, why).into());
        }
        Ok(Checkpoint::open(&path)?)
    }

    /// The same as [`Located::checkpoint`] for commands that can do nothing without.
    ///
    /// # Errors
    /// A run that has none yet; a damaged one.
    pub fn some_checkpoint(&self) -> Result<Checkpoint> {
        self.checkpoint()?.ok_or_else(|| match self.run() {
            Some(run) => anyhow!(
                "{}: the run has no checkpoint yet; `gan resume {}` goes on with it",
                run.display(),
                run.display()
            ),
            None => anyhow!("there is no checkpoint"),
        })
    }
}

/// The configuration that a checkpoint carries.
///
/// # Errors
/// A variant or a configuration that this program does not know.
pub fn config_of(checkpoint: &Checkpoint) -> Result<RunConfig> {
    let refuse = |why: String| Error::checkpoint(&checkpoint.path, why);
    let word = &checkpoint.meta.variant;
    if VariantName::of(word).is_none() {
        let known: Vec<&str> = VariantName::ALL.iter().map(|variant| variant.word()).collect();
        let why = format!("is one of variant `{word}`; this program knows {}", known.join(", "));
        return Err(refuse(why).into());
    }
    RunConfig::from_value(&checkpoint.meta.config).map_err(|error| {
        let why =
            format!("its configuration is not one of this program's ({})", crate::failure::sentence(&error));
        refuse(why).into()
    })
}

/// The checkpoint whose weights a run begins with, if it does not begin with new ones.
///
/// # Errors
/// It is no longer there, or damaged.
pub fn origin(config: &RunConfig) -> Result<Option<Checkpoint>> {
    if config.from.is_empty() {
        return Ok(None);
    }
    Ok(Some(Located::find(Path::new(&config.from))?.some_checkpoint()?))
}

/// The configuration in a run's folder.
///
/// # Errors
/// A file that cannot be read or is no run's configuration.
pub fn config_in(run: &Path) -> Result<RunConfig> {
    let path = run.join("config.toml");
    let text = std::fs::read_to_string(&path).map_err(|source| Error::file(&path, source))?;
    RunConfig::from_toml(&text)
        .map_err(|error| anyhow!("{}: {}", path.display(), crate::failure::sentence(&error)))
}

/// The generator of a checkpoint, alone.
///
/// # Errors
/// As [`config_of`]; a damaged file; a variant that translates images instead; no memory.
pub fn load_generator(
    checkpoint: &Checkpoint,
    policy: &DevicePolicy,
    weights: Weights,
) -> Result<Box<dyn Generate>> {
    config_of(checkpoint)?.gan.variant().load_generator(policy, checkpoint, weights)
}

/// The GAN of a checkpoint with its weights, ready to translate.
///
/// # Errors
/// As [`load_generator`]; a variant that makes images from noise instead.
pub fn load_translator(checkpoint: &Checkpoint, policy: &DevicePolicy) -> Result<Box<dyn ImageTranslator>> {
    let mut gan = config_of(checkpoint)?.gan.build(policy, checkpoint.meta.seed)?.into_translator()?;
    checkpoint.restore(gan.as_mut(), Parts::Weights)?;
    Ok(gan)
}
