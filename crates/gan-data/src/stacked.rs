//! Stacked images: the red, green and blue of each are grey images of another set, drawn at random. Ten classes make
//! 1,000 modes whose number is known (Srivastava et al. 2017, section 4.2; Metz et al. 2017, section 3.3.1).
//!
//! Made on the fly: image k of batch n is a pure function of (seed, rank, n, k), so there is no end and nothing to store.
//! The label is the mode: 100 a + 10 b + c for classes a, b, c of red, green and blue.

use crate::dataset::{DataSet, Scratch};
use crate::error::{Error, Result};
use crate::options::Options;
use crate::order::Pick;
use gan_core::data::{ImageBatch, Source};
use gan_core::random::{key, split_mix};
use gan_core::tensor::range;
use std::sync::Arc;
use tch::{Device, Kind, Tensor};

/// A stacked set's name, that of the set whose images it stacks, and what it is.
const NAMES: [(&str, &str, &str); 2] = [
    ("stacked-digits", "mnist-digits", "three handwritten digits as red, green and blue: 1000 modes"),
    ("stacked-fashion", "fashion-mnist-test", "three clothes as red, green and blue: 1000 modes"),
];

/// Grey images with classes, to be stacked.
#[derive(Debug, Clone)]
pub struct Stacked {
    name: &'static str,
    base: Arc<DataSet>,
}

impl Stacked {
    /// Every name, the set whose images it stacks, and what it is in a line.
    pub fn names() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
        NAMES.into_iter()
    }

    /// Whether there is a stacked set of this name.
    pub fn is_name(name: &str) -> bool {
        NAMES.iter().any(|(known, ..)| *known == name)
    }

    /// Opens `name` over its base set; the size in `options` is that of the images, channels are always 3.
    ///
    /// # Errors
    /// An unknown name; channels other than 3; a base set that is not there.
    pub fn open(name: &str, options: &Options) -> Result<Self> {
        let Some((name, base, _)) = NAMES.into_iter().find(|(known, ..)| *known == name) else {
            let known = NAMES.map(|(name, ..)| name).join(", ");
            return Err(Error::data(name, format!("is no stacked set; there are {known}")));
        };
        if let Some(channels) = options.channels.filter(|channels| *channels != 3) {
            let why = format!("{channels}, but {name} has one image in each of red, green and blue: 3");
            return Err(Error::config("channels", why));
        }
        let options = Options { channels: Some(1), mirror: false, ..options.clone() };
        let base = DataSet::open(base, &options)?;
        if base.classes().len() != 10 {
            let why = format!("has {} classes; stacked sets are made of ten", base.classes().len());
            return Err(Error::data(base.name(), why));
        }
        Ok(Self { name, base: Arc::new(base) })
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The grey images that it is made of.
    pub fn base(&self) -> &Arc<DataSet> {
        &self.base
    }

    /// How many different images there could be.
    pub fn combinations(&self) -> u64 {
        (self.base.len() as u64).saturating_pow(3)
    }

    /// One line for a log.
    pub fn describe(&self) -> String {
        let (width, height, count) = (self.base.width(), self.base.height(), self.base.len());
        format!(
            "{}: three of the {count} images of {} as red, green and blue, {width} x {height} x 3, 1000 modes",
            self.name,
            self.base.name()
        )
    }

    /// Image `item` of batch `draw` of rank `rank`, written to `out` as `[3, H, W]` bytes; says its mode.
    ///
    /// # Errors
    /// An image of the base set cannot be read.
    fn place(
        &self,
        seed: u64,
        [rank, draw, item]: [u64; 3],
        scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Result<i64> {
        let mut state = key(seed, &[rank, draw, item], self.name);
        let mut mode = 0;
        for plane in out.chunks_exact_mut(self.base.image_bytes()) {
            state = split_mix(state);
            let wanted = (u128::from(state) * self.base.len() as u128) >> 64;
            let places = split_mix(state ^ 0x6372_6f70);
            let crop = [places as u32, (places >> 32) as u32];
            let pick = Pick { index: wanted as usize, flip: false, crop };
            let index = self.base.place(&pick, scratch, plane)?;
            mode = 10 * mode + i64::from(self.base.label(index).unwrap_or(0));
        }
        Ok(mode)
    }
}

/// Batches of stacked images.
#[derive(Debug)]
pub struct StackedSource {
    stacked: Stacked,
    batch: usize,
    seed: u64,
    rank: u64,
    device: Device,
    position: u64,
    scratch: Scratch,
}

impl StackedSource {
    /// Batches of `batch` images for one rank.
    ///
    /// # Errors
    /// An empty batch.
    pub fn new(
        stacked: Stacked,
        batch: usize,
        seed: u64,
        rank: u64,
        device: Device,
    ) -> gan_core::error::Result<Self> {
        if batch == 0 {
            return Err(Error::config("batch", "must be at least 1").into());
        }
        Ok(Self { stacked, batch, seed, rank, device, position: 0, scratch: Scratch::default() })
    }

    /// A batch as bytes, and its modes.
    ///
    /// # Shapes
    /// u8 `[N, 3, H, W]`; i64 `[N]`; both on the CPU
    ///
    /// # Errors
    /// An image of the base set cannot be read.
    pub fn next_bytes(&mut self) -> gan_core::error::Result<(Tensor, Tensor)> {
        let image = 3 * self.stacked.base.image_bytes();
        let mut bytes = vec![0; self.batch * image];
        let mut modes = Vec::with_capacity(self.batch);
        for (item, out) in bytes.chunks_exact_mut(image).enumerate() {
            let place = [self.rank, self.position, item as u64];
            modes.push(self.stacked.place(self.seed, place, &mut self.scratch, out)?);
        }
        self.position += 1;
        let base = &self.stacked.base;
        let shape = [self.batch as i64, 3, base.height().into(), base.width().into()];
        let images = Tensor::f_from_data_size(&bytes, &shape, Kind::Uint8)?;
        Ok((images, Tensor::f_from_slice(&modes)?))
    }
}

impl Source<ImageBatch> for StackedSource {
    fn next(&mut self) -> gan_core::error::Result<ImageBatch> {
        let (images, modes) = self.next_bytes()?;
        let images = range::to_signed(&images.f_to_device(self.device)?)?;
        Ok(ImageBatch { images, labels: Some(modes.f_to_device(self.device)?), attributes: None })
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn seek(&mut self, position: u64) -> gan_core::error::Result<()> {
        self.position = position;
        Ok(())
    }
}
