//! What an original GAN is made of, as plain data.

use gan_core::ema::EmaConfig;
use gan_core::error::{Error, Result};
use gan_core::game::{GameConfig, RegularizerConfig, Rules};
use gan_core::loss::AdversarialLoss;
use gan_core::nn::Activation;
use gan_core::optim::{AdamConfig, Ramp, RampShape};
use gan_core::settings::{self, TakeData};
use gan_core::trainer::TrainConfig;
use serde::{Deserialize, Serialize};

/// Points shown in a run of `ring8` and `grid25`, and in one of `pacgan-paper`, a tenth of the paper's.
const POINTS: u64 = 3_072_000;
const PACKED_POINTS: u64 = 16_000_000;

/// Sizes and training settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Height and width of images in pixels, 1 to 64; 1 is for points in the plane.
    pub size: i64,
    /// Channels of images, 1 to 4; points have 2.
    pub channels: i64,
    /// Length of the latent vector.
    pub latent: i64,
    /// Units of each hidden layer of the generator.
    pub generator_width: i64,
    /// Hidden layers of the generator.
    pub generator_layers: i64,
    /// Whether batch normalisation stands before the generator's rectifiers, as in PacGAN's code.
    pub generator_norm: bool,
    /// Units of each hidden layer of the discriminator.
    pub discriminator_width: i64,
    /// Hidden layers of the discriminator.
    pub discriminator_layers: i64,
    /// What follows each hidden layer of the discriminator.
    pub activation: Activation,
    /// Weights begin as N(0, this²); 0: as PyTorch's do, uniformly within ±1/√inputs.
    pub init_std: f64,
    /// Images in a step.
    pub batch: i64,
    /// What the two players minimise.
    pub loss: AdversarialLoss,
    /// Penalties on the players.
    pub regularizer: RegularizerConfig,
    /// How the players take turns, and what the discriminator is shown.
    pub game: GameConfig,
    /// How the generator moves.
    pub generator_optimizer: AdamConfig,
    /// How the discriminator moves.
    pub discriminator_optimizer: AdamConfig,
    /// The generator's moving average; off by default, as in the paper.
    pub ema: EmaConfig,
}

impl TakeData for Config {}

impl Default for Config {
    /// PacGAN's sizes for points, as in its section 4.1.
    fn default() -> Self {
        Self {
            size: 1,
            channels: 2,
            latent: 2,
            generator_width: 400,
            generator_layers: 4,
            generator_norm: false,
            discriminator_width: 200,
            discriminator_layers: 3,
            activation: Activation::Maxout,
            init_std: 0.0,
            batch: 100,
            loss: AdversarialLoss::NonSaturating,
            regularizer: RegularizerConfig::default(),
            game: GameConfig::default(),
            generator_optimizer: AdamConfig::new(1e-4, 0.8),
            discriminator_optimizer: AdamConfig::new(1e-4, 0.8),
            ema: EmaConfig::default(),
        }
    }
}

impl Config {
    /// The presets' names, each with what it is.
    pub const PRESETS: &'static [(&'static str, &'static str)] = &[
        ("ring8", "points of eight Gaussians on a circle: all modes in two minutes on one core"),
        ("grid25", "points of 25 Gaussians on a grid: all modes in two minutes on one core"),
        ("pacgan-paper", "points by PacGAN4: its widths and packs, our rates and penalties: all 25 modes"),
        ("pacgan-literal", "points by PacGAN4 as in its section 4.1 and code: hours, and a known failure"),
        ("goodfellow-28", "28x28 grey images with the fully connected networks of the paper's section 5"),
    ];

    /// How long a run of a preset is, and how often things happen in it.
    pub fn train(preset: &str) -> TrainConfig {
        let images = match preset {
            "ring8" | "grid25" => POINTS,
            "pacgan-paper" => PACKED_POINTS,
            "pacgan-literal" => 160_000_000, // 400 epochs of 100,000 packs
            _ => return TrainConfig::default(),
        };
        // A step takes a millisecond: reports must not take longer.
        TrainConfig { evaluate_images: images / 20, ..TrainConfig::over(images) }
    }

    /// Settings that cover all modes, over a run of so many points: R1 and R2 with γ falling to a tenth, as in R3GAN, a rate
    /// that fades, an average, rectifiers that leak, and narrow networks.
    fn for_points(points: u64, gamma: f64) -> Self {
        let fading = Ramp { to: 0.01, begin: points / 10 * 3, end: points, shape: RampShape::Cosine };
        let falling = Ramp { to: 0.1, begin: 0, end: points, shape: RampShape::Linear };
        let adam = AdamConfig { beta2: 0.99, lr_schedule: fading, ..AdamConfig::new(2e-3, 0.0) };
        Self {
            generator_width: 128,
            discriminator_width: 128,
            activation: Activation::LeakyRelu,
            batch: 256,
            regularizer: RegularizerConfig { r1: gamma, r2: gamma, schedule: falling, ..Default::default() },
            generator_optimizer: adam,
            discriminator_optimizer: adam,
            ema: EmaConfig::half_life(35_000.0),
            ..Self::default()
        }
    }

    /// A preset by name.
    ///
    /// # Errors
    /// A name that is none of [`Config::PRESETS`].
    pub fn preset(name: &str) -> Result<Self> {
        match name {
            "ring8" => Ok(Self::for_points(POINTS, 0.05)),
            "grid25" => Ok(Self::for_points(POINTS, 1.0)),
            // Who judges four points at a time has more to learn: three updates for one, and a quarter of the penalty.
            "pacgan-paper" => Ok(Self {
                generator_width: 400,
                discriminator_width: 200,
                batch: 400,
                game: GameConfig { pack: 4, discriminator_steps: 3, ..GameConfig::default() },
                ema: EmaConfig::half_life(200_000.0),
                ..Self::for_points(PACKED_POINTS, 0.25)
            }),
            "pacgan-literal" => Ok(Self {
                generator_norm: true,
                init_std: 0.02,
                batch: 400,
                game: GameConfig { pack: 4, ..GameConfig::default() },
                ..Self::default()
            }),
            "goodfellow-28" => Ok(Self {
                size: 28,
                channels: 1,
                latent: 100,
                generator_width: 1200,
                generator_layers: 2,
                discriminator_width: 240,
                discriminator_layers: 2,
                generator_optimizer: AdamConfig::new(2e-4, 0.5),
                discriminator_optimizer: AdamConfig::new(2e-4, 0.5),
                ema: EmaConfig::half_life(10_000.0),
                ..Self::default()
            }),
            _ => Err(settings::unknown_preset(name, Self::PRESETS)),
        }
    }

    /// # Errors
    /// The first setting that cannot work, with what would.
    pub fn validate(&self) -> Result<()> {
        let ranges = [
            ("size", self.size, 1, 64),
            ("channels", self.channels, 1, 4),
            ("latent", self.latent, 1, 4096),
            ("generator_width", self.generator_width, 1, 8192),
            ("generator_layers", self.generator_layers, 1, 16),
            ("discriminator_width", self.discriminator_width, 1, 8192),
            ("discriminator_layers", self.discriminator_layers, 1, 16),
            ("batch", self.batch, 1 + i64::from(self.generator_norm), 1 << 20),
        ];
        settings::within("vanilla", &ranges)?;
        if !(self.init_std >= 0.0 && self.init_std.is_finite()) {
            return Err(Error::config("vanilla.init_std", format!("{} is not 0 or more", self.init_std)));
        }
        self.rules().validate("vanilla", (self.batch, self.size, self.channels))
    }

    /// What may work but probably is not meant, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        self.rules().warnings(false)
    }

    /// What the pair of networks plays by.
    pub(crate) fn rules(&self) -> Rules {
        let Self { loss, regularizer, game, generator_optimizer, discriminator_optimizer, ema, .. } = *self;
        Rules { loss, regularizer, game, generator_optimizer, discriminator_optimizer, ema }
    }
}
