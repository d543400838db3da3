//! LPIPS (Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric"), version 0.1 on VGG16: what
//! people think of how alike two images are, and what StyleGAN2's projection descends.
//!
//! Two files, which the user brings: torchvision's VGG16 of ImageNet and the heads of the `lpips` package.

use super::weights::Weights;
use super::{Extract, Features};
use crate::feature_distance::at_a_depth;
use gan_core::error::{Error, Result};
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// VGG16's convolutions (Simonyan and Zisserman 2015, table 1, D) and the heads over five of its depths, in f32.
#[derive(Debug)]
pub struct Lpips {
    /// Weight and bias of each convolution, in groups between which images are halved.
    groups: Vec<Vec<[Tensor; 2]>>,
    /// What the channels of each group's last layer count, `[1, C, 1, 1]`.
    heads: Vec<Tensor>,
    /// `[1, 3, 1, 1]`: what a grey level is multiplied by, and what is then added.
    scale: [Tensor; 2],
    device: Device,
    checksums: String,
}

/// Channels and layers of each group.
const PLAN: [(i64, usize); 5] = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)];
/// Halved four times they have a pixel left.
const SMALLEST: i64 = 16;
/// Of red, green and blue in [-1, 1], as the `lpips` package has them.
const SHIFT: [f64; 3] = [-0.030, -0.088, -0.188];
const SCALE: [f64; 3] = [0.458, 0.448, 0.450];

impl Lpips {
    /// Weights from files: torchvision's (`vgg16-397923af.pth`) and the package's (`lpips/weights/v0.1/vgg.pth`).
    ///
    /// # Errors
    /// A file that cannot be read, or lacks a tensor, or has one of another shape.
    pub fn open(vgg: &Path, heads: &Path, device: Device) -> Result<Self> {
        Self::new(&Weights::open(vgg)?, &Weights::open(heads)?, device)
    }

    /// As [`Lpips::open`], from weights that are in memory.
    ///
    /// # Errors
    /// A tensor that is not there, or of another shape.
    pub fn new(vgg: &Weights, heads: &Weights, device: Device) -> Result<Self> {
        let at =
            |tensor: Tensor| -> Result<Tensor> { Ok(tensor.f_to_kind(Kind::Float)?.f_to_device(device)?) };
        let mut groups = Vec::new();
        // torchvision numbers convolutions, activations and poolings in one row.
        let (mut index, mut inputs) = (0, 3);
        for (outputs, layers) in PLAN {
            let mut group = Vec::new();
            for _ in 0..layers {
                let weight = vgg.get(&format!("features.{index}.weight"), &[outputs, inputs, 3, 3])?;
                let bias = vgg.get(&format!("features.{index}.bias"), &[outputs])?;
                group.push([gan_sys::format::channels_last(&at(weight)?)?, at(bias)?]);
                (index, inputs) = (index + 2, outputs);
            }
            groups.push(group);
            index += 1;
        }
        let head = |(depth, (channels, _)): (usize, &(i64, usize))| {
            at(heads.get(&format!("lin{depth}.model.1.weight"), &[1, *channels, 1, 1])?)
        };
        let of = |values: [f64; 3]| at(Tensor::f_from_slice(&values)?.f_view([1, 3, 1, 1])?);
        Ok(Self {
            groups,
            heads: PLAN.iter().enumerate().map(head).collect::<Result<_>>()?,
            scale: [
                of(SCALE.map(|scale| 1.0 / (127.5 * scale)))?,
                of(std::array::from_fn(|channel| (-1.0 - SHIFT[channel]) / SCALE[channel]))?,
            ],
            device,
            checksums: format!("{}, {}", vgg.checksum(), heads.checksum()),
        })
    }
}

impl Extract for Lpips {
    fn name(&self) -> String {
        format!("LPIPS 0.1, VGG16 and its heads ({}), f32", self.checksums)
    }

    fn short_name(&self) -> String {
        "lpips".to_owned()
    }

    fn dimensions(&self) -> i64 {
        PLAN[PLAN.len() - 1].0
    }

    /// The mean of the deepest map.
    fn describe(&self, images: &Tensor) -> Result<Features> {
        Ok(self.describe_with_depths(images)?.0)
    }

    fn shows_depths(&self) -> bool {
        true
    }

    fn describe_with_depths(&self, images: &Tensor) -> Result<(Features, Vec<Tensor>)> {
        let depths = tch::no_grad(|| self.depths(images))?;
        let last = &depths[depths.len() - 1];
        let pooled = last.f_mean_dim([2i64, 3].as_slice(), false, Kind::Float)?;
        Ok((Features { pooled: pooled.f_to_device(Device::Cpu)?, logits: None }, depths))
    }

    /// What the last activation of each group puts out: 64, 128, 256, 512 and 512 channels, in the images' own resolution and in
    /// halves of it.
    fn depths(&self, images: &Tensor) -> Result<Vec<Tensor>> {
        if images.size().iter().rev().take(2).any(|side| *side < SMALLEST) {
            let why = format!("are {:?}, and LPIPS needs at least {SMALLEST} pixels a side", images.size());
            return Err(Error::config("images", why));
        }
        let [factor, offset] = &self.scale;
        let images = super::coloured(images)?.f_to_device(self.device)?;
        let mut x = gan_sys::format::channels_last(&images.f_mul(factor)?.f_add(offset)?)?;
        let mut depths: Vec<Tensor> = Vec::new();
        for group in &self.groups {
            if !depths.is_empty() {
                x = x.f_max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false)?;
            }
            for [weight, bias] in group {
                x = x.f_conv2d(weight, Some(bias), [1, 1], [1, 1], [1, 1], 1)?.f_relu()?;
            }
            depths.push(x.shallow_clone());
        }
        Ok(depths)
    }

    /// Equation 1: heads weigh the channels, depths are added up.
    fn apart(&self, ours: &[Tensor], theirs: &[Tensor]) -> Result<Tensor> {
        let pairs = ours.iter().zip(theirs).zip(&self.heads);
        let depths: Vec<Tensor> =
            pairs.map(|((a, b), heads)| at_a_depth(a, b, Some(heads))).collect::<Result<_>>()?;
        Ok(Tensor::f_stack(&depths, 0)?.f_sum_dim_intlist([0i64].as_slice(), false, Kind::Double)?)
    }
}
