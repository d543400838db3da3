//! Tensors to pictures.

use anyhow::Result;
use gan_core::tensor::range;
use gan_core::variant::Panel;
use gan_report::{Grid, Picture};
use tch::{Device, Tensor};

/// Images as pictures.
///
/// # Shapes
/// f32 in [-1, 1], `[N, C, H, W]`
///
/// # Errors
/// LibTorch's, such as no memory.
pub fn of_images(images: &Tensor) -> Result<Vec<Picture>> {
    of_bytes(&range::to_bytes(images)?)
}

/// Images as pictures; with two channels the second is left out, since no picture has two.
///
/// # Shapes
/// u8 `[N, C, H, W]`
///
/// # Errors
/// LibTorch's, such as no memory.
pub fn of_bytes(images: &Tensor) -> Result<Vec<Picture>> {
    let images = if images.size4()?.1 == 2 { images.f_narrow(1, 0, 1)? } else { images.shallow_clone() };
    let (count, channels, height, width) = images.size4()?;
    let images = images.f_to_device(Device::Cpu)?.f_contiguous()?;
    let mut bytes = vec![0; images.numel()];
    let length = bytes.len();
    images.f_copy_data_u8(&mut bytes, length)?;
    Ok(Picture::from_planar(count as usize, channels as u8, height as u32, width as u32, &bytes)?)
}

/// One sheet; small images are enlarged by a whole factor so that they can be looked at.
///
/// # Errors
/// No images.
pub fn sheet(pictures: &[Picture], columns: usize) -> Result<Picture> {
    Ok(gan_report::grid(pictures, &Grid { columns, ..Grid::default() })?)
}

/// A panel as one sheet.
///
/// # Errors
/// LibTorch's, such as no memory.
pub fn of_panel(panel: &Panel) -> Result<Picture> {
    sheet(&of_images(&panel.images)?, panel.columns.max(0) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    #[test]
    fn values_and_channels_arrive() {
        let images = Tensor::from_slice(&[-1.0f32, 1.0, 0.0, 1.0]).view([1, 4, 1, 1]);
        let picture = &of_images(&images).expect("pictures")[0];
        assert_eq!((picture.channels, picture.pixels.as_slice()), (4, &[0, 255, 128, 255][..]));
        let two = Tensor::zeros([1, 2, 16, 16], (Kind::Uint8, Device::Cpu));
        let pictures = of_bytes(&two).expect("pictures");
        assert_eq!(pictures[0].channels, 1);
        assert_eq!(sheet(&pictures, 0).expect("sheet").width, 64 + 4);
    }
}
