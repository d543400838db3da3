//! Fréchet distance between two sets of features, each taken for a Gaussian (FID: Heusel et al. 2017, equation 6).

use gan_core::error::{Error, Result};
use tch::{Device, Kind, Tensor};

/// Mean and covariance of a set of features, gathered batch by batch in f64: memory does not grow with the set.
#[derive(Debug)]
pub struct Gaussian {
    count: u64,
    /// A point near the mean, that of the first batch, `[D]`.
    centre: Tensor,
    /// The sum of what deviates from it, `[D]`.
    sum: Tensor,
    /// The sum of its outer products, `[D, D]`, on and above the diagonal.
    scatter: Tensor,
}

/// Columns of the scatter that are computed with all later ones at once: what lies below the diagonal is never computed.
const PANEL: i64 = 256;

impl Gaussian {
    /// Of no features yet.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(dimensions: i64) -> Result<Self> {
        let zeros = |size: &[i64]| Tensor::f_zeros(size, (Kind::Double, Device::Cpu));
        let [centre, sum] = [zeros(&[dimensions])?, zeros(&[dimensions])?];
        Ok(Self { count: 0, centre, sum, scatter: zeros(&[dimensions, dimensions])? })
    }

    /// Of statistics that are known: the mean `[D]`, the unbiased covariance `[D, D]`, and how many features they are of.
    ///
    /// # Errors
    /// Shapes that do not fit; numbers that are not finite; fewer than two features.
    pub fn of_statistics(mean: &Tensor, covariance: &Tensor, count: u64) -> Result<Self> {
        let refuse = |why: String| Err(Error::config("statistics", why));
        let dimensions = mean.size().iter().product::<i64>();
        if mean.dim() != 1 || covariance.size() != [dimensions, dimensions] {
            return refuse(format!(
                "a mean of shape {:?} and a covariance of shape {:?} do not fit together",
                mean.size(),
                covariance.size()
            ));
        }
        if count < 2 {
            return refuse(format!(
                "a covariance of {count} features does not exist; two at least are needed"
            ));
        }
        let (mean, covariance) = (double(mean)?, double(covariance)?);
        if !(finite(&mean)? && finite(&covariance)?) {
            return refuse("hold numbers that are not finite".to_owned());
        }
        let scatter = covariance.f_mul_scalar((count - 1) as f64)?;
        Ok(Self { count, sum: mean.f_zeros_like()?, centre: mean, scatter })
    }

    /// Adds a batch `[N, D]`.
    ///
    /// # Errors
    /// Features of other dimensions, or that are not finite; LibTorch's.
    pub fn push(&mut self, features: &Tensor) -> Result<()> {
        let dimensions = self.dimensions();
        if features.dim() != 2 || features.size()[1] != dimensions {
            let why = format!("have shape {:?}, not [N, {dimensions}]", features.size());
            return Err(Error::config("features", why));
        }
        let count = features.size()[0];
        if count == 0 {
            return Ok(());
        }
        let features = double(features)?;
        if !finite(&features)? {
            return Err(Error::config("features", "hold numbers that are not finite"));
        }
        if self.count == 0 {
            self.centre = features.f_mean_dim([0i64].as_slice(), false, Kind::Double)?;
        }
        let apart = features.f_sub(&self.centre)?;
        self.sum = self.sum.f_add(&apart.f_sum_dim_intlist([0i64].as_slice(), false, Kind::Double)?)?;
        for begin in (0..dimensions).step_by(PANEL as usize) {
            let end = dimensions.min(begin + PANEL);
            let columns = apart.f_slice(1, begin, end, 1)?.f_transpose(0, 1)?;
            let mut panel = self.scatter.f_slice(0, begin, end, 1)?.f_slice(1, begin, dimensions, 1)?;
            let _ = panel.f_addmm_(&columns, &apart.f_slice(1, begin, dimensions, 1)?)?;
        }
        self.count += count as u64;
        Ok(())
    }

    /// Adds what another has gathered.
    ///
    /// # Errors
    /// Other dimensions; LibTorch's.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if other.dimensions() != self.dimensions() {
            let why = format!("have {} dimensions, not {}", other.dimensions(), self.dimensions());
            return Err(Error::config("features", why));
        }
        if self.count == 0 {
            self.centre = other.centre.shallow_clone();
        }
        // Of x - a, where x - b is known and b - a is the same for all.
        let step = other.centre.f_sub(&self.centre)?;
        let all = other.count as f64;
        let mixed = step.f_outer(&other.sum)?;
        let moved =
            mixed.f_add(&mixed.f_transpose(0, 1)?)?.f_add(&step.f_outer(&step)?.f_mul_scalar(all)?)?;
        self.scatter = self.scatter.f_add(&other.scatter)?.f_add(&moved)?;
        self.sum = self.sum.f_add(&other.sum)?.f_add(&step.f_mul_scalar(all)?)?;
        self.count += other.count;
        Ok(())
    }

    /// Numbers in a feature.
    pub fn dimensions(&self) -> i64 {
        self.centre.size()[0]
    }

    /// Features gathered.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// `[D]`; of no features all 0.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn mean(&self) -> Result<Tensor> {
        Ok(self.centre.f_add(&self.sum.f_div_scalar(self.count.max(1) as f64)?)?)
    }

    /// Unbiased (divided by N - 1), `[D, D]`.
    ///
    /// # Errors
    /// Fewer than two features.
    pub fn covariance(&self) -> Result<Tensor> {
        if self.count < 2 {
            let why = format!("there are {}; a covariance needs two at least", self.count);
            return Err(Error::config("features", why));
        }
        let upper =
            self.scatter.f_sub(&self.sum.f_outer(&self.sum)?.f_div_scalar(self.count as f64)?)?.f_triu(0)?;
        let whole = upper.f_add(&upper.f_triu(1)?.f_transpose(0, 1)?)?;
        Ok(whole.f_div_scalar((self.count - 1) as f64)?)
    }

    /// A sentence, if the set is so small that the distance is far too large and depends on its size.
    pub fn warning(&self) -> Option<String> {
        (self.count <= self.dimensions() as u64).then(|| {
            format!(
                "{} images for {} dimensions: their covariance has no full rank and the distance is biased upwards; \
                 compare with nothing but scores of as many images",
                self.count,
                self.dimensions()
            )
        })
    }
}

/// |μ₁ - μ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½).
///
/// With Σ₁ = A Aᵀ the trace of the root is the sum of the roots of the eigenvalues of Aᵀ Σ₂ A, or, where these are too small
/// for their roots to be known, of the singular values of Aᵀ B with Σ₂ = B Bᵀ: nothing complex comes up, nothing is
/// regularised, and what is zero in a covariance of lower rank stays zero instead of the root of a rounding error.
///
/// # Errors
/// Other dimensions; fewer than two features on a side; LibTorch's.
pub fn frechet(a: &Gaussian, b: &Gaussian) -> Result<f64> {
    if a.dimensions() != b.dimensions() {
        let why =
            format!("have {} dimensions on one side and {} on the other", a.dimensions(), b.dimensions());
        return Err(Error::config("features", why));
    }
    let (first, second) = (a.covariance()?, b.covariance()?);
    let apart = a.mean()?.f_sub(&b.mean()?)?.f_square()?.f_sum(Kind::Double)?;
    let traces = first.f_trace()?.f_add(&second.f_trace()?)?;
    Ok(apart.f_add(&traces)?.f_double_value(&[])? - 2.0 * trace_of_root(&first, &second)?)
}

/// tr (Σ₁ Σ₂)^½
fn trace_of_root(first: &Tensor, second: &Tensor) -> Result<f64> {
    let a = root(first)?;
    if a.numel() == 0 {
        return Ok(0.0);
    }
    let product = a.f_transpose(0, 1)?.f_matmul(second)?.f_matmul(&a)?;
    let values = Vec::<f64>::try_from(&product.f_linalg_eigvalsh("L")?)?;
    // An eigenvalue is known to the rounding error of the largest.
    let largest = values.iter().copied().fold(0.0, f64::max);
    let error = largest * f64::EPSILON;
    let (mut sum, mut doubt) = (0.0, 0.0);
    for value in values {
        let root = value.max(0.0).sqrt();
        sum += root;
        doubt += if value > error { error / root } else { error.sqrt() };
    }
    if doubt <= PRECISION * sum {
        return Ok(sum);
    }
    let common = a.f_transpose(0, 1)?.f_matmul(&root(second)?)?;
    match common.numel() {
        0 => Ok(0.0),
        _ => Ok(common.f_svd(true, false)?.1.f_sum(Kind::Double)?.f_double_value(&[])?),
    }
}

/// How well the trace is to be known.
const PRECISION: f64 = 1e-10;

/// A with A Aᵀ = Σ: Cholesky's factor, or where Σ has no full rank its eigenvectors, each as long as the root of its
/// eigenvalue.
fn root(covariance: &Tensor) -> Result<Tensor> {
    let (factor, info) = covariance.f_linalg_cholesky_ex(false, false)?;
    if info.f_int64_value(&[])? == 0 {
        return Ok(factor);
    }
    let (values, vectors) = covariance.f_linalg_eigh("L")?;
    // Ascending; what is below the rounding error of the largest is none.
    let least = values.f_max()?.f_double_value(&[])?.max(0.0) * f64::EPSILON * values.size()[0] as f64;
    let kept = values.f_gt(least)?.f_nonzero()?.f_squeeze()?.f_reshape([-1i64])?;
    let values = values.f_index_select(0, &kept)?.f_sqrt()?;
    Ok(vectors.f_index_select(1, &kept)?.f_mul(&values)?)
}

fn double(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Double)?)
}

fn finite(tensor: &Tensor) -> Result<bool> {
    Ok(tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? != 0)
}
