//! Mode seeking (Mao et al. 2019): latents far apart should become images far apart.

use crate::error::{Error, Result};
use crate::tensor::{guard, wide};
use tch::Tensor;

/// Keeps the inverse finite where all images are the same; the authors' value.
const SMALLEST_RATIO: f64 = 1e-5;

/// The inverse of d(G(z₁), G(z₂)) / d(z₁, z₂), which the generator minimises where equation 1 is maximised:
/// the authors' form. The first half of the batch meets the second; both distances are mean absolute
/// differences over all pairs. Multiply by λ, 1 in the paper.
///
/// # Shapes
/// `images` `[N, ...]`, `z` `[N, ...]`, N at least 2 (an odd one out is not looked at); out a scalar.
///
/// # Errors
/// Shapes that do not fit; LibTorch's.
pub fn mode_seeking(images: &Tensor, z: &Tensor) -> Result<Tensor> {
    let samples = images.size().first().copied().unwrap_or(0);
    let mut shape = z.size();
    if let Some(batch) = shape.first_mut() {
        *batch = samples;
    }
    guard::shape("latents", z, &shape)?;
    let half = samples / 2;
    if half < 1 {
        return Err(Error::config("batch", "mode seeking compares images; it needs at least 2"));
    }
    let distance = |tensor: &Tensor| -> Result<Tensor> {
        let tensor = wide(tensor)?;
        Ok(tensor.f_narrow(0, 0, half)?.f_sub(&tensor.f_narrow(0, half, half)?)?.f_abs()?.f_mean(None)?)
    };
    let (images, latents) = (distance(images)?, distance(z)?);
    // 1 / (images / latents + eps), and 0 where latents are the same and images too.
    let floor = latents.f_mul_scalar(SMALLEST_RATIO)?.f_clamp_min(1e-30)?;
    Ok(latents.f_div(&images.f_add(&floor)?)?)
}
