//! Named tensors as safetensors bytes, and back.

use crate::error::{Error, Result};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// Tensors with their names, in a fixed order.
pub type Named = Vec<(String, Tensor)>;

/// Serialises tensors; the bytes depend on names and values only.
///
/// # Errors
/// A name given twice, or a kind that safetensors has no word for.
pub fn encode(tensors: &[(String, Tensor)]) -> Result<Vec<u8>> {
    let mut names: Vec<&str> = tensors.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::config("state", format!("the name `{}` is used twice", pair[0])));
    }
    let mut buffers = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let dtype = dtype_of(tensor.kind()).ok_or_else(|| {
            Error::config(
                "state",
                format!("`{name}` has kind {:?}, which a checkpoint cannot hold", tensor.kind()),
            )
        })?;
        let shape: Vec<usize> = tensor.size().iter().map(|&size| size as usize).collect();
        buffers.push((name, dtype, shape, bytes_of(tensor)?));
    }
    let mut views = Vec::with_capacity(buffers.len());
    for (name, dtype, shape, bytes) in &buffers {
        let view = TensorView::new(*dtype, shape.clone(), bytes)
            .map_err(|error| Error::config("state", format!("`{name}`: {error}")))?;
        views.push((name.as_str(), view));
    }
    safetensors::serialize(views, None).map_err(|error| Error::config("state", error.to_string()))
}

/// Reads tensors onto the CPU, sorted by name. `path` is for the sentence only.
///
/// # Errors
/// Bytes that are no safetensors file.
pub fn decode(bytes: &[u8], path: &Path) -> Result<Named> {
    let refuse = |why: String| Error::checkpoint(path, why);
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| refuse(format!("is no readable safetensors file ({error})")))?;
    let mut tensors = Vec::with_capacity(file.len());
    for (name, view) in file.iter() {
        let kind = kind_of(view.dtype())
            .ok_or_else(|| refuse(format!("`{name}` has type {:?}, which is not supported", view.dtype())))?;
        let shape: Vec<i64> = view.shape().iter().map(|&size| size as i64).collect();
        tensors.push((name.to_owned(), Tensor::f_from_data_size(view.data(), &shape, kind)?));
    }
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(tensors)
}

/// Reads a safetensors file onto the CPU, sorted by name.
///
/// # Errors
/// A file that cannot be read or is no safetensors file.
pub fn read(path: &Path) -> Result<Named> {
    let bytes = std::fs::read(path).map_err(|source| Error::file(path, source))?;
    decode(&bytes, path)
}

fn bytes_of(tensor: &Tensor) -> Result<Vec<u8>> {
    let tensor = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_contiguous()?;
    let count = tensor.numel();
    let mut bytes = vec![0; count * tensor.kind().elt_size_in_bytes()];
    tensor.f_copy_data_u8(&mut bytes, count)?;
    Ok(bytes)
}

fn dtype_of(kind: Kind) -> Option<Dtype> {
    KINDS.iter().find(|(known, _)| *known == kind).map(|(_, dtype)| *dtype)
}

fn kind_of(dtype: Dtype) -> Option<Kind> {
    KINDS.iter().find(|(_, known)| *known == dtype).map(|(kind, _)| *kind)
}

const KINDS: [(Kind, Dtype); 8] = [
    (Kind::Float, Dtype::F32),
    (Kind::Double, Dtype::F64),
    (Kind::BFloat16, Dtype::BF16),
    (Kind::Half, Dtype::F16),
    (Kind::Int64, Dtype::I64),
    (Kind::Int, Dtype::I32),
    (Kind::Uint8, Dtype::U8),
    (Kind::Bool, Dtype::BOOL),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_survive_the_round_trip() {
        let tensors = vec![
            ("b".to_owned(), Tensor::from_slice(&[1.5f32, -2.0]).view([2, 1])),
            ("a".to_owned(), Tensor::from_slice(&[7i64])),
            ("c".to_owned(), Tensor::from(3.25f64)),
            ("d".to_owned(), Tensor::arange(6, (Kind::Float, Device::Cpu)).view([2, 3]).tr()),
        ];
        let back = decode(&encode(&tensors).expect("encode"), Path::new("x")).expect("decode");
        let mut sorted = tensors;
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        for ((name, tensor), (back_name, back_tensor)) in sorted.iter().zip(&back) {
            assert_eq!((name, tensor.size()), (back_name, back_tensor.size()));
            assert_eq!(tensor, back_tensor);
        }
    }

    #[test]
    fn duplicates_and_garbage_are_refused() {
        let twice = vec![("x".to_owned(), Tensor::from(1.0)), ("x".to_owned(), Tensor::from(2.0))];
        assert!(encode(&twice).expect_err("duplicate").to_string().contains("twice"));
        assert!(decode(b"garbage that is long enough", Path::new("x")).is_err());
    }
}
