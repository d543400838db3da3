//! Letting a discriminator see a batch as a whole, so that fakes that are all alike give themselves away.

use crate::error::{Error, Result};
use crate::nn::{Init, Scope};
use crate::tensor::guard::{ANY, shape};
use tch::{Kind, Tensor};

/// Minibatch standard deviation (Karras et al. 2018, section 3): how much a group of samples varies,
/// as further channels. Sample n belongs to group n mod (N / G), as in StyleGAN2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinibatchStddev {
    /// Samples per group, G; a smaller batch is one group, and 0 makes every batch one group. StyleGAN2: 4.
    pub group: i64,
    /// Channels added, each the mean over its share of the input's channels. StyleGAN2: 1.
    pub channels: i64,
}

impl MinibatchStddev {
    /// # Shapes
    /// `[N, C, ...]` to `[N, C + channels, ...]`
    ///
    /// # Errors
    /// Groups that do not divide the batch, or channels that do not divide C; LibTorch's.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let size = x.size();
        let groups = self.deviations(x)?; // [M, channels]
        let m = groups.size()[0];
        let ones = vec![1; size.len().saturating_sub(2)];
        let narrow = [vec![1, m, self.channels], ones].concat();
        let wide = [&[size[0] / m, m, self.channels], &size[2..]].concat();
        let added = [&[size[0], self.channels], &size[2..]].concat();
        let added = groups.f_reshape(narrow)?.f_expand(wide, false)?.f_reshape(added)?;
        Ok(Tensor::f_cat(&[x, &added.f_to_kind(x.kind())?], 1)?)
    }

    /// The mean over features of sqrt(variance over the group + 1e-8), the variance biased.
    ///
    /// # Shapes
    /// `[N, C, ...]` to `[N / G, channels]`
    ///
    /// # Errors
    /// As [`MinibatchStddev::forward`].
    pub fn deviations(&self, x: &Tensor) -> Result<Tensor> {
        let size = x.size();
        let &[n, c, ..] = size.as_slice() else {
            let what = "minibatch standard deviation input".to_owned();
            return Err(Error::Shape { what, expected: "[_, _, ...]".to_owned(), got: size });
        };
        let group = if self.group == 0 { n } else { self.group.min(n) };
        if group < 1 || n % group != 0 {
            let why = format!("groups of {group} samples do not divide a batch of {n}");
            return Err(Error::config("minibatch_stddev.group", why));
        }
        if self.channels < 1 || c % self.channels != 0 {
            let why = format!("{} channels do not divide the input's {c}", self.channels);
            return Err(Error::config("minibatch_stddev.channels", why));
        }
        let grouped = precise(x)?.f_reshape([group, n / group, self.channels, -1])?; // [G, M, channels, rest]
        let mean = |x: &Tensor, keep| x.f_mean_dim([0i64].as_slice(), keep, None);
        // LibTorch's variance over a first dimension goes number by number.
        let squares = grouped.f_sub(&mean(&grouped, true)?)?.f_square()?;
        let deviation = mean(&squares, false)?.f_add_scalar(1e-8)?.f_sqrt()?; // [M, channels, rest]
        Ok(deviation.f_mean_dim(-1, false, None)?)
    }
}

/// Whether a sample counts as close to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelfTerm {
    /// The sum runs over all samples, as in the paper's formula: every value holds a constant 1.
    Kept,
    /// That 1 is taken away, as in most implementations.
    Removed,
}

/// The sizes of a minibatch discrimination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiscriminationOptions {
    /// Features per sample, A.
    pub inputs: i64,
    /// Values added per sample, B.
    pub kernels: i64,
    /// Dimensions that each kernel compares, C.
    pub dimensions: i64,
    /// The sample itself.
    pub self_term: SelfTerm,
}

/// Minibatch discrimination (Salimans et al. 2016, section 3.2): `T` `[A, B, C]` maps features to B small
/// vectors, and o_b(x_i) = Σ_j exp(-|M_i,b - M_j,b|_1) says how close the other samples are.
#[derive(Debug)]
pub struct MinibatchDiscrimination {
    tensor: Tensor,
    self_term: SelfTerm,
}

impl MinibatchDiscrimination {
    /// Kernels in `scope`.
    ///
    /// # Errors
    /// A name given twice; LibTorch's.
    pub fn new(mut scope: Scope, options: DiscriminationOptions, init: Init) -> Result<Self> {
        let DiscriminationOptions { inputs, kernels, dimensions, self_term } = options;
        Ok(Self { tensor: scope.parameter("T", &[inputs, kernels, dimensions], init)?, self_term })
    }

    /// # Shapes
    /// `[N, A]` to `[N, A + B]`
    ///
    /// # Errors
    /// Another number of features; LibTorch's.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(Tensor::f_cat(&[x, &self.closeness(x)?.f_to_kind(x.kind())?], 1)?)
    }

    /// # Shapes
    /// `[N, A]` to `[N, B]`
    ///
    /// # Errors
    /// Another number of features; LibTorch's.
    pub fn closeness(&self, x: &Tensor) -> Result<Tensor> {
        let size = self.tensor.size();
        shape("minibatch discrimination input", x, &[ANY, size[0]])?;
        let m = x.f_matmul(&self.tensor.f_flatten(1, 2)?)?.f_reshape([-1, size[1], size[2]])?; // [N, B, C]
        let m = precise(&m)?;
        let distance = m.f_unsqueeze(0)?.f_sub(&m.f_unsqueeze(1)?)?.f_abs()?; // [N, N, B, C]
        let distance = distance.f_sum_dim_intlist(-1, false, None)?; // [N, N, B]
        let sum = distance.f_neg()?.f_exp()?.f_sum_dim_intlist(0, false, None)?; // [N, B]
        match self.self_term {
            SelfTerm::Kept => Ok(sum),
            SelfTerm::Removed => Ok(sum.f_sub_scalar(1.0)?),
        }
    }
}

/// Statistics of a batch are taken in f32 at least.
fn precise(x: &Tensor) -> Result<Tensor> {
    match x.kind() {
        Kind::BFloat16 | Kind::Half => Ok(x.f_to_kind(Kind::Float)?),
        _ => Ok(x.shallow_clone()),
    }
}
