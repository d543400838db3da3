//! The kind that losses and penalties are computed in.

use crate::error::Result;
use tch::{Kind, Tensor};

/// f32, whatever a network computed in; f64 stays f64, for finite differences. Differentiable.
///
/// # Errors
/// LibTorch's, such as no memory.
pub fn wide(tensor: &Tensor) -> Result<Tensor> {
    match tensor.f_kind()? {
        Kind::Float | Kind::Double => Ok(tensor.shallow_clone()),
        _ => Ok(tensor.f_to_kind(Kind::Float)?),
    }
}
