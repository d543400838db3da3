//! A layer's weight: as it is trained, or divided by its largest singular value.

use crate::error::{Error, Result};
use crate::nn::spectral_norm::Spectral;
use crate::nn::{Init, Mode, Scope, SpectralNorm};
use tch::Tensor;

/// How a layer's weight begins and whether it is normalised. An [`Init`] alone means a plain weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightOptions {
    /// First values.
    pub init: Init,
    /// Spectral normalisation, or none.
    pub spectral: SpectralNorm,
}

impl From<Init> for WeightOptions {
    fn from(init: Init) -> Self {
        Self { init, spectral: SpectralNorm::OFF }
    }
}

impl Init {
    /// A weight that begins so and is normalised, as in
    /// `Conv2d::new(scope, 3, 64, SIZES, Init::Orthogonal.with_spectral_norm(config.spectral_norm))`.
    pub fn with_spectral_norm(self, spectral: SpectralNorm) -> WeightOptions {
        WeightOptions { init: self, spectral }
    }
}

/// A layer's weight.
#[derive(Debug)]
pub struct Weight {
    tensor: Tensor,
    spectral: Option<Spectral>,
}

impl Weight {
    /// A weight in `scope`, and a bias of `outputs` numbers if asked for, in the reference's order of names.
    /// `outputs_axis` is the weight's axis of the layer's outputs. The bias begins at 0, under
    /// [`Init::PyTorch`] as the weight does.
    ///
    /// # Errors
    /// A name given twice; a normalisation that cannot work; LibTorch's.
    pub(super) fn with_bias(
        scope: &mut Scope,
        shape: &[i64],
        outputs_axis: i64,
        outputs: Option<i64>,
        options: WeightOptions,
    ) -> Result<(Self, Option<Tensor>)> {
        let bias_init = match options.init {
            Init::PyTorch => {
                let bound = Init::pytorch_bound(shape);
                Init::Uniform { low: -bound, high: bound }
            }
            _ => Init::Zeros,
        };
        let bias = |scope: &mut Scope| {
            outputs.map(|outputs| scope.parameter("bias", &[outputs], bias_init)).transpose()
        };
        if options.spectral.bias_comes_first() {
            let bias = bias(scope)?;
            return Ok((Self::new(scope, shape, outputs_axis, options)?, bias));
        }
        let weight = Self::new(scope, shape, outputs_axis, options)?;
        let bias = bias(scope)?;
        Ok((weight, bias))
    }

    /// A weight in `scope`; `outputs_axis` as above.
    ///
    /// # Errors
    /// A name given twice; a normalisation that cannot work; LibTorch's.
    pub(super) fn new(
        scope: &mut Scope,
        shape: &[i64],
        outputs_axis: i64,
        options: WeightOptions,
    ) -> Result<Self> {
        let tensor = scope.parameter(options.spectral.weight_name(), shape, options.init)?;
        let spectral = Spectral::new(scope, &tensor, outputs_axis, options.spectral)?;
        Ok(Self { tensor, spectral })
    }

    /// The weight that the layer multiplies with.
    ///
    /// # Errors
    /// LibTorch's.
    pub fn effective(&self, mode: Mode) -> Result<Tensor> {
        match &self.spectral {
            None => Ok(self.tensor.shallow_clone()),
            Some(spectral) => spectral.apply(&self.tensor, mode),
        }
    }

    /// The weight of a layer that is not normalised.
    ///
    /// # Errors
    /// A normalised weight, which depends on the mode.
    pub(super) fn plain(&self) -> Result<&Tensor> {
        match &self.spectral {
            None => Ok(&self.tensor),
            Some(_) => Err(Error::config(
                "spectral norm",
                "depends on whether the network is training; call `forward_in` with a mode",
            )),
        }
    }

    /// The weight as it is trained.
    pub fn trained(&self) -> &Tensor {
        &self.tensor
    }

    /// The estimate of the largest singular value, a scalar on the device for recording; `None` for a plain weight.
    ///
    /// # Errors
    /// LibTorch's.
    pub fn singular_value(&self) -> Result<Option<Tensor>> {
        self.spectral.as_ref().map(|spectral| spectral.singular_value(&self.tensor)).transpose()
    }
}
