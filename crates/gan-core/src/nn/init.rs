//! First values of parameters.

use crate::error::Result;
use tch::{Device, Kind, Tensor};

/// How a parameter begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// All zeros.
    Zeros,
    /// All ones.
    Ones,
    /// Normal draws.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        std: f64,
    },
    /// Uniform draws.
    Uniform {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// Uniform within 1 / sqrt(fan in): what PyTorch's linear and convolution layers begin with.
    PyTorch,
    /// Uniform within sqrt(6 / (fan in + fan out)) (Glorot & Bengio 2010, equation 16).
    XavierUniform,
    /// Orthonormal rows or columns, whichever are fewer, of the weight as `[first axis, rest]` (Saxe et al. 2014).
    Orthogonal,
}

impl Init {
    /// N(0, std²), or what PyTorch begins with where `std` is 0.
    pub fn normal_or_pytorch(std: f64) -> Self {
        if std > 0.0 { Self::Normal { mean: 0.0, std } } else { Self::PyTorch }
    }

    /// A new f32 tensor; draws are keyed by `seed` and made on the CPU, so that every device begins alike.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn tensor(self, shape: &[i64], seed: u64, device: Device) -> Result<Tensor> {
        let options = (Kind::Float, device);
        let tensor = match self {
            Self::Zeros => Tensor::f_zeros(shape, options)?,
            Self::Ones => Tensor::f_ones(shape, options)?,
            Self::Normal { mean, std } => {
                gan_sys::random::normal(shape, seed, Device::Cpu)?.f_mul_scalar_(std)?.f_add_scalar_(mean)?
            }
            Self::Uniform { low, high } => gan_sys::random::uniform(shape, seed, Device::Cpu)?
                .f_mul_scalar_(high - low)?
                .f_add_scalar_(low)?,
            Self::PyTorch => return within(Self::pytorch_bound(shape)).tensor(shape, seed, device),
            Self::XavierUniform => {
                let (inputs, outputs) = fans(shape);
                return within((6.0 / (inputs + outputs)).sqrt()).tensor(shape, seed, device);
            }
            Self::Orthogonal => orthogonal(shape, seed)?,
        };
        Ok(tensor.f_to_device(device)?)
    }

    /// 1 / sqrt(fan in)
    pub(super) fn pytorch_bound(shape: &[i64]) -> f64 {
        fans(shape).0.sqrt().recip()
    }
}

fn within(bound: f64) -> Init {
    Init::Uniform { low: -bound, high: bound }
}

/// Fan in and fan out as PyTorch counts them: the second and the first axis, times the kernel's size.
fn fans(shape: &[i64]) -> (f64, f64) {
    let kernel: i64 = shape.iter().skip(2).product();
    let axis = |index: usize| (shape.get(index).copied().unwrap_or(1) * kernel).max(1) as f64;
    (axis(1), axis(0))
}

/// Q of a QR decomposition of normal draws, its signs made those of a uniform draw (Mezzadri 2007). In f64.
fn orthogonal(shape: &[i64], seed: u64) -> Result<Tensor> {
    let rows = shape.first().copied().unwrap_or(1);
    let draws = gan_sys::random::normal(shape, seed, Device::Cpu)?;
    let matrix = draws.f_reshape([rows, -1])?.f_to_kind(Kind::Double)?;
    let wide = matrix.size()[1] > rows;
    let tall = if wide { matrix.f_tr()? } else { matrix };
    let (q, r) = Tensor::f_linalg_qr(&tall, "reduced")?;
    let q = q.f_mul(&r.f_diagonal(0, 0, 1)?.f_sign()?)?;
    let matrix = if wide { q.f_tr()? } else { q };
    // In rows, as every other tensor; the decomposition's lies in columns.
    Ok(matrix.f_reshape(shape)?.f_to_kind(Kind::Float)?.f_contiguous()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orthogonal_draws_are_orthonormal_and_keyed() {
        for shape in [vec![5, 3], vec![3, 5], vec![4, 2, 3, 3]] {
            let draw = |seed| Init::Orthogonal.tensor(&shape, seed, Device::Cpu).expect("draw");
            let matrix = draw(1).reshape([shape[0], -1]);
            let matrix = if matrix.size()[1] > shape[0] { matrix } else { matrix.tr() };
            let product = matrix.matmul(&matrix.tr());
            let identity = Tensor::eye(product.size()[0], (Kind::Float, Device::Cpu));
            assert!((product - identity).abs().max().double_value(&[]) < 1e-6);
            assert_eq!(draw(1), draw(1));
            assert!(draw(1).is_contiguous());
            assert_ne!(draw(1), draw(2));
        }
    }

    #[test]
    fn uniform_draws_fill_their_bounds() {
        let largest = |init: Init| {
            let draw = init.tensor(&[40, 10, 3, 3], 1, Device::Cpu).expect("draw");
            draw.abs().max().double_value(&[])
        };
        for (init, bound) in
            [(Init::PyTorch, 90f64.sqrt().recip()), (Init::XavierUniform, (6.0f64 / 450.0).sqrt())]
        {
            let largest = largest(init);
            assert!(largest <= bound && largest > 0.99 * bound, "{init:?}: {largest} and {bound}");
        }
    }
}
