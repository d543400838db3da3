//! Inception-v3 as FID knows it (Szegedy et al. 2015, figures 5 to 7; the weights of 2015-12-05, 1,008 classes), in evaluation
//! only: every batch normalisation is folded into the convolution before it.
//!
//! It differs from the network in torchvision: average pools leave the padding out, the last block pools by maximum, and
//! nothing is rescaled between the resize and the first layer.

use super::resize::{Resize, resized};
use super::weights::Weights;
use super::{Extract, Features};
use gan_core::error::Result;
use gan_core::tensor::guard::{ANY, shape};
use std::path::Path;
use tch::{Device, Kind, Tensor, no_grad};

/// Which features: the mean over the pixels of a layer's map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tap {
    /// After the first pooling, 64.
    Pool1,
    /// After the second pooling, 192.
    Pool2,
    /// Before the auxiliary head, 768.
    Mixed6e,
    /// Of the last block, 2,048: FID's.
    #[default]
    Pool3,
}

impl Tap {
    /// All, by the number of features, which is their name.
    pub const ALL: [(i64, Self); 4] =
        [(64, Self::Pool1), (192, Self::Pool2), (768, Self::Mixed6e), (2048, Self::Pool3)];

    /// How many features there are.
    pub fn dimensions(self) -> i64 {
        Self::ALL.iter().find(|(_, tap)| *tap == self).map_or(0, |(dimensions, _)| *dimensions)
    }
}

/// How an image of 0..=255 comes to 299x299 and about [-1, 1].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Convention {
    /// The first TensorFlow's bilinear resize and (x - 128) / 128: the original FID's, torch-fidelity's, StyleGAN's.
    #[default]
    TensorFlow,
    /// Bilinear between pixel centres and x / 127.5 - 1: pytorch-fid's.
    PytorchFid,
}

/// The network with its weights.
#[derive(Debug)]
pub struct Inception {
    stem: [Convolution; 5],
    mixed: Vec<Vec<Branch>>,
    /// `[1008, 2048]` and `[1008]`
    classes: [Tensor; 2],
    tap: Tap,
    convention: Convention,
    device: Device,
    kind: Kind,
    checksum: String,
}

/// Height and width that the network was trained on.
const SIZE: i64 = 299;
/// Images that pass together: more are no faster, and take memory.
const AT_A_TIME: i64 = 16;
const NORM_EPSILON: f64 = 1e-3;
/// The classes, one of them nothing.
const CLASSES: i64 = 1008;

impl Inception {
    /// Weights from a safetensors or PyTorch file with torchvision's names, such as `pt_inception-2015-12-05-6726825d.pth`.
    /// `kind` f32 or bf16 is what is computed in.
    ///
    /// # Errors
    /// A file that cannot be read, or lacks a tensor, or has one of another shape.
    pub fn open(path: &Path, tap: Tap, convention: Convention, device: Device, kind: Kind) -> Result<Self> {
        Self::new(&Weights::open(path)?, tap, convention, device, kind)
    }

    /// As [`Inception::open`], from weights that are in memory.
    ///
    /// # Errors
    /// A tensor that is not there, or of another shape.
    pub fn new(
        weights: &Weights,
        tap: Tap,
        convention: Convention,
        device: Device,
        kind: Kind,
    ) -> Result<Self> {
        let load = Loader { weights, device, kind };
        let stem = [
            load.convolution("Conv2d_1a_3x3", [32, 3, 3, 3], 2, [0, 0])?,
            load.convolution("Conv2d_2a_3x3", [32, 32, 3, 3], 1, [0, 0])?,
            load.convolution("Conv2d_2b_3x3", [64, 32, 3, 3], 1, [1, 1])?,
            load.convolution("Conv2d_3b_1x1", [80, 64, 1, 1], 1, [0, 0])?,
            load.convolution("Conv2d_4a_3x3", [192, 80, 3, 3], 1, [0, 0])?,
        ];
        let mut mixed = Vec::new();
        let mut inputs = 192;
        for (name, plan) in plan() {
            let block = plan
                .iter()
                .map(|branch| load.branch(&format!("Mixed_{name}"), inputs, branch))
                .collect::<Result<Vec<Branch>>>()?;
            inputs = plan.iter().map(|branch| branch.outputs(inputs)).sum();
            mixed.push(block);
        }
        let [weight, bias] =
            [weights.get("fc.weight", &[CLASSES, 2048])?, weights.get("fc.bias", &[CLASSES])?];
        let classes = [weight.f_to_kind(Kind::Float)?, bias.f_to_kind(Kind::Float)?];
        let checksum = weights.checksum().to_owned();
        Ok(Self { stem, mixed, classes, tap, convention, device, kind, checksum })
    }

    /// # Shapes
    /// `x` `[N, 3, 299, 299]` in about [-1, 1]; out `[N, tap]`
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [a, b, c, d, e] = &self.stem;
        let x = c.forward(&b.forward(&a.forward(x)?)?)?; // [N, 64, 147, 147]
        let mut x = halved(&x)?; // [N, 64, 73, 73]
        if self.tap == Tap::Pool1 {
            return mean(&x);
        }
        x = halved(&e.forward(&d.forward(&x)?)?)?; // [N, 192, 35, 35]
        if self.tap == Tap::Pool2 {
            return mean(&x);
        }
        for (index, block) in self.mixed.iter().enumerate() {
            let parts = block.iter().map(|branch| branch.forward(&x)).collect::<Result<Vec<_>>>()?;
            x = Tensor::f_cat(&parts.into_iter().flatten().collect::<Vec<_>>(), 1)?;
            if self.tap == Tap::Mixed6e && index == LAST_OF_SIX {
                break; // [N, 768, 17, 17]
            }
        }
        mean(&x) // of [N, 2048, 8, 8]
    }
}

impl Extract for Inception {
    fn name(&self) -> String {
        let resize = match self.convention {
            Convention::TensorFlow => "TensorFlow's bilinear resize",
            Convention::PytorchFid => "bilinear resize between pixel centres",
        };
        let kind = if self.kind == Kind::Float { "f32" } else { "bf16" };
        format!(
            "Inception-v3 {} ({}), {resize} to {SIZE}x{SIZE}, {kind}",
            self.tap.dimensions(),
            self.checksum
        )
    }

    fn short_name(&self) -> String {
        "inception".to_owned()
    }

    fn dimensions(&self) -> i64 {
        self.tap.dimensions()
    }

    /// The logits leave out the bias, as the Inception Score's authors do.
    fn describe(&self, images: &Tensor) -> Result<Features> {
        shape("images", images, &[ANY, ANY, ANY, ANY])?;
        no_grad(|| {
            let parts = images
                .f_split(AT_A_TIME, 0)?
                .iter()
                .map(|part| self.forward(&self.prepared(part)?))
                .collect::<Result<Vec<Tensor>>>()?;
            let pooled = Tensor::f_cat(&parts, 0)?;
            let pooled = pooled.f_to_device(Device::Cpu)?;
            let logits = match self.tap {
                Tap::Pool3 => Some(pooled.f_matmul(&self.classes[0].f_transpose(0, 1)?)?),
                _ => None,
            };
            Ok(Features { pooled, logits })
        })
    }
}

impl Inception {
    /// Logits of all classes, bias and all, from the last features.
    ///
    /// # Shapes
    /// `pooled` `[N, 2048]`; out `[N, 1008]`
    ///
    /// # Errors
    /// Features of another layer.
    pub fn logits(&self, pooled: &Tensor) -> Result<Tensor> {
        shape("features", pooled, &[ANY, 2048])?;
        Ok(pooled.f_linear(&self.classes[0], Some(&self.classes[1]))?)
    }

    /// f32 of 0 to 255, `[N, 1 or 3, H, W]`, to `[N, 3, 299, 299]`, channels-last.
    fn prepared(&self, images: &Tensor) -> Result<Tensor> {
        let images = super::coloured(images)?.f_to_device(self.device)?;
        let (how, half, whole) = match self.convention {
            Convention::TensorFlow => (Resize::TensorFlow, 128.0, 128.0),
            Convention::PytorchFid => (Resize::Centres, 127.5, 127.5),
        };
        let x = resized(&images, [SIZE; 2], how)?.f_sub_scalar_(half)?.f_div_scalar_(whole)?;
        Ok(gan_sys::format::channels_last(&x)?.f_to_kind(self.kind)?)
    }
}

/// A convolution with its normalisation, before the rectifier.
#[derive(Debug)]
struct Convolution {
    weight: Tensor,
    bias: Tensor,
    stride: i64,
    padding: [i64; 2],
}

impl Convolution {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(self.linear(x)?.f_relu_()?)
    }

    fn linear(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.f_conv2d(&self.weight, Some(&self.bias), [self.stride; 2], self.padding, [1, 1], 1)?)
    }
}

/// What a branch of a block pools by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pool {
    /// 3x3, padding left out of the mean.
    Average,
    /// 3x3
    Maximum,
    /// 3x3 with stride 2 and no padding: the whole branch.
    Halving,
}

/// One branch of a block.
#[derive(Debug)]
struct Branch {
    pool: Option<Pool>,
    chain: Vec<Convolution>,
    /// What the end of the chain goes through side by side; empty: it is the result.
    fork: Vec<Convolution>,
}

impl Branch {
    fn forward(&self, x: &Tensor) -> Result<Vec<Tensor>> {
        let mut x = match self.pool {
            Some(Pool::Halving) => return Ok(vec![halved(x)?]),
            Some(Pool::Maximum) => x.f_max_pool2d([3; 2], [1; 2], [1; 2], [1; 2], false)?,
            // The mean of a 1x1 convolution is the convolution of the mean, and has fewer channels.
            Some(Pool::Average) => {
                let [convolution] = self.chain.as_slice() else { unreachable!("one convolution follows") };
                let x = convolution.linear(x)?;
                return Ok(vec![x.f_avg_pool2d([3; 2], [1; 2], [1; 2], false, false, None)?.f_relu_()?]);
            }
            None => x.shallow_clone(),
        };
        for convolution in &self.chain {
            x = convolution.forward(&x)?;
        }
        match self.fork.as_slice() {
            [] => Ok(vec![x]),
            fork => fork.iter().map(|convolution| convolution.forward(&x)).collect(),
        }
    }
}

fn halved(x: &Tensor) -> Result<Tensor> {
    Ok(x.f_max_pool2d([3; 2], [2; 2], [0; 2], [1; 2], false)?)
}

/// `[N, C, H, W]` to f32 `[N, C]`.
fn mean(x: &Tensor) -> Result<Tensor> {
    Ok(x.f_mean_dim([2i64, 3].as_slice(), false, Kind::Float)?)
}

/// Name, outputs, kernel's height and width.
type Step = (&'static str, i64, [i64; 2]);

/// How a branch is made. Kernels are padded to keep the size; with `halves` the last one goes in steps of two, unpadded.
struct Plan {
    pool: Option<Pool>,
    chain: Vec<Step>,
    fork: Vec<Step>,
    halves: bool,
}

impl Plan {
    fn outputs(&self, inputs: i64) -> i64 {
        match self.fork.as_slice() {
            [] => self.chain.last().map_or(inputs, |step| step.1),
            fork => fork.iter().map(|step| step.1).sum(),
        }
    }
}

/// The block after which features of 768 are taken.
const LAST_OF_SIX: usize = 7;

/// Blocks in order, with the names that follow `Mixed_`.
fn plan() -> Vec<(&'static str, Vec<Plan>)> {
    let chain = |chain: &[Step]| Plan { pool: None, chain: chain.to_vec(), fork: vec![], halves: false };
    let halving = |steps: &[Step]| Plan { halves: true, ..chain(steps) };
    let pooled = |pool, outputs| Plan { pool: Some(pool), ..chain(&[("branch_pool", outputs, [1, 1])]) };
    let half = || Plan { pool: Some(Pool::Halving), ..chain(&[]) };

    let five = |pooled_to| {
        vec![
            chain(&[("branch1x1", 64, [1, 1])]),
            chain(&[("branch5x5_1", 48, [1, 1]), ("branch5x5_2", 64, [5, 5])]),
            chain(&[
                ("branch3x3dbl_1", 64, [1, 1]),
                ("branch3x3dbl_2", 96, [3, 3]),
                ("branch3x3dbl_3", 96, [3, 3]),
            ]),
            pooled(Pool::Average, pooled_to),
        ]
    };
    let six = |inner| {
        vec![
            chain(&[("branch1x1", 192, [1, 1])]),
            chain(&[
                ("branch7x7_1", inner, [1, 1]),
                ("branch7x7_2", inner, [1, 7]),
                ("branch7x7_3", 192, [7, 1]),
            ]),
            chain(&[
                ("branch7x7dbl_1", inner, [1, 1]),
                ("branch7x7dbl_2", inner, [7, 1]),
                ("branch7x7dbl_3", inner, [1, 7]),
                ("branch7x7dbl_4", inner, [7, 1]),
                ("branch7x7dbl_5", 192, [1, 7]),
            ]),
            pooled(Pool::Average, 192),
        ]
    };
    let seven = |pool| {
        vec![
            chain(&[("branch1x1", 320, [1, 1])]),
            Plan {
                fork: vec![("branch3x3_2a", 384, [1, 3]), ("branch3x3_2b", 384, [3, 1])],
                ..chain(&[("branch3x3_1", 384, [1, 1])])
            },
            Plan {
                fork: vec![("branch3x3dbl_3a", 384, [1, 3]), ("branch3x3dbl_3b", 384, [3, 1])],
                ..chain(&[("branch3x3dbl_1", 448, [1, 1]), ("branch3x3dbl_2", 384, [3, 3])])
            },
            pooled(pool, 192),
        ]
    };
    vec![
        ("5b", five(32)),
        ("5c", five(64)),
        ("5d", five(64)),
        (
            "6a",
            vec![
                halving(&[("branch3x3", 384, [3, 3])]),
                halving(&[
                    ("branch3x3dbl_1", 64, [1, 1]),
                    ("branch3x3dbl_2", 96, [3, 3]),
                    ("branch3x3dbl_3", 96, [3, 3]),
                ]),
                half(),
            ],
        ),
        ("6b", six(128)),
        ("6c", six(160)),
        ("6d", six(160)),
        ("6e", six(192)),
        (
            "7a",
            vec![
                halving(&[("branch3x3_1", 192, [1, 1]), ("branch3x3_2", 320, [3, 3])]),
                halving(&[
                    ("branch7x7x3_1", 192, [1, 1]),
                    ("branch7x7x3_2", 192, [1, 7]),
                    ("branch7x7x3_3", 192, [7, 1]),
                    ("branch7x7x3_4", 192, [3, 3]),
                ]),
                half(),
            ],
        ),
        ("7b", seven(Pool::Average)),
        ("7c", seven(Pool::Maximum)),
    ]
}

struct Loader<'a> {
    weights: &'a Weights,
    device: Device,
    kind: Kind,
}

impl Loader<'_> {
    fn branch(&self, block: &str, inputs: i64, plan: &Plan) -> Result<Branch> {
        let mut inputs = inputs;
        let mut chain = Vec::new();
        for (index, step) in plan.chain.iter().enumerate() {
            let halves = plan.halves && index + 1 == plan.chain.len();
            chain.push(self.step(block, inputs, step, halves)?);
            inputs = step.1;
        }
        let fork =
            plan.fork.iter().map(|step| self.step(block, inputs, step, false)).collect::<Result<_>>()?;
        Ok(Branch { pool: plan.pool, chain, fork })
    }

    fn step(&self, block: &str, inputs: i64, step: &Step, halves: bool) -> Result<Convolution> {
        let &(name, outputs, [height, width]) = step;
        let (stride, padding) = if halves { (2, [0, 0]) } else { (1, [height / 2, width / 2]) };
        self.convolution(&format!("{block}.{name}"), [outputs, inputs, height, width], stride, padding)
    }

    /// A convolution without bias and the normalisation after it, as one.
    fn convolution(&self, name: &str, size: [i64; 4], stride: i64, padding: [i64; 2]) -> Result<Convolution> {
        let names = [&*format!("{name}.conv.weight"), &*format!("{name}.bn")];
        let [weight, bias] = self.weights.folded(names, size, NORM_EPSILON)?;
        let weight = weight.f_to_kind(self.kind)?.f_to_device(self.device)?;
        let weight = gan_sys::format::channels_last(&weight)?;
        Ok(Convolution {
            weight,
            bias: bias.f_to_kind(self.kind)?.f_to_device(self.device)?,
            stride,
            padding,
        })
    }
}
