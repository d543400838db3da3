//! The synthesis network of StyleGAN2 (Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN"): styles
//! to images, from a learned constant on, by convolutions whose weights the styles modulate.

use crate::activation::SLOPE;
use crate::layers::{Conv, ConvOptions, Dense, DenseOptions, Resolution, STANDARD_NORMAL, resampled};
use crate::layout::Layout;
use crate::{Activation, Architecture, Config, Output};
use gan_core::device::full_precision;
use gan_core::error::{Error, Result};
use gan_core::nn::{Epilogue, Fir, Init, Scope, upfirdn2d};
use gan_core::random::Streams;
use gan_core::tensor::guard::{ANY, shape};
use gan_core::variant::NoiseInputs;
use std::ops::RangeInclusive;
use tch::{Kind, Tensor};

/// What every layer adds to its pixels.
#[derive(Debug, Clone, Copy)]
pub enum LayerNoise<'a> {
    /// Draws, others for every image: as in training.
    Random(&'a Streams),
    /// The same for all images, so that a latent is always the same picture: StyleGAN2 keeps it with the weights.
    Const,
    /// The same for all images, given: a map `[H, W]` for each layer of StyleGAN2 that adds noise, see
    /// [`Synthesis::noise_sizes`], or for each resolution of the StyleGAN that grows.
    Maps(&'a [Tensor]),
    /// Nothing.
    None,
}

impl<'a> LayerNoise<'a> {
    /// What was asked for; `streams` are its [`NoiseInputs::streams`].
    pub(crate) fn asked(inputs: NoiseInputs, streams: &'a Streams) -> Self {
        match inputs {
            NoiseInputs::Constant => Self::Const,
            NoiseInputs::None => Self::None,
            NoiseInputs::Random(_) => Self::Random(streams),
        }
    }

    /// What some layers in a row add.
    fn of_layers(self, from: i64, count: i64) -> Self {
        match self {
            Self::Maps(maps) => {
                Self::Maps(maps.get(from as usize..(from + count) as usize).unwrap_or_default())
            }
            other => other,
        }
    }
}

/// Styles to images.
#[derive(Debug)]
pub struct Synthesis {
    blocks: Vec<Block>,
    output: Output,
    style: i64,
}

impl Synthesis {
    /// Blocks named `b4`, `b8`, ... in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub(crate) fn new(mut scope: Scope, config: &Config) -> Result<Self> {
        let layout = Layout::new(config);
        let blocks = layout
            .levels()
            .map(|level| Block::new(scope.sub(Layout::name(level)), config, &layout, level))
            .collect::<Result<_>>()?;
        Ok(Self { blocks, output: config.output, style: config.style })
    }

    /// Layers that are told a style each, the last one to colours included: `num_ws`.
    pub fn layers(&self) -> i64 {
        self.blocks.iter().map(Block::convolutions).sum::<i64>() + 1
    }

    /// # Shapes
    /// `styles` `[N, layers, style]`; out f32 `[N, channels, H, W]`, about in [-1, 1]
    ///
    /// # Errors
    /// Another number of styles; LibTorch's.
    pub fn forward(&self, styles: &Tensor, noise: LayerNoise) -> Result<Tensor> {
        shape("styles", styles, &[ANY, self.layers(), self.style])?;
        let (mut at, mut x, mut image) = (0, None, None);
        for block in &self.blocks {
            let own_noise = noise.of_layers(at, block.convolutions());
            let (next, colours) =
                block.forward(x, image, &styles.f_narrow(1, at, block.told())?, own_noise)?;
            (x, image) = (Some(next), colours);
            at += block.convolutions();
        }
        let image = image.ok_or_else(|| Error::config("stylegan", "the synthesis network has no block"))?;
        self.output.of(image)
    }
}

impl Synthesis {
    /// Height and width of the noise of each layer, from coarse to fine; none where layers add none.
    pub fn noise_sizes(&self) -> Vec<[i64; 2]> {
        let convolutions = self.blocks.iter().flat_map(|block| block.enlarging.iter().chain([&block.conv]));
        let noise = convolutions.filter_map(|layer| layer.noise.as_ref());
        noise.map(|noise| noise.constant.size()).map(|size| [size[0], size[1]]).collect()
    }

    /// The weights by which styles become factors of the convolutions' channels in some layers; those to colours left out
    /// (Shen and Zhou 2021, "Closed-Form Factorization of Latent Semantics in GANs").
    ///
    /// # Shapes
    /// Out `[channels, style]`
    ///
    /// # Errors
    /// Layers that there are not; LibTorch's.
    pub fn style_weights(&self, layers: RangeInclusive<i64>) -> Result<Tensor> {
        let convolutions = self.blocks.iter().flat_map(|block| block.enlarging.iter().chain([&block.conv]));
        let chosen: Vec<Tensor> = convolutions
            .enumerate()
            .filter(|(at, _)| layers.contains(&(*at as i64)))
            .map(|(_, layer)| layer.affine.weight())
            .collect::<Result<_>>()?;
        if chosen.is_empty() {
            let why = format!("{}-{} are none of 0 to {}", layers.start(), layers.end(), self.layers() - 2);
            return Err(Error::config("layers", why));
        }
        Ok(Tensor::f_cat(&chosen, 0)?)
    }
}

/// All layers of one resolution.
#[derive(Debug)]
struct Block {
    /// What the first block begins with.
    constant: Option<Tensor>,
    enlarging: Option<Layer>,
    conv: Layer,
    to_rgb: Option<ToRgb>,
    /// Of residual blocks.
    skip: Option<Conv>,
    filter: Tensor,
    full_precision: bool,
}

impl Block {
    fn new(mut scope: Scope, config: &Config, layout: &Layout, level: u32) -> Result<Self> {
        let channels = layout.channels(level);
        let size = layout.size(level);
        let from = level.checked_sub(1).map(|below| layout.channels(below));
        let filter = config.filter()?;
        let residual = config.generator == Architecture::Resnet;
        let constant = match from {
            None => Some(scope.parameter("const", &[channels, size[0], size[1]], STANDARD_NORMAL)?),
            Some(_) => None,
        };
        let own_filter = scope.buffer_of("resample_filter", filter.copy())?;
        let enlarging = from
            .map(|from| {
                let channels = [from, channels];
                Layer::new(scope.sub("conv0"), config, channels, size, Resolution::Doubled)
            })
            .transpose()?;
        let conv = Layer::new(scope.sub("conv1"), config, [channels; 2], size, Resolution::Same)?;
        let last = level == layout.doublings;
        let to_rgb = (last || config.generator == Architecture::Skip)
            .then(|| ToRgb::new(scope.sub("torgb"), config, channels))
            .transpose()?;
        let options = ConvOptions {
            kernel: 1,
            bias: false,
            activation: Activation::Linear,
            to: Resolution::Doubled,
            clamp: 0.0,
        };
        let skip = from
            .filter(|_| residual)
            .map(|from| Conv::new(scope.sub("skip"), from, channels, options, &filter))
            .transpose()?;
        let full_precision = i64::from(layout.doublings - level) >= config.bf16_resolutions;
        Ok(Self { constant, enlarging, conv, to_rgb, skip, filter: own_filter, full_precision })
    }

    /// Convolutions that are told a style of their own; the layer to colours is told that of the next block's first.
    fn convolutions(&self) -> i64 {
        1 + i64::from(self.enlarging.is_some())
    }

    /// Styles that it is given.
    fn told(&self) -> i64 {
        self.convolutions() + i64::from(self.to_rgb.is_some())
    }

    /// # Shapes
    /// `x` `[N, C, H, W]` and `image` `[N, channels, H, W]` of the block below; `styles` `[N, told, style]`; out those
    /// of this block, twice as large
    fn forward(
        &self,
        x: Option<Tensor>,
        image: Option<Tensor>,
        styles: &Tensor,
        noise: LayerNoise,
    ) -> Result<(Tensor, Option<Tensor>)> {
        let _precise = self.full_precision.then(|| full_precision(styles.device())).transpose()?;
        let style = |layer: i64| styles.f_select(1, layer);
        let mut x = match (x, &self.constant) {
            (_, Some(constant)) => constant.f_unsqueeze(0)?.f_repeat([styles.size()[0], 1, 1, 1])?,
            (Some(x), None) if self.full_precision => x.f_to_kind(Kind::Float)?,
            (Some(x), None) => x,
            (None, None) => return Err(Error::config("stylegan", "a block has nothing to begin with")),
        };
        let residual = self.skip.as_ref().map(|skip| skip.forward(&x, HALF_POWER)).transpose()?;
        if let Some(layer) = &self.enlarging {
            x = layer.forward(x, &style(0)?, noise.of_layers(0, 1), 1.0)?;
        }
        let gain = if residual.is_some() { HALF_POWER } else { 1.0 };
        let last = self.convolutions() - 1;
        x = self.conv.forward(x, &style(last)?, noise.of_layers(last, 1), gain)?;
        if let Some(residual) = residual {
            x = residual.f_add(&x)?;
        }
        let below =
            image.map(|image| upfirdn2d(&image, &self.filter, Fir::doubling(&self.filter, 2))).transpose()?;
        let Some(to_rgb) = &self.to_rgb else { return Ok((x, below)) };
        let colours = to_rgb.forward(&x, &style(self.convolutions())?)?.f_to_kind(Kind::Float)?;
        let image = match below {
            None => colours,
            Some(below) => below.f_add(&colours)?,
        };
        Ok((x, Some(image)))
    }
}

/// √½: two branches of equal variance add up to one.
const HALF_POWER: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// The affine map from a style to factors for channels.
const TO_FACTORS: DenseOptions = DenseOptions { bias: 1.0, ..Dense::LINEAR };

/// A modulated convolution, noise, a bias, an activation.
#[derive(Debug)]
struct Layer {
    weight: Tensor,
    noise: Option<Noise>,
    bias: Tensor,
    filter: Tensor,
    affine: Dense,
    to: Resolution,
    clamp: f64,
}

#[derive(Debug)]
struct Noise {
    strength: Tensor,
    constant: Tensor,
}

impl Layer {
    fn new(
        mut scope: Scope,
        config: &Config,
        [from, channels]: [i64; 2],
        size: [i64; 2],
        to: Resolution,
    ) -> Result<Self> {
        let weight = scope.parameter("weight", &[channels, from, 3, 3], STANDARD_NORMAL)?;
        let noise = match config.noise {
            false => None,
            true => Some(Noise {
                strength: scope.parameter("noise_strength", &[], Init::Zeros)?,
                constant: scope.buffer("noise_const", &size, STANDARD_NORMAL)?,
            }),
        };
        let bias = scope.parameter("bias", &[channels], Init::Zeros)?;
        // Where nothing is resampled the authors' layers keep the filter that they begin with.
        let filter = if to == Resolution::Same { Config::default().filter()? } else { config.filter()? };
        let filter = scope.buffer_of("resample_filter", filter)?;
        let affine = Dense::new(scope.sub("affine"), config.style, from, TO_FACTORS)?;
        Ok(Self { weight, noise, bias, filter, affine, to, clamp: config.generator_clamp })
    }

    /// # Shapes
    /// `x` `[N, from, H, W]`, `style` `[N, style]`; out `[N, channels, H', W']`
    fn forward(&self, x: Tensor, style: &Tensor, noise: LayerNoise, gain: f64) -> Result<Tensor> {
        let factors = self.affine.forward(style)?;
        let added = match (&self.noise, noise) {
            (None, _) | (_, LayerNoise::None) => None,
            (Some(own), LayerNoise::Const) => Some(own.constant.f_mul(&own.strength)?),
            (Some(own), LayerNoise::Maps([map])) => Some(map.f_mul(&own.strength)?),
            (Some(_), LayerNoise::Maps(_)) => {
                return Err(Error::config(
                    "noise",
                    "has another number of maps than there are layers that add it",
                ));
            }
            (Some(own), LayerNoise::Random(streams)) => {
                let [height, width] = own.constant.size()[..] else {
                    return Err(Error::config("noise_const", "is no plane"));
                };
                let drawn = streams.normal("noise", &[x.size()[0], 1, height, width])?;
                Some(drawn.f_mul(&own.strength)?)
            }
        };
        // As `modulated`, but in the memory of x and then of y, which nobody else needs.
        let x = Epilogue { scale: Some(&factors), ..Epilogue::default() }.onto(x)?;
        let y = resampled(&x, &self.weight, &self.filter, self.to)?;
        drop(x);
        let epilogue = Epilogue {
            scale: Some(&demodulation(&self.weight, &factors)?),
            noise: added.as_ref(),
            bias: Some(&self.bias),
            slope: SLOPE,
            gain: Activation::Lrelu.gain() * gain,
            clamp: self.clamp * gain,
        };
        Ok(epilogue.onto(y)?)
    }
}

/// The layer to colours.
#[derive(Debug)]
struct ToRgb {
    weight: Tensor,
    bias: Tensor,
    affine: Dense,
    factor_gain: f64,
    clamp: f64,
}

impl ToRgb {
    fn new(mut scope: Scope, config: &Config, from: i64) -> Result<Self> {
        let weight = scope.parameter("weight", &[config.channels, from, 1, 1], STANDARD_NORMAL)?;
        let bias = scope.parameter("bias", &[config.channels], Init::Zeros)?;
        let affine = Dense::new(scope.sub("affine"), config.style, from, TO_FACTORS)?;
        Ok(Self {
            weight,
            bias,
            affine,
            factor_gain: 1.0 / (from as f64).sqrt(),
            clamp: config.generator_clamp,
        })
    }

    /// # Shapes
    /// `x` `[N, from, H, W]`, `style` `[N, style]`; out `[N, channels, H, W]`
    fn forward(&self, x: &Tensor, style: &Tensor) -> Result<Tensor> {
        let factors = self.affine.forward(style)?.f_mul_scalar(self.factor_gain)?;
        let y = modulated(x, &self.weight, &factors, &Tensor::new(), Resolution::Same)?;
        Activation::Linear.apply(&y, Some(&self.bias), 1.0, self.clamp)
    }
}

/// A convolution whose weight each image scales by factors of its own for the channels that go in (equation 1). The factors are
/// laid on what goes in, so that all images share one convolution.
///
/// # Shapes
/// `x` `[N, I, H, W]`, `weight` `[O, I, k, k]`, `factors` `[N, I]`; out `[N, O, H', W']`
pub(crate) fn modulated(
    x: &Tensor,
    weight: &Tensor,
    factors: &Tensor,
    filter: &Tensor,
    to: Resolution,
) -> Result<Tensor> {
    resampled(&Epilogue { scale: Some(factors), ..Epilogue::default() }.of(x)?, weight, filter, to)
}

/// What brings the scaled weights back to unit length, laid on what comes out (equation 3).
///
/// # Shapes
/// `weight` `[O, I, k, k]`, `factors` `[N, I]`; out f32 `[N, O]`
pub(crate) fn demodulation(weight: &Tensor, factors: &Tensor) -> Result<Tensor> {
    let _precise = full_precision(weight.device())?;
    let squares = weight.f_square()?.f_sum_dim_intlist([2i64, 3].as_slice(), false, Kind::Float)?; // [O, I]
    let squares = factors.f_to_kind(Kind::Float)?.f_square()?.f_matmul(&squares.f_transpose(0, 1)?)?; // [N, O]
    Ok(squares.f_add_scalar(1e-8)?.f_rsqrt()?)
}
