//! Batch normalisation, by the statistics of all ranks' batches where there are several.

use crate::comm::{self, Comm};
use crate::error::Result;
use tch::{Kind, Tensor};

/// What a batch is normalised with besides its own statistics.
#[derive(Clone, Copy)]
pub(crate) struct BatchNorm<'a> {
    /// `[C]`, multiplied and added.
    pub affine: [Option<&'a Tensor>; 2],
    /// `[C]`, mean and variance: what is normalised by without `train`; with it they move, the variance unbiased.
    pub running: [Option<&'a Tensor>; 2],
    /// Whether the batch's statistics count.
    pub train: bool,
    /// How far running statistics move towards the batch's.
    pub momentum: f64,
    /// Added to the variance.
    pub eps: f64,
}

impl BatchNorm<'_> {
    /// # Shapes
    /// `[N, C, ...]` to the same
    ///
    /// # Errors
    /// A rank that does not answer; LibTorch's.
    pub fn forward(self, x: &Tensor) -> Result<Tensor> {
        match comm::current().filter(|_| self.train) {
            Some(ranks) => self.across(ranks, x),
            None => {
                let ([gain, bias], [mean, var]) = (self.affine, self.running);
                Ok(x.f_batch_norm(gain, bias, mean, var, self.train, self.momentum, self.eps, true)?)
            }
        }
    }

    /// The same over the batches of all ranks, each as large as the others.
    fn across(self, ranks: &'static dyn Comm, x: &Tensor) -> Result<Tensor> {
        let precise = x.f_to_kind(Kind::Float)?;
        let pixels: Vec<i64> = (0..x.dim() as i64).filter(|dim| *dim != 1).collect();
        let mean_of = |x: &Tensor| x.f_mean_dim(&pixels[..], true, Kind::Float);
        let own = Tensor::f_stack(&[mean_of(&precise)?, mean_of(&precise.f_square()?)?], 0)?;
        let all = comm::averaged(ranks, &own)?;
        let mean = all.f_select(0, 0)?;
        let var = all.f_select(0, 1)?.f_sub(&mean.f_square()?)?.f_clamp_min(0.0)?;
        let count = x.numel() as f64 / x.size().get(1).copied().unwrap_or(1).max(1) as f64
            * ranks.world_size() as f64;
        tch::no_grad(|| -> Result<()> {
            let unbiased = var.f_mul_scalar(count / (count - 1.0).max(1.0))?;
            for (running, batch) in self.running.into_iter().zip([&mean, &unbiased]) {
                if let Some(running) = running {
                    let _ = running.shallow_clone().f_lerp_(&batch.f_flatten(0, -1)?, self.momentum)?;
                }
            }
            Ok(())
        })?;
        let mut y = precise.f_sub(&mean)?.f_mul(&var.f_add_scalar(self.eps)?.f_rsqrt()?)?;
        let [gain, bias] = self.affine.map(|all| all.map(|all| all.f_reshape(mean.size())));
        if let Some(gain) = gain {
            y = y.f_mul(&gain?)?;
        }
        if let Some(bias) = bias {
            y = y.f_add(&bias?)?;
        }
        Ok(y.f_to_kind(x.kind())?)
    }
}
