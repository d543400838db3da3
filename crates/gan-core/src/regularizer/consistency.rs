//! Consistency regularisation: a discriminator's verdict should not change with what does not matter.
//! [`FlipShift`](crate::augment::FlipShift) is the augmentation of the papers.

use crate::error::Result;
use crate::tensor::{guard, wide};
use tch::Tensor;

/// E (D(x) - D(T(x)))² (CR: Zhang et al. 2020, on reals). bCR is the same on reals and on fakes,
/// each with a weight of its own (Zhao et al. 2021, algorithm 1). The discriminator's half of zCR is the same
/// between D(G(z)) and D(G(T(z))), see [`moved_latents`] (algorithm 2 there). Along both arguments.
///
/// # Shapes
/// Logits, or features, of one shape; out a scalar.
///
/// # Errors
/// Shapes that differ; LibTorch's.
pub fn consistency(logits: &Tensor, logits_of_augmented: &Tensor) -> Result<Tensor> {
    guard::shape("logits of augmented images", logits_of_augmented, &logits.size())?;
    Ok(wide(logits)?.f_sub(&wide(logits_of_augmented)?)?.f_square()?.f_mean(None)?)
}

/// T(z) = z + σ ε of zCR, with ε standard normal (Zhao et al. 2021, algorithm 2).
///
/// # Shapes
/// `z` and `noise` alike; out as they are.
///
/// # Errors
/// Shapes that differ; LibTorch's.
pub fn moved_latents(z: &Tensor, noise: &Tensor, sigma: f64) -> Result<Tensor> {
    guard::shape("noise", noise, &z.size())?;
    Ok(z.f_add(&noise.f_mul_scalar(sigma)?)?)
}

/// The generator's half of zCR: -E (G(z) - G(T(z)))², mean over pixels, so that latents near each other do
/// not become one image (algorithm 2 there).
///
/// # Shapes
/// Images of one shape; out a scalar, at most 0.
///
/// # Errors
/// Shapes that differ; LibTorch's.
pub fn latent_sensitivity(images: &Tensor, images_of_moved: &Tensor) -> Result<Tensor> {
    guard::shape("images of moved latents", images_of_moved, &images.size())?;
    Ok(consistency(images, images_of_moved)?.f_neg()?)
}
