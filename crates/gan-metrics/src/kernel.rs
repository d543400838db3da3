//! Kernel distance (KID: Bińkowski et al. 2018): the squared maximum mean discrepancy with a polynomial kernel.

use gan_core::error::{Error, Result};
use gan_core::random::Streams;
use gan_sys::pairs::cubic_kernel_sum;
use tch::{Device, Kind, Tensor};

/// How subsets are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelOptions {
    /// How many: the mean over them is the score.
    pub subsets: i64,
    /// Features of each side in one.
    pub size: i64,
    /// Of the draws.
    pub seed: u64,
}

impl Default for KernelOptions {
    /// The authors': 100 subsets of 1,000.
    fn default() -> Self {
        Self { subsets: 100, size: 1_000, seed: 1 }
    }
}

/// A mean over subsets and how far they spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KernelDistance {
    /// Unbiased: around 0, and so at times below, for two samples of one distribution.
    pub mean: f64,
    /// Standard deviation over the subsets (biased, as published implementations have it).
    pub std: f64,
}

/// The distance of generated from real features, over subsets drawn without replacement.
///
/// # Shapes
/// `generated` `[N, D]`, `real` `[M, D]`
///
/// # Errors
/// Fewer features than a subset has; other dimensions; LibTorch's.
pub fn kernel_distance(generated: &Tensor, real: &Tensor, options: KernelOptions) -> Result<KernelDistance> {
    let KernelOptions { subsets, size, seed } = options;
    for (side, features) in [("generated", generated), ("real", real)] {
        let count = features.size().first().copied().unwrap_or(0);
        if count < size {
            let why = format!("there are {count} {side} ones; a subset has {size}");
            return Err(Error::config("features", why));
        }
    }
    let draw = |name: &str, subset: i64, features: &Tensor| -> Result<Tensor> {
        // The order of uniform draws is a random permutation.
        let draws = Streams::new(seed, 0, subset as u64, Device::Cpu).uniform(name, &[features.size()[0]])?;
        let chosen = draws.f_argsort(0, false)?.f_narrow(0, 0, size)?;
        Ok(features.f_index_select(0, &chosen)?)
    };
    let values = (0..subsets)
        .map(|subset| {
            let generated = draw("generated", subset, generated)?;
            squared_discrepancy(&generated, &draw("real", subset, real)?)
        })
        .collect::<Result<Vec<f64>>>()?;
    Ok(over(&values))
}

/// Mean and spread of one value a subset.
pub fn over(values: &[f64]) -> KernelDistance {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    KernelDistance { mean, std: variance.sqrt() }
}

/// The unbiased estimate of MMD² with the kernel (x·y / D + 1)³ (section 4 there): means over pairs of different features
/// on each side, less twice the mean over pairs across. Products are taken in the features' own kind, f32 or f64, sums in f64.
///
/// # Shapes
/// `x` `[N, D]`, `y` `[M, D]`, N and M at least 2
///
/// # Errors
/// Fewer than two features; other dimensions; LibTorch's.
pub fn squared_discrepancy(x: &Tensor, y: &Tensor) -> Result<f64> {
    let (x, y) = (crate::matrix("features", x)?, crate::matrix("features", y)?);
    let dimensions = x.size()[1];
    if y.size()[1] != dimensions {
        let why = format!("have {dimensions} dimensions on one side and {} on the other", y.size()[1]);
        return Err(Error::config("features", why));
    }
    let (first, second) = (x.size()[0], y.size()[0]);
    if first.min(second) < 2 {
        return Err(Error::config("features", "two at least are needed on each side"));
    }
    let within = |rows: &Tensor, count: i64| Ok::<_, Error>(sum(rows, None)? / (count * (count - 1)) as f64);
    let across = sum(&x, Some(&y))? / (first * second) as f64;
    Ok(within(&x, first)? + within(&y, second)? - 2.0 * across)
}

/// The kernel summed over pairs of a row of `x` and one of `y`; without `y` over pairs of different rows of `x`.
fn sum(x: &Tensor, y: Option<&Tensor>) -> Result<f64> {
    if x.kind() == Kind::Float {
        let y = y.map(Tensor::f_contiguous).transpose()?;
        return Ok(cubic_kernel_sum(&x.f_contiguous()?, y.as_ref())?);
    }
    let products = x.f_matmul(&y.unwrap_or(x).f_transpose(0, 1)?)?.f_div_scalar(x.size()[1] as f64)?;
    let kernel = products.f_add_scalar(1.0)?.f_pow_tensor_scalar(3.0)?;
    let all = kernel.f_sum(Kind::Double)?.f_double_value(&[])?;
    let same = if y.is_none() { kernel.f_trace()?.f_double_value(&[])? } else { 0.0 };
    Ok(all - same)
}
