//! A set of images on one side of a comparison, decoded in batches of one shape.

use crate::labels;
use anyhow::Result;
use gan_core::error::Error;
use gan_data::{DataSet, Original, Originals};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::Arc;
use tch::{Kind, Tensor};

/// The set.
pub struct Images {
    set: Set,
    /// The number that each of its classes has in this comparison; -1 for a stranger.
    numbers: Vec<i64>,
}

enum Set {
    /// As they are, each in its own size.
    Original(Originals),
    /// As a run sees them.
    Fitted(Arc<DataSet>),
}

/// What the decoding thread hands over.
pub enum Loaded {
    /// Images of one shape with their classes, -1 where there are none.
    Batch(Vec<Original>, Vec<i64>),
    /// Why one cannot be read.
    Broken(String),
}

impl Images {
    /// Images in their own sizes.
    pub fn original(set: Originals) -> Self {
        let numbers = (0..set.classes().len() as i64).collect();
        Self { set: Set::Original(set), numbers }
    }

    /// Images as a run sees them.
    pub fn fitted(set: Arc<DataSet>) -> Self {
        let numbers = (0..set.classes().len() as i64).collect();
        Self { set: Set::Fitted(set), numbers }
    }

    /// Names of the classes, as the set numbers them.
    pub fn class_names(&self) -> &[String] {
        match &self.set {
            Set::Original(set) => set.classes(),
            Set::Fitted(set) => set.classes(),
        }
    }

    /// Gives classes the numbers that they have among `names`; those that are not there, which are returned, have none.
    pub fn number_by(&mut self, names: &[String]) -> Vec<String> {
        let numbers: Vec<i64> = self.class_names().iter().map(|class| labels::place(class, names)).collect();
        let strangers = self
            .class_names()
            .iter()
            .zip(&numbers)
            .filter(|(_, number)| **number < 0)
            .map(|(name, _)| name.clone());
        let strangers = strangers.collect();
        self.numbers = numbers;
        strangers
    }

    /// Classes of the images that are looked at, where each has one.
    pub fn labels(&self, count: u64) -> Option<Vec<i64>> {
        let labels: Vec<i64> = self.chosen(count).into_iter().map(|index| self.label(index)).collect();
        (!labels.is_empty() && labels.iter().all(|label| *label >= 0)).then_some(labels)
    }

    /// Attributes of the images that are looked at, f32 `[N, K]`, where they have those of these names.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn attributes(&self, count: u64, names: &[&str]) -> Result<Option<Tensor>> {
        let Set::Fitted(set) = &self.set else { return Ok(None) };
        let Some(attributes) = set.attributes().filter(|attributes| attributes.names == names) else {
            return Ok(None);
        };
        let chosen = self.chosen(count);
        let values: Vec<f32> = chosen.iter().flat_map(|index| attributes.of(*index)).copied().collect();
        Ok(Some(Tensor::f_from_slice(&values)?.f_reshape([chosen.len() as i64, names.len() as i64])?))
    }

    /// As the user named it.
    pub fn name(&self) -> &str {
        match &self.set {
            Set::Original(set) => set.name(),
            Set::Fitted(set) => set.name(),
        }
    }

    /// What is in it, in a line.
    pub fn describe(&self) -> String {
        match &self.set {
            Set::Original(set) => format!("{}, each in its own size", set.name()),
            Set::Fitted(set) => set.describe(),
        }
    }

    /// How many there are, those that cannot be read included.
    pub fn len(&self) -> u64 {
        match &self.set {
            Set::Original(set) => set.len() as u64,
            Set::Fitted(set) => set.len() as u64,
        }
    }

    /// Channels, height and width of the first one that can be read.
    pub fn shape(&self) -> Option<[u32; 3]> {
        let image = (0..self.len() as usize).find_map(|index| self.load(index).ok())?.0;
        Some([image.channels, image.height, image.width])
    }

    /// Numbers of the images that are looked at: all, or so many spread over the set.
    pub fn chosen(&self, count: u64) -> Vec<usize> {
        let all = self.len();
        let count = count.min(all);
        (0..count).map(|index| (u128::from(index) * u128::from(all) / u128::from(count)) as usize).collect()
    }

    /// A hash of all images that are looked at.
    pub fn content(&self, count: u64) -> Sha256 {
        let mut hash = Sha256::new();
        for (image, label) in self.chosen(count).into_iter().filter_map(|index| self.load(index).ok()) {
            hash.update([image.channels, image.height, image.width].map(u32::to_le_bytes).concat());
            hash.update(label.to_le_bytes());
            hash.update(&image.pixels);
        }
        hash
    }

    /// What an image is called in messages: its file, where it has one.
    pub fn image_name(&self, index: usize) -> PathBuf {
        match &self.set {
            Set::Original(set) => set.image_name(index),
            Set::Fitted(_) => PathBuf::from(format!("image {index}")),
        }
    }

    /// One image.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn image(&self, index: usize) -> Result<Original> {
        Ok(self.load(index)?.0)
    }

    /// Its class in this comparison, or -1.
    fn label(&self, index: usize) -> i64 {
        let label = match &self.set {
            Set::Original(set) => set.label(index),
            Set::Fitted(set) => set.label(index),
        };
        label.and_then(|label| self.numbers.get(label as usize)).copied().unwrap_or(-1)
    }

    fn load(&self, index: usize) -> Result<(Original, i64)> {
        let image = match &self.set {
            Set::Original(set) => set.load(index).map_err(Error::from)?,
            Set::Fitted(set) => {
                let pixels = set.load(index).map_err(Error::from)?;
                let [channels, height, width] = [set.channels(), set.height(), set.width()];
                Original { channels, height, width, pixels }
            }
        };
        Ok((image, self.label(index)))
    }

    /// Loads `count` images in order and hands over batches of up to `most` with the same shape, until `hand_over` says no.
    pub fn decode(&self, most: usize, count: u64, mut hand_over: impl FnMut(Loaded) -> bool) {
        let (mut images, mut labels): (Vec<Original>, Vec<i64>) = Default::default();
        let shape = |image: &Original| (image.channels, image.height, image.width);
        for index in self.chosen(count) {
            let (image, label) = match self.load(index) {
                Ok(loaded) => loaded,
                Err(error) if hand_over(Loaded::Broken(crate::failure::sentence(&error))) => continue,
                Err(_) => return,
            };
            let differs = images.first().is_some_and(|first| shape(first) != shape(&image));
            if differs || images.len() == most {
                let full = Loaded::Batch(std::mem::take(&mut images), std::mem::take(&mut labels));
                if !hand_over(full) {
                    return;
                }
            }
            images.push(image);
            labels.push(label);
        }
        if !images.is_empty() {
            hand_over(Loaded::Batch(images, labels));
        }
    }
}

/// Images of one shape as u8 `[N, C, H, W]`.
///
/// # Errors
/// LibTorch's, such as no memory.
pub fn tensor(images: &[Original]) -> Result<Tensor> {
    let shape = images.first().map_or([0; 3], |first| [first.channels, first.height, first.width]);
    let bytes: Vec<u8> = images.iter().flat_map(|image| &image.pixels).copied().collect();
    let shape = [images.len() as i64, shape[0].into(), shape[1].into(), shape[2].into()];
    Ok(Tensor::f_from_data_size(&bytes, &shape, Kind::Uint8)?)
}
