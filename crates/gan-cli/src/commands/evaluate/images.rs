//! A set of images on one side of a comparison, decoded in batches of one shape.

use anyhow::Result;
use gan_core::error::Error;
use gan_data::{DataSet, Original, Originals};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tch::{Kind, Tensor};

/// The set.
pub enum Images {
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
    /// As the user named it.
    pub fn name(&self) -> &str {
        match self {
            Self::Original(set) => set.name(),
            Self::Fitted(set) => set.name(),
        }
    }

    /// What is in it, in a line.
    pub fn describe(&self) -> String {
        match self {
            Self::Original(set) => format!("{}, each in its own size", set.name()),
            Self::Fitted(set) => set.describe(),
        }
    }

    /// How many there are, those that cannot be read included.
    pub fn len(&self) -> u64 {
        match self {
            Self::Original(set) => set.len() as u64,
            Self::Fitted(set) => set.len() as u64,
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

    fn load(&self, index: usize) -> Result<(Original, i64)> {
        let label = |label: Option<u32>| label.map_or(-1, i64::from);
        match self {
            Self::Original(set) => Ok((set.load(index).map_err(Error::from)?, label(set.label(index)))),
            Self::Fitted(set) => {
                let pixels = set.load(index).map_err(Error::from)?;
                let [channels, height, width] = [set.channels(), set.height(), set.width()];
                Ok((Original { channels, height, width, pixels }, label(set.label(index))))
            }
        }
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
