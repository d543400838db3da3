//! Any network that someone saved with TorchScript.

use super::{Extract, Features, weights};
use gan_core::error::{Error, Result};
use std::path::Path;
use tch::{CModule, Device, Kind, Tensor, no_grad};

/// A module that takes RGB of 0 to 255 as f32 `[N, 3, H, W]`, resizes and scales as it likes, and returns `[N, D]`, or more
/// dimensions over which the mean is taken.
#[derive(Debug)]
pub struct Scripted {
    module: CModule,
    name: String,
    dimensions: i64,
    device: Device,
}

/// What the module is tried with, to see what it makes.
const TRIAL: [i64; 4] = [2, 3, 64, 64];

impl Scripted {
    /// Loads it, and tries it on a black picture of 64x64.
    ///
    /// # Errors
    /// A file that is no such module, or one that does not take the trial.
    pub fn open(path: &Path, device: Device) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| Error::file(path, source))?;
        let refuse = |why: String| Error::data(path, why);
        let first_line =
            |error: &tch::TchError| error.to_string().lines().next().unwrap_or_default().to_owned();
        let module = CModule::load_data_on_device(&mut bytes.as_slice(), device)
            .map_err(|error| refuse(format!("is no TorchScript module ({})", first_line(&error))))?;
        let name = format!("{} ({}), f32", path.display(), weights::checksum(&bytes));
        let mut scripted = Self { module, name, dimensions: 0, device };
        let trial = Tensor::f_zeros(TRIAL, (Kind::Float, device))?;
        let features = scripted
            .features(&trial)
            .map_err(|error| refuse(format!("does not take RGB images as f32 [N, 3, H, W] ({error})")))?;
        if features.dim() != 2 || features.size()[0] != TRIAL[0] {
            return Err(refuse(format!("returns {:?} for {} images, not [N, D]", features.size(), TRIAL[0])));
        }
        scripted.dimensions = features.size()[1];
        Ok(scripted)
    }

    fn features(&self, images: &Tensor) -> Result<Tensor> {
        let images = super::coloured(images)?.f_to_device(self.device)?.f_contiguous()?;
        let features = no_grad(|| self.module.forward_ts(&[images]))?.f_to_kind(Kind::Float)?;
        match features.dim() {
            0..=2 => Ok(features),
            _ => Ok(features.f_flatten(2, -1)?.f_mean_dim([-1i64].as_slice(), false, Kind::Float)?),
        }
    }
}

impl Extract for Scripted {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn short_name(&self) -> String {
        "script".to_owned()
    }

    fn dimensions(&self) -> i64 {
        self.dimensions
    }

    fn describe(&self, images: &Tensor) -> Result<Features> {
        Ok(Features { pooled: self.features(images)?.f_to_device(Device::Cpu)?, logits: None })
    }
}
