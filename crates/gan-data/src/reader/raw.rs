//! Images of one shape held in memory, as IDX and CIFAR files have them.

use crate::decode::Native;

/// Planar 8-bit images, one after another.
#[derive(Debug)]
pub(crate) struct Raw {
    pub channels: u32,
    pub height: u32,
    pub width: u32,
    pub pixels: Vec<u8>,
}

impl Raw {
    pub fn image_bytes(&self) -> usize {
        self.channels as usize * self.height as usize * self.width as usize
    }

    pub fn len(&self) -> usize {
        self.pixels.len().checked_div(self.image_bytes()).unwrap_or(0)
    }

    pub fn image(&self, index: usize) -> &[u8] {
        &self.pixels[index * self.image_bytes()..][..self.image_bytes()]
    }

    pub fn interleave(&self, index: usize, out: &mut Native) {
        (out.width, out.height, out.channels) = (self.width, self.height, self.channels);
        let (image, channels) = (self.image(index), self.channels as usize);
        out.pixels.resize(image.len(), 0);
        for (channel, plane) in image.chunks_exact(image.len() / channels).enumerate() {
            let places = out.pixels[channel..].iter_mut().step_by(channels);
            places.zip(plane).for_each(|(out, value)| *out = *value);
        }
    }
}
