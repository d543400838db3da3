//! Many small images as one.

use crate::error::{Error, Result};
use crate::tensor::guard::{ANY, shape};
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// Lays u8 images out in rows, separated by `padding` white pixels.
///
/// # Shapes
/// `[N, C, H, W]` to `[C, rows * (H + padding) + padding, columns * (W + padding) + padding]`
///
/// # Errors
/// Images that are not u8 `[N, C, H, W]`, or none at all.
pub fn grid(images: &Tensor, columns: i64, padding: i64) -> Result<Tensor> {
    shape("grid images", images, &[ANY, ANY, ANY, ANY])?;
    let (n, c, h, w) = images.size4()?;
    if n == 0 || images.kind() != Kind::Uint8 {
        return Err(Error::config("grid", "needs at least one image of kind u8"));
    }
    let columns = columns.clamp(1, n);
    let rows = (n + columns - 1) / columns;
    let size = [c, rows * (h + padding) + padding, columns * (w + padding) + padding];
    let sheet = Tensor::f_full(size, 255, (Kind::Uint8, Device::Cpu))?;
    let images = images.f_to_device(Device::Cpu)?;
    for index in 0..n {
        let top = (index / columns) * (h + padding) + padding;
        let left = (index % columns) * (w + padding) + padding;
        let mut tile = sheet.f_narrow(1, top, h)?.f_narrow(2, left, w)?;
        tile.f_copy_(&images.f_get(index)?)?;
    }
    Ok(sheet)
}

/// Batches of the same length as the columns of a sheet: the first images of all, then the second ones. Grey beside colour
/// becomes colour, and what stands beside images without alpha loses its own.
///
/// # Shapes
/// each `[N, C, H, W]` with any C from 1 to 4; out `[N columns, C', H, W]`
///
/// # Errors
/// Batches of other lengths or sizes; LibTorch's.
pub fn side_by_side(columns: &[Tensor]) -> Result<Tensor> {
    let channels: Vec<i64> =
        columns.iter().map(|images| images.size().get(1).copied().unwrap_or(0)).collect();
    let alike = channels.windows(2).all(|pair| pair[0] == pair[1]);
    let fitted = columns.iter().zip(&channels).map(|(images, channels)| -> Result<Tensor> {
        Ok(match channels {
            _ if alike => images.shallow_clone(),
            1 | 2 => images.f_narrow(1, 0, 1)?.f_expand([-1, 3, -1, -1], false)?,
            _ => images.f_narrow(1, 0, 3)?,
        })
    });
    let fitted = fitted.collect::<Result<Vec<Tensor>>>()?;
    Ok(Tensor::f_stack(&fitted, 1)?.f_flatten(0, 1)?)
}

/// Writes a u8 `[C, H, W]` image as PNG with the encoder that tch carries; for programs that want no
/// image crate.
///
/// # Errors
/// A path that cannot be written, or an image that is not u8 with 1, 3 or 4 channels.
pub fn save_png(image: &Tensor, path: &Path) -> Result<()> {
    shape("PNG image", image, &[ANY, ANY, ANY])?;
    tch::vision::image::save(image, path).map_err(|error| Error::run(path, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_stand_where_they_belong() {
        let images = Tensor::from_slice(&[10u8, 20, 30]).view([3, 1, 1, 1]);
        let sheet = grid(&images, 2, 1).expect("grid");
        assert_eq!(sheet.size(), [1, 5, 5]);
        let at = |y: i64, x: i64| sheet.int64_value(&[0, y, x]);
        assert_eq!([at(1, 1), at(1, 3), at(3, 1), at(3, 3), at(0, 0)], [10, 20, 30, 255, 255]);
        assert!(grid(&images.to_kind(Kind::Float), 2, 1).is_err());
    }

    #[test]
    fn columns_take_turns_and_grey_becomes_colour() {
        let of =
            |channels: i64, value: i64| Tensor::full([2, channels, 1, 1], value, (Kind::Uint8, Device::Cpu));
        let sheet = side_by_side(&[of(1, 10), of(3, 20), of(4, 30)]).expect("columns");
        assert_eq!(sheet.size(), [6, 3, 1, 1]);
        let values: Vec<i64> = (0..6).map(|at| sheet.int64_value(&[at, 2, 0, 0])).collect();
        assert_eq!(values, [10, 20, 30, 10, 20, 30]);
        assert_eq!(side_by_side(&[of(4, 1), of(4, 2)]).expect("columns").size(), [4, 4, 1, 1]);
    }

    #[test]
    fn a_png_is_written() {
        let folder = tempfile::tempdir().expect("temp dir");
        let path = folder.path().join("x.png");
        save_png(&Tensor::zeros([3, 4, 4], (Kind::Uint8, Device::Cpu)), &path).expect("written");
        assert!(std::fs::read(&path).expect("file").starts_with(b"\x89PNG"));
    }
}
