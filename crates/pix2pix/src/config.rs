//! What a pix2pix is made of, as plain data.

use gan_core::augment::DiffAugment;
use gan_core::ema::EmaConfig;
use gan_core::error::{Error, Result};
use gan_core::loss::AdversarialLoss;
use gan_core::optim::AdamConfig;
use gan_core::settings::{self, PairShape, TakeData};
use gan_core::trainer::TrainConfig;
use gan_core::translation::{self, DiscriminatorKind, GeneratorKind, Norm, Upsampling};
use serde::{Deserialize, Serialize};

/// Sizes and training settings of a pix2pix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Height of the wanted images in training, in pixels.
    pub size: i64,
    /// Width of the wanted images; 0 for squares.
    pub width: i64,
    /// Channels of what is given, 1 to 8: pictures, and masks beside them.
    pub channels_a: i64,
    /// Channels of what is wanted, 1 to 4.
    pub channels_b: i64,
    /// How much larger the wanted images are than the given ones, along each side: 1, or 2, 4, 8 for super-resolution.
    pub scale: i64,
    /// Pairs in a step.
    pub batch: i64,
    /// The generator's network.
    pub generator: GeneratorKind,
    /// Channels of the generator's first layer (ngf).
    pub generator_width: i64,
    /// The discriminator's network.
    pub discriminator: DiscriminatorKind,
    /// Halvings of a `patch` discriminator: 3 judge patches of 70 x 70 pixels (n_layers).
    pub discriminator_layers: u32,
    /// Channels of the discriminator's first layer (ndf).
    pub discriminator_width: i64,
    /// What stands between the layers.
    pub norm: Norm,
    /// Whether the generator drops half of some layers' values in training.
    pub dropout: bool,
    /// How ResNets and U-Nets double their resolution.
    pub upsampling: Upsampling,
    /// Whether the generator makes a difference, added to what it is given (DeblurGAN's `learn_residual`).
    pub residual: bool,
    /// Whether the discriminator is shown what the generator was given.
    pub conditional: bool,
    /// What the players minimise besides the distance of pixels.
    pub loss: AdversarialLoss,
    /// The weight of that loss for the generator; 0 trains it by the distance of pixels alone, without a discriminator.
    pub adversarial: f64,
    /// The weight of the distance of pixels (lambda of equation 4).
    pub l1: f64,
    /// Differentiable augmentation of all that the discriminator sees, for few images (Zhao et al. 2020); both images of a
    /// pair alike.
    pub augment: DiffAugment,
    /// How the generator moves.
    pub generator_optimizer: AdamConfig,
    /// How the discriminator moves.
    pub discriminator_optimizer: AdamConfig,
    /// The generator's moving average; off by default, as in the paper.
    pub ema: EmaConfig,
}

/// Images shown in a run as long as the paper's on facades: 200 epochs of 400.
const PAPER: u64 = 80_000;
/// Images shown in a run of the small presets.
const SMALL: u64 = 60_000;

impl TakeData for Config {
    fn pairs(&self) -> Option<PairShape> {
        let channels = [self.channels_a, self.channels_b];
        Some(PairShape { image: self.image(), channels, scale: self.scale, belong_together: true })
    }

    fn take_pairs(&mut self, [a, b]: [i64; 2], scale: i64) {
        (self.channels_a, self.channels_b, self.scale) = (a, b, scale);
    }
}

impl Default for Config {
    /// The paper's settings at 256 pixels (appendix 6.2), as in the authors' repository.
    fn default() -> Self {
        let adam = AdamConfig::new(2e-4, 0.5);
        Self {
            size: 256,
            width: 0,
            channels_a: 3,
            channels_b: 3,
            scale: 1,
            batch: 1,
            generator: GeneratorKind::Unet256,
            generator_width: 64,
            discriminator: DiscriminatorKind::Patch,
            discriminator_layers: 3,
            discriminator_width: 64,
            norm: Norm::Batch,
            dropout: true,
            upsampling: Upsampling::Transposed,
            residual: false,
            conditional: true,
            loss: AdversarialLoss::NonSaturating,
            adversarial: 1.0,
            l1: 100.0,
            augment: DiffAugment::default(),
            generator_optimizer: adam,
            discriminator_optimizer: adam,
            ema: EmaConfig::default(),
        }
    }
}

/// The paper's Adam for a run of so many images.
fn adam(images: u64) -> AdamConfig {
    AdamConfig::new(2e-4, 0.5).falling_over_second_half_of(images)
}

impl Config {
    /// The presets' names, each with what it is.
    pub const PRESETS: &'static [(&'static str, &'static str)] = &[
        ("small-64", "64x64, U-Net of six levels, narrow, batch 4: pairs or a --task on a CPU"),
        ("superres-64", "to 64x64, SRGAN's residual generator, batch 4: for --task superres on a CPU"),
        ("pix2pix-128", "128x128, U-Net of seven levels, batch 1"),
        (
            "pix2pix-256",
            "256x256, U-Net of eight levels, batch 1: the paper's settings, 200 epochs of 400 pairs",
        ),
    ];

    /// How long a run of a preset is, and how often things happen in it.
    pub fn train(preset: &str) -> TrainConfig {
        TrainConfig::over(if preset.ends_with("-64") { SMALL } else { PAPER })
    }

    /// A preset by name.
    ///
    /// # Errors
    /// A name that is none of [`Config::PRESETS`].
    pub fn preset(name: &str) -> Result<Self> {
        let small = || Self {
            size: 64,
            batch: 4,
            generator: GeneratorKind::Unet64,
            generator_width: 32,
            discriminator_layers: 2,
            discriminator_width: 32,
            norm: Norm::Instance,
            generator_optimizer: adam(SMALL),
            discriminator_optimizer: adam(SMALL),
            ..Self::default()
        };
        let paper = |size, generator| Self {
            size,
            generator,
            generator_optimizer: adam(PAPER),
            discriminator_optimizer: adam(PAPER),
            ..Self::default()
        };
        match name {
            "small-64" => Ok(small()),
            "superres-64" => Ok(Self {
                generator: GeneratorKind::SuperResolution,
                scale: 4,
                norm: Norm::None,
                dropout: false,
                ..small()
            }),
            "pix2pix-128" => Ok(paper(128, GeneratorKind::Unet128)),
            "pix2pix-256" => Ok(paper(256, GeneratorKind::Unet256)),
            _ => Err(settings::unknown_preset(name, Self::PRESETS)),
        }
    }

    /// Height and width of the wanted images in training.
    pub fn image(&self) -> [i64; 2] {
        [self.size, if self.width == 0 { self.size } else { self.width }]
    }

    /// # Errors
    /// The first setting that cannot work, with what would.
    pub fn validate(&self) -> Result<()> {
        let refuse = |field: &str, why: String| Err(Error::config(format!("pix2pix.{field}"), why));
        let enlarges = self.generator == GeneratorKind::SuperResolution;
        if !matches!(self.scale, 1 | 2 | 4 | 8) {
            return refuse("scale", format!("{} is none of 1, 2, 4, 8", self.scale));
        }
        if enlarges && self.scale == 1 {
            let why = "super_resolution enlarges by pix2pix.scale, which is 1; use --task superres or another network";
            return refuse("generator", why.to_owned());
        }
        let smallest = self.generator.smallest() * if enlarges { self.scale } else { 1 };
        let smallest = smallest.max(self.discriminator.smallest(self.discriminator_layers));
        let weights = [("adversarial", self.adversarial), ("l1", self.l1)];
        translation::check("pix2pix", self.image(), smallest, self.loss, &weights)?;
        for (field, side) in ["size", "width"].into_iter().zip(self.image()) {
            if side % self.scale != 0 {
                return refuse(field, format!("{side} is no multiple of the scale, {}", self.scale));
            }
        }
        settings::within(
            "pix2pix",
            &[
                ("discriminator_layers", self.discriminator_layers.into(), 1, 7),
                ("channels_a", self.channels_a, 1, 8),
                ("channels_b", self.channels_b, 1, 4),
                ("batch", self.batch, 1, 4096),
                ("generator_width", self.generator_width, 1, 1024),
                ("discriminator_width", self.discriminator_width, 1, 1024),
            ],
        )?;
        if self.residual && self.channels_a != self.channels_b {
            let why = format!("adds images of {} channels to images of {}", self.channels_a, self.channels_b);
            return refuse("residual", why);
        }
        if self.adversarial == 0.0 && self.l1 == 0.0 {
            return refuse("l1", "and adversarial are both 0: nothing is left to learn from".to_owned());
        }
        self.ema.validate("pix2pix.ema")?;
        self.generator_optimizer.validate("pix2pix.generator_optimizer")?;
        self.discriminator_optimizer.validate("pix2pix.discriminator_optimizer")
    }

    /// What may work but probably is not meant, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.l1 == 0.0 && !self.conditional {
            let text = "nothing ties what is made to what was given: l1 is 0 and the discriminator is not conditional";
            warnings.push(text.to_owned());
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_valid_and_strangers_are_refused() {
        for (name, _) in Config::PRESETS {
            Config::preset(name).and_then(|config| config.validate()).expect("a preset works");
        }
        assert!(Config::preset("pix2pix").expect_err("unknown").to_string().contains("pix2pix-256"));
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        let refuse = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.validate().expect_err("refused").to_string()
        };
        assert!(refuse(|c| c.size = 64).contains("pix2pix.size"));
        assert!(refuse(|c| (c.size, c.width) = (256, 20)).contains("pix2pix.width"));
        assert!(refuse(|c| (c.size, c.scale) = (258, 4)).contains("no multiple of the scale"));
        assert!(refuse(|c| c.scale = 3).contains("pix2pix.scale"));
        assert!(refuse(|c| c.generator = GeneratorKind::SuperResolution).contains("--task superres"));
        assert!(refuse(|c| c.channels_a = 9).contains("pix2pix.channels_a"));
        assert!(refuse(|c| (c.channels_a, c.residual) = (1, true)).contains("pix2pix.residual"));
        assert!(refuse(|c| c.loss = AdversarialLoss::RelativisticPaired).contains("non_saturating"));
        assert!(refuse(|c| (c.l1, c.adversarial) = (0.0, 0.0)).contains("nothing is left"));
        assert!(refuse(|c| c.l1 = f64::NAN).contains("pix2pix.l1"));
        assert!(refuse(|c| c.discriminator_optimizer.lr = 0.0).contains("discriminator_optimizer.lr"));
    }
}
