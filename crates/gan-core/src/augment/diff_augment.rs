//! DiffAugment (Zhao et al. 2020): the same kinds of change to reals and fakes, with gradients
//! through them to the generator.

use super::pixels::{gather, positions};
use crate::error::Result;
use crate::random::Streams;
use crate::tensor::guard::{self, ANY};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// The largest shift, as a share of the side.
const TRANSLATION: f64 = 0.125;
/// The side of the square that is cut out, as a share of the image's.
const CUTOUT: f64 = 0.5;

/// Which changes are made, in this order. All are off by default; the paper uses all three where data is
/// scarce.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiffAugment {
    /// Brightness by -0.5 to 0.5, saturation by 0 to 2, contrast by 0.5 to 1.5, in this order.
    pub color: bool,
    /// Shifts by up to an eighth of each side; what comes in is 0, grey.
    pub translation: bool,
    /// A square of half the side, its centre anywhere, becomes 0, grey.
    pub cutout: bool,
}

impl DiffAugment {
    /// The paper's choice where data is scarce.
    pub const ALL: Self = Self { color: true, translation: true, cutout: true };

    /// Whether anything is changed at all.
    pub fn enabled(&self) -> bool {
        *self != Self::default()
    }

    /// Changed images. Every call draws anew from `noise`: one for reals, one for fakes.
    ///
    /// # Shapes
    /// `images` in [-1, 1], `[N, C, H, W]`, any C and any sides from 2 up; out the same shape, values may
    /// leave [-1, 1].
    ///
    /// # Errors
    /// Images of another rank; LibTorch's.
    pub fn apply(&self, noise: &Streams, images: &Tensor) -> Result<Tensor> {
        guard::shape("images to augment", images, &[ANY, ANY, ANY, ANY])?;
        let mut images = images.shallow_clone();
        if self.color {
            images = color(noise, &images)?;
        }
        if self.translation {
            images = translation(noise, &images)?;
        }
        if self.cutout {
            images = cutout(noise, &images)?;
        }
        Ok(images)
    }
}

fn color(noise: &Streams, images: &Tensor) -> Result<Tensor> {
    let factor = |purpose: &str, from: f64, to: f64| -> Result<Tensor> {
        let draw = noise.uniform(purpose, &[images.size()[0], 1, 1, 1])?;
        Ok(draw.f_mul_scalar(to - from)?.f_add_scalar(from)?.f_to_kind(images.kind())?)
    };
    let images = images.f_add(&factor("augment brightness", -0.5, 0.5)?)?;
    let grey = images.f_mean_dim(1, true, None)?; // [N, 1, H, W]
    let images = grey.f_add(&images.f_sub(&grey)?.f_mul(&factor("augment saturation", 0.0, 2.0)?)?)?;
    let level = images.f_mean_dim(&[1i64, 2, 3][..], true, None)?; // [N, 1, 1, 1]
    Ok(level.f_add(&images.f_sub(&level)?.f_mul(&factor("augment contrast", 0.5, 1.5)?)?)?)
}

fn translation(noise: &Streams, images: &Tensor) -> Result<Tensor> {
    let (n, _, h, w) = images.size4()?;
    // Where a row (or column) comes from, and whether that is inside.
    let source = |side: i64, purpose: &str| -> Result<(Tensor, Tensor)> {
        let most = rounded(side, TRANSLATION);
        let shift = noise.integers(purpose, 2 * most + 1, &[n, 1])?.f_sub_scalar(most)?;
        let from = positions(side, images)?.f_add(&shift)?; // [N, side]
        let inside = from.f_ge(0)?.f_logical_and(&from.f_lt(side)?)?;
        Ok((from.f_clamp(0, side - 1)?, inside))
    };
    let (rows, row_inside) = source(h, "augment shift of rows")?;
    let (columns, column_inside) = source(w, "augment shift of columns")?;
    let inside = row_inside.f_unsqueeze(2)?.f_logical_and(&column_inside.f_unsqueeze(1)?)?; // [N, H, W]
    Ok(gather(images, &rows, &columns)?.f_mul(&inside.f_unsqueeze(1)?.f_to_kind(images.kind())?)?)
}

fn cutout(noise: &Streams, images: &Tensor) -> Result<Tensor> {
    let (n, _, h, w) = images.size4()?;
    let covered = |side: i64, purpose: &str| -> Result<Tensor> {
        let length = rounded(side, CUTOUT);
        // An even length has its centre on a border between pixels: there is one more of them.
        let centre = noise.integers(purpose, side + 1 - length % 2, &[n, 1])?;
        let first = centre.f_sub_scalar(length / 2)?;
        let place = positions(side, images)?.f_sub(&first)?; // [N, side]
        Ok(place.f_ge(0)?.f_logical_and(&place.f_lt(length)?)?)
    };
    let rows = covered(h, "augment cutout of rows")?;
    let columns = covered(w, "augment cutout of columns")?;
    let kept = rows.f_unsqueeze(2)?.f_logical_and(&columns.f_unsqueeze(1)?)?.f_logical_not()?; // [N, H, W]
    Ok(images.f_mul(&kept.f_unsqueeze(1)?.f_to_kind(images.kind())?)?)
}

/// A share of a side in pixels, to the nearest.
fn rounded(side: i64, share: f64) -> i64 {
    (side as f64 * share + 0.5) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    fn streams(step: u64) -> Streams {
        Streams::new(3, 0, step, Device::Cpu)
    }

    fn images(shape: &[i64]) -> Tensor {
        streams(99).uniform("images", shape).expect("images") * 2.0 - 1.0
    }

    fn largest(difference: &Tensor) -> f64 {
        difference.abs().max().double_value(&[])
    }

    #[test]
    fn every_size_and_channel_count_works_and_layouts_agree() {
        for (c, h, w) in [(1, 2, 2), (2, 5, 3), (3, 16, 16), (4, 7, 32)] {
            let images = images(&[6, c, h, w]);
            let changed = DiffAugment::ALL.apply(&streams(0), &images).expect("images");
            assert_eq!(changed.size(), images.size());
            assert!(largest(&(&changed - &images)) > 0.1);
            let laid_out = gan_sys::format::channels_last(&images).expect("layout");
            let other = DiffAugment::ALL.apply(&streams(0), &laid_out).expect("images");
            assert!(largest(&(&other - &changed)) < 1e-5, "{c} {h} {w}");
        }
        let flat = images(&[4, 8]);
        assert!(DiffAugment::ALL.apply(&streams(0), &flat).is_err());
    }

    #[test]
    fn nothing_asked_is_nothing_done_and_draws_differ_by_call() {
        let images = images(&[4, 3, 8, 8]);
        assert!(!DiffAugment::default().enabled() && DiffAugment::ALL.enabled());
        assert_eq!(DiffAugment::default().apply(&streams(0), &images).expect("images"), images);
        let noise = streams(0);
        let [first, second] = [0, 1].map(|_| DiffAugment::ALL.apply(&noise, &images).expect("images"));
        assert!(largest(&(first - second)) > 0.1);
    }

    #[test]
    fn colour_keeps_what_each_part_promises() {
        // All values alike: saturation and contrast have nothing to change; brightness moves by at most 0.5.
        let grey = Tensor::full([64, 3, 4, 4], 0.25, (Kind::Float, Device::Cpu));
        let moved = color(&streams(1), &grey).expect("images") - 0.25;
        assert!(largest(&moved) <= 0.5 + 1e-5 && largest(&moved) > 0.4);
        assert!(largest(&(moved.amax([1i64, 2, 3], false) - moved.amin([1i64, 2, 3], false))) < 1e-5);
        // Replayed draws: brightness +0.25, saturation 0 (grey), contrast 0.5.
        let draws = [0.75f32, 0.0, 0.0]
            .map(|draw| Tensor::full([1, 1, 1, 1], f64::from(draw), (Kind::Float, Device::Cpu)));
        let image = Tensor::from_slice(&[0f32, 1.0, 0.5, 0.5]).view([1, 2, 1, 2]);
        let got = color(&Streams::replaying(draws), &image).expect("image");
        assert_eq!(Vec::<f32>::try_from(got.flatten(0, -1)).expect("f32"), [0.625, 0.875, 0.625, 0.875]);
    }

    #[test]
    fn shifts_move_pixels_and_let_grey_in() {
        // Draws 0..=2 for a side of 8: shifts by -1, 0, 1. Row i comes from row i + shift.
        let draw = |value: i64| Tensor::from_slice(&[value]).view([1, 1]);
        let image = images(&[1, 2, 8, 8]);
        let got = translation(&Streams::replaying([draw(2), draw(0)]), &image).expect("image");
        let expected = image.constant_pad_nd([1, 0, 0, 1]).narrow(2, 1, 8).narrow(3, 0, 8);
        assert_eq!(got, expected);
        let still = translation(&Streams::replaying([draw(1), draw(1)]), &image).expect("image");
        assert_eq!(still, image);
    }

    #[test]
    fn a_square_of_half_the_side_is_cut_out_wherever_its_centre_lies() {
        let draw = |value: i64| Tensor::from_slice(&[value]).view([1, 1]);
        let ones = Tensor::ones([1, 1, 8, 6], (Kind::Float, Device::Cpu));
        let left = |row: i64, column: i64| {
            let cut = cutout(&Streams::replaying([draw(row), draw(column)]), &ones).expect("image");
            cut.sum(Kind::Float).double_value(&[]) as i64
        };
        // Rows: 4 of 8, centres 0 to 8. Columns: 3 of 6, centres 0 to 5.
        assert_eq!([left(4, 3), left(0, 3), left(8, 3), left(0, 0), left(8, 5)], [36, 42, 42, 44, 44]);
        let cut = cutout(&Streams::replaying([draw(4), draw(3)]), &ones).expect("image");
        assert_eq!(cut.narrow(2, 2, 4).narrow(3, 2, 3).sum(Kind::Float).double_value(&[]), 0.0);
        // Every draw lies within what the square allows.
        let many = Tensor::ones([500, 1, 8, 6], (Kind::Float, Device::Cpu));
        let kept = cutout(&streams(2), &many).expect("images").sum_dim_intlist(
            &[1i64, 2, 3][..],
            false,
            Kind::Float,
        );
        assert_eq!((kept.min().double_value(&[]), kept.max().double_value(&[])), (36.0, 44.0));
    }
}
