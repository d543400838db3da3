//! What a StyleGAN2 is made of, as plain data.

use crate::layout::{BASE, LONGEST_BASE, Layout};
use crate::{Activation, Discriminator};
use gan_core::augment::AdaConfig;
use gan_core::ema::EmaConfig;
use gan_core::error::{Error, Result};
use gan_core::loss::AdversarialLoss;
use gan_core::nn::fir_filter;
use gan_core::optim::AdamConfig;
use gan_core::settings::{self, TakeData};
use gan_core::variant::Attribute;
use serde::{Deserialize, Serialize};
use tch::Tensor;

pub use gan_core::game::LabelSampling;

/// Sizes and training settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Height of images in pixels: 4 to 16 times a power of two.
    pub size: i64,
    /// Width of images, which halves as often as the height; 0 for squares.
    pub width: i64,
    /// Channels of images, 1 to 4.
    pub channels: i64,
    /// Whether it is told classes; `gan train` then takes their names from the data.
    pub conditional: bool,
    /// Names of the classes, in the order of their numbers; none for a network without.
    pub classes: Vec<String>,
    /// Length of the latent vector, z.
    pub latent: i64,
    /// Length of a style, w.
    pub style: i64,
    /// Layers of the mapping network.
    pub mapping_layers: u32,
    /// Width of these layers but the last; 0: as long as a style.
    pub mapping_width: i64,
    /// Length of the vector that stands for a class in the mapping network; 0: as long as a style.
    pub mapping_embedding: i64,
    /// The share of the learning rate that the mapping network moves with.
    pub mapping_lr: f64,
    /// Channels at 1 x 1: a resolution has this divided by its side (32,768 in the papers; `fmaps` 0.5 is half of it).
    pub channel_base: i64,
    /// A resolution has no more channels.
    pub channel_max: i64,
    /// How the generator's resolutions come together.
    pub generator: Architecture,
    /// What colours go through last.
    pub output: Output,
    /// How the discriminator's do.
    pub discriminator: Architecture,
    /// The activation of the discriminator's blocks.
    pub discriminator_activation: Activation,
    /// Length of the vector that stands for a class in the discriminator; 0: the channels at the bottom.
    pub discriminator_embedding: i64,
    /// Layers between a class and that vector.
    pub discriminator_mapping_layers: u32,
    /// Whether layers add noise.
    pub noise: bool,
    /// Taps of the filter against aliasing in all changes of resolution.
    pub resample_filter: Vec<f64>,
    /// What goes from layer to layer of the generator stays within this; 0: no bound.
    pub generator_clamp: f64,
    /// The same in the discriminator.
    pub discriminator_clamp: f64,
    /// So many of the discriminator's layers, counted from the image on, keep the weights they begin with: Freeze-D, for transfer
    /// to few images (Mo et al. 2020; 10 in the ADA paper's appendix). 0 for none.
    pub freeze_discriminator: u32,
    /// Of the highest resolutions so many are computed in bfloat16 under `--precision bf16`; all others in full precision.
    pub bf16_resolutions: i64,
    /// Images whose deviation is taken together; 0: all of a batch.
    pub minibatch_group: i64,
    /// Channels that are told these deviations; 0: none.
    pub minibatch_channels: i64,
    /// Real images in a step.
    pub batch: i64,
    /// A step's batch goes through the networks in so many parts.
    pub micro_batches: i64,
    /// Which classes generated images are given in training.
    pub label_sampling: LabelSampling,
    /// What the two players minimise; the papers' logistic loss is `non_saturating`.
    pub loss: AdversarialLoss,
    /// How often images are made of two styles, one for the coarse layers and one for the fine ones.
    pub style_mixing: f64,
    /// γ of R1: γ/2 E ‖∇D(x)‖² on reals; 0 for none. `auto` in the authors' program takes 0.0002 size² / batch.
    pub r1_gamma: f64,
    /// Steps from one R1 to the next.
    pub r1_interval: u64,
    /// The weight of path length regularisation; 0 for none.
    pub path_length: f64,
    /// Steps from one path length regularisation to the next.
    pub path_length_interval: u64,
    /// It takes this part of a batch: 2 is half.
    pub path_length_shrink: i64,
    /// How much of the mean path length comes from the newest paths.
    pub path_length_decay: f64,
    /// Adaptive augmentation of all that the discriminator sees, for few images.
    pub ada: AdaConfig,
    /// How the generator moves; corrected for path length regularisation.
    pub generator_optimizer: AdamConfig,
    /// How the discriminator moves; corrected for R1.
    pub discriminator_optimizer: AdamConfig,
    /// The generator's moving average.
    pub ema: EmaConfig,
}

/// How the resolutions of a network come together (figure 7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// Through each other alone.
    Orig,
    /// Every resolution gives or takes an image.
    #[default]
    Skip,
    /// Residual blocks.
    Resnet,
}

/// What the generator's colours go through last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// Nothing, as in the papers.
    #[default]
    Linear,
    /// The hyperbolic tangent: for pictures with much pure black or white, which sums of colours only come near.
    Tanh,
}

impl Output {
    /// # Shapes
    /// `image` any; out alike
    pub(crate) fn of(self, image: Tensor) -> Result<Tensor> {
        match self {
            Self::Linear => Ok(image),
            Self::Tanh => Ok(image.f_tanh()?),
        }
    }
}

impl Config {
    /// Height and width of images.
    pub fn image(&self) -> [i64; 2] {
        [self.size, if self.width == 0 { self.size } else { self.width }]
    }

    /// The filter of changes of resolution.
    pub(crate) fn filter(&self) -> Result<Tensor> {
        fir_filter(&self.resample_filter)
    }

    /// Adam as the generator moves, with the correction for its lazy regularisation (Karras et al. 2020, appendix B).
    pub(crate) fn generator_adam(&self) -> AdamConfig {
        self.generator_optimizer.lazy(self.path_length_interval)
    }

    /// The same of the discriminator.
    pub(crate) fn discriminator_adam(&self) -> AdamConfig {
        self.discriminator_optimizer.lazy(self.r1_interval)
    }

    /// # Errors
    /// The first setting that cannot work, with what would. Classes may be missing: data brings them.
    pub fn validate(&self) -> Result<()> {
        let refuse = |field: &str, why: String| Err(Error::config(format!("stylegan.{field}"), why));
        let ranges = [
            ("size", self.size, 8, 4096),
            ("width", self.width, 0, 4096),
            ("channels", self.channels, 1, 4),
            ("latent", self.latent, 1, 4096),
            ("style", self.style, 1, 4096),
            ("mapping_layers", self.mapping_layers.into(), 1, 64),
            ("mapping_width", self.mapping_width, 0, 4096),
            ("mapping_embedding", self.mapping_embedding, 0, 4096),
            ("channel_base", self.channel_base, 1, 1 << 20),
            ("channel_max", self.channel_max, 1, 4096),
            ("discriminator_embedding", self.discriminator_embedding, 0, 4096),
            ("discriminator_mapping_layers", self.discriminator_mapping_layers.into(), 1, 64),
            ("bf16_resolutions", self.bf16_resolutions, 0, 16),
            ("minibatch_group", self.minibatch_group, 0, 1 << 20),
            ("minibatch_channels", self.minibatch_channels, 0, 4096),
            ("batch", self.batch, 1, 1 << 20),
            ("micro_batches", self.micro_batches, 1, self.batch.max(1)),
            ("path_length_shrink", self.path_length_shrink, 1, 1 << 20),
        ];
        settings::within("stylegan", &ranges)?;
        self.validate_pyramid()?;
        if self.resample_filter.is_empty()
            || self.resample_filter.len() > 12
            || fir_filter(&self.resample_filter).is_err()
        {
            let why = format!(
                "{:?} is no filter: 1 to 12 numbers whose sum is not 0, such as [1, 3, 3, 1]",
                self.resample_filter
            );
            return refuse("resample_filter", why);
        }
        if self.loss.is_relativistic() || self.loss == AdversarialLoss::Wasserstein {
            let why = "compares reals with fakes or needs a penalty of its own; choose non_saturating, hinge or least_squares";
            return refuse("loss", why.to_owned());
        }
        let shares = [("style_mixing", self.style_mixing), ("path_length_decay", self.path_length_decay)];
        if let Some((field, share)) = shares.iter().find(|(_, share)| !(0.0..=1.0).contains(share)) {
            return refuse(field, format!("{share} is not between 0 and 1"));
        }
        let weights = [
            ("r1_gamma", self.r1_gamma),
            ("path_length", self.path_length),
            ("generator_clamp", self.generator_clamp),
            ("discriminator_clamp", self.discriminator_clamp),
        ];
        if let Some((field, weight)) =
            weights.iter().find(|(_, weight)| !(*weight >= 0.0 && weight.is_finite()))
        {
            return refuse(field, format!("{weight} is not 0 or more"));
        }
        if !(self.mapping_lr > 0.0 && self.mapping_lr.is_finite()) {
            return refuse("mapping_lr", format!("{} is not above 0", self.mapping_lr));
        }
        let intervals =
            [("r1_interval", self.r1_interval), ("path_length_interval", self.path_length_interval)];
        if let Some((field, _)) = intervals.iter().find(|(_, interval)| *interval == 0) {
            return refuse(field, "is 0; 1 is every step".to_owned());
        }
        self.validate_batch()?;
        let layers = Discriminator::layers_before_the_last(self);
        if self.freeze_discriminator > layers {
            let why =
                format!("{} layers, of {layers} before the last resolution's", self.freeze_discriminator);
            return refuse("freeze_discriminator", why);
        }
        settings::distinct("stylegan.classes", &self.classes)?;
        if !self.classes.is_empty() && !self.conditional {
            let why = "are named, and conditional is false; set it to true, or name none";
            return refuse("classes", why.to_owned());
        }
        let [height, width] = self.image();
        self.ada.validate("stylegan.ada", [self.channels, height, width])?;
        self.ema.validate("stylegan.ema")?;
        self.generator_optimizer.validate("stylegan.generator_optimizer")?;
        self.discriminator_optimizer.validate("stylegan.discriminator_optimizer")
    }

    fn validate_pyramid(&self) -> Result<()> {
        let layout = Layout::new(self);
        let longest = layout.base.iter().copied().max().unwrap_or(0);
        if layout.doublings > 0 && longest <= LONGEST_BASE {
            return Ok(());
        }
        let [height, width] = self.image();
        let mut step = 2;
        while height.max(width) / step > LONGEST_BASE {
            step *= 2;
        }
        let near = |side: i64| (side / step).max(BASE) * step;
        let why = format!(
            "{height}x{width} does not halve often enough: both sides are to be up to {LONGEST_BASE} times the same power of \
             two, such as {}x{}",
            near(height),
            near(width)
        );
        Err(Error::config("stylegan.size", why))
    }

    fn validate_batch(&self) -> Result<()> {
        let refuse = |field: &str, why: String| Err(Error::config(format!("stylegan.{field}"), why));
        let part = self.batch / self.micro_batches;
        if self.batch % self.micro_batches != 0 {
            let why = format!("{} parts do not divide a batch of {}", self.micro_batches, self.batch);
            return refuse("micro_batches", why);
        }
        if self.minibatch_channels > 0 {
            let group = if self.minibatch_group == 0 { part } else { self.minibatch_group.min(part) };
            if part % group != 0 {
                let why =
                    format!("groups of {group} do not divide the {part} images that are judged at a time");
                return refuse("minibatch_group", why);
            }
            let channels = Layout::new(self).channels(0);
            if channels % self.minibatch_channels != 0 {
                let why = format!("{} do not divide the {channels} at the bottom", self.minibatch_channels);
                return refuse("minibatch_channels", why);
            }
        }
        if self.path_length > 0.0 && self.path_length_shrink > part {
            let why = format!("takes 1 / {} of {part} images, which is none", self.path_length_shrink);
            return refuse("path_length_shrink", why);
        }
        Ok(())
    }

    /// What may work but probably is not meant, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let mut found = Vec::from_iter(self.ada.warning("stylegan.ada"));
        if self.r1_gamma == 0.0 {
            found.push(
                "without R1 nothing bounds the discriminator's slope: --set stylegan.r1_gamma=1".to_owned(),
            );
        }
        found
    }
}

impl TakeData for Config {
    fn width(&self) -> Option<i64> {
        (self.width > 0).then_some(self.width)
    }

    fn learns_classes(&self) -> bool {
        self.conditional
    }

    fn take_labels(&mut self, classes: &[String], _: &[Attribute]) -> Result<()> {
        if self.conditional {
            self.classes = settings::classes_of("stylegan.classes", &self.classes, classes)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_settings_are_named() {
        let refuse = |change: &dyn Fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            let error = config.validate().expect_err("must be refused").to_string();
            assert_eq!(error.lines().count(), 1, "{error}");
            error
        };
        assert!(refuse(&|c| c.size = 100).contains("such as 96x96"));
        assert!(refuse(&|c| (c.size, c.width) = (256, 100)).contains("the same power of two"));
        assert!(refuse(&|c| c.resample_filter = vec![1.0, -1.0]).contains("[1, 3, 3, 1]"));
        assert!(refuse(&|c| c.loss = AdversarialLoss::Wasserstein).contains("non_saturating"));
        assert!(refuse(&|c| c.style_mixing = 1.5).contains("between 0 and 1"));
        assert!(refuse(&|c| c.r1_gamma = -1.0).contains("stylegan.r1_gamma"));
        assert!(refuse(&|c| c.r1_interval = 0).contains("every step"));
        assert!(refuse(&|c| (c.batch, c.micro_batches) = (16, 3)).contains("do not divide a batch of 16"));
        assert!(refuse(&|c| (c.batch, c.minibatch_group) = (16, 3)).contains("groups of 3"));
        assert!(refuse(&|c| c.minibatch_channels = 3).contains("do not divide the 512"));
        assert!(refuse(&|c| c.path_length_shrink = 64).contains("which is none"));
        assert!(refuse(&|c| (c.ada, c.channels) = (AdaConfig::bgc(), 4)).contains("use bg"));
        assert!(refuse(&|c| c.freeze_discriminator = 20).contains("of 19 before"));
        assert!(refuse(&|c| c.mapping_lr = 0.0).contains("mapping_lr"));
        for [height, width] in [[64, 64], [48, 64], [96, 64], [16, 16], [1024, 1024], [80, 112]] {
            let config = Config { size: height, width, ..Config::default() };
            config.validate().unwrap_or_else(|error| panic!("{height}x{width}: {error}"));
        }
    }

    #[test]
    fn classes_are_taken_where_they_are_wanted() {
        let names = ["cat", "dog"].map(str::to_owned);
        let mut config = Config::default();
        config.take_labels(&names, &[]).expect("nobody asked");
        assert!(config.classes.is_empty());
        config.conditional = true;
        config.take_labels(&names, &[]).expect("classes");
        assert_eq!(config.classes, names);
        assert!(config.take_labels(&[], &[]).is_err());
    }
}
