//! Fréchet distance between two sets of features, each taken for a Gaussian (FID: Heusel et al. 2017, equation 6).

use gan_core::error::{Error, Result};
use tch::{Device, Kind, Tensor};

/// Mean and covariance of a set of features, gathered batch by batch in f64: memory does not grow with the set.
#[derive(Debug)]
pub struct Gaussian {
    count: u64,
    /// `[D]`
    mean: Tensor,
    /// Sum of the outer products of what deviates from the mean, `[D, D]`.
    scatter: Tensor,
}

impl Gaussian {
    /// Of no features yet.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(dimensions: i64) -> Result<Self> {
        let zeros = |size: &[i64]| Tensor::f_zeros(size, (Kind::Double, Device::Cpu));
        Ok(Self { count: 0, mean: zeros(&[dimensions])?, scatter: zeros(&[dimensions, dimensions])? })
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
        Ok(Self { count, mean, scatter: covariance.f_mul_scalar((count - 1) as f64)? })
    }

    /// Adds a batch `[N, D]` (Chan et al. 1979: the scatter of a union).
    ///
    /// # Errors
    /// Features of other dimensions, or that are not finite; LibTorch's.
    pub fn push(&mut self, features: &Tensor) -> Result<()> {
        if features.dim() != 2 || features.size()[1] != self.dimensions() {
            let why = format!("have shape {:?}, not [N, {}]", features.size(), self.dimensions());
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
        let mean = features.f_mean_dim([0i64].as_slice(), false, Kind::Double)?;
        let apart = features.f_sub(&mean)?;
        let scatter = apart.f_transpose(0, 1)?.f_matmul(&apart)?;
        self.merge(&Self { count: count as u64, mean, scatter })
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
        let (ours, theirs) = (self.count as f64, other.count as f64);
        let all = ours + theirs;
        if all == 0.0 {
            return Ok(());
        }
        let step = other.mean.f_sub(&self.mean)?;
        let between = step.f_outer(&step)?.f_mul_scalar(ours * theirs / all)?;
        self.scatter = self.scatter.f_add(&other.scatter)?.f_add(&between)?;
        self.mean = self.mean.f_add(&step.f_mul_scalar(theirs / all)?)?;
        self.count += other.count;
        Ok(())
    }

    /// Numbers in a feature.
    pub fn dimensions(&self) -> i64 {
        self.mean.size()[0]
    }

    /// Features gathered.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// `[D]`
    pub fn mean(&self) -> &Tensor {
        &self.mean
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
        Ok(self.scatter.f_div_scalar((self.count - 1) as f64)?)
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
/// The trace of the root is the sum of the singular values of AᵀB, where Σ₁ = A Aᵀ and Σ₂ = B Bᵀ: nothing complex comes up,
/// nothing is regularised, and what is zero in a covariance of lower rank stays zero instead of the root of a rounding
/// error.
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
    let apart = a.mean.f_sub(&b.mean)?.f_square()?.f_sum(Kind::Double)?;
    let traces = first.f_trace()?.f_add(&second.f_trace()?)?;
    let common = root(&first)?.f_transpose(0, 1)?.f_matmul(&root(&second)?)?;
    let of_root = match common.numel() {
        0 => 0.0,
        _ => common.f_svd(true, false)?.1.f_sum(Kind::Double)?.f_double_value(&[])?,
    };
    Ok(apart.f_add(&traces)?.f_double_value(&[])? - 2.0 * of_root)
}

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
