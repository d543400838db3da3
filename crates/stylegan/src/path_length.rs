//! Path length regularisation (Karras et al. 2020, section 3.2): a step of fixed length in style space is to change images by a
//! fixed amount, whatever the style and the direction.

use gan_core::error::Result;
use gan_core::random::Streams;
use tch::{Kind, Tensor, no_grad};

/// ‖J_w^T y‖ for images of noise, y: the root of the mean over layers of the squared gradient's length.
///
/// # Shapes
/// `images` `[N, C, H, W]`, `styles` `[N, layers, style]` that they are made of; out `[N]`, differentiable
///
/// # Errors
/// Images that do not depend on the styles; LibTorch's.
pub fn lengths(images: &Tensor, styles: &Tensor, noise: &Streams) -> Result<Tensor> {
    let (_, _, height, width) = images.size4()?;
    let y = noise.normal("path length", &images.size())?;
    let y = y.f_mul_scalar(1.0 / ((height * width) as f64).sqrt())?;
    let along = images.f_mul(&y)?.f_sum(Kind::Float)?;
    let gradients = Tensor::f_run_backward(&[along], &[styles], true, true)?;
    let squares = gradients[0].f_square()?.f_sum_dim_intlist([2i64].as_slice(), false, Kind::Float)?; // [N, layers]
    Ok(squares.f_mean_dim([1i64].as_slice(), false, Kind::Float)?.f_sqrt()?)
}

/// E (length - mean)², where the mean over time follows first: by `decay` of the way to these lengths, with their gradient.
///
/// # Shapes
/// `lengths` `[N]`, `mean` a scalar, which moves; out a scalar
///
/// # Errors
/// LibTorch's.
pub fn penalty(lengths: &Tensor, mean: &mut Tensor, decay: f64) -> Result<Tensor> {
    let moved = mean.f_lerp(&lengths.f_mean(None)?, decay)?;
    *mean = no_grad(|| moved.f_detach_copy())?;
    Ok(lengths.f_sub(&moved)?.f_square()?.f_mean(None)?)
}
