//! Matrix products and table look-ups, with PyTorch's names for their tensors.

use crate::error::Result;
use crate::nn::weight::{Weight, WeightOptions};
use crate::nn::{Mode, Scope};
use tch::Tensor;

/// x W^T + b: `weight` `[out, in]`, `bias` `[out]`.
#[derive(Debug)]
pub struct Linear {
    weight: Weight,
    bias: Option<Tensor>,
}

impl Linear {
    /// A layer in `scope`; the bias begins at 0, under [`crate::nn::Init::PyTorch`] as the weight does.
    ///
    /// # Errors
    /// A name given twice; a normalisation that cannot work; LibTorch's.
    pub fn new(
        mut scope: Scope,
        inputs: i64,
        outputs: i64,
        weight: impl Into<WeightOptions>,
    ) -> Result<Self> {
        let (weight, bias) =
            Weight::with_bias(&mut scope, &[outputs, inputs], 0, Some(outputs), weight.into())?;
        Ok(Self { weight, bias })
    }

    /// The same without a bias.
    ///
    /// # Errors
    /// As [`Linear::new`].
    pub fn without_bias(
        mut scope: Scope,
        inputs: i64,
        outputs: i64,
        weight: impl Into<WeightOptions>,
    ) -> Result<Self> {
        Ok(Self { weight: Weight::new(&mut scope, &[outputs, inputs], 0, weight.into())?, bias: None })
    }

    /// # Shapes
    /// `[..., in]` to `[..., out]`
    ///
    /// # Errors
    /// A weight that is normalised; LibTorch's.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.f_linear(self.weight.plain()?, self.bias.as_ref())?)
    }

    /// As [`Linear::forward`], for any weight.
    ///
    /// # Errors
    /// LibTorch's.
    pub fn forward_in(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        Ok(x.f_linear(&self.weight.effective(mode)?, self.bias.as_ref())?)
    }

    /// The weight, to look at.
    pub fn weight(&self) -> &Weight {
        &self.weight
    }
}

/// A vector for each class: `weight` `[classes, out]`.
#[derive(Debug)]
pub struct Embedding {
    weight: Weight,
}

impl Embedding {
    /// A table in `scope`; PyTorch's begins with standard normal draws.
    ///
    /// # Errors
    /// A name given twice; a normalisation that cannot work; LibTorch's.
    pub fn new(
        mut scope: Scope,
        classes: i64,
        outputs: i64,
        weight: impl Into<WeightOptions>,
    ) -> Result<Self> {
        Ok(Self { weight: Weight::new(&mut scope, &[classes, outputs], 0, weight.into())? })
    }

    /// # Shapes
    /// i64 `[...]` with values in 0..classes, or f32 `[..., classes]` with the share of each in a mixture, to `[..., out]`
    ///
    /// # Errors
    /// A weight that is normalised; a class that is not there; LibTorch's.
    pub fn forward(&self, classes: &Tensor) -> Result<Tensor> {
        look_up(self.weight.plain()?, classes)
    }

    /// As [`Embedding::forward`], for any weight.
    ///
    /// # Errors
    /// A class that is not there; LibTorch's.
    pub fn forward_in(&self, classes: &Tensor, mode: Mode) -> Result<Tensor> {
        look_up(&self.weight.effective(mode)?, classes)
    }

    /// The weight, to look at.
    pub fn weight(&self) -> &Weight {
        &self.weight
    }
}

/// Rows of a table, or mixtures of them.
fn look_up(table: &Tensor, classes: &Tensor) -> Result<Tensor> {
    if classes.is_floating_point() {
        return Ok(classes.f_matmul(table)?);
    }
    Ok(Tensor::f_embedding(table, classes, -1, false, false)?)
}
