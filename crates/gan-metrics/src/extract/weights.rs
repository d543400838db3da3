//! A file of weights: tensors by name, and a checksum that goes beside every score.

use gan_core::error::{Error, Result};
use gan_core::tensor::{file, pth};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tch::{Kind, Tensor};

/// Weights by name.
#[derive(Debug)]
pub struct Weights {
    tensors: HashMap<String, Tensor>,
    path: PathBuf,
    checksum: String,
}

impl Weights {
    /// Reads a safetensors file, or one of `torch.save`'s in either layout.
    ///
    /// # Errors
    /// A file that cannot be read, or is neither.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| Error::file(path, source))?;
        let tensors =
            if pth::is_one(&bytes) { pth::decode(&bytes, path)? } else { file::decode(&bytes, path)? };
        Ok(Self { checksum: checksum(&bytes), ..Self::new(tensors, path) })
    }

    /// Weights that are in memory; `path` stands for them in sentences and in place of a checksum.
    pub fn new(tensors: file::Named, path: &Path) -> Self {
        Self {
            tensors: tensors.into_iter().collect(),
            path: path.to_owned(),
            checksum: path.display().to_string(),
        }
    }

    /// Eight digits of the SHA-256 of the file, which PyTorch puts into the names of published weights.
    pub fn checksum(&self) -> &str {
        &self.checksum
    }

    /// A tensor of the shape that it must have.
    ///
    /// # Errors
    /// It is not there, or has another shape.
    pub fn get(&self, name: &str, shape: &[i64]) -> Result<Tensor> {
        let Some(tensor) = self.tensors.get(name) else {
            return Err(self.refuse(format!("has no tensor `{name}`")));
        };
        if tensor.size() != shape {
            return Err(self.refuse(format!("`{name}` has shape {:?}, not {shape:?}", tensor.size())));
        }
        Ok(tensor.shallow_clone())
    }

    /// A convolution without bias and the batch normalisation after it, as one convolution with a bias, in f64.
    ///
    /// # Shapes
    /// weight `size`, `[outputs, inputs of a group, height, width]`, and bias `[outputs]`
    ///
    /// # Errors
    /// A tensor that is not there, or has another shape.
    pub(super) fn folded(
        &self,
        [weight, norm]: [&str; 2],
        size: [i64; 4],
        epsilon: f64,
    ) -> Result<[Tensor; 2]> {
        let weight = self.get(weight, &size)?.f_to_kind(Kind::Double)?;
        let norm = |what: &str| -> Result<Tensor> {
            Ok(self.get(&format!("{norm}.{what}"), &size[..1])?.f_to_kind(Kind::Double)?)
        };
        let deviation = norm("running_var")?.f_add_scalar(epsilon)?.f_sqrt()?;
        let scale = norm("weight")?.f_div(&deviation)?;
        let bias = norm("bias")?.f_sub(&norm("running_mean")?.f_mul(&scale)?)?;
        Ok([weight.f_mul(&scale.f_view([-1, 1, 1, 1])?)?, bias])
    }

    fn refuse(&self, why: String) -> Error {
        Error::data(&self.path, format!("{why}: these are the weights of another network"))
    }
}

pub(super) fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
