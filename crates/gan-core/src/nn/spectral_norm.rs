//! Spectral normalisation (Miyato et al. 2018, section 2.1, algorithm 1): a layer's weight is divided by
//! its largest singular value, which power iteration follows from step to step.
//!
//! With W the weight as a matrix `[out, rest]`, one iteration is
//! v = W^T u / |W^T u|, u = W v / |W v|, then σ = u · (W v). The gradient flows through W and σ(W); u and v
//! are constants. Two conventions are in use, with other names and habits: PyTorch's and BigGAN's.
//! Departure from PyTorch's first form: u and v begin after 15 iterations, as in its second form, so that an
//! untrained network can be evaluated.

use crate::error::{Error, Result};
use crate::nn::{Init, Mode, Scope};
use gan_sys::runtime::{Autocast, AutocastDtype};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Whose names and habits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpectralForm {
    /// Weights stay as they are.
    #[default]
    Off,
    /// `torch.nn.utils.spectral_norm`: `weight_orig`, `weight_u`, `weight_v`. Evaluation uses the stored u and v.
    Torch,
    /// `torch.nn.utils.parametrizations.spectral_norm`: `parametrizations.weight.original`,
    /// `parametrizations.weight.0._u`, `parametrizations.weight.0._v`. An iteration takes u from v first, then v from u.
    Parametrized,
    /// BigGAN's: `weight`, `u0`, `sv0` and one pair more per further singular value (orthogonal to the ones
    /// before, for watching only). v is not kept; evaluation iterates once and stores nothing.
    BigGan,
}

/// Spectral normalisation of a layer's weight.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpectralNorm {
    /// Whose names and habits; `off` for none.
    pub form: SpectralForm,
    /// Power iterations per training forward.
    pub iterations: u32,
    /// Vectors shorter than this are divided by it instead of their length.
    pub eps: f64,
    /// Singular values followed; above 1 only in BigGAN's form.
    pub singular_values: u32,
}

impl Default for SpectralNorm {
    fn default() -> Self {
        Self::OFF
    }
}

impl SpectralNorm {
    /// No normalisation.
    pub const OFF: Self = Self { form: SpectralForm::Off, iterations: 1, eps: 1e-12, singular_values: 1 };
    /// PyTorch's form with its defaults.
    pub const TORCH: Self = Self { form: SpectralForm::Torch, ..Self::OFF };
    /// BigGAN's form with the eps of its CIFAR-10 script; the ImageNet scripts have 1e-6.
    pub const BIGGAN: Self = Self { form: SpectralForm::BigGan, eps: 1e-8, ..Self::OFF };

    /// Whether weights are normalised at all.
    pub fn enabled(&self) -> bool {
        self.form != SpectralForm::Off
    }

    /// # Errors
    /// No iterations, an eps that is not above 0, or several singular values in a form that follows one.
    pub fn validate(&self, field: &str) -> Result<()> {
        if self.iterations == 0 {
            return Err(Error::config(format!("{field}.iterations"), "must be at least 1"));
        }
        if !(self.eps > 0.0 && self.eps.is_finite()) {
            return Err(Error::config(
                format!("{field}.eps"),
                format!("{} is not a positive number", self.eps),
            ));
        }
        match (self.singular_values, self.form) {
            (0, _) => Err(Error::config(format!("{field}.singular_values"), "must be at least 1")),
            (2.., SpectralForm::Torch | SpectralForm::Parametrized) => Err(Error::config(
                format!("{field}.singular_values"),
                format!("{} are followed by form=big_gan only", self.singular_values),
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn weight_name(&self) -> &'static str {
        match self.form {
            SpectralForm::Off | SpectralForm::BigGan => "weight",
            SpectralForm::Torch => "weight_orig",
            SpectralForm::Parametrized => "parametrizations.weight.original",
        }
    }

    /// PyTorch takes the weight away and puts it back under its new name, behind the bias.
    pub(super) fn bias_comes_first(&self) -> bool {
        matches!(self.form, SpectralForm::Torch | SpectralForm::Parametrized)
    }
}

/// What normalising one weight needs from forward to forward.
#[derive(Debug)]
pub(super) struct Spectral {
    config: SpectralNorm,
    outputs_axis: i64,
    /// One per singular value: PyTorch `[out]`, BigGAN `[1, out]`.
    us: Vec<Tensor>,
    /// `[rest]` in PyTorch's forms.
    v: Option<Tensor>,
    /// `[1]` each, in BigGAN's form: the last estimates.
    values: Vec<Tensor>,
}

/// Iterations before the first forward in PyTorch's forms.
const FIRST_ITERATIONS: u32 = 15;
const DRAWN: Init = Init::Normal { mean: 0.0, std: 1.0 };

impl Spectral {
    /// The vectors for `weight`, registered in its scope; `None` where nothing is normalised.
    pub(super) fn new(
        scope: &mut Scope,
        weight: &Tensor,
        outputs_axis: i64,
        config: SpectralNorm,
    ) -> Result<Option<Self>> {
        config.validate("spectral_norm")?;
        let size = weight.size();
        let outputs = size[outputs_axis as usize];
        let rest = size.iter().product::<i64>() / outputs.max(1);
        let mut new = Self { config, outputs_axis, us: Vec::new(), v: None, values: Vec::new() };
        let (u, v) = match config.form {
            SpectralForm::Off => return Ok(None),
            SpectralForm::BigGan => {
                for index in 0..config.singular_values {
                    new.us.push(scope.buffer(&format!("u{index}"), &[1, outputs], DRAWN)?);
                    new.values.push(scope.buffer(&format!("sv{index}"), &[1], Init::Ones)?);
                }
                return Ok(Some(new));
            }
            SpectralForm::Torch => ("weight_u", "weight_v"),
            SpectralForm::Parametrized => ("parametrizations.weight.0._u", "parametrizations.weight.0._v"),
        };
        new.us.push(scope.buffer(u, &[outputs], DRAWN)?);
        new.v = Some(scope.buffer(v, &[rest], DRAWN)?);
        tch::no_grad(|| new.follow(&new.matrix(weight)?, FIRST_ITERATIONS).map(|_| ()))?;
        Ok(Some(new))
    }

    /// W / σ(W). Training moves u (and v, and the kept values).
    pub(super) fn apply(&self, weight: &Tensor, mode: Mode) -> Result<Tensor> {
        // In bf16 the iteration would settle two digits off.
        let _off = Autocast::enter(weight.device(), AutocastDtype::Off)?;
        let matrix = self.matrix(weight)?;
        let (us, vs) = tch::no_grad(|| match mode {
            Mode::Train | Mode::Standing => self.follow(&matrix, self.config.iterations),
            Mode::Eval => self.stored(&matrix),
        })?;
        let sigma = matrix.f_mv(&vs[0])?.f_dot(&us[0])?;
        Ok(weight.f_div(&sigma)?)
    }

    pub(super) fn singular_value(&self, weight: &Tensor) -> Result<Tensor> {
        tch::no_grad(|| match self.values.first() {
            Some(value) => Ok(value.f_get(0)?.f_detach_copy()?),
            None => {
                let matrix = self.matrix(weight)?;
                let (us, vs) = self.stored(&matrix)?;
                Ok(matrix.f_mv(&vs[0])?.f_dot(&us[0])?)
            }
        })
    }

    /// The weight as `[out, rest]`.
    fn matrix(&self, weight: &Tensor) -> Result<Tensor> {
        let outputs_first = weight.f_transpose(0, self.outputs_axis)?;
        let outputs = outputs_first.size()[0];
        Ok(outputs_first.f_reshape([outputs, -1])?)
    }

    /// Iterates and stores; the vectors returned are no buffers, which the next forward will move.
    fn follow(&self, matrix: &Tensor, iterations: u32) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
        let eps = self.config.eps;
        let (mut us, mut vs) = (self.start()?, Vec::new());
        match &self.v {
            // The second half of an iteration comes first.
            Some(v) if self.config.form == SpectralForm::Parametrized => {
                vs.push(v.f_detach_copy()?);
                for _ in 0..iterations {
                    (vs, us) = iterate(&matrix.f_tr()?, &vs, eps)?;
                }
            }
            _ => {
                for _ in 0..iterations {
                    (us, vs) = iterate(matrix, &us, eps)?;
                }
            }
        }
        for (stored, u) in self.us.iter().zip(&us) {
            stored.shallow_clone().f_copy_(&u.f_view_as(stored)?)?;
        }
        if let Some(stored) = &self.v {
            stored.shallow_clone().f_copy_(&vs[0])?;
        }
        for ((stored, u), v) in self.values.iter().zip(&us).zip(&vs) {
            stored.shallow_clone().f_copy_(&matrix.f_mv(v)?.f_dot(u)?)?;
        }
        Ok((us, vs))
    }

    /// The vectors for evaluation.
    fn stored(&self, matrix: &Tensor) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
        match &self.v {
            Some(v) => Ok((self.start()?, vec![v.f_detach_copy()?])),
            None => iterate(matrix, &self.start()?, self.config.eps),
        }
    }

    /// Copies of the stored u, `[out]` each.
    fn start(&self) -> Result<Vec<Tensor>> {
        self.us.iter().map(|u| Ok(u.f_detach_copy()?.f_reshape([-1i64])?)).collect()
    }
}

/// One power iteration for each u, orthogonal to the ones before (Gram-Schmidt): the new u and v.
fn iterate(matrix: &Tensor, us: &[Tensor], eps: f64) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
    let transposed = matrix.f_tr()?;
    let (mut new_us, mut new_vs) = (Vec::new(), Vec::new());
    for u in us {
        let v = unit(&without(transposed.f_mv(u)?, &new_vs)?, eps)?;
        let u = unit(&without(matrix.f_mv(&v)?, &new_us)?, eps)?;
        new_vs.push(v);
        new_us.push(u);
    }
    Ok((new_us, new_vs))
}

/// What is left of `x` when its parts along unit vectors are taken away.
fn without(x: Tensor, units: &[Tensor]) -> Result<Tensor> {
    units.iter().try_fold(x, |x, unit| Ok(x.f_sub(&unit.f_mul(&x.f_dot(unit)?)?)?))
}

/// x / max(|x|, eps)
fn unit(x: &Tensor, eps: f64) -> Result<Tensor> {
    Ok(x.f_div(&x.f_norm()?.f_clamp_min(eps)?)?)
}
