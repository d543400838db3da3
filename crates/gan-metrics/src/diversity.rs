//! How far samples lie from each other.

use gan_core::error::{Error, Result};
use tch::{Kind, Tensor};

/// The mean distance between two different samples, a root mean square over their values: in grey levels for u8
/// images, in the plane's units for points. 0 if all samples are one. It does not know what is real: compare it with
/// that of as many real samples.
///
/// # Shapes
/// `samples` `[N, ...]` with N of at least 2
///
/// # Errors
/// Fewer than two samples; LibTorch's, such as no memory.
pub fn diversity(samples: &Tensor) -> Result<f64> {
    let rows = crate::rows("samples", samples)?;
    let (count, values) = rows.size2()?;
    if count < 2 {
        return Err(Error::config("samples", "two at least are needed to be compared"));
    }
    let mean = rows.f_pdist(2.0)?.f_mean(Kind::Double)?.f_double_value(&[])?;
    Ok(mean / (values as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use gan_core::random::Streams;
    use tch::Device;

    #[test]
    fn distances_are_per_value() {
        let two = Tensor::from_slice(&[0u8, 0, 0, 0, 10, 10, 10, 10]).view([2, 1, 2, 2]);
        assert!((diversity(&two).expect("distance") - 10.0).abs() < 1e-12);
        assert_eq!(diversity(&two.narrow(0, 0, 1).repeat([3, 1, 1, 1])).expect("one"), 0.0);
        assert!(
            diversity(&two.narrow(0, 0, 1)).expect_err("one sample").to_string().contains("two at least")
        );
    }

    #[test]
    fn it_is_a_gaussians_closed_form() {
        // In many dimensions two standard normal vectors lie sqrt(2 D) apart.
        let draws = Streams::new(1, 0, 0, Device::Cpu).normal("x", &[200, 4096]).expect("draws");
        let expected = 2f64.sqrt() * (1.0 - 1.0 / (4.0 * 4096.0));
        assert!((diversity(&draws).expect("distance") - expected).abs() < 2e-3);
        let half = diversity(&(draws * 0.5)).expect("distance");
        assert!((half - expected / 2.0).abs() < 1e-3);
    }
}
