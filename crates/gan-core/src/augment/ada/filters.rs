//! Bands of frequencies stronger or weaker (appendix B): a filter of its own for each image, of four bands of the wavelet sym2.

use super::{AdaPipe, Chance};
use crate::error::Result;
use tch::{Kind, Tensor};

/// The low-pass of the wavelet sym2 (Daubechies 1992).
const SYM2: [f64; 4] = [-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025];
const BANDS: usize = 4;
/// Pixels that are mirrored around an image, which must have more: half of the longest filter.
pub(super) const PAD: i64 = 21;
/// The power that natural images have in each band, of 13.
const POWER: [f32; BANDS] = [10.0, 1.0, 1.0, 1.0];

/// Images with other frequencies.
pub(super) fn apply(pipe: &AdaPipe, chance: &Chance, images: &Tensor) -> Result<Tensor> {
    if pipe.imgfilter == 0.0 {
        return Ok(images.shallow_clone());
    }
    let (n, channels, height, width) = images.size4()?;
    let bank = bank();
    let taps = bank[0].len() as i64;
    let pad = taps / 2;
    debug_assert_eq!(pad, PAD);
    let device = images.device();
    let power =
        Tensor::from_slice(&POWER).f_div_scalar(POWER.iter().sum::<f32>() as f64)?.f_to_device(device)?;
    let mut gains = Tensor::f_ones([n, BANDS as i64], (Kind::Float, device))?;
    for band in 0..BANDS as i64 {
        let by = chance.normal("augment imgfilter", &[])?.f_exp2()?;
        let by = chance.used(&by, 1.0, pipe.imgfilter, &[])?.f_unsqueeze(1)?;
        let others = |count: i64| Tensor::f_ones([n, count], (Kind::Float, device));
        let gain = Tensor::f_cat(&[others(band)?, by, others(BANDS as i64 - 1 - band)?], 1)?;
        let whole =
            gain.f_square()?.f_mul(&power)?.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?;
        gains = gains.f_mul(&gain.f_div(&whole.f_sqrt()?)?)?;
    }
    let flat: Vec<f32> = bank.concat().iter().map(|tap| *tap as f32).collect();
    let bank = Tensor::from_slice(&flat).f_reshape([BANDS as i64, taps])?.f_to_device(device)?;
    let filter = gains.f_matmul(&bank)?.f_repeat_interleave_self_int(channels, 0, None)?; // [N C, taps]
    let all = images.f_reshape([1, n * channels, height, width])?.f_reflection_pad2d([pad; 4])?;
    let across = filter.f_reshape([-1, 1, 1, taps])?;
    let along = filter.f_reshape([-1, 1, taps, 1])?;
    let half = all.f_conv2d::<&Tensor>(&across, None, [1i64; 2], [0i64; 2], [1i64; 2], n * channels)?;
    let whole = half.f_conv2d::<&Tensor>(&along, None, [1i64; 2], [0i64; 2], [1i64; 2], n * channels)?;
    Ok(whole.f_reshape([n, channels, height, width])?)
}

/// Filters of the bands, from low frequencies to high, each as long as the longest: a low-pass again and again, what it takes
/// away put back as the next band.
fn bank() -> Vec<Vec<f64>> {
    let high: Vec<f64> =
        SYM2.iter().enumerate().map(|(at, tap)| if at % 2 == 0 { *tap } else { -tap }).collect();
    let [low, high] = [SYM2.to_vec(), high].map(|taps| {
        let mirrored: Vec<f64> = taps.iter().rev().copied().collect();
        convolved(&taps, &mirrored).iter().map(|tap| tap / 2.0).collect::<Vec<f64>>()
    });
    let mut bands = vec![vec![0.0]; BANDS];
    bands[0][0] = 1.0;
    for level in 1..BANDS {
        for band in &mut bands {
            let mut apart: Vec<f64> = band.iter().flat_map(|tap| [*tap, 0.0]).collect();
            apart.pop();
            *band = convolved(&apart, &low);
        }
        let start = (bands[level].len() - high.len()) / 2;
        for (tap, more) in bands[level][start..].iter_mut().zip(&high) {
            *tap += more;
        }
    }
    bands
}

fn convolved(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; a.len() + b.len() - 1];
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate() {
            out[i + j] += x * y;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Together the bands are what they were taken from: one tap, as far as the published digits go.
    #[test]
    fn bands_add_up_to_the_image() {
        let bank = bank();
        let middle = bank[0].len() / 2;
        for at in 0..bank[0].len() {
            let sum: f64 = bank.iter().map(|band| band[at]).sum();
            let wanted = if at == middle { 1.0 } else { 0.0 };
            assert!((sum - wanted).abs() < 1e-10, "{at}: {sum}");
        }
    }
}
