//! Moving pixels about, each image in its own way, without a loop over images.

use crate::error::Result;
use tch::{Kind, Tensor};

/// out[n, c, i, j] = images[n, c, rows[n, i], columns[n, j]]. Keeps the memory layout.
///
/// # Shapes
/// `images` `[N, C, H, W]`, `rows` i64 `[N, H]` in 0..H, `columns` i64 `[N, W]` in 0..W; out `[N, C, H, W]`.
///
/// # Errors
/// LibTorch's.
pub(super) fn gather(images: &Tensor, rows: &Tensor, columns: &Tensor) -> Result<Tensor> {
    let (n, c, h, w) = images.size4()?;
    let flat = rows.f_mul_scalar(w)?.f_unsqueeze(2)?.f_add(&columns.f_unsqueeze(1)?)?; // [N, H, W]
    if c > 1 && gan_sys::format::is_channels_last(images) {
        let index = flat.f_view([n, h * w, 1])?.f_expand([n, h * w, c], false)?;
        let moved = images.f_permute([0, 2, 3, 1])?.f_reshape([n, h * w, c])?.f_gather(1, &index, false)?;
        return Ok(moved.f_view([n, h, w, c])?.f_permute([0, 3, 1, 2])?);
    }
    let index = flat.f_view([n, 1, h * w])?.f_expand([n, c, h * w], false)?;
    Ok(images.f_reshape([n, c, h * w])?.f_gather(2, &index, false)?.f_view([n, c, h, w])?)
}

/// 0, 1, ..., `count` - 1 as i64 `[1, count]`, beside `like`.
///
/// # Errors
/// LibTorch's.
pub(super) fn positions(count: i64, like: &Tensor) -> Result<Tensor> {
    Ok(Tensor::f_arange(count, (Kind::Int64, like.device()))?.f_unsqueeze(0)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn pixels_come_from_where_the_indices_say_in_either_layout() {
        let images = Tensor::arange(2 * 3 * 4 * 5, (Kind::Float, Device::Cpu)).view([2, 3, 4, 5]);
        let rows = Tensor::from_slice2(&[[3i64, 2, 1, 0], [0, 0, 2, 2]]);
        let columns = Tensor::from_slice2(&[[0i64, 1, 2, 3, 4], [4, 3, 2, 1, 0]]);
        let expected = Tensor::stack(
            &[images.get(0).flip([1]), images.get(1).index_select(1, &rows.get(1)).flip([2])],
            0,
        );
        assert_eq!(gather(&images, &rows, &columns).expect("moved"), expected);
        let laid_out = gan_sys::format::channels_last(&images).expect("layout");
        let moved = gather(&laid_out, &rows, &columns).expect("moved");
        assert!(gan_sys::format::is_channels_last(&moved));
        assert_eq!(moved, expected);
    }
}
