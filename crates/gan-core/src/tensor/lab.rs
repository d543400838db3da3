//! Colours as CIE 1976 L*a*b* (CIE 15; ISO/CIE 11664-4): lightness, and two axes of hue that lightness does not touch.
//! sRGB after IEC 61966-2-1, white point D65.

use crate::error::Result;
use crate::tensor::guard::{self, ANY};
use crate::tensor::wide;
use tch::Tensor;

/// Linear sRGB to CIE XYZ: the primaries and the white of ITU-R BT.709.
const TO_XYZ: [[f64; 3]; 3] = [
    [0.412_456_4, 0.357_576_1, 0.180_437_5],
    [0.212_672_9, 0.715_152_2, 0.072_175_0],
    [0.019_333_9, 0.119_192_0, 0.950_304_1],
];
/// Its inverse.
const FROM_XYZ: [[f64; 3]; 3] = [
    [3.240_454_2, -1.537_138_5, -0.498_531_4],
    [-0.969_266_0, 1.876_010_8, 0.041_556_0],
    [0.055_643_4, -0.204_025_9, 1.057_225_2],
];
/// Where the cube root becomes a straight line: 6 / 29 of the curve's value.
const KNEE: f64 = 6.0 / 29.0;

/// Colours as L, a and b: L in 0..=100, a and b within ±110 for every colour that sRGB has. Differentiable.
///
/// # Shapes
/// `images` in [-1, 1], RGB, `[N, 3, H, W]`; out f32 of the same shape.
///
/// # Errors
/// Images of another shape; LibTorch's.
pub fn to_lab(images: &Tensor) -> Result<Tensor> {
    guard::shape("RGB images", images, &[ANY, 3, ANY, ANY])?;
    let rgb = wide(images)?.f_add_scalar(1.0)?.f_mul_scalar(0.5)?.f_clamp(0.0, 1.0)?;
    let straight = rgb.f_mul_scalar(1.0 / 12.92)?;
    let curved = rgb.f_add_scalar(0.055)?.f_mul_scalar(1.0 / 1.055)?.f_pow_tensor_scalar(2.4)?;
    let linear = curved.f_where_self(&rgb.f_gt(0.04045)?, &straight)?;
    let mut curves = Vec::with_capacity(3);
    for row in TO_XYZ {
        // Divided by the white's, the sum of the row: white and grey have equal shares, so that their a and b are 0.
        let share = mixed(&linear, row.map(|part| part / row.iter().sum::<f64>()))?;
        let straight = share.f_mul_scalar(1.0 / (3.0 * KNEE * KNEE))?.f_add_scalar(4.0 / 29.0)?;
        // Clamped where the line is taken: the root's slope at 0 is infinite.
        let curved = share.f_clamp_min(KNEE.powi(3))?.f_pow_tensor_scalar(1.0 / 3.0)?;
        curves.push(curved.f_where_self(&share.f_gt(KNEE.powi(3))?, &straight)?);
    }
    let [x, y, z] = [0, 1, 2].map(|axis: usize| &curves[axis]);
    let lightness = y.f_mul_scalar(116.0)?.f_sub_scalar(16.0)?;
    let (a, b) = (x.f_sub(y)?.f_mul_scalar(500.0)?, y.f_sub(z)?.f_mul_scalar(200.0)?);
    Ok(Tensor::f_cat(&[lightness, a, b], 1)?)
}

/// The way back. What sRGB does not have becomes the nearest value of each channel. Differentiable inside.
///
/// # Shapes
/// `lab` as [`to_lab`] gives it, `[N, 3, H, W]`; out f32 in [-1, 1], RGB, of the same shape.
///
/// # Errors
/// A tensor of another shape; LibTorch's.
pub fn to_rgb(lab: &Tensor) -> Result<Tensor> {
    guard::shape("Lab images", lab, &[ANY, 3, ANY, ANY])?;
    let lab = wide(lab)?;
    let part = |channel: i64, scale: f64| lab.f_narrow(1, channel, 1)?.f_mul_scalar(scale);
    let y = part(0, 1.0 / 116.0)?.f_add_scalar(16.0 / 116.0)?;
    let curves = Tensor::f_cat(
        &[y.f_add(&part(1, 1.0 / 500.0)?)?, y.shallow_clone(), y.f_sub(&part(2, 1.0 / 200.0)?)?],
        1,
    )?;
    let straight = curves.f_sub_scalar(4.0 / 29.0)?.f_mul_scalar(3.0 * KNEE * KNEE)?;
    let curved = curves.f_pow_tensor_scalar(3.0)?;
    let shares = curved.f_where_self(&curves.f_gt(KNEE)?, &straight)?;
    let white = TO_XYZ.map(|row| row.iter().sum::<f64>());
    let channel = |row: [f64; 3]| mixed(&shares, [0, 1, 2].map(|axis| row[axis] * white[axis]));
    let linear = Tensor::f_cat(&[channel(FROM_XYZ[0])?, channel(FROM_XYZ[1])?, channel(FROM_XYZ[2])?], 1)?;
    let linear = linear.f_clamp(0.0, 1.0)?;
    let straight = linear.f_mul_scalar(12.92)?;
    // Clamped where the line is taken, as above.
    let curved = linear.f_clamp_min(0.003_130_8)?.f_pow_tensor_scalar(1.0 / 2.4)?;
    let curved = curved.f_mul_scalar(1.055)?.f_sub_scalar(0.055)?;
    let rgb = curved.f_where_self(&linear.f_gt(0.003_130_8)?, &straight)?;
    Ok(rgb.f_mul_scalar(2.0)?.f_sub_scalar(1.0)?)
}

/// The sum of the channels, each by its weight. Not a matrix product: those may round to fewer bits on a GPU.
///
/// # Shapes
/// `images` `[N, 3, H, W]`; out `[N, 1, H, W]`
fn mixed(images: &Tensor, weights: [f64; 3]) -> Result<Tensor> {
    let channel = |index: i64| images.f_narrow(1, index, 1)?.f_mul_scalar(weights[index as usize]);
    Ok(channel(0)?.f_add(&channel(1)?)?.f_add(&channel(2)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::range;
    use tch::{Device, Kind};

    fn colour(rgb: [u8; 3]) -> Tensor {
        range::to_signed(&Tensor::from_slice(&rgb).view([1, 3, 1, 1])).expect("f32")
    }

    /// The primaries and the greys as any table of sRGB in Lab (D65) gives them.
    #[test]
    fn known_colours_have_their_known_values() {
        for (rgb, expected) in [
            ([0, 0, 0], [0.0, 0.0, 0.0]),
            ([255, 255, 255], [100.0, 0.0, 0.0]),
            ([128, 128, 128], [53.585, 0.0, 0.0]),
            ([255, 0, 0], [53.241, 80.092, 67.203]),
            ([0, 255, 0], [87.735, -86.183, 83.179]),
            ([0, 0, 255], [32.297, 79.188, -107.860]),
            ([255, 255, 0], [97.139, -21.554, 94.478]),
        ] {
            let got = Vec::<f32>::try_from(to_lab(&colour(rgb)).expect("Lab").flatten(0, -1)).expect("f32");
            for (got, expected) in got.iter().zip(expected) {
                assert!((f64::from(*got) - expected).abs() < 5e-3, "{rgb:?}: {got} is not {expected}");
            }
        }
    }

    #[test]
    fn every_colour_comes_back_and_none_leaves_the_bounds() {
        // Every 5th level of each channel, both ends among them.
        let levels = Tensor::arange_start_step(0, 256, 5, (Kind::Uint8, Device::Cpu));
        let grid = Tensor::meshgrid_indexing(&[&levels, &levels, &levels], "ij");
        let bytes = Tensor::stack(&grid, 0).view([1, 3, 52 * 52, 52]);
        let images = range::to_signed(&bytes).expect("f32");
        let lab = to_lab(&images).expect("Lab");
        assert!(lab.narrow(1, 1, 2).abs().max().double_value(&[]) < 110.0);
        let back = to_rgb(&lab).expect("RGB");
        assert!((&back - &images).abs().max().double_value(&[]) < 0.05 * 2.0 / 255.0);
        assert_eq!(range::to_bytes(&back).expect("u8"), bytes);
    }

    #[test]
    fn colours_that_do_not_exist_are_cut_and_slopes_are_finite() {
        let wild = Tensor::from_slice(&[50f32, 200.0, -200.0, -5.0, 0.0, 0.0, 120.0, 9.0, 9.0]);
        let rgb = to_rgb(&wild.view([3, 3, 1, 1])).expect("RGB");
        assert!(rgb.abs().max().double_value(&[]) <= 1.0 + 1e-6);
        let black = Tensor::full([1, 3, 2, 2], -1.0, (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let back = to_rgb(&to_lab(&black).expect("Lab")).expect("RGB");
        let slope = Tensor::run_backward(&[back.sum(Kind::Float)], &[&black], false, false);
        assert!(slope[0].isfinite().all().int64_value(&[]) == 1);
        let error = to_lab(&Tensor::zeros([1, 1, 2, 2], (Kind::Float, Device::Cpu))).expect_err("grey");
        assert_eq!(error.to_string(), "RGB images must have shape [_, 3, _, _], got [1, 1, 2, 2]");
    }
}
