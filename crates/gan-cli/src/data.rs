//! What a run learns from: images, or pairs of them.

use crate::config::RunConfig;
use crate::dataset::{self, Opened};
use crate::pairs::{self, Pairs};
use crate::pictures;
use anyhow::{Result, anyhow};
use gan_core::variant::Panel;
use gan_report::Picture;
use std::path::{Path, PathBuf};

/// An opened data set of either kind.
#[derive(Debug, Clone)]
pub enum Data {
    /// For a variant that makes images from noise.
    Images(Opened),
    /// For one that translates images.
    Pairs(Pairs),
}

/// Opens what a resolved configuration names.
///
/// # Errors
/// There is no such thing, it holds no image that can be read, or the settings do not go with it.
pub fn open(config: &RunConfig) -> Result<Data> {
    if config.gan.pairs().is_some() {
        return Ok(Data::Pairs(pairs::open(config)?));
    }
    let channels = Some(config.gan.channels());
    Ok(Data::Images(dataset::open(&config.data, config.gan.image(), channels)?))
}

/// What training never shows: what is held out, or the test images of a set that is known to have some.
///
/// # Errors
/// As [`open`]; fewer images than a batch.
pub fn open_held_out(config: &RunConfig) -> Result<Option<Data>> {
    if config.gan.pairs().is_some() {
        return Ok(pairs::open_held_out(config)?.map(Data::Pairs));
    }
    let opened = dataset::open_held_out(config)?;
    dataset::check_held_out(opened.as_ref(), config)?;
    Ok(opened.map(Data::Images))
}

impl Data {
    /// Images for a variant that makes some from noise.
    ///
    /// # Errors
    /// Pairs, which no configuration leads to.
    pub fn images(&self) -> Result<&Opened> {
        match self {
            Self::Images(opened) => Ok(opened),
            Self::Pairs(_) => Err(anyhow!("the data are pairs, not images")),
        }
    }

    /// Pairs for a variant that translates.
    ///
    /// # Errors
    /// Images, which no configuration leads to.
    pub fn pairs(&self) -> Result<&Pairs> {
        match self {
            Self::Pairs(pairs) => Ok(pairs),
            Self::Images(_) => Err(anyhow!("the data are images, not pairs")),
        }
    }

    /// Whether a run's batches can be drawn from it.
    ///
    /// # Errors
    /// A batch larger than the data set; no image that can be read.
    pub fn check(&self, config: &RunConfig) -> Result<()> {
        match self {
            Self::Images(opened) => dataset::check(opened, config),
            Self::Pairs(pairs) => pairs.check(config),
        }
    }

    /// What it is, in a line.
    pub fn summary(&self) -> String {
        match self {
            Self::Images(opened) => opened.summary(),
            Self::Pairs(pairs) => pairs.summary(),
        }
    }

    /// What the user should know about how it was read.
    pub fn notes(&self) -> Vec<String> {
        match self {
            Self::Images(opened) => opened.notes().to_vec(),
            Self::Pairs(pairs) => pairs.notes(),
        }
    }

    /// How many images or pairs it is made of, broken ones included; 0 if they are endless.
    pub fn count(&self) -> u64 {
        match self {
            Self::Images(opened) => opened.count(),
            Self::Pairs(pairs) => pairs.count(),
        }
    }

    /// Pictures spread over the set on a sheet, as the GAN will see them.
    ///
    /// # Errors
    /// There is none that can be read; a broken one where the set is strict.
    pub fn sheet(&self) -> Result<Picture> {
        match self {
            Self::Images(opened) => pictures::sheet(&opened.pictures(64)?, 8),
            Self::Pairs(pairs) => pairs.sheet(),
        }
    }

    /// A preview's panels as pictures, each with its name.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn pictures_of(&self, panels: &[Panel]) -> Result<Vec<(String, Picture)>> {
        match self {
            Self::Images(opened) => {
                panels.iter().map(|panel| Ok((panel.name.clone(), opened.picture_of(panel)?))).collect()
            }
            Self::Pairs(pairs) => pairs.pictures_of(panels),
        }
    }

    /// The previews of a finished run as an animation, where each is one picture of points.
    ///
    /// # Errors
    /// Files that cannot be read or written.
    pub fn animate(&self, run: &Path) -> Result<Option<PathBuf>> {
        match self {
            Self::Images(opened) => opened.animate(run),
            Self::Pairs(_) => Ok(None),
        }
    }

    /// How many images were found broken so far, and a sentence about them if that is more than `known`.
    pub fn news_of_broken(&self, known: usize) -> (usize, Option<String>) {
        match self {
            Self::Images(opened) => opened.news_of_broken(known),
            Self::Pairs(pairs) => dataset::news_of_broken(&pairs.broken(), known),
        }
    }
}
