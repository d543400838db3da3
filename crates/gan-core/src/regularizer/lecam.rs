//! LeCam regularisation (Tseng et al. 2021): the discriminator's logits are drawn to where those of the other
//! side have been, which helps when there are few reals.

use crate::comm::Comm;
use crate::error::Result;
use crate::tensor::wide;
use crate::variant::StateVisitor;
use tch::{Device, Kind, Tensor};

/// The moving averages αR of D(x) and αF of D(G(z)), kept on the device. They begin as the first batch's
/// means: the average is divided by the weight it has gathered, as Adam does with its moments.
#[derive(Debug)]
pub struct LeCam {
    decay: f64,
    /// f32 `[3]`: the sums of means on reals and on fakes, and of the weights in them.
    sums: Tensor,
}

impl LeCam {
    /// The decay of the authors.
    pub const DECAY: f64 = 0.99;

    /// No average yet. `decay` is the weight of the old average in an update.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(decay: f64, device: Device) -> Result<Self> {
        Ok(Self { decay, sums: Tensor::f_zeros([3], (Kind::Float, device))? })
    }

    /// Follows the logits of a step, averaged over ranks. Before the step's penalty: without a single
    /// update the averages are 0.
    ///
    /// # Shapes
    /// Logits of any shape.
    ///
    /// # Errors
    /// A rank that does not answer; LibTorch's.
    pub fn update(&mut self, comm: &dyn Comm, real_logits: &Tensor, fake_logits: &Tensor) -> Result<()> {
        let mean = |logits: &Tensor| -> Result<Tensor> {
            Ok(logits.f_detach()?.f_to_kind(Kind::Float)?.f_mean(None)?)
        };
        let (real, fake) = (mean(real_logits)?, mean(fake_logits)?);
        let one = real.f_ones_like()?;
        let mut means = [Tensor::f_stack(&[real, fake, one], 0)?];
        comm.all_reduce_mean(&mut means)?;
        self.sums = self.sums.f_lerp(&means[0], 1.0 - self.decay)?;
        Ok(())
    }

    /// E (D(x) - αF)² + E (D(G(z)) - αR)², as the paper's equation says; the authors' code clips both
    /// differences at 0 first. Multiply by λ.
    ///
    /// # Shapes
    /// Logits of any shape; out a scalar.
    ///
    /// # Errors
    /// LibTorch's.
    pub fn penalty(&self, real_logits: &Tensor, fake_logits: &Tensor) -> Result<Tensor> {
        let averages = self.averages()?;
        let on_real = wide(real_logits)?.f_sub(&averages.f_select(0, 1)?)?.f_square()?;
        let on_fake = wide(fake_logits)?.f_sub(&averages.f_select(0, 0)?)?.f_square()?;
        Ok(on_real.f_mean(None)?.f_add(&on_fake.f_mean(None)?)?)
    }

    /// αR and αF.
    ///
    /// # Shapes
    /// f32 `[2]`.
    ///
    /// # Errors
    /// LibTorch's.
    pub fn averages(&self) -> Result<Tensor> {
        let weight = self.sums.f_select(0, 2)?.f_clamp_min(1e-8)?;
        Ok(self.sums.f_narrow(0, 0, 2)?.f_div(&weight)?)
    }

    /// For [`Variant::extra_state`](crate::variant::Variant::extra_state): it survives a step.
    ///
    /// # Errors
    /// The visitor's.
    pub fn state(&mut self, visitor: &mut dyn StateVisitor) -> Result<()> {
        visitor.tensor("lecam", &mut self.sums)
    }
}
