//! Decoded images of a set, kept as far as memory is allowed. What is kept is scaled, but not yet cut or mirrored.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Decoded images.
#[derive(Debug)]
pub(crate) enum Pixels {
    /// Every image, one after another, all of one size.
    Whole {
        pixels: Vec<u8>,
        /// Width and height.
        size: [u32; 2],
        /// Bytes of an image.
        each: usize,
    },
    /// Those decoded so far, as many as memory is allowed for.
    OnDemand(Kept),
}

/// Images kept since they were first decoded.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    slots: Vec<OnceLock<Image>>,
    /// Bytes that more images may take.
    left: AtomicU64,
}

/// A scaled image.
#[derive(Debug, Clone, Default)]
pub(crate) struct Image {
    /// Width and height of its file's picture.
    pub own: [u32; 2],
    /// Width and height here.
    pub size: [u32; 2],
    pub planes: Vec<u8>,
}

impl Kept {
    /// Room for `bytes` of pixels, of the first `images` images.
    pub fn new(images: usize, bytes: u64) -> Self {
        let mut slots = Vec::new();
        slots.resize_with(images, OnceLock::new);
        Self { slots, left: AtomicU64::new(bytes) }
    }

    pub fn get(&self, index: usize) -> Option<&Image> {
        self.slots.get(index).and_then(OnceLock::get)
    }

    /// Keeps an image if there is room.
    pub fn put(&self, index: usize, image: &Image) {
        let Some(slot) = self.slots.get(index) else { return };
        let bytes = image.planes.len() as u64;
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes))
            .is_ok();
        // Two threads may have decoded the same image; both results are equal.
        if taken && slot.set(image.clone()).is_err() {
            self.left.fetch_add(bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let kept = Kept::new(3, 10);
        let image = |bytes: usize| Image { own: [1, 1], size: [bytes as u32, 1], planes: vec![7; bytes] };
        for (index, bytes) in [(0, 6), (1, 6), (2, 4), (2, 1), (3, 0)] {
            kept.put(index, &image(bytes));
        }
        let sizes = [0, 1, 2, 3].map(|index| kept.get(index).map(|image| image.size[0]));
        assert_eq!(sizes, [Some(6), None, Some(4), None]);
    }
}
