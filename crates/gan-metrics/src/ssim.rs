//! Structural similarity of two images (Wang et al. 2004, equation 13, constants of section III-C).
//!
//! A Gaussian window of 11 x 11 with deviation 1.5, only where it lies wholly inside; each channel on its own, then the mean.
//! Nothing is shrunk beforehand, as the authors' later program does. All in f64; variances are the window's own, not unbiased.

use crate::pair;
use gan_core::error::{Error, Result};
use tch::{Kind, Tensor};

/// Height and width of the window.
pub const WINDOW: i64 = 11;
const DEVIATION: f64 = 1.5;
/// (K1 L)² and (K2 L)², L the range of values.
const C1: f64 = 0.01 * 255.0 * (0.01 * 255.0);
const C2: f64 = 0.03 * 255.0 * (0.03 * 255.0);

/// The similarity of each pair: 1 for equal images, at most.
///
/// # Shapes
/// `generated` and `target` u8 `[N, C, H, W]`, H and W of at least [`WINDOW`]; N numbers out
///
/// # Errors
/// Images of another kind, of two shapes, or smaller than the window; LibTorch's.
pub fn ssim(generated: &Tensor, target: &Tensor) -> Result<Vec<f64>> {
    pair::check(generated, target)?;
    let (_, _, height, width) = target.size4()?;
    if height.min(width) < WINDOW {
        let why = format!(
            "images of {width} x {height} are smaller than its window of {WINDOW} x {WINDOW}; leave it out"
        );
        return Err(Error::config("ssim", why));
    }
    let (x, y) = (generated.f_to_kind(Kind::Double)?, target.f_to_kind(Kind::Double)?);
    let [mean_x, mean_y] = [blurred(&x)?, blurred(&y)?]; // [N, C, H - 10, W - 10]
    let products = [mean_x.f_mul(&mean_x)?, mean_y.f_mul(&mean_y)?, mean_x.f_mul(&mean_y)?];
    let [xx, yy, xy] = &products;
    let spread = |a: &Tensor, b: &Tensor, mean: &Tensor| -> Result<Tensor> {
        Ok(blurred(&a.f_mul(b)?)?.f_sub_(mean)?)
    };
    let variances = spread(&x, &x, xx)?.f_add_(&spread(&y, &y, yy)?)?;
    let covariance = spread(&x, &y, xy)?;
    let over = xy
        .f_mul_scalar(2.0)?
        .f_add_scalar_(C1)?
        .f_mul_(&(covariance.f_mul_scalar(2.0)?.f_add_scalar_(C2)?))?;
    let under = xx.f_add(yy)?.f_add_scalar_(C1)?.f_mul_(&variances.f_add_scalar(C2)?)?;
    let map = over.f_div(&under)?.f_flatten(1, -1)?;
    Ok(Vec::<f64>::try_from(&map.f_mean_dim([1i64].as_slice(), false, Kind::Double)?)?)
}

/// The window's mean at every place where it fits.
fn blurred(x: &Tensor) -> Result<Tensor> {
    along(&along(x, 3)?, 2)
}

/// The window along one dimension. A sum of shifted images: LibTorch's convolutions are slow in f64.
fn along(x: &Tensor, dimension: i64) -> Result<Tensor> {
    let places = x.size()[dimension as usize] - WINDOW + 1;
    let shares = window();
    let mut sum = x.f_narrow(dimension, 0, places)?.f_mul_scalar(shares[0])?;
    for (place, share) in shares.iter().enumerate().skip(1) {
        sum = sum.f_add_(&x.f_narrow(dimension, place as i64, places)?.f_mul_scalar(*share)?)?;
    }
    Ok(sum)
}

/// A Gaussian at whole distances, of sum 1.
fn window() -> [f64; WINDOW as usize] {
    let height = |place: usize| (-0.5 * ((place as f64 - (WINDOW / 2) as f64) / DEVIATION).powi(2)).exp();
    let heights: [f64; WINDOW as usize] = std::array::from_fn(height);
    let sum: f64 = heights.iter().sum();
    heights.map(|height| height / sum)
}
