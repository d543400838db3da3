//! Where batches come from.

use crate::error::{Error, Result};
use crate::random::{Streams, split_mix};
use crate::tensor::{guard, range};
use tch::{Device, Kind, Tensor};

/// Real images and, where the data set has them, their classes and attributes.
#[derive(Debug)]
pub struct ImageBatch {
    /// f32 in [-1, 1], `[N, C, H, W]`, on the training device.
    pub images: Tensor,
    /// i64 `[N]`, each in 0..classes, on the training device.
    pub labels: Option<Tensor>,
    /// f32 `[N, K]`: numbers as the data set has them, such as an angle, or 0 and 1 for no and yes; on the training device.
    pub attributes: Option<Tensor>,
}

/// Two images that belong together: sides of a pair, or one draw from each of two domains.
#[derive(Debug)]
pub struct PairBatch {
    /// f32 in [-1, 1], `[N, C_a, H, W]`, on the training device; for super-resolution by s `[N, C_a, H / s, W / s]`.
    pub a: Tensor,
    /// f32 in [-1, 1], `[N, C_b, H, W]`, on the training device.
    pub b: Tensor,
    /// f32 `[N, 1, H, W]`: how much each pixel of `b` counts in losses that compare pixels, such as the hole of an
    /// inpainting more than what is around it; `None` where all count alike.
    pub weight: Option<Tensor>,
}

/// An endless sequence of batches. Batch n is a pure function of (seed, rank, n), so a position is
/// all there is to resume.
pub trait Source<B> {
    /// The next batch.
    ///
    /// # Errors
    /// Data that can no longer be read.
    fn next(&mut self) -> Result<B>;
    /// Batches drawn so far.
    fn position(&self) -> u64;
    /// Goes to a position: the next batch is number `position`.
    ///
    /// # Errors
    /// Data that can no longer be read.
    fn seek(&mut self, position: u64) -> Result<()>;
}

/// Images made up from a seed: smooth colour blobs with a class each. For tests and benchmarks.
#[derive(Debug)]
pub struct Synthetic {
    shape: [i64; 4],
    classes: i64,
    seed: u64,
    device: Device,
    position: u64,
}

impl Synthetic {
    /// Batches of shape `[N, C, H, W]` with labels in 0..classes (none if 0).
    pub fn new(shape: [i64; 4], classes: i64, seed: u64, device: Device) -> Self {
        Self { shape, classes, seed, device, position: 0 }
    }
}

impl Source<ImageBatch> for Synthetic {
    fn next(&mut self) -> Result<ImageBatch> {
        let [n, c, h, w] = self.shape;
        let streams = Streams::new(split_mix(self.seed), 0, self.position, self.device);
        let coarse = streams.normal("synthetic", &[n, c, 4, 4])?;
        let images = coarse.f_upsample_bilinear2d([h, w], false, None, None)?.f_tanh()?;
        let labels = match self.classes {
            0 => None,
            classes => Some(streams.integers("labels", classes, &[n])?),
        };
        self.position += 1;
        Ok(ImageBatch { images, labels, attributes: None })
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        self.position = position;
        Ok(())
    }
}

/// Pairs made up from a seed, as [`Synthetic`] makes images. Sides have nothing to do with each other.
#[derive(Debug)]
pub struct SyntheticPairs(Synthetic, Synthetic);

impl Synthetic {
    /// Pairs of the shapes `[N, C, H, W]` of A and of B.
    pub fn pairs([a, b]: [[i64; 4]; 2], seed: u64, device: Device) -> SyntheticPairs {
        SyntheticPairs(Self::new(a, 0, seed, device), Self::new(b, 0, split_mix(seed), device))
    }
}

impl Source<PairBatch> for SyntheticPairs {
    fn next(&mut self) -> Result<PairBatch> {
        Ok(PairBatch { a: self.0.next()?.images, b: self.1.next()?.images, weight: None })
    }

    fn position(&self) -> u64 {
        self.0.position
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        (self.0.position, self.1.position) = (position, position);
        Ok(())
    }
}

/// Images held in one tensor, shuffled anew every epoch; batches run on across epochs and are always full.
#[derive(Debug)]
pub struct InMemory {
    images: Tensor,
    labels: Option<Tensor>,
    attributes: Option<Tensor>,
    batch: i64,
    seed: u64,
    device: Device,
    position: u64,
    /// The order of one epoch, kept because neighbouring batches share it.
    epoch: Option<(u64, Tensor)>,
}

impl InMemory {
    /// A source over u8 `images` `[N, C, H, W]` and i64 `labels` `[N]`.
    ///
    /// # Errors
    /// Images that are not u8 `[N, C, H, W]`; fewer images than a batch.
    pub fn new(
        images: Tensor,
        labels: Option<Tensor>,
        batch: i64,
        seed: u64,
        device: Device,
    ) -> Result<Self> {
        guard::shape("images", &images, &[guard::ANY; 4])?;
        let count = images.size()[0];
        if images.kind() != Kind::Uint8 {
            return Err(Error::config("images", format!("must be of kind u8, not {:?}", images.kind())));
        }
        if batch < 1 || batch > count {
            let why = format!("{batch} is not between 1 and the {count} images of the data set");
            return Err(Error::config("batch", why));
        }
        if let Some(labels) = &labels {
            guard::shape("labels", labels, &[count])?;
        }
        Ok(Self { images, labels, attributes: None, batch, seed, device, position: 0, epoch: None })
    }

    /// The same images with f32 attributes `[N, K]`.
    ///
    /// # Errors
    /// Attributes that are not f32 or not a row for each image.
    pub fn with_attributes(self, attributes: Tensor) -> Result<Self> {
        guard::shape("attributes", &attributes, &[self.images.size()[0], guard::ANY])?;
        if attributes.kind() != Kind::Float {
            let why = format!("must be of kind f32, not {:?}", attributes.kind());
            return Err(Error::config("attributes", why));
        }
        Ok(Self { attributes: Some(attributes), ..self })
    }

    fn order(&mut self, epoch: u64) -> Result<Tensor> {
        if let Some((known, order)) = &self.epoch
            && *known == epoch
        {
            return Ok(order.shallow_clone());
        }
        let streams = Streams::new(self.seed, 0, epoch, Device::Cpu);
        let order = streams.uniform("epoch order", &[self.images.size()[0]])?.f_argsort(0, false)?;
        self.epoch = Some((epoch, order.shallow_clone()));
        Ok(order)
    }
}

impl Source<ImageBatch> for InMemory {
    fn next(&mut self) -> Result<ImageBatch> {
        let count = self.images.size()[0];
        let mut at = self.position as i64 * self.batch;
        let end = at + self.batch;
        let mut parts = Vec::new();
        while at < end {
            let (epoch, first) = (at / count, at % count);
            let length = (count - first).min(end - at);
            parts.push(self.order(epoch as u64)?.f_narrow(0, first, length)?);
            at += length;
        }
        let chosen = Tensor::f_cat(&parts, 0)?;
        let take = |all: &Tensor| -> Result<Tensor> {
            Ok(all.f_index_select(0, &chosen.f_to_device(all.device())?)?.f_to_device(self.device)?)
        };
        let images = range::to_signed(&take(&self.images)?)?;
        let labels = self.labels.as_ref().map(take).transpose()?;
        let attributes = self.attributes.as_ref().map(take).transpose()?;
        self.position += 1;
        Ok(ImageBatch { images, labels, attributes })
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        self.position = position;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(count: i64, batch: i64) -> InMemory {
        let images = Tensor::arange(count, (Kind::Uint8, Device::Cpu)).view([count, 1, 1, 1]);
        let labels = Tensor::arange(count, (Kind::Int64, Device::Cpu));
        InMemory::new(images, Some(labels), batch, 3, Device::Cpu).expect("source")
    }

    fn labels(source: &mut InMemory) -> Vec<i64> {
        Vec::try_from(source.next().expect("batch").labels.expect("labels")).expect("i64")
    }

    #[test]
    fn an_epoch_shows_every_image_once_and_batches_run_on() {
        let mut source = numbered(10, 4);
        let mut seen: Vec<i64> = (0..5).flat_map(|_| labels(&mut source)).collect();
        for epoch in seen.chunks_mut(10) {
            epoch.sort_unstable();
            assert_eq!(*epoch, (0..10).collect::<Vec<i64>>());
        }
    }

    #[test]
    fn seeking_is_exact() {
        let mut source = numbered(10, 4);
        let all: Vec<Vec<i64>> = (0..6).map(|_| labels(&mut source)).collect();
        let mut other = numbered(10, 4);
        other.seek(4).expect("seek");
        assert_eq!(labels(&mut other), all[4]);
        assert_ne!(all[0], all[1]);
        let mut synthetic = Synthetic::new([2, 3, 16, 16], 5, 1, Device::Cpu);
        let first = synthetic.next().expect("batch");
        synthetic.seek(0).expect("seek");
        assert_eq!(synthetic.next().expect("batch").images, first.images);
    }

    #[test]
    fn attributes_stay_with_their_images() {
        let values = Tensor::arange(20, (Kind::Float, Device::Cpu)).view([10, 2]);
        let mut source = numbered(10, 4).with_attributes(values).expect("a row for each");
        for _ in 0..5 {
            let batch = source.next().expect("batch");
            let labels = batch.labels.expect("labels").to_kind(Kind::Float);
            let expected = Tensor::stack(&[&labels * 2.0, &labels * 2.0 + 1.0], 1);
            assert_eq!(batch.attributes.expect("attributes"), expected);
        }
        for (rows, kind, word) in [(9, Kind::Float, "[10, _]"), (10, Kind::Double, "f32")] {
            let wrong = Tensor::zeros([rows, 2], (kind, Device::Cpu));
            let error = numbered(10, 4).with_attributes(wrong).expect_err("refused").to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_batch_larger_than_the_set_is_refused() {
        let images = Tensor::zeros([3, 1, 2, 2], (Kind::Uint8, Device::Cpu));
        let error = InMemory::new(images, None, 4, 1, Device::Cpu).expect_err("too large").to_string();
        assert!(error.contains("3 images"), "{error}");
    }
}
