//! Seeds to latents, and the way between two latents.

use crate::failure::usage;
use anyhow::Result;
use gan_core::random::Streams;
use gan_core::variant::Generate;
use tch::{Device, Kind, Tensor};

/// One latent per seed, `[N, latent_shape...]` on the CPU. A seed names the same latent in every command
/// and on every device.
///
/// # Errors
/// LibTorch's, such as no memory.
pub fn of_seeds(generator: &(impl Generate + ?Sized), seeds: &[u64]) -> Result<Tensor> {
    let shape = generator.latent_shape();
    let latents: Vec<Tensor> = seeds
        .iter()
        .map(|&seed| Streams::new(seed, 0, 0, Device::Cpu).normal("sample", &shape))
        .collect::<gan_core::error::Result<_>>()?;
    Ok(Tensor::f_stack(&latents, 0)?)
}

/// Refuses a `--truncation` that is none.
///
/// # Errors
/// A number outside 0 to 10.
pub fn check_truncation(truncation: Option<f64>) -> Result<()> {
    match truncation.filter(|truncation| !(0.0..=10.0).contains(truncation)) {
        None => Ok(()),
        Some(other) => {
            Err(usage(format!("--truncation {other}: expected a number from 0 to 10; leave it out for none")))
        }
    }
}

/// Spherical interpolation (Shoemake 1985; for GANs White 2016): `steps` latents from `a` to `b`, both
/// included. A straight line would leave the shell on which Gaussian latents lie, and look washed out.
///
/// # Errors
/// LibTorch's, such as no memory.
pub fn spherical(a: &Tensor, b: &Tensor, steps: usize) -> Result<Tensor> {
    let dot = |x: &Tensor, y: &Tensor| -> Result<f64> {
        Ok((x.f_to_kind(Kind::Double)?.f_mul(&y.f_to_kind(Kind::Double)?)?)
            .f_sum(Kind::Double)?
            .f_double_value(&[])?)
    };
    let cosine = dot(a, b)? / (dot(a, a)? * dot(b, b)?).sqrt();
    let angle = cosine.clamp(-1.0, 1.0).acos();
    let mut latents = Vec::with_capacity(steps);
    for step in 0..steps {
        let t = if steps > 1 { step as f64 / (steps - 1) as f64 } else { 0.0 };
        let (from, to) = match step {
            0 => (1.0, 0.0),
            _ if step + 1 == steps => (0.0, 1.0),
            // Nearly parallel latents: the arc is a straight line.
            _ if angle.sin() < 1e-6 => (1.0 - t, t),
            _ => (((1.0 - t) * angle).sin() / angle.sin(), (t * angle).sin() / angle.sin()),
        };
        latents.push(a.f_mul_scalar(from)?.f_add(&b.f_mul_scalar(to)?)?);
    }
    Ok(Tensor::f_stack(&latents, 0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_stays_on_the_sphere_and_turns_evenly() {
        let a = Tensor::from_slice(&[2.0f32, 0.0, 0.0]);
        let b = Tensor::from_slice(&[0.0f32, 2.0, 0.0]);
        let way = spherical(&a, &b, 4).expect("way");
        assert_eq!(way.size(), [4, 3]);
        for (step, degrees) in [0.0f64, 30.0, 60.0, 90.0].into_iter().enumerate() {
            let at = |i: i64| way.double_value(&[step as i64, i]);
            assert!((at(0) - 2.0 * degrees.to_radians().cos()).abs() < 1e-6, "step {step}");
            assert!((at(1) - 2.0 * degrees.to_radians().sin()).abs() < 1e-6, "step {step}");
        }
        assert_eq!(spherical(&a, &a, 3).expect("no way").get(1), a);
    }
}
