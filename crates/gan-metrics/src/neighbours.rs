//! Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020): whether samples lie where real
//! ones do, and the other way round, by balls that reach to the k-th neighbour.

use gan_core::error::{Error, Result};
use tch::{Kind, Tensor};

/// Rows of a matrix of distances that are in memory at once.
pub(crate) const BLOCK: i64 = 1_024;

/// Four shares, each 1 at best but density, which has no bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbours {
    /// Of the generated that lie in a ball of a real one.
    pub precision: f64,
    /// Of the real that lie in a ball of a generated one.
    pub recall: f64,
    /// Balls of real ones around a generated one, over k.
    pub density: f64,
    /// Of the real in whose ball a generated one lies.
    pub coverage: f64,
}

/// Compares two sets of features; balls reach to the `k`-th neighbour in their own set (3 in both papers' images, 5 in
/// later work).
///
/// On the edge of a ball counts for precision and recall and not for density and coverage, as in the authors' code.
///
/// # Shapes
/// `generated` `[N, D]`, `real` `[M, D]`, both larger than `k`
///
/// # Errors
/// Too few features; other dimensions; LibTorch's.
pub fn neighbours(generated: &Tensor, real: &Tensor, k: i64) -> Result<Neighbours> {
    let (generated, real) = (crate::matrix("features", generated)?, crate::matrix("features", real)?);
    let ((fakes, width), (reals, other)) = (generated.size2()?, real.size2()?);
    if width != other {
        let why = format!("have {width} dimensions on one side and {other} on the other");
        return Err(Error::config("features", why));
    }
    if k < 1 || fakes.min(reals) <= k {
        let why = format!("{fakes} generated and {reals} real ones have no {k}-th neighbour");
        return Err(Error::config("features", why));
    }
    let reach_of_reals = radii(&real, k)?; // [M], squared
    let reach_of_fakes = radii(&generated, k)?; // [N], squared
    let (mut precise, mut balls) = (0, 0);
    let mut recalled = Tensor::f_zeros([reals], (Kind::Bool, real.device()))?;
    let mut covered = recalled.f_zeros_like()?;
    for begin in (0..fakes).step_by(BLOCK as usize) {
        let count = BLOCK.min(fakes - begin);
        let apart = squared_distances(&generated.f_narrow(0, begin, count)?, &real)?; // [count, M]
        let total = |mask: &Tensor| mask.f_sum(Kind::Int64)?.f_int64_value(&[]);
        precise += total(&apart.f_le_tensor(&reach_of_reals)?.f_any_dim(1, false)?)?;
        let inside = apart.f_lt_tensor(&reach_of_reals)?;
        balls += total(&inside)?;
        covered = covered.f_logical_or(&inside.f_any_dim(0, false)?)?;
        let reach = reach_of_fakes.f_narrow(0, begin, count)?.f_unsqueeze(1)?;
        recalled = recalled.f_logical_or(&apart.f_le_tensor(&reach)?.f_any_dim(0, false)?)?;
    }
    let share = |mask: &Tensor| -> Result<f64> {
        Ok(mask.f_sum(Kind::Int64)?.f_int64_value(&[])? as f64 / reals as f64)
    };
    Ok(Neighbours {
        precision: precise as f64 / fakes as f64,
        recall: share(&recalled)?,
        density: balls as f64 / (k * fakes) as f64,
        coverage: share(&covered)?,
    })
}

/// Squared distance of each feature to its `k`-th neighbour, itself left out: `[N]`.
fn radii(features: &Tensor, k: i64) -> Result<Tensor> {
    let count = features.size()[0];
    let blocks = (0..count)
        .step_by(BLOCK as usize)
        .map(|begin| {
            let block = features.f_narrow(0, begin, BLOCK.min(count - begin))?;
            // The first of k + 1 is the feature itself.
            let nearest = squared_distances(&block, features)?.f_topk(k + 1, 1, false, true)?.0;
            Ok(nearest.f_select(1, k)?)
        })
        .collect::<Result<Vec<Tensor>>>()?;
    Ok(Tensor::f_cat(&blocks, 0)?)
}

/// `[N, D]` and `[M, D]` to `[N, M]`, by |a|² + |b|² - 2 a·b in the features' own kind.
pub(crate) fn squared_distances(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let norms = |x: &Tensor| x.f_square()?.f_sum_dim_intlist([1i64].as_slice(), false, x.kind());
    let sums = norms(a)?.f_unsqueeze(1)?.f_add(&norms(b)?)?;
    Ok(a.f_matmul(&b.f_transpose(0, 1)?)?.f_mul_scalar_(-2.0)?.f_add_(&sums)?.f_clamp_min_(0.0)?)
}
