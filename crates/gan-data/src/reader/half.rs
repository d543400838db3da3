//! One half of every picture of a set: sides A and B side by side in one file.

use super::{Backing, Desk};
use crate::decode::Native;
use std::sync::Arc;

/// The left or right halves.
#[derive(Debug)]
pub(crate) struct Half {
    pub pictures: Arc<Backing>,
    pub right: bool,
}

/// The last picture that was cut, so that its other half needs no second decoding.
#[derive(Debug, Default)]
pub(crate) struct Picture {
    of: Option<(usize, usize)>,
    whole: Native,
}

impl Half {
    pub fn decode(&self, index: usize, most: u64, desk: &mut Desk, out: &mut Native) -> Result<(), String> {
        let of = Some((Arc::as_ptr(&self.pictures) as usize, index));
        let mut picture = std::mem::take(&mut desk.picture);
        if picture.of != of {
            picture.of = None;
            self.pictures.decode(index, most, desk, &mut picture.whole)?;
            picture.of = of;
        }
        let whole = &picture.whole;
        let [width, height, channels] = halved([whole.width, whole.height, whole.channels])?;
        let row = width as usize * channels as usize;
        out.pixels.clear();
        for line in whole.pixels.chunks_exact(2 * row) {
            out.pixels.extend_from_slice(if self.right { &line[row..] } else { &line[..row] });
        }
        (out.width, out.height, out.channels) = (width, height, channels);
        desk.picture = picture;
        Ok(())
    }
}

/// Width, height and channels of a half.
pub(crate) fn halved([width, height, channels]: [u32; 3]) -> Result<[u32; 3], String> {
    if !width.is_multiple_of(2) {
        return Err(format!(
            "is {width} x {height}: an odd width has no two halves; pairs in one picture lie side by side, A left and B \
             right, both of the same size"
        ));
    }
    Ok([width / 2, height, channels])
}
