//! Weights and pictures that a formula fills, as `recorded/formulas.py` fills them: hashes of whole numbers.

use gan_core::random::split_mix;
use tch::{Kind, Tensor};

/// The tensor of that number: each element, of a uniform number in [-1, 1), by `scaled`.
pub fn filled(number: usize, shape: &[i64], scaled: impl Fn(f64) -> f64) -> Tensor {
    let uniform = |j: u64| {
        let bits = split_mix(((number as u64) << 40) + j) >> 40;
        bits as f64 / f64::from(1 << 23) - 1.0
    };
    let count = shape.iter().product::<i64>() as u64;
    let values: Vec<f32> = (0..count).map(|j| scaled(uniform(j)) as f32).collect();
    Tensor::from_slice(&values).view(shape)
}

/// A slope with noise of up to 63 levels, u8 `[1, channels, height, width]`.
pub fn picture(index: usize, [channels, height, width]: [usize; 3]) -> Tensor {
    let mut bytes = Vec::new();
    for j in 0..channels * height * width {
        let (c, y, x) = (j / (height * width), j / width % height, j % width);
        let noise = (split_mix(((index as u64 + 1) << 32) + j as u64) % 64) as usize;
        bytes.push(((3 * x + 2 * y * (c + 1) + noise) % 256) as u8);
    }
    Tensor::from_data_size(&bytes, &[1, channels, height, width].map(|n| n as i64), Kind::Uint8)
}
