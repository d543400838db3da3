//! Filling holes.

use super::draws::Draws;
use super::mask::{self, MaskFolder};
use super::{pictures, within};
use crate::dataset::Scratch;
use gan_core::data::PairBatch;
use gan_core::error::{Error, Result};
use gan_core::tensor::guard::{self, ANY};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tch::{Kind, Tensor};

/// Filling holes: boxes and brush strokes drawn at random, or masks of a folder. The network is given the image with
/// 0 (grey) in the hole, and a last channel that is 1 in the hole and -1 elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Inpaint {
    /// The fewest and most boxes in an image.
    pub boxes: [u32; 2],
    /// A box's shortest and longest side, as a share of the image's.
    pub box_side: [f64; 2],
    /// The fewest and most brush strokes in an image.
    pub strokes: [u32; 2],
    /// The fewest and most straight pieces of a stroke.
    pub stroke_segments: [u32; 2],
    /// The shortest and longest piece, as a share of the image's shorter side.
    pub stroke_length: [f64; 2],
    /// The narrowest and widest stroke, as a share of the image's shorter side.
    pub stroke_width: [f64; 2],
    /// The least and most of the image that is hole: shapes that go beyond are left out, more are drawn where there
    /// is less.
    pub share: [f64; 2],
    /// A folder, zip or named set of masks, white for the hole, instead of all of the above: each image gets one of
    /// them at random, or its mirror image.
    #[serde(with = "named_or_empty")]
    pub masks: Option<PathBuf>,
    /// How much a pixel in the hole counts in losses that compare pixels; others count 1.
    pub hole_weight: f64,
}

/// A path as text, which is empty where there is none: TOML has no null.
mod named_or_empty {
    use super::PathBuf;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[allow(clippy::ref_option)] // serde's signature
    pub fn serialize<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
        path.clone().unwrap_or_default().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
        Ok(Some(PathBuf::deserialize(deserializer)?).filter(|path| !path.as_os_str().is_empty()))
    }
}

impl Default for Inpaint {
    fn default() -> Self {
        Self {
            boxes: [0, 2],
            box_side: [0.15, 0.4],
            strokes: [1, 4],
            stroke_segments: [2, 8],
            stroke_length: [0.1, 0.3],
            stroke_width: [0.04, 0.12],
            share: [0.05, 0.5],
            masks: None,
            hole_weight: 6.0,
        }
    }
}

impl Inpaint {
    pub(super) fn validate(&self, field: &str, [h, w]: [i64; 2]) -> Result<()> {
        let counts = [
            ("boxes", self.boxes, 0),
            ("strokes", self.strokes, 0),
            ("stroke_segments", self.stroke_segments, 1),
        ];
        for (name, count, low) in counts {
            within(&format!("{field}.{name}"), count.map(f64::from), [f64::from(low), 100.0])?;
        }
        for (name, range) in [
            ("box_side", self.box_side),
            ("stroke_length", self.stroke_length),
            ("stroke_width", self.stroke_width),
            ("share", self.share),
        ] {
            within(&format!("{field}.{name}"), range, [0.001, 1.0])?;
        }
        if !(self.hole_weight > 0.0 && self.hole_weight.is_finite()) {
            let why = format!("{} is not a positive number", self.hole_weight);
            return Err(Error::config(format!("{field}.hole_weight"), why));
        }
        match &self.masks {
            Some(path) => Ok(MaskFolder::open(path, [h as usize, w as usize])?.check()?),
            None if self.boxes[1] + self.strokes[1] == 0 => {
                let why =
                    "neither boxes nor strokes are drawn, and no masks are named: there would be no hole";
                Err(Error::config(format!("{field}.strokes"), why))
            }
            None => Ok(()),
        }
    }

    /// `folder` spares opening the masks for every batch.
    pub(super) fn pairs(
        &self,
        images: &Tensor,
        draws: &Draws,
        folder: Option<&MaskFolder>,
    ) -> Result<PairBatch> {
        let (n, _, h, w) = images.size4()?;
        let size = [h as usize, w as usize];
        let opened = match (&self.masks, folder) {
            (Some(path), None) => Some(MaskFolder::open(path, size)?),
            _ => None,
        };
        let folder = folder.or(opened.as_ref());
        let (mut masks, mut scratch) = (Vec::with_capacity((n * h * w) as usize), Scratch::default());
        for image in 0..n {
            let mut host = draws.of_image("task mask", image);
            match folder {
                Some(folder) => folder.draw(&mut host, &mut scratch, &mut masks)?,
                None => mask::draw(self, size, &mut host, &mut masks),
            }
        }
        let hole = Tensor::f_from_data_size(&masks, &[n, 1, h, w], Kind::Uint8)?;
        let hole = hole.f_to_device(images.device())?.f_to_kind(Kind::Float)?;
        let weight = hole.f_mul_scalar(self.hole_weight - 1.0)?.f_add_scalar(1.0)?;
        Ok(PairBatch { a: masked(images, &hole)?, b: images.shallow_clone(), weight: Some(weight) })
    }

    pub(super) fn prepare(images: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        let Some(mask) = mask else {
            let why =
                "inpaint needs one: a picture of the same size, white where something is to be filled in";
            return Err(Error::config("mask", why));
        };
        guard::shape("mask", mask, &[ANY, 1, ANY, ANY])?;
        let ((n, _, h, w), (masks, _, mask_h, mask_w)) = (images.size4()?, mask.size4()?);
        if [mask_h, mask_w] != [h, w] {
            let why = format!(
                "{mask_w} x {mask_h} pixels, but the picture has {w} x {h}: give a mask of the picture's size"
            );
            return Err(Error::config("mask", why));
        }
        if masks != 1 && masks != n {
            let why = format!("{masks} masks for {n} pictures: give one, or one for each");
            return Err(Error::config("mask", why));
        }
        let hole = mask.f_gt(0.0)?.f_to_kind(Kind::Float)?.f_to_device(images.device())?;
        masked(images, &hole.f_expand([n, 1, h, w], false)?)
    }

    /// Outside the hole the input's own pixels.
    pub(super) fn finish(prepared: &Tensor, output: &Tensor) -> Result<Tensor> {
        let (known, hole) = split(prepared)?;
        pictures("output", output, &known.size())?;
        Ok(output.f_clamp(-1.0, 1.0)?.f_where_self(&hole.f_gt(0.0)?, &known)?)
    }

    /// Each hole filled with the mean of what is around it, one value for each channel.
    pub(super) fn baseline(prepared: &Tensor) -> Result<Tensor> {
        let (known, hole) = split(prepared)?;
        let hole = hole.f_gt(0.0)?.f_to_kind(Kind::Float)?;
        let sum = |values: &Tensor| values.f_sum_dim_intlist(&[2i64, 3][..], true, Kind::Float);
        let count = sum(&hole.f_neg()?.f_add_scalar(1.0)?)?.f_clamp_min(1.0)?; // [N, 1, 1, 1]
        // The hole itself holds 0.
        Ok(sum(&known)?.f_div(&count)?.f_mul(&hole)?.f_add(&known)?)
    }

    pub(super) fn show(prepared: &Tensor) -> Result<Tensor> {
        Ok(split(prepared)?.0)
    }
}

/// # Shapes
/// `images` `[N, C, H, W]`, `hole` f32 of 0 and 1, `[N, 1, H, W]`; out `[N, C + 1, H, W]`
fn masked(images: &Tensor, hole: &Tensor) -> Result<Tensor> {
    let known = images.f_mul(&hole.f_neg()?.f_add_scalar(1.0)?)?;
    Ok(Tensor::f_cat(&[known, hole.f_mul_scalar(2.0)?.f_sub_scalar(1.0)?], 1)?)
}

/// The image with its hole, and the channel that says where it is.
fn split(prepared: &Tensor) -> Result<(Tensor, Tensor)> {
    guard::shape("input of inpaint", prepared, &[ANY, ANY, ANY, ANY])?;
    let channels = prepared.size()[1] - 1;
    if channels < 1 {
        return Err(Error::config(
            "input of inpaint",
            "has no channel beside the mask's: prepare the picture",
        ));
    }
    Ok((prepared.f_narrow(1, 0, channels)?, prepared.f_narrow(1, channels, 1)?))
}
