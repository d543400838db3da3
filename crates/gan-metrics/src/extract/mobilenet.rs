//! MobileNetV2 (Sandler et al. 2018, table 2) with torchvision's weights of ImageNet, in evaluation only: every batch
//! normalisation is folded into the convolution before it.
//!
//! It knows natural images in colour, in a file of 14 MB. Its distances compare runs with each other; with published FID, which
//! is Inception's, they have nothing in common but the formula.

use super::resize::{Resize, resized};
use super::weights::Weights;
use super::{Extract, Features};
use gan_core::error::Result;
use std::path::Path;
use tch::{Device, Kind, Tensor, no_grad};

/// The network with its weights, in f32.
#[derive(Debug)]
pub struct MobileNet {
    blocks: Vec<Block>,
    /// `[1000, 1280]` and `[1000]`
    classes: [Tensor; 2],
    /// `[1, 3, 1, 1]`: what a grey level is multiplied by, and what is then added.
    scale: [Tensor; 2],
    device: Device,
    checksum: String,
}

/// Height and width that the network was trained on.
const SIZE: i64 = 224;
/// Images that pass together: more are no faster, and take memory.
const AT_A_TIME: i64 = 16;
const NORM_EPSILON: f64 = 1e-5;
const CLASSES: i64 = 1000;
/// Of ImageNet's red, green and blue in [0, 1].
const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f64; 3] = [0.229, 0.224, 0.225];
/// Expansion, channels, repeats, stride: the paper's table 2.
const PLAN: [[i64; 4]; 7] = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
];
/// Blocks whose outputs are the last of their size: strides 2, 4, 8, 16, 32.
const DEPTHS: [usize; 5] = [1, 3, 6, 13, 17];

impl MobileNet {
    /// Numbers in a feature.
    pub const DIMENSIONS: i64 = 1280;

    /// Weights from a PyTorch or safetensors file with torchvision's names, such as `mobilenet_v2-b0353104.pth`.
    ///
    /// # Errors
    /// A file that cannot be read, or lacks a tensor, or has one of another shape.
    pub fn open(path: &Path, device: Device) -> Result<Self> {
        Self::new(&Weights::open(path)?, device)
    }

    /// As [`MobileNet::open`], from weights that are in memory.
    ///
    /// # Errors
    /// A tensor that is not there, or of another shape.
    pub fn new(weights: &Weights, device: Device) -> Result<Self> {
        let load = Loader { weights, device };
        let mut blocks = vec![Block::of(load.convolution("features.0", 3, 32, Kernel::whole(3, 2))?)];
        let mut inputs = 32;
        for [expansion, outputs, repeats, stride] in PLAN {
            for repeat in 0..repeats {
                let name = format!("features.{}.conv", blocks.len());
                let stride = if repeat == 0 { stride } else { 1 };
                blocks.push(load.bottleneck(&name, [inputs, expansion, outputs], stride)?);
                inputs = outputs;
            }
        }
        let last = load.convolution("features.18", inputs, Self::DIMENSIONS, Kernel::whole(1, 1))?;
        blocks.push(Block::of(last));
        let at =
            |tensor: Tensor| -> Result<Tensor> { Ok(tensor.f_to_kind(Kind::Float)?.f_to_device(device)?) };
        let classes = [
            at(weights.get("classifier.1.weight", &[CLASSES, Self::DIMENSIONS])?)?,
            at(weights.get("classifier.1.bias", &[CLASSES])?)?,
        ];
        let of = |values: [f64; 3]| at(Tensor::f_from_slice(&values)?.f_view([1, 3, 1, 1])?);
        let scale = [
            of(DEVIATION.map(|deviation| 1.0 / (255.0 * deviation)))?,
            of(std::array::from_fn(|channel| -MEAN[channel] / DEVIATION[channel]))?,
        ];
        Ok(Self { blocks, classes, scale, device, checksum: weights.checksum().to_owned() })
    }

    /// Features of up to [`AT_A_TIME`] images, and what [`DEPTHS`] put out if that is asked for.
    fn part(&self, images: &Tensor, depths: &mut Option<Vec<Tensor>>) -> Result<Features> {
        let mut x = self.prepared(images)?; // [N, 3, 224, 224]
        for (index, block) in self.blocks.iter().enumerate() {
            x = block.forward(&x)?;
            if let (Some(depths), true) = (&mut *depths, DEPTHS.contains(&index)) {
                depths.push(x.shallow_clone()); // [N, 16, 112, 112] to [N, 320, 7, 7]
            }
        }
        // of [N, 1280, 7, 7]
        let pooled = x.f_mean_dim([2i64, 3].as_slice(), false, Kind::Float)?;
        let logits = pooled.f_linear(&self.classes[0], Some(&self.classes[1]))?;
        Ok(Features {
            pooled: pooled.f_to_device(Device::Cpu)?,
            logits: Some(logits.f_to_device(Device::Cpu)?),
        })
    }

    /// f32 of 0 to 255, `[N, 1 or 3, H, W]`, to `[N, 3, 224, 224]`, channels-last.
    fn prepared(&self, images: &Tensor) -> Result<Tensor> {
        let images = super::coloured(images)?.f_to_device(self.device)?;
        let x = match images.size()[2..] == [SIZE; 2] {
            true => images,
            false => resized(&images, [SIZE; 2], Resize::Smoothed)?,
        };
        let [factor, offset] = &self.scale;
        Ok(gan_sys::format::channels_last(&x.f_mul(factor)?.f_add_(offset)?)?)
    }

    fn parts(&self, images: &Tensor, mut depths: Option<Vec<Tensor>>) -> Result<(Features, Vec<Tensor>)> {
        super::check(images)?;
        let keeps = depths.is_some();
        let (mut pooled, mut logits) = (Vec::new(), Vec::new());
        no_grad(|| {
            for part in images.f_split(AT_A_TIME, 0)? {
                let features = self.part(&part, &mut depths)?;
                pooled.push(features.pooled);
                logits.extend(features.logits);
            }
            let depths = depths.unwrap_or_default();
            let at = |depth| depths.iter().skip(depth).step_by(DEPTHS.len()).collect::<Vec<&Tensor>>();
            let of_all = (0..DEPTHS.len()).filter(|_| keeps).map(|depth| Ok(Tensor::f_cat(&at(depth), 0)?));
            let features =
                Features { pooled: Tensor::f_cat(&pooled, 0)?, logits: Some(Tensor::f_cat(&logits, 0)?) };
            Ok((features, of_all.collect::<Result<_>>()?))
        })
    }
}

impl Extract for MobileNet {
    fn name(&self) -> String {
        format!(
            "MobileNetV2 {} ({}) of ImageNet and not Inception, bilinear resize to {SIZE}x{SIZE}, smoothed where it shrinks, f32",
            Self::DIMENSIONS,
            self.checksum
        )
    }

    fn short_name(&self) -> String {
        "mobilenet".to_owned()
    }

    fn dimensions(&self) -> i64 {
        Self::DIMENSIONS
    }

    fn describe(&self, images: &Tensor) -> Result<Features> {
        Ok(self.parts(images, None)?.0)
    }

    fn shows_depths(&self) -> bool {
        true
    }

    /// The last outputs of strides 2, 4, 8, 16 and 32: 16, 24, 32, 96 and 320 channels.
    fn describe_with_depths(&self, images: &Tensor) -> Result<(Features, Vec<Tensor>)> {
        self.parts(images, Some(Vec::new()))
    }

    fn depths(&self, images: &Tensor) -> Result<Vec<Tensor>> {
        super::check(images)?;
        let mut x = self.prepared(images)?;
        let mut depths = Vec::new();
        for (index, block) in self.blocks.iter().take(DEPTHS[DEPTHS.len() - 1] + 1).enumerate() {
            x = block.forward(&x)?;
            if DEPTHS.contains(&index) {
                depths.push(x.shallow_clone());
            }
        }
        Ok(depths)
    }
}

/// A convolution with its normalisation.
#[derive(Debug)]
struct Convolution {
    weight: Tensor,
    bias: Tensor,
    kernel: Kernel,
    /// Whether its values are clipped to [0, 6].
    clips: bool,
}

#[derive(Debug, Clone, Copy)]
struct Kernel {
    size: i64,
    stride: i64,
    /// Whether each channel is on its own.
    by_channel: bool,
}

impl Kernel {
    fn whole(size: i64, stride: i64) -> Self {
        Self { size, stride, by_channel: false }
    }
}

impl Convolution {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let Kernel { size, stride, by_channel } = self.kernel;
        let groups = if by_channel { x.size()[1] } else { 1 };
        let mut x = x.f_conv2d(&self.weight, Some(&self.bias), [stride; 2], [size / 2; 2], [1, 1], groups)?;
        if self.clips { Ok(x.f_clamp_(0.0, 6.0)?) } else { Ok(x) }
    }
}

/// Convolutions in a row: an inverted residual, or a single one.
#[derive(Debug)]
struct Block {
    chain: Vec<Convolution>,
    /// Whether the input is added to the output.
    is_residual: bool,
}

impl Block {
    fn of(convolution: Convolution) -> Self {
        Self { chain: vec![convolution], is_residual: false }
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut y = x.shallow_clone();
        for convolution in &self.chain {
            y = convolution.forward(&y)?;
        }
        if self.is_residual { Ok(y.f_add_(x)?) } else { Ok(y) }
    }
}

struct Loader<'a> {
    weights: &'a Weights,
    device: Device,
}

impl Loader<'_> {
    /// Wider where the expansion is above 1, each channel on its own, and to `outputs` without a clip.
    fn bottleneck(&self, name: &str, [inputs, expansion, outputs]: [i64; 3], stride: i64) -> Result<Block> {
        let inner = inputs * expansion;
        let mut chain = Vec::new();
        if expansion > 1 {
            chain.push(self.convolution(&format!("{name}.0"), inputs, inner, Kernel::whole(1, 1))?);
        }
        let by_channel = Kernel { size: 3, stride, by_channel: true };
        chain.push(self.convolution(&format!("{name}.{}", chain.len()), inner, inner, by_channel)?);
        let [weight, norm] = [0, 1].map(|more| format!("{name}.{}", chain.len() + more));
        let last = self.folded([&format!("{weight}.weight"), &norm], inner, outputs, Kernel::whole(1, 1))?;
        chain.push(Convolution { clips: false, ..last });
        Ok(Block { chain, is_residual: stride == 1 && inputs == outputs })
    }

    fn convolution(&self, name: &str, inputs: i64, outputs: i64, kernel: Kernel) -> Result<Convolution> {
        self.folded([&format!("{name}.0.weight"), &format!("{name}.1")], inputs, outputs, kernel)
    }

    fn folded(&self, names: [&str; 2], inputs: i64, outputs: i64, kernel: Kernel) -> Result<Convolution> {
        let inputs = if kernel.by_channel { 1 } else { inputs };
        let size = [outputs, inputs, kernel.size, kernel.size];
        let folded = self.weights.folded(names, size, NORM_EPSILON)?;
        let [weight, bias] = folded
            .map(|tensor| -> Result<Tensor> { Ok(tensor.f_to_kind(Kind::Float)?.f_to_device(self.device)?) });
        let weight = gan_sys::format::channels_last(&weight?)?;
        Ok(Convolution { weight, bias: bias?, kernel, clips: true })
    }
}
