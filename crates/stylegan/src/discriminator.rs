//! The discriminator of StyleGAN2 (Karras et al. 2020, section 4.1 and figure 7): residual by default; minibatch standard
//! deviation before the last layers; classes by projection (Miyato and Koyama 2018).

use crate::layers::{Conv, ConvOptions, Dense, DenseOptions, Resolution};
use crate::layout::Layout;
use crate::mapping::{Mapping, MappingOptions};
use crate::{Activation, Architecture, Config};
use gan_core::device::full_precision;
use gan_core::error::{Error, Result};
use gan_core::nn::{Fir, MinibatchStddev, Scope, upfirdn2d};
use gan_core::tensor::guard::{ANY, shape};
use tch::{Kind, Tensor};

/// The share of the learning rate of the layers that map classes.
const MAPPING_LR: f64 = 0.01;

/// Images to logits.
#[derive(Debug)]
pub struct Discriminator {
    blocks: Vec<Block>,
    mapping: Option<Mapping>,
    epilogue: Epilogue,
    image: [i64; 3],
}

impl Discriminator {
    /// A network whose parameters are named `b32.conv0.weight`, ..., `b4.out.bias` in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(mut scope: Scope, config: &Config) -> Result<Self> {
        let layout = Layout::new(config);
        let classes = config.classes.len() as i64;
        let mut frozen = Frozen(config.freeze_discriminator);
        let blocks = (1..=layout.doublings)
            .rev()
            .map(|level| Block::new(scope.sub(Layout::name(level)), config, &layout, level, &mut frozen))
            .collect::<Result<_>>()?;
        let outputs = match config.discriminator_embedding {
            _ if classes == 0 => 0,
            0 => layout.channels(0),
            given => given,
        };
        let options = MappingOptions {
            latent: 0,
            classes,
            outputs,
            layers: config.discriminator_mapping_layers,
            width: outputs,
            embedding: outputs,
            lr_multiplier: MAPPING_LR,
            averages: false,
        };
        let mapping = (classes > 0).then(|| Mapping::new(scope.sub("mapping"), options)).transpose()?;
        let epilogue = Epilogue::new(scope.sub(Layout::name(0)), config, &layout, outputs)?;
        let [height, width] = config.image();
        Ok(Self { blocks, mapping, epilogue, image: [config.channels, height, width] })
    }

    /// Layers that [`Config::freeze_discriminator`] can freeze.
    pub(crate) fn layers_before_the_last(config: &Config) -> u32 {
        let doublings = Layout::new(config).doublings;
        match config.discriminator {
            Architecture::Orig => 1 + 2 * doublings,
            Architecture::Skip | Architecture::Resnet => {
                3 * doublings + u32::from(config.discriminator == Architecture::Resnet)
            }
        }
    }

    /// # Shapes
    /// `images` `[N, channels, H, W]`, `labels` as for [`Mapping::forward`]; out f32 `[N]`
    ///
    /// # Errors
    /// Shapes that do not fit, groups of the minibatch deviation that do not divide N; LibTorch's.
    pub fn forward(&self, images: &Tensor, labels: Option<&Tensor>) -> Result<Tensor> {
        let [channels, height, width] = self.image;
        shape("discriminator input", images, &[ANY, channels, height, width])?;
        let (mut x, mut image) = (None, images.shallow_clone());
        for block in &self.blocks {
            let (next, smaller) = block.forward(x, image)?;
            (x, image) = (Some(next), smaller);
        }
        let _precise = full_precision(images.device())?;
        let x = match x {
            Some(x) => x.f_to_kind(Kind::Float)?,
            None => return Err(Error::config("stylegan", "the discriminator has no block")),
        };
        let outputs = self.epilogue.forward(&x, &image)?; // [N, 1] or [N, embedding]
        let Some(mapping) = &self.mapping else { return Ok(outputs.f_squeeze_dim(1)?) };
        let classes = mapping.of_labels(labels)?;
        let scale = 1.0 / (classes.size()[1] as f64).sqrt();
        let along = outputs.f_mul(&classes)?.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float)?;
        Ok(along.f_mul_scalar(scale)?)
    }
}

/// How many of the layers to come are frozen.
struct Frozen(u32);

impl Frozen {
    /// The next layer's scope.
    fn next<'a>(&mut self, scope: Scope<'a>) -> Scope<'a> {
        let frozen = self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        scope.frozen(frozen)
    }
}

/// From an image to features.
fn from_rgb(scope: Scope, [inputs, outputs]: [i64; 2], activation: Activation, clamp: f64) -> Result<Conv> {
    let options = ConvOptions { kernel: 1, bias: true, activation, to: Resolution::Same, clamp };
    Conv::new(scope, inputs, outputs, options, &Config::default().filter()?)
}

/// All layers of one resolution.
#[derive(Debug)]
struct Block {
    from_rgb: Option<Conv>,
    conv: Conv,
    reducing: Conv,
    /// Of residual blocks.
    skip: Option<Conv>,
    /// Where images come in at every resolution.
    shrinking: Option<Tensor>,
    full_precision: bool,
}

impl Block {
    fn new(
        mut scope: Scope,
        config: &Config,
        layout: &Layout,
        level: u32,
        frozen: &mut Frozen,
    ) -> Result<Self> {
        let (channels, below) = (layout.channels(level), layout.channels(level - 1));
        let filter = config.filter()?;
        let (activation, clamp) = (config.discriminator_activation, config.discriminator_clamp);
        let skips = config.discriminator == Architecture::Skip;
        let own_filter = scope.buffer_of("resample_filter", filter.copy())?;
        let from_rgb = (skips || level == layout.doublings)
            .then(|| {
                from_rgb(frozen.next(scope.sub("fromrgb")), [config.channels, channels], activation, clamp)
            })
            .transpose()?;
        let plain = ConvOptions { kernel: 3, bias: true, activation, to: Resolution::Same, clamp };
        let conv = Conv::new(
            frozen.next(scope.sub("conv0")),
            channels,
            channels,
            plain,
            &Config::default().filter()?,
        )?;
        let halved = ConvOptions { to: Resolution::Halved, ..plain };
        let reducing = Conv::new(frozen.next(scope.sub("conv1")), channels, below, halved, &filter)?;
        let options =
            ConvOptions { kernel: 1, bias: false, activation: Activation::Linear, clamp: 0.0, ..halved };
        let skip = (config.discriminator == Architecture::Resnet)
            .then(|| Conv::new(frozen.next(scope.sub("skip")), channels, below, options, &filter))
            .transpose()?;
        let full_precision = i64::from(layout.doublings - level) >= config.bf16_resolutions;
        Ok(Self { from_rgb, conv, reducing, skip, shrinking: skips.then_some(own_filter), full_precision })
    }

    /// # Shapes
    /// `x` `[N, C, H, W]` of the block above and `image` `[N, channels, H, W]`; out `[N, C', H / 2, W / 2]` and, where images
    /// come in at every resolution, the image in half its size
    fn forward(&self, x: Option<Tensor>, image: Tensor) -> Result<(Tensor, Tensor)> {
        let _precise = self.full_precision.then(|| full_precision(image.device())).transpose()?;
        let x = match self.full_precision {
            true => x.map(|x| x.f_to_kind(Kind::Float)).transpose()?,
            false => x,
        };
        let seen = self.from_rgb.as_ref().map(|layer| layer.forward(&image, 1.0)).transpose()?;
        let x = match (x, seen) {
            (Some(x), Some(seen)) => x.f_add(&seen)?,
            (Some(x), None) | (None, Some(x)) => x,
            (None, None) => return Err(Error::config("stylegan", "a block has nothing to look at")),
        };
        let image = match &self.shrinking {
            Some(filter) => upfirdn2d(&image, filter, Fir::halving(filter, 2))?,
            None => image,
        };
        let Some(skip) = &self.skip else {
            return Ok((self.reducing.forward(&self.conv.forward(&x, 1.0)?, 1.0)?, image));
        };
        let residual = skip.forward(&x, HALF_POWER)?;
        let x = self.reducing.forward(&self.conv.forward(&x, 1.0)?, HALF_POWER)?;
        Ok((residual.f_add(&x)?, image))
    }
}

/// √½: two branches of equal variance add up to one.
const HALF_POWER: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// The last layers, at the lowest resolution.
#[derive(Debug)]
struct Epilogue {
    from_rgb: Option<Conv>,
    stddev: Option<MinibatchStddev>,
    conv: Conv,
    hidden: Dense,
    out: Dense,
}

impl Epilogue {
    fn new(mut scope: Scope, config: &Config, layout: &Layout, embedding: i64) -> Result<Self> {
        let channels = layout.channels(0);
        let activation = Activation::Lrelu;
        // Without a bound, as theirs.
        let from_rgb = (config.discriminator == Architecture::Skip)
            .then(|| from_rgb(scope.sub("fromrgb"), [config.channels, channels], activation, 0.0))
            .transpose()?;
        let &Config { minibatch_group: group, minibatch_channels, discriminator_clamp: clamp, .. } = config;
        let stddev =
            (minibatch_channels > 0).then_some(MinibatchStddev { group, channels: minibatch_channels });
        let options = ConvOptions { kernel: 3, bias: true, activation, to: Resolution::Same, clamp };
        let inputs = channels + minibatch_channels;
        let conv = Conv::new(scope.sub("conv"), inputs, channels, options, &Config::default().filter()?)?;
        let pixels = layout.base.iter().product::<i64>();
        let options = DenseOptions { activation, ..Dense::LINEAR };
        let hidden = Dense::new(scope.sub("fc"), channels * pixels, channels, options)?;
        let out = Dense::new(scope.sub("out"), channels, embedding.max(1), Dense::LINEAR)?;
        Ok(Self { from_rgb, stddev, conv, hidden, out })
    }

    fn forward(&self, x: &Tensor, image: &Tensor) -> Result<Tensor> {
        let mut x = match &self.from_rgb {
            Some(layer) => x.f_add(&layer.forward(image, 1.0)?)?,
            None => x.shallow_clone(),
        };
        if let Some(stddev) = &self.stddev {
            x = stddev.forward(&x)?;
        }
        let x = self.conv.forward(&x, 1.0)?.f_flatten(1, -1)?; // [N, C H W]
        self.out.forward(&self.hidden.forward(&x)?)
    }
}
