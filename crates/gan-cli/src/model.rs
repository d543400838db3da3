//! What a checkpoint or configuration turns into: a GAN that makes images from noise, or one that translates images.

use crate::dataset::Drawn;
use crate::evaluation::Evaluation;
use crate::failure::usage;
use crate::pair_evaluation::PairEvaluation;
use crate::pairs::DrawnPairs;
use anyhow::Result;
use gan_core::player::Player;
use gan_core::settings::listed;
use gan_core::trainer::{Checkpoint, Identity, Tick, Trainer, Transferred};
use gan_core::variant::{ImageGan, ImageTranslator, Panel};
use serde_json::Value;

/// A GAN of either kind.
pub enum Model {
    /// From noise.
    Generator(Box<dyn ImageGan>),
    /// From images.
    Translator(Box<dyn ImageTranslator>),
}

impl Model {
    /// A model that makes images from noise; for [`crate::variants`].
    pub fn generator(gan: impl ImageGan + 'static) -> Self {
        Self::Generator(Box::new(gan))
    }

    /// A model that translates images.
    pub fn translator(gan: impl ImageTranslator + 'static) -> Self {
        Self::Translator(Box::new(gan))
    }

    /// The word of its variant.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Generator(gan) => gan.name(),
            Self::Translator(gan) => gan.name(),
        }
    }

    /// Its players.
    pub fn players(&self) -> Vec<&Player> {
        match self {
            Self::Generator(gan) => gan.players(),
            Self::Translator(gan) => gan.players(),
        }
    }

    /// What its checkpoints say that they are of.
    ///
    /// # Errors
    /// A configuration that cannot be written down.
    pub fn identity(&self, config: &Value) -> Result<Identity> {
        Ok(match self {
            Self::Generator(gan) => Identity::of(gan.as_ref(), config)?,
            Self::Translator(gan) => Identity::of(gan.as_ref(), config)?,
        })
    }

    /// Begins with the weights of another run as far as they fit; in words, what fitted and what did not.
    ///
    /// # Errors
    /// As [`Checkpoint::transfer`].
    pub fn transfer(&mut self, checkpoint: &Checkpoint) -> Result<String> {
        let players = match self {
            Self::Generator(gan) => checkpoint.transfer(gan.as_mut())?,
            Self::Translator(gan) => checkpoint.transfer(gan.as_mut())?,
        };
        let words = players.iter().map(|Transferred { player, taken, left }| {
            let of = taken + left.len();
            match left.as_slice() {
                [] => format!("{player}: all {of} tensors"),
                left => format!("{player}: {taken} of {of} tensors, new are {}", listed(left)),
            }
        });
        let words: Vec<String> = words.collect();
        Ok(format!("begins with weights of {}\n{}", checkpoint.path.display(), words.join("\n")))
    }

    /// For what needs noise.
    ///
    /// # Errors
    /// A model that translates.
    pub fn into_generator(self) -> Result<Box<dyn ImageGan>> {
        match self {
            Self::Generator(gan) => Ok(gan),
            Self::Translator(gan) => Err(translates(gan.name())),
        }
    }

    /// For what needs images.
    ///
    /// # Errors
    /// A model that makes images from noise.
    pub fn into_translator(self) -> Result<Box<dyn ImageTranslator>> {
        match self {
            Self::Translator(gan) => Ok(gan),
            Self::Generator(gan) => {
                let name = gan.name();
                Err(usage(format!("{name} makes images from noise, not from images; use `gan sample RUN`")))
            }
        }
    }
}

/// What a command says that needs a generator from noise and is given a translator of this name.
pub fn translates(name: &str) -> anyhow::Error {
    usage(format!("{name} makes images from images, not from noise; use `gan translate RUN IMAGES`"))
}

/// A model with what it trains on and is measured by.
pub enum Training {
    /// From noise.
    Generator {
        /// The variant.
        gan: Box<dyn ImageGan>,
        /// Its batches.
        source: Drawn,
        /// What measures it, if anything does.
        evaluation: Option<Box<Evaluation>>,
    },
    /// From images.
    Translator {
        /// The variant.
        gan: Box<dyn ImageTranslator>,
        /// Its batches.
        source: DrawnPairs,
        /// What measures it, if anything does.
        evaluation: Option<Box<PairEvaluation>>,
    },
}

impl Training {
    /// One step and what is due after it.
    ///
    /// # Errors
    /// As [`Trainer::advance`].
    pub fn advance(&mut self, trainer: &mut Trainer) -> Result<Tick> {
        Ok(match self {
            Self::Generator { gan, source, .. } => trainer.advance(gan.as_mut(), source)?,
            Self::Translator { gan, source, .. } => trainer.advance(gan.as_mut(), source)?,
        })
    }

    /// Goes on from a checkpoint.
    ///
    /// # Errors
    /// As [`Trainer::resume`].
    pub fn resume(&mut self, trainer: &mut Trainer, checkpoint: &Checkpoint) -> Result<()> {
        match self {
            Self::Generator { gan, source, .. } => trainer.resume(checkpoint, gan.as_mut(), source)?,
            Self::Translator { gan, source, .. } => trainer.resume(checkpoint, gan.as_mut(), source)?,
        }
        Ok(())
    }

    /// A checkpoint of this moment.
    ///
    /// # Errors
    /// As [`Trainer::save_now`].
    pub fn save_now(&mut self, trainer: &mut Trainer) -> Result<()> {
        match self {
            Self::Generator { gan, source, .. } => trainer.save_now(gan.as_mut(), source)?,
            Self::Translator { gan, source, .. } => trainer.save_now(gan.as_mut(), source)?,
        };
        Ok(())
    }

    /// How far it has come, to look at.
    ///
    /// # Errors
    /// LibTorch's.
    pub fn preview(&self, trainer: &Trainer) -> Result<Vec<Panel>> {
        Ok(match self {
            Self::Generator { gan, .. } => trainer.preview(gan.as_ref())?,
            Self::Translator { gan, .. } => trainer.preview(gan.as_ref())?,
        })
    }

    /// Measures it and hands the numbers in; in words for the user, if anything measures it.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn measure(&self, trainer: &mut Trainer) -> Result<Option<String>> {
        match self {
            Self::Generator { gan, evaluation, .. } => {
                evaluation.as_ref().map(|evaluation| evaluation.measure(gan.as_ref(), trainer)).transpose()
            }
            Self::Translator { gan, evaluation, .. } => {
                evaluation.as_ref().map(|evaluation| evaluation.measure(gan.as_ref(), trainer)).transpose()
            }
        }
    }
}
