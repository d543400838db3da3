//! The sliced Wasserstein distance: *Wasserstein Barycenter and Its Application to Texture Mixing*, Rabin, Peyré,
//! Delon and Bernot 2011.
//!
//! On a line the Wasserstein distance is a sort: W(a, b)² = ∫ (F_a⁻¹(u) - F_b⁻¹(u))² du. Sliced, it is the mean of that
//! over directions θ drawn evenly from the sphere: SW² = E_θ W(⟨θ, a⟩, ⟨θ, b⟩)². It needs no network, sees missing modes
//! and false proportions, and is as cheap as sorting.
//!
//! θ has length 1, so the result is a root mean square over the D values: a set of images that is everywhere one grey
//! level brighter lies at a distance of 1, whatever their size (E_θ ⟨θ, v⟩² = |v|² / D).

use gan_core::error::{Error, Result};
use gan_core::random::Streams;
use tch::{Device, Kind, Tensor};

/// Along which directions is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Projections {
    /// How many directions.
    pub count: i64,
    /// The directions are a function of it.
    pub seed: u64,
}

impl Default for Projections {
    fn default() -> Self {
        Self { count: 512, seed: 1 }
    }
}

/// Bytes of projected values held at a time, about.
const CHUNK_VALUES: i64 = 1 << 24;

/// The sliced Wasserstein distance of order 2 between two sets: in grey levels for u8 images, in the plane's units for
/// points. The sets may differ in size: quantile functions are compared, exactly.
///
/// # Shapes
/// `a` `[N, ...]`, `b` `[M, ...]`, the same after the first dimension
///
/// # Errors
/// An empty set, samples of two shapes, values that are not finite, no directions; LibTorch's, such as no memory.
pub fn sliced_wasserstein(a: &Tensor, b: &Tensor, projections: &Projections) -> Result<f64> {
    if a.size().get(1..) != b.size().get(1..) {
        let why = format!("have shapes {:?} and {:?}; only the first number may differ", a.size(), b.size());
        return Err(Error::config("samples", why));
    }
    if projections.count < 1 {
        return Err(Error::config("projections", "at least one direction is needed"));
    }
    let (a, b) = (crate::rows("samples", a)?, crate::rows("samples", b)?);
    let (n, m, values) = (a.size()[0], b.size()[0], a.size()[1]);
    let plan = Plan::new(n, m)?;
    let streams = Streams::new(projections.seed, 0, 0, Device::Cpu);
    let mut sum = 0.0;
    let mut done = 0;
    while done < projections.count {
        let now = (CHUNK_VALUES / (n + m).max(values)).clamp(1, projections.count - done);
        let directions = streams.normal("directions", &[now, values])?.f_to_kind(Kind::Double)?;
        let length = directions.f_square()?.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Double)?;
        let directions = directions.f_mul(&length.f_rsqrt()?)?;
        sum += plan.squared(&directions.f_matmul(&a.f_tr()?)?, &directions.f_matmul(&b.f_tr()?)?)?;
        done += now;
    }
    if !sum.is_finite() {
        return Err(Error::config("samples", "hold values that are not finite"));
    }
    Ok((sum / projections.count as f64).sqrt())
}

/// Which order statistics of two samples meet, and for what share of the quantiles.
struct Plan {
    from_a: Tensor,
    from_b: Tensor,
    /// f64 `[segments]`; the sum is 1.
    shares: Tensor,
}

impl Plan {
    /// Quantile functions of n and m samples are constant between multiples of 1/n and 1/m; everything is counted in
    /// units of 1/(n m), exactly.
    fn new(n: i64, m: i64) -> Result<Self> {
        let (mut from_a, mut from_b, mut shares) = (Vec::new(), Vec::new(), Vec::new());
        let (mut i, mut j, mut at) = (0i64, 0i64, 0i64);
        while i < n && j < m {
            let end = ((i + 1) * m).min((j + 1) * n);
            from_a.push(i);
            from_b.push(j);
            shares.push((end - at) as f64 / (n as f64 * m as f64));
            i += i64::from(end == (i + 1) * m);
            j += i64::from(end == (j + 1) * n);
            at = end;
        }
        Ok(Self {
            from_a: Tensor::f_from_slice(&from_a)?,
            from_b: Tensor::f_from_slice(&from_b)?,
            shares: Tensor::f_from_slice(&shares)?,
        })
    }

    /// The sum over directions of W². `a` `[directions, N]`, `b` `[directions, M]`
    fn squared(&self, a: &Tensor, b: &Tensor) -> Result<f64> {
        let a = a.f_sort(1, false)?.0.f_index_select(1, &self.from_a)?;
        let b = b.f_sort(1, false)?.0.f_index_select(1, &self.from_b)?;
        Ok(a.f_sub(&b)?.f_square()?.f_mul(&self.shares)?.f_sum(Kind::Double)?.f_double_value(&[])?)
    }
}
