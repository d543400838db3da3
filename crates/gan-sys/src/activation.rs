//! Activations whose arguments tch leaves out.

use crate::ffi::{self, ShimError, check, new_tensor};
use tch::Tensor;

/// `x` where it is positive, `slope * x` elsewhere. Takes the tensor and works in place; differentiable
/// unless the tensor is a leaf.
///
/// # Errors
/// A leaf that requires a gradient.
pub fn leaky_relu(x: Tensor, slope: f64) -> Result<Tensor, ShimError> {
    check(unsafe { ffi::gan_leaky_relu(x.as_ptr().cast_mut(), slope) })?;
    Ok(x)
}

/// What follows a modulated convolution (Karras et al. 2020, figure 2): each part may be missing.
#[derive(Debug, Clone, Copy)]
pub struct Epilogue<'a> {
    /// Factors for each image's channels, `[N, C]`.
    pub scale: Option<&'a Tensor>,
    /// Added to all channels, `[N, 1, H, W]` or `[H, W]`.
    pub noise: Option<&'a Tensor>,
    /// Added to all pixels, `[C]`.
    pub bias: Option<&'a Tensor>,
    /// Of a leaky ReLU where its input is negative; 1 for none.
    pub slope: f64,
    /// What the result is multiplied by.
    pub gain: f64,
    /// What it stays within; 0 for no bound.
    pub clamp: f64,
}

impl Default for Epilogue<'_> {
    fn default() -> Self {
        Self { scale: None, noise: None, bias: None, slope: 1.0, gain: 1.0, clamp: 0.0 }
    }
}

impl Epilogue<'_> {
    /// gain · leaky ReLU(x · scale + noise + bias), bounded; in one pass over channels-last images on the CPU. Differentiable
    /// twice.
    ///
    /// # Shapes
    /// `x` `[N, C, H, W]`, out alike and of its kind
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn of(&self, x: &Tensor) -> Result<Tensor, ShimError> {
        self.run(x, false)
    }

    /// The same of images that nobody needs any more: in their place, where no gradient is recorded. Nothing else may lie in
    /// their memory.
    ///
    /// # Errors
    /// As [`Epilogue::of`].
    pub fn onto(&self, x: Tensor) -> Result<Tensor, ShimError> {
        self.run(&x, true)
    }

    fn run(&self, x: &Tensor, spare: bool) -> Result<Tensor, ShimError> {
        let pointer = |tensor: Option<&Tensor>| tensor.map_or(std::ptr::null(), Tensor::as_ptr);
        let Self { scale, noise, bias, slope, gain, clamp } = *self;
        // SAFETY: all tensors outlive the call.
        new_tensor(|result| unsafe {
            let (scale, noise, bias) = (pointer(scale), pointer(noise), pointer(bias));
            let spare = i32::from(spare);
            ffi::gan_epilogue(
                x.as_ptr(),
                scale.cast(),
                noise.cast(),
                bias.cast(),
                slope,
                gain,
                clamp,
                spare,
                result,
            )
        })
    }
}
