//! Fakes from earlier steps.

use crate::error::Result;
use crate::random::Streams;
use crate::variant::StateVisitor;
use tch::Tensor;

/// A pool of generated images from which the discriminator is shown one instead of the newest in half of the cases, so that
/// it does not forget what it has learned (Shrivastava et al. 2017, section 2.3; 50 images in CycleGAN, section 4).
#[derive(Debug)]
pub struct ImagePool {
    name: &'static str,
    capacity: usize,
    /// Each `[1, C, H, W]`, detached.
    images: Vec<Tensor>,
}

impl ImagePool {
    /// An empty pool of so many images; with 0 every image is handed on as it comes.
    pub fn new(name: &'static str, capacity: usize) -> Self {
        Self { name, capacity, images: Vec::new() }
    }

    /// Puts new fakes in and takes as many out: each new one as long as there is room; then, in half of the cases, a
    /// stored one whose place the new one takes. The choice is made on the host: no tensor is read.
    ///
    /// # Shapes
    /// `fakes` `[N, C, H, W]`; out the same, without gradients
    ///
    /// # Errors
    /// LibTorch's.
    pub fn exchange(&mut self, fakes: &Tensor, noise: &Streams) -> Result<Tensor> {
        let fakes = fakes.f_detach()?;
        if self.capacity == 0 {
            return Ok(fakes);
        }
        let mut shown = Vec::new();
        for image in fakes.f_split(1, 0)? {
            if self.images.len() < self.capacity {
                // A copy: a part of a batch would keep the whole of it in memory.
                self.images.push(image.f_detach_copy()?);
                shown.push(image);
            } else if noise.number(self.name)? > 0.5 {
                let place = noise.index(self.name, self.capacity)?;
                shown.push(std::mem::replace(&mut self.images[place], image.f_detach_copy()?));
            } else {
                shown.push(image);
            }
        }
        match &shown[..] {
            [one] => Ok(one.shallow_clone()),
            _ => Ok(Tensor::f_cat(&shown, 0)?),
        }
    }

    /// Saves or loads what it holds.
    ///
    /// # Errors
    /// The visitor's.
    pub fn state(&mut self, visitor: &mut dyn StateVisitor) -> Result<()> {
        visitor.tensors(self.name, &mut self.images)
    }
}
