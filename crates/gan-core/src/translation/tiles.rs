//! Large images piece by piece.

use crate::error::{Error, Result};
use crate::tensor::range;
use tch::{Device, Kind, Tensor};

/// How an image is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiles {
    /// Height and width of a tile in pixels; tiles at the right and the bottom may be a little larger.
    pub size: i64,
    /// Pixels that neighbours share, in which one fades into the other.
    pub overlap: i64,
}

/// A tile's place in the image that is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// First row.
    pub top: i64,
    /// First column.
    pub left: i64,
    /// Rows.
    pub height: i64,
    /// Columns.
    pub width: i64,
}

/// Tiles begin at multiples of it, so that networks halve a tile as they halve the whole.
const STEP: i64 = 16;

impl Tiles {
    /// # Errors
    /// Tiles that are too small, or share too much.
    pub fn validate(&self) -> Result<()> {
        let Self { size, overlap } = *self;
        if size < 2 * STEP {
            return Err(Error::config("tile", format!("{size} is less than {} pixels", 2 * STEP)));
        }
        if overlap < 0 || overlap > size / 2 - STEP {
            let most = size / 2 - STEP;
            let why = format!("{overlap} is not between 0 and {most}, which leave tiles of {size} a middle");
            return Err(Error::config("overlap", why));
        }
        Ok(())
    }

    /// Starts and lengths along a side.
    fn spans(&self, side: i64) -> Vec<(i64, i64)> {
        let Self { size, overlap } = *self;
        if side <= size {
            return vec![(0, side)];
        }
        let last = (side - size) / STEP * STEP;
        let step = size - overlap - STEP;
        let count = (last + step - 1) / step + 1;
        let start = |at: i64| at * last / (count - 1).max(1) / STEP * STEP;
        (0..count).map(|at| (start(at), if at + 1 == count { side - last } else { size })).collect()
    }

    /// Translates an image of `[height, width]` tile by tile; `translate` is given a place and answers with its pixels. Where
    /// tiles overlap, one fades into the next. Besides the result it keeps one row of tiles, whatever the image's height.
    ///
    /// # Shapes
    /// `translate`'s answer f32 in [-1, 1], `[1, C, scale height, scale width]` of its area; out u8
    /// `[C, scale height, scale width]`, on the CPU
    ///
    /// # Errors
    /// As [`Tiles::validate`]; `translate`'s; LibTorch's.
    pub fn translate(
        &self,
        [height, width]: [i64; 2],
        scale: i64,
        mut translate: impl FnMut(Area) -> Result<Tensor>,
    ) -> Result<Tensor> {
        self.validate()?;
        let (rows, columns) = (self.spans(height), self.spans(width));
        let mut result = Vec::new();
        let mut above: Option<Band> = None;
        for (at, &(top, rows_here)) in rows.iter().enumerate() {
            let mut band: Option<Band> = None;
            for &(left, columns_here) in &columns {
                let area = Area { top, left, height: rows_here, width: columns_here };
                let tile =
                    translate(area)?.f_squeeze_dim(0)?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?;
                let band = match &mut band {
                    Some(band) => band,
                    none => none.insert(Band::new(tile.size()[0], rows_here * scale, width * scale, top)?),
                };
                let fade = |from: i64, length: i64, side: i64| self.fade(from, length, side, scale);
                let weight =
                    fade(top, rows_here, height)?.f_unsqueeze(1)?.f_mul(&fade(left, columns_here, width)?)?;
                band.add(&tile, &weight, left * scale)?;
            }
            let Some(mut band) = band else { continue };
            if let Some(above) = &above {
                band.take_over(above, scale)?;
            }
            let done = rows.get(at + 1).map_or(height, |next| next.0) - top;
            let finished = band.mean(done * scale)?;
            result.push(range::to_bytes(&finished)?);
            above = Some(band);
        }
        if result.is_empty() {
            return Err(Error::config("image", "has no pixels"));
        }
        Ok(Tensor::f_cat(&result, 1)?)
    }

    /// How much each pixel of a span counts: it fades towards sides that have a neighbour.
    fn fade(&self, from: i64, length: i64, side: i64, scale: i64) -> Result<Tensor> {
        let (begins, ends) = (from == 0, from + length == side);
        let reach = (self.overlap.max(1) * scale) as f64;
        let smooth = |distance: i64| {
            let t = ((distance as f64 + 0.5) / reach).min(1.0);
            (t * t * (3.0 - 2.0 * t)).max(1e-4)
        };
        let length = length * scale;
        let weights: Vec<f32> = (0..length)
            .map(|at| {
                let left = if begins { 1.0 } else { smooth(at) };
                let right = if ends { 1.0 } else { smooth(length - 1 - at) };
                (left * right) as f32
            })
            .collect();
        Ok(Tensor::f_from_slice(&weights)?)
    }
}

/// A row of tiles: the weighted sum of them and the weights.
struct Band {
    sum: Tensor,
    weight: Tensor,
    top: i64,
}

impl Band {
    fn new(channels: i64, height: i64, width: i64, top: i64) -> Result<Self> {
        let zeros = |size: &[i64]| Tensor::f_zeros(size, (Kind::Float, Device::Cpu));
        Ok(Self { sum: zeros(&[channels, height, width])?, weight: zeros(&[1, height, width])?, top })
    }

    fn add(&mut self, tile: &Tensor, weight: &Tensor, left: i64) -> Result<()> {
        let width = tile.size()[2];
        let _ = self.sum.f_narrow(2, left, width)?.f_add_(&tile.f_mul(weight)?)?;
        let _ = self.weight.f_narrow(2, left, width)?.f_add_(weight)?;
        Ok(())
    }

    /// What the band above has in the rows that both have.
    fn take_over(&mut self, above: &Self, scale: i64) -> Result<()> {
        let skipped = (self.top - above.top) * scale;
        let shared = above.sum.size()[1] - skipped;
        if shared > 0 {
            let _ = self.sum.f_narrow(1, 0, shared)?.f_add_(&above.sum.f_narrow(1, skipped, shared)?)?;
            let _ =
                self.weight.f_narrow(1, 0, shared)?.f_add_(&above.weight.f_narrow(1, skipped, shared)?)?;
        }
        Ok(())
    }

    /// The first rows, finished.
    fn mean(&self, rows: i64) -> Result<Tensor> {
        Ok(self.sum.f_narrow(1, 0, rows)?.f_div(&self.weight.f_narrow(1, 0, rows)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_cover_a_side_and_share_enough() {
        let tiles = Tiles { size: 128, overlap: 32 };
        for side in [1, 100, 128, 129, 143, 144, 145, 255, 256, 300, 1000, 1001] {
            let spans = tiles.spans(side);
            assert_eq!(spans[0].0, 0);
            assert_eq!(spans.last().map(|(start, length)| start + length), Some(side), "{side}");
            for pair in spans.windows(2) {
                let shared = pair[0].0 + pair[0].1 - pair[1].0;
                assert!(pair[0].0 < pair[1].0 && shared >= 32, "{side}: {pair:?}");
            }
            assert!(spans.iter().all(|(start, length)| start % STEP == 0 && *length <= 128 + STEP));
        }
    }

    /// What treats every pixel by itself gives the same in tiles, to the byte.
    #[test]
    fn tiles_of_one_picture_are_that_picture() {
        let tiles = Tiles { size: 64, overlap: 16 };
        for (height, width, scale) in [(150, 97, 1), (64, 200, 2), (30, 20, 4)] {
            let noise = gan_sys::random::uniform(&[1, 3, height, width], 7, Device::Cpu).expect("draw");
            let picture = noise * 2.0 - 1.0;
            let enlarge = |image: &Tensor| {
                image.upsample_nearest2d([image.size()[2] * scale, image.size()[3] * scale], None, None)
            };
            let mut largest = 0;
            let made = tiles.translate([height, width], scale, |area| {
                largest = largest.max(area.height * area.width);
                let Area { top, left, height, width } = area;
                Ok(-enlarge(&picture.narrow(2, top, height).narrow(3, left, width)))
            });
            let whole = range::to_bytes(&-enlarge(&picture)).expect("bytes").squeeze_dim(0);
            assert_eq!(made.expect("tiles"), whole);
            assert!(largest <= 80 * 80);
        }
    }

    #[test]
    fn neighbours_fade_into_each_other() {
        // Each tile is of one grey: across the picture there is no step larger than the fading makes.
        let tiles = Tiles { size: 64, overlap: 16 };
        let mut shade = -0.9;
        let made = tiles.translate([64, 200], 1, |area| {
            shade += 0.3;
            Ok(Tensor::full([1, 1, area.height, area.width], shade, (Kind::Float, Device::Cpu)))
        });
        let row = made.expect("tiles").select(1, 30).select(0, 0).to_kind(Kind::Float);
        let steps = row.narrow(0, 1, 199) - row.narrow(0, 0, 199);
        assert!(steps.abs().max().double_value(&[]) <= 6.0, "0.3 is 38 grey levels, over 16 pixels and more");
    }

    #[test]
    fn tiles_without_a_middle_are_refused() {
        for (size, overlap, word) in [(16, 0, "32 pixels"), (64, 30, "between 0 and 16"), (64, -1, "between")]
        {
            let error = Tiles { size, overlap }.validate().expect_err("refused").to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
