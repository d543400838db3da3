//! A file of weights: tensors by name, and a checksum that goes beside every score.

use gan_core::error::{Error, Result};
use gan_core::tensor::{file, pth};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tch::Tensor;

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

    fn refuse(&self, why: String) -> Error {
        Error::data(&self.path, format!("{why}: these are the weights of another network"))
    }
}

pub(super) fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
