//! Bilinear resizes as the metrics' reference implementations have them. They differ by a shift of up to half a pixel, which
//! is enough to change a FID.

use gan_core::error::Result;
use tch::Tensor;

/// Which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resize {
    /// The first TensorFlow's: output i lies at i · in / out, all in f32; along the width first.
    TensorFlow,
    /// Between pixel centres, without smoothing (PyTorch's `align_corners=False`).
    Centres,
    /// As that, smoothed where it shrinks (PyTorch's `antialias=True`): for extractors that have no published scores to agree with.
    Smoothed,
}

/// # Shapes
/// `images` f32 `[N, C, H, W]`; out `[N, C, size[0], size[1]]`, never the images themselves
///
/// # Errors
/// LibTorch's, such as no memory.
pub fn resized(images: &Tensor, size: [i64; 2], how: Resize) -> Result<Tensor> {
    match how {
        Resize::TensorFlow => along(&along(images, 3, size[1])?, 2, size[0]),
        Resize::Centres => Ok(images.f_upsample_bilinear2d(size, false, None, None)?),
        Resize::Smoothed => Ok(images.f_internal_upsample_bilinear2d_aa(size, false, None, None)?),
    }
}

/// Along one dimension.
fn along(images: &Tensor, dimension: i64, out: i64) -> Result<Tensor> {
    let (_, _, height, width) = images.size4()?;
    let size = if dimension == 2 { height } else { width };
    let scale = size as f32 / out as f32;
    let places: Vec<f32> = (0..out).map(|i| i as f32 * scale).collect();
    let low: Vec<i64> = places.iter().map(|&place| place as i64).collect();
    let high: Vec<i64> = low.iter().map(|&low| (low + 1).min(size - 1)).collect();
    let share: Vec<f32> = places.iter().map(|place| place.fract()).collect();
    let device = images.device();
    let pick = |rows: &[i64]| -> Result<Tensor> {
        Ok(images.f_index_select(dimension, &Tensor::f_from_slice(rows)?.f_to_device(device)?)?)
    };
    let mut shape = [1; 4];
    shape[dimension as usize] = out;
    let share = Tensor::f_from_slice(&share)?.f_to_device(device)?.f_view(shape)?;
    let low = pick(&low)?;
    Ok(pick(&high)?.f_sub_(&low)?.f_mul_(&share)?.f_add_(&low)?)
}
