//! Batches as tensors.

use crate::batches::{Batch, Batches, Sampling};
use crate::dataset::DataSet;
use crate::error::Error;
use gan_core::data::{ImageBatch, Source};
use gan_core::tensor::range;
use std::sync::Arc;
use tch::{Device, Kind, Tensor};

/// A data set as the trainer draws from it.
#[derive(Debug)]
pub struct ImageSource {
    batches: Batches,
    device: Device,
}

impl ImageSource {
    /// Batches of `data` on `device`.
    ///
    /// # Errors
    /// See [`Batches::new`].
    pub fn new(data: Arc<DataSet>, sampling: Sampling, device: Device) -> gan_core::error::Result<Self> {
        Ok(Self { batches: Batches::new(data, sampling)?, device })
    }

    /// The data set behind it.
    pub fn data(&self) -> &Arc<DataSet> {
        self.batches.data()
    }
}

impl Source<ImageBatch> for ImageSource {
    fn next(&mut self) -> gan_core::error::Result<ImageBatch> {
        let device = self.device;
        let data = Arc::clone(self.batches.data());
        let batch = self.batches.next()?;
        let images = images(batch, &data, device)?;
        let count = images.size()[0];
        let labels = match batch.labels[..] {
            [] => None,
            ref labels => Some(Tensor::f_from_slice(labels)?.f_to_device(device)?),
        };
        let attributes = match batch.attributes[..] {
            [] => None,
            ref values => {
                let values = Tensor::f_from_slice(values)?.f_view([count, -1])?;
                Some(values.f_to_device(device)?)
            }
        };
        Ok(ImageBatch { images, labels, attributes })
    }

    fn position(&self) -> u64 {
        self.batches.position()
    }

    fn seek(&mut self, position: u64) -> gan_core::error::Result<()> {
        self.batches.seek(position);
        Ok(())
    }
}

/// A batch's images on `device`.
///
/// # Shapes
/// f32 `[N, C, H, W]` in [-1, 1]
pub(crate) fn images(batch: &Batch, data: &DataSet, device: Device) -> gan_core::error::Result<Tensor> {
    let count = batch.images.len() / data.image_bytes();
    let shape = [count as i64, data.channels().into(), data.height().into(), data.width().into()];
    let bytes = Tensor::f_from_data_size(&batch.images, &shape, Kind::Uint8)?;
    // Converted on the device: a quarter of the bytes has to travel.
    range::to_signed(&bytes.f_to_device(device)?)
}

impl From<Error> for gan_core::error::Error {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Config { field, why } => Self::Config { field, why },
            Error::Data { path, why } => Self::Data { path, why },
            Error::File { path, source } => Self::File { path, source },
            Error::Fetch { name, .. } => Self::Data { path: name.into(), why: text },
            Error::Worker { .. } => Self::Data { path: "data".into(), why: text },
        }
    }
}
