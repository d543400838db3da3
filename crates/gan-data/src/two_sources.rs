//! Batches of two images each, as tensors: of pairs, or of two domains.

use crate::batches::{Batches, Sampling};
use crate::dataset::DataSet;
use crate::domains::check_sizes;
use crate::loader::Loader;
use crate::order::mix;
use crate::pairs::{PairedSet, Sides};
use crate::source::images;
use gan_core::data::{PairBatch, Source};
use gan_core::error::Result;
use gan_core::tensor::range;
use std::sync::Arc;
use tch::{Device, Kind, Tensor};

/// Pairs as the trainer draws them: both sides by the same order, cut and mirrored alike.
#[derive(Debug)]
pub struct PairSource {
    loader: Loader<Sides>,
    device: Device,
}

impl PairSource {
    /// Batches of `pairs` on `device`.
    ///
    /// # Errors
    /// See [`Batches::new`].
    pub fn new(pairs: &PairedSet, sampling: Sampling, device: Device) -> Result<Self> {
        Ok(Self { loader: Loader::new(Arc::clone(&pairs.sides), sampling)?, device })
    }

    /// The pairs behind it.
    pub fn pairs(&self) -> PairedSet {
        PairedSet { sides: Arc::clone(self.loader.stock()) }
    }
}

impl Source<PairBatch> for PairSource {
    /// # Shapes
    /// `a` `[N, C_a, H, W]`; `b` `[N, C_b, H, W]`; no weight
    fn next(&mut self) -> Result<PairBatch> {
        let (device, pairs) = (self.device, self.pairs());
        let (a, b) = (pairs.a(), pairs.b());
        let batch = self.loader.next()?;
        let row = a.image_bytes() + b.image_bytes();
        let count = (batch.images.len() / row) as i64;
        let rows = Tensor::f_from_data_size(&batch.images, &[count, row as i64], Kind::Uint8)?;
        let rows = rows.f_to_device(device)?;
        let side = |set: &DataSet, first: usize| -> Result<Tensor> {
            let shape = [count, set.channels().into(), set.height().into(), set.width().into()];
            let bytes = rows.f_narrow(1, first as i64, set.image_bytes() as i64)?;
            range::to_signed(&bytes.f_reshape(shape)?)
        };
        Ok(PairBatch { a: side(a, 0)?, b: side(b, a.image_bytes())?, weight: None })
    }

    fn position(&self) -> u64 {
        self.loader.position()
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        self.loader.seek(position);
        Ok(())
    }
}

/// Two domains as the trainer draws from them: each by an order of its own, so that which images meet is chance.
#[derive(Debug)]
pub struct DomainSource {
    a: Batches,
    b: Batches,
    device: Device,
}

impl DomainSource {
    /// Batches of as many images of `a` as of `b` on `device`. The domains may differ in how many images they have and in
    /// channels.
    ///
    /// # Errors
    /// Domains whose images differ in size; otherwise see [`Batches::new`].
    pub fn new(a: Arc<DataSet>, b: Arc<DataSet>, sampling: Sampling, device: Device) -> Result<Self> {
        check_sizes(&a, &b)?;
        // Two seeds of the one: with the same, domains of the same length would run in step, as if they were pairs.
        let of_domain = |domain: u64| Sampling { seed: mix(sampling.seed ^ domain << 32), ..sampling };
        Ok(Self { a: Batches::new(a, of_domain(1))?, b: Batches::new(b, of_domain(2))?, device })
    }

    /// Domain A.
    pub fn a(&self) -> &Arc<DataSet> {
        self.a.data()
    }

    /// Domain B.
    pub fn b(&self) -> &Arc<DataSet> {
        self.b.data()
    }
}

impl Source<PairBatch> for DomainSource {
    /// # Shapes
    /// `a` `[N, C_a, H, W]`; `b` `[N, C_b, H, W]`; no weight
    fn next(&mut self) -> Result<PairBatch> {
        let (device, position) = (self.device, self.a.position());
        let draw = |batches: &mut Batches| -> Result<Tensor> {
            let data = Arc::clone(batches.data());
            images(batches.next()?, &data, device)
        };
        let sides = draw(&mut self.a).and_then(|a| Ok((a, draw(&mut self.b)?)));
        let (a, b) = sides.inspect_err(|_| {
            // Neither domain goes on without the other.
            self.a.seek(position);
            self.b.seek(position);
        })?;
        Ok(PairBatch { a, b, weight: None })
    }

    fn position(&self) -> u64 {
        self.a.position()
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        self.a.seek(position);
        self.b.seek(position);
        Ok(())
    }
}
