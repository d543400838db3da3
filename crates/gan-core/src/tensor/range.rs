//! The two forms of an image: u8 in 0..=255 and f32 in [-1, 1].

use crate::error::Result;
use tch::{Kind, Tensor};

/// u8 to f32 in [-1, 1]: 0 becomes -1, 255 becomes 1. Any shape, same device.
///
/// # Errors
/// LibTorch's, such as no memory.
pub fn to_signed(images: &Tensor) -> Result<Tensor> {
    Ok(images.f_to_kind(Kind::Float)?.f_mul_scalar_(2.0 / 255.0)?.f_sub_scalar_(1.0)?)
}

/// f32 in [-1, 1] to u8, rounded to nearest and clamped. Any shape, same device.
///
/// # Errors
/// LibTorch's, such as no memory.
pub fn to_bytes(images: &Tensor) -> Result<Tensor> {
    let mut scaled = images.f_to_kind(Kind::Float)?.f_mul_scalar(127.5)?.f_add_scalar_(127.5)?;
    Ok(scaled.f_round_()?.f_clamp_(0.0, 255.0)?.f_to_kind(Kind::Uint8)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn every_byte_survives_the_round_trip() {
        let bytes = Tensor::arange(256, (Kind::Uint8, Device::Cpu));
        let signed = to_signed(&bytes).expect("f32");
        assert_eq!((signed.double_value(&[0]), signed.double_value(&[255])), (-1.0, 1.0));
        assert_eq!(to_bytes(&signed).expect("u8"), bytes);
        let outside = Tensor::from_slice(&[-2.0f32, 3.0]);
        assert_eq!(Vec::<u8>::try_from(to_bytes(&outside).expect("u8")).expect("bytes"), [0, 255]);
    }
}
