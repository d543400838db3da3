//! One picture in memory.

use crate::error::{Error, Result};

/// A picture of bytes, row by row, channels interleaved (height, width, channels).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// 1 (grey), 3 (RGB) or 4 (RGB and alpha).
    pub channels: u8,
    /// `height * width * channels` bytes.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// A picture from interleaved bytes; refuses a size that does not fit them.
    pub fn new(width: u32, height: u32, channels: u8, pixels: Vec<u8>) -> Result<Self> {
        let picture = Self { width, height, channels, pixels };
        picture.check()?;
        Ok(picture)
    }

    /// An RGB picture of one colour.
    pub fn filled(width: u32, height: u32, colour: [u8; 3]) -> Self {
        let pixels = colour.repeat(width as usize * height as usize);
        Self { width, height, channels: 3, pixels }
    }

    /// Pictures from a batch of planar bytes, as a tensor of images keeps them.
    ///
    /// # Shapes
    /// `bytes`: `[count, channels, height, width]`, contiguous.
    pub fn from_planar(
        count: usize,
        channels: u8,
        height: u32,
        width: u32,
        bytes: &[u8],
    ) -> Result<Vec<Self>> {
        let area = width as usize * height as usize;
        let depth = channels as usize;
        if bytes.len() != count * depth * area {
            return Err(Error::Picture(format!(
                "{count} images of {channels} x {height} x {width} need {} bytes, got {}",
                count * depth * area,
                bytes.len()
            )));
        }
        (0..count)
            .map(|index| {
                let planes = &bytes[index * depth * area..(index + 1) * depth * area];
                let mut pixels = vec![0; depth * area];
                for (channel, plane) in planes.chunks_exact(area.max(1)).enumerate() {
                    for (pixel, &value) in pixels[channel..].iter_mut().step_by(depth).zip(plane) {
                        *pixel = value;
                    }
                }
                Self::new(width, height, channels, pixels)
            })
            .collect()
    }

    /// The same picture with three channels; grey is repeated, alpha is laid over white.
    pub fn to_rgb(&self) -> Self {
        let pixels = match self.channels {
            1 => self.pixels.iter().flat_map(|&grey| [grey; 3]).collect(),
            4 => self
                .pixels
                .chunks_exact(4)
                .flat_map(|p| {
                    let over = |value: u8| {
                        ((u32::from(value) * u32::from(p[3]) + 255 * (255 - u32::from(p[3])) + 127) / 255)
                            as u8
                    };
                    [over(p[0]), over(p[1]), over(p[2])]
                })
                .collect(),
            _ => self.pixels.clone(),
        };
        Self { width: self.width, height: self.height, channels: 3, pixels }
    }

    /// Refuses what no encoder could write. The fields are public, so every writer asks again.
    pub(crate) fn check(&self) -> Result<()> {
        let Self { width, height, channels, pixels } = self;
        if !matches!(channels, 1 | 3 | 4) {
            return Err(Error::Picture(format!("{channels} channels, where 1, 3 or 4 can be written")));
        }
        if *width == 0 || *height == 0 {
            return Err(Error::Picture(format!("{width} x {height} pixels is empty")));
        }
        let expected = *width as usize * *height as usize * *channels as usize;
        if pixels.len() != expected {
            let got = pixels.len();
            return Err(Error::Picture(format!(
                "{width} x {height} x {channels} needs {expected} bytes, got {got}"
            )));
        }
        Ok(())
    }
}
