//! How far two images are apart, pixel by pixel.

use crate::error::Result;
use crate::tensor::wide;
use tch::Tensor;

/// The mean absolute difference (L1 of Isola et al. 2017, equation 3; Zhu et al. 2017, equation 2); with a `weight` for each
/// pixel the weighted mean. In f32, whatever the images are.
///
/// # Shapes
/// `images` and `targets` `[N, C, H, W]`, `weight` `[N, 1, H, W]`, not 0 everywhere; out a scalar
///
/// # Errors
/// Shapes that do not fit; LibTorch's.
pub fn distance(images: &Tensor, targets: &Tensor, weight: Option<&Tensor>) -> Result<Tensor> {
    let apart = wide(images)?.f_sub(&wide(targets)?)?.f_abs()?;
    Ok(match weight {
        None => apart.f_mean(None)?,
        Some(weight) => apart.f_mul(weight)?.f_mean(None)?.f_div(&weight.f_mean(None)?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_that_is_the_same_everywhere_changes_nothing() {
        let image = |values: &[f32]| Tensor::from_slice(values).view([1, 2, 1, 2]);
        let (a, b) = (image(&[0.0, 1.0, 2.0, 3.0]), image(&[1.0, 1.0, 0.0, -1.0]));
        let value = |weight: Option<&[f32]>| {
            let weight = weight.map(|weight| Tensor::from_slice(weight).view([1, 1, 1, 2]));
            distance(&a, &b, weight.as_ref()).expect("distance").double_value(&[])
        };
        assert_eq!(value(None), 7.0 / 4.0);
        assert_eq!(value(Some(&[3.0, 3.0])), 7.0 / 4.0);
        assert_eq!(value(Some(&[1.0, 0.0])), 3.0 / 2.0);
    }
}
