//! Penalties on the gradient of the discriminator along its input. Each is differentiable along the
//! discriminator's weights: the gradient is taken with a graph of its own (double backward).
//!
//! `judge` is the discriminator as a function from inputs to logits, `[N, ...]` to `N` logits; a sample's
//! logit must depend on that sample alone, which batch normalisation breaks (Gulrajani et al. 2017, section
//! 4). No penalty has its weight inside. R1 in particular is E ‖∇D‖², which the papers multiply by γ/2.

use crate::error::{Error, Result};
use crate::tensor::{guard, wide};
use gan_sys::runtime::{Autocast, AutocastDtype};
use tch::Tensor;

/// A discriminator as a function from inputs to logits.
pub type Judge<'a> = &'a dyn Fn(&Tensor) -> Result<Tensor>;

/// Added to a squared norm before its root, whose slope is infinite at 0. The norm of 0 becomes 1e-6, with
/// gradient 0; norms above 1e-3 stay what they are in f32.
const UNDER_THE_ROOT: f64 = 1e-12;

/// R1 (Mescheder et al. 2018, equation 9): E ‖∇D(x)‖² on reals. Multiply by γ/2.
///
/// # Shapes
/// `real` `[N, ...]`; out a scalar.
///
/// # Errors
/// As [`squared_norms`].
pub fn r1(judge: Judge, real: &Tensor) -> Result<Tensor> {
    Ok(squared_norms(judge, real)?.f_mean(None)?)
}

/// R2 (equation 10 there): E ‖∇D(G(z))‖² on fakes, which are detached. Multiply by γ/2.
///
/// # Shapes
/// As [`r1`].
///
/// # Errors
/// As [`r1`].
pub fn r2(judge: Judge, fake: &Tensor) -> Result<Tensor> {
    r1(judge, fake)
}

/// [`r1`] or [`r2`] from a forward that a step has already made: `logits` of `inputs`, which are [`watched`].
///
/// # Shapes
/// `logits` of `N` elements, `inputs` `[N, ...]`; out a scalar.
///
/// # Errors
/// As [`squared_norms_of`].
pub fn r1_of(logits: &Tensor, inputs: &Tensor) -> Result<Tensor> {
    Ok(squared_norms_of(logits, inputs)?.f_mean(None)?)
}

/// WGAN-GP (Gulrajani et al. 2017, equation 3): E (‖∇D(x̂)‖ - 1)² at x̂ = α x + (1 - α) G(z). Multiply by λ,
/// 10 in the paper.
///
/// # Shapes
/// `real` and `fake` `[N, ...]`, `alpha` uniform in [0, 1], `[N, 1, ...]`; out a scalar.
///
/// # Errors
/// Shapes that do not fit; as [`squared_norms`].
pub fn wgan_gp(judge: Judge, real: &Tensor, fake: &Tensor, alpha: &Tensor) -> Result<Tensor> {
    to_norm(judge, &between(real, fake, alpha)?, 1.0)
}

/// DRAGAN (Kodali et al. 2017): E (‖∇D(x̂)‖ - 1)² around reals, at x̂ = x + α δ, where δ is 0.5 std(x) times
/// uniform noise, as in the authors' code; the deviation is that of all values in the batch. Multiply by λ,
/// 10 in the paper.
///
/// # Shapes
/// `real` `[N, ...]`, `alpha` uniform in [0, 1], `[N, 1, ...]`, `noise` uniform in [0, 1], like `real`; out a
/// scalar.
///
/// # Errors
/// As [`wgan_gp`].
pub fn dragan(judge: Judge, real: &Tensor, alpha: &Tensor, noise: &Tensor) -> Result<Tensor> {
    guard::shape("noise", noise, &real.size())?;
    let real = wide(&real.f_detach()?)?;
    let disturbed = real.f_add(&noise.f_mul(&real.f_std(true)?.f_mul_scalar(0.5)?)?)?;
    to_norm(judge, &between(&disturbed, &real, alpha)?, 1.0)
}

/// The zero-centred penalty on interpolates (Thanh-Tung et al. 2019): E ‖∇D(x̂)‖² at x̂ = α x + (1 - α) G(z),
/// of logits. Multiply by λ.
///
/// # Shapes
/// As [`wgan_gp`].
///
/// # Errors
/// As [`wgan_gp`].
pub fn zero_centered(judge: Judge, real: &Tensor, fake: &Tensor, alpha: &Tensor) -> Result<Tensor> {
    r1(judge, &between(real, fake, alpha)?)
}

/// E (‖∇D(x)‖ - `norm`)² at any inputs: what the penalties above have in common.
///
/// # Shapes
/// As [`squared_norms`]; out a scalar.
///
/// # Errors
/// As [`squared_norms`].
pub fn to_norm(judge: Judge, inputs: &Tensor, norm: f64) -> Result<Tensor> {
    let norms = squared_norms(judge, inputs)?.f_add_scalar(UNDER_THE_ROOT)?.f_sqrt()?;
    Ok(norms.f_sub_scalar(norm)?.f_square()?.f_mean(None)?)
}

/// ‖∇D(x)‖² of each sample; `inputs` are detached.
///
/// # Shapes
/// `inputs` `[N, ...]`, such as `[N, C, H, W]` or `[N, D]`; out f32 `[N]`.
///
/// # Errors
/// Logits that are not one a sample, or do not depend on the inputs; the judge's; LibTorch's.
pub fn squared_norms(judge: Judge, inputs: &Tensor) -> Result<Tensor> {
    let inputs = watched(inputs)?;
    squared_norms_of(&judge(&inputs)?, &inputs)
}

/// Inputs that a gradient can be taken along: detached from whatever made them.
///
/// # Errors
/// LibTorch's.
pub fn watched(inputs: &Tensor) -> Result<Tensor> {
    Ok(inputs.f_detach()?.f_set_requires_grad(true)?)
}

/// ‖∇D(x)‖² of each sample, from `logits` already computed of `inputs`, which are [`watched`]. The gradient
/// is taken outside autocast, as every gradient; the forward's precision was the caller's.
///
/// # Shapes
/// `logits` of `N` elements, `inputs` `[N, ...]`; out f32 `[N]`.
///
/// # Errors
/// As [`squared_norms`].
pub fn squared_norms_of(logits: &Tensor, inputs: &Tensor) -> Result<Tensor> {
    let samples = inputs.size().first().copied().unwrap_or(0);
    if samples < 1 || logits.numel() as i64 != samples {
        return Err(Error::Shape {
            what: "logits under a gradient penalty".to_owned(),
            expected: format!("[{samples}], one a sample"),
            got: logits.size(),
        });
    }
    let unrelated = || Error::config("gradient penalty", "the logits do not depend on the inputs");
    if !inputs.requires_grad() || !logits.requires_grad() {
        return Err(unrelated());
    }
    let _off = Autocast::enter(inputs.device(), AutocastDtype::Off)?;
    let total = wide(logits)?.f_sum(None)?;
    let gradient = Tensor::f_run_backward(&[total], &[inputs], true, true)?.remove(0);
    if !gradient.defined() {
        return Err(unrelated());
    }
    Ok(wide(&gradient)?.f_reshape([samples, -1])?.f_square()?.f_sum_dim_intlist(1, false, None)?)
}

/// α x + (1 - α) y, detached.
fn between(real: &Tensor, fake: &Tensor, alpha: &Tensor) -> Result<Tensor> {
    guard::shape("fakes", fake, &real.size())?;
    let mut shape = vec![1; real.dim()];
    if let Some(batch) = shape.first_mut() {
        *batch = real.size()[0];
    }
    guard::shape("alpha", alpha, &shape)?;
    let (real, fake) = (wide(&real.f_detach()?)?, wide(&fake.f_detach()?)?);
    Ok(fake.f_add(&real.f_sub(&fake)?.f_mul(alpha)?)?)
}
