//! What a CycleGAN is made of, as plain data.

use gan_core::augment::DiffAugment;
use gan_core::ema::EmaConfig;
use gan_core::error::{Error, Result};
use gan_core::loss::AdversarialLoss;
use gan_core::optim::AdamConfig;
use gan_core::settings::{self, PairShape, TakeData};
use gan_core::trainer::TrainConfig;
use gan_core::translation::{self, DiscriminatorKind, GeneratorKind, Norm, Upsampling};
use serde::{Deserialize, Serialize};

/// Sizes and training settings of a CycleGAN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Height of the images that it is trained on, in pixels; any that the networks can halve, or not: what is missing is
    /// padded.
    pub size: i64,
    /// Width of these images; 0 for squares.
    pub width: i64,
    /// Channels of domain A, 1 to 4.
    pub channels_a: i64,
    /// Channels of domain B, 1 to 4.
    pub channels_b: i64,
    /// Images of each domain in a step.
    pub batch: i64,
    /// Both generators' network.
    pub generator: GeneratorKind,
    /// Channels of the generators' first layer (ngf).
    pub generator_width: i64,
    /// Both discriminators' network.
    pub discriminator: DiscriminatorKind,
    /// Halvings of a `patch` discriminator: 3 judge patches of 70 x 70 pixels (n_layers).
    pub discriminator_layers: u32,
    /// Channels of the discriminators' first layer (ndf).
    pub discriminator_width: i64,
    /// What stands between the layers.
    pub norm: Norm,
    /// Whether the generators drop half of some layers' values in training.
    pub dropout: bool,
    /// How ResNets and U-Nets double their resolution.
    pub upsampling: Upsampling,
    /// Whether the generators make differences, added to what they are given (DeblurGAN's `learn_residual`).
    pub residual: bool,
    /// What the players minimise besides the terms below.
    pub loss: AdversarialLoss,
    /// The weight of A to B to A (lambda of equation 3; `lambda_A`).
    pub cycle_a: f64,
    /// The weight of B to A to B (`lambda_B`).
    pub cycle_b: f64,
    /// The weight of the identity loss as a share of the cycles' (section 5.2; `lambda_identity`); 0 for none. It needs
    /// domains of equal channels.
    pub identity: f64,
    /// Fakes that each discriminator's pool keeps; 0 for none.
    pub pool: usize,
    /// Differentiable augmentation of all that the discriminators see, for few images (Zhao et al. 2020).
    pub augment: DiffAugment,
    /// How the generators move.
    pub generator_optimizer: AdamConfig,
    /// How the discriminators move.
    pub discriminator_optimizer: AdamConfig,
    /// The generators' moving average; off by default, as in the paper.
    pub ema: EmaConfig,
}

/// Images shown in a run as long as the paper's on horses and zebras: 200 epochs of about 1,300, the rate falling to 0 over
/// the second half.
const PAPER: u64 = 260_000;
/// Images shown in a run on emoji.
const EMOJI: u64 = 30_000;

impl TakeData for Config {
    fn pairs(&self) -> Option<PairShape> {
        let channels = [self.channels_a, self.channels_b];
        Some(PairShape { image: self.image(), channels, scale: 1, belong_together: false })
    }

    fn take_pairs(&mut self, [a, b]: [i64; 2], _scale: i64) {
        (self.channels_a, self.channels_b) = (a, b);
    }
}

impl Default for Config {
    /// The paper's settings at 256 pixels (section 4 and appendix 7.1), as in the authors' repository.
    fn default() -> Self {
        let adam = adam(PAPER);
        Self {
            size: 256,
            width: 0,
            channels_a: 3,
            channels_b: 3,
            batch: 1,
            generator: GeneratorKind::Resnet9,
            generator_width: 64,
            discriminator: DiscriminatorKind::Patch,
            discriminator_layers: 3,
            discriminator_width: 64,
            norm: Norm::Instance,
            dropout: false,
            upsampling: Upsampling::Transposed,
            residual: false,
            loss: AdversarialLoss::LeastSquares,
            cycle_a: 10.0,
            cycle_b: 10.0,
            identity: 0.5,
            pool: 50,
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
        ("emoji-64", "64x64 colour, narrow networks, batch 4: one vendor's emoji to another's on a CPU"),
        ("cyclegan-128", "128x128 colour, 6 residual blocks, batch 1: the paper's network for small images"),
        ("cyclegan-256", "256x256 colour, 9 residual blocks, batch 1: the paper's settings, 200 epochs"),
    ];

    /// How long a run of a preset is, and how often things happen in it.
    pub fn train(preset: &str) -> TrainConfig {
        TrainConfig::over(if preset == "emoji-64" { EMOJI } else { PAPER })
    }

    /// A preset by name.
    ///
    /// # Errors
    /// A name that is none of [`Config::PRESETS`].
    pub fn preset(name: &str) -> Result<Self> {
        match name {
            "emoji-64" => {
                let adam = adam(EMOJI);
                Ok(Self {
                    size: 64,
                    batch: 4,
                    generator: GeneratorKind::Resnet6,
                    generator_width: 16,
                    discriminator_layers: 2,
                    discriminator_width: 32,
                    generator_optimizer: adam,
                    discriminator_optimizer: adam,
                    ..Self::default()
                })
            }
            "cyclegan-128" => Ok(Self { size: 128, generator: GeneratorKind::Resnet6, ..Self::default() }),
            "cyclegan-256" => Ok(Self::default()),
            _ => Err(settings::unknown_preset(name, Self::PRESETS)),
        }
    }

    /// Height and width of the images that it is trained on.
    pub fn image(&self) -> [i64; 2] {
        [self.size, if self.width == 0 { self.size } else { self.width }]
    }

    /// # Errors
    /// The first setting that cannot work, with what would.
    pub fn validate(&self) -> Result<()> {
        let smallest = self.generator.smallest().max(self.discriminator.smallest(self.discriminator_layers));
        let weights = [("cycle_a", self.cycle_a), ("cycle_b", self.cycle_b), ("identity", self.identity)];
        translation::check("cyclegan", self.image(), smallest, self.loss, &weights)?;
        settings::within(
            "cyclegan",
            &[
                ("discriminator_layers", self.discriminator_layers.into(), 1, 7),
                ("channels_a", self.channels_a, 1, 4),
                ("channels_b", self.channels_b, 1, 4),
                ("batch", self.batch, 1, 4096),
                ("generator_width", self.generator_width, 1, 1024),
                ("discriminator_width", self.discriminator_width, 1, 1024),
            ],
        )?;
        if self.generator == GeneratorKind::SuperResolution {
            let why = "super_resolution enlarges, which has no way back; it is pix2pix's";
            return Err(Error::config("cyclegan.generator", why));
        }
        if self.identity > 0.0 && self.channels_a != self.channels_b {
            let why = format!(
                "an image of {} channels cannot stay as it is among images of {}; set it to 0",
                self.channels_a, self.channels_b
            );
            return Err(Error::config("cyclegan.identity", why));
        }
        if self.residual && self.channels_a != self.channels_b {
            let why = format!("adds images of {} channels to images of {}", self.channels_a, self.channels_b);
            return Err(Error::config("cyclegan.residual", why));
        }
        self.ema.validate("cyclegan.ema")?;
        self.generator_optimizer.validate("cyclegan.generator_optimizer")?;
        self.discriminator_optimizer.validate("cyclegan.discriminator_optimizer")
    }

    /// What may work but probably is not meant, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.cycle_a == 0.0 && self.cycle_b == 0.0 {
            warnings.push(
                "both cycles weigh nothing: nothing ties a translation to what was translated".to_owned(),
            );
        }
        if self.norm == Norm::Batch && self.batch > 1 {
            warnings.push(
                "batch normalisation mixes the images of a batch; instance is the paper's and usually better"
                    .to_owned(),
            );
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
        assert!(Config::preset("cyclegan").expect_err("unknown").to_string().contains("cyclegan-256"));
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        let refuse = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.validate().expect_err("refused").to_string()
        };
        assert!(refuse(|c| c.size = 16).contains("cyclegan.size"));
        assert!(refuse(|c| (c.size, c.width) = (128, 20)).contains("cyclegan.width"));
        assert!(refuse(|c| c.channels_a = 5).contains("cyclegan.channels_a"));
        assert!(refuse(|c| c.channels_b = 1).contains("cyclegan.identity"));
        assert!(
            refuse(|c| (c.channels_b, c.identity, c.residual) = (1, 0.0, true)).contains("cyclegan.residual")
        );
        assert!(refuse(|c| c.generator = GeneratorKind::SuperResolution).contains("pix2pix"));
        assert!(refuse(|c| c.loss = AdversarialLoss::Wasserstein).contains("least_squares"));
        assert!(refuse(|c| c.ema.half_life_images = -1.0).contains("cyclegan.ema"));
        assert!(refuse(|c| c.cycle_b = -1.0).contains("cyclegan.cycle_b"));
        assert!(refuse(|c| c.discriminator_layers = 0).contains("between 1 and 7"));
        assert!(refuse(|c| c.generator_optimizer.lr = 0.0).contains("generator_optimizer.lr"));
    }
}
