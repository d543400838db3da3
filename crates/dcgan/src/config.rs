//! What a DCGAN is made of, as plain data.

use gan_core::ema::EmaConfig;
use gan_core::error::{Error, Result};
use gan_core::game::{GameConfig, RegularizerConfig, Rules};
use gan_core::loss::AdversarialLoss;
use gan_core::nn::DiscriminatorNorm;
use gan_core::optim::{AdamConfig, Ramp, RampShape};
use gan_core::settings::{self, TakeData};
use gan_core::trainer::TrainConfig;
use serde::{Deserialize, Serialize};

/// Images shown in a run of the preset for stacked ones.
const STACKED: u64 = 1_600_000;

/// Sizes and training settings of a DCGAN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Height and width of images in pixels: a power of two from 16 to 256.
    pub size: i64,
    /// Channels of images, 1 to 4.
    pub channels: i64,
    /// Length of the latent vector.
    pub latent: i64,
    /// Channels of the generator's last hidden layer; each layer before has twice as many.
    pub generator_width: i64,
    /// Channels of the discriminator's first layer; each layer after has twice as many.
    pub discriminator_width: i64,
    /// Images in a step.
    pub batch: i64,
    /// What the two players minimise.
    pub loss: AdversarialLoss,
    /// Penalties on the players.
    pub regularizer: RegularizerConfig,
    /// How the players take turns, and what the discriminator is shown.
    pub game: GameConfig,
    /// What stands between the discriminator's layers.
    pub discriminator_norm: DiscriminatorNorm,
    /// Whether the discriminator sees a batch as a whole.
    pub minibatch: Minibatch,
    /// How the generator moves.
    pub generator_optimizer: AdamConfig,
    /// How the discriminator moves.
    pub discriminator_optimizer: AdamConfig,
    /// The generator's moving average; off by default, as in the paper.
    pub ema: EmaConfig,
}

/// Whether the discriminator sees a batch as a whole, before its last layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Minibatch {
    /// Every image by itself.
    #[default]
    Off,
    /// The standard deviation over groups of 4 as a further channel (Karras et al. 2018, section 3).
    Stddev,
    /// 32 measures of how close the other images are (Salimans et al. 2016, section 3.2).
    Discrimination,
}

impl TakeData for Config {}

impl Default for Config {
    /// The paper's network at 64 pixels, as in PyTorch's example: 3 channels, widths 64, batch 64.
    fn default() -> Self {
        Self {
            size: 64,
            channels: 3,
            latent: 100,
            generator_width: 64,
            discriminator_width: 64,
            batch: 64,
            loss: AdversarialLoss::NonSaturating,
            regularizer: RegularizerConfig::default(),
            game: GameConfig::default(),
            discriminator_norm: DiscriminatorNorm::Batch,
            minibatch: Minibatch::Off,
            generator_optimizer: AdamConfig::new(2e-4, 0.5),
            discriminator_optimizer: AdamConfig::new(2e-4, 0.5),
            ema: EmaConfig::default(),
        }
    }
}

impl Config {
    /// The presets' names, each with what it is.
    pub const PRESETS: &'static [(&'static str, &'static str)] = &[
        ("fashion-mnist-32", "32x32 grey, batch 128, averaged generator: good pictures in minutes on a CPU"),
        ("dcgan-64", "64x64 colour, batch 64: the network of PyTorch's examples/dcgan"),
        ("celeba-64", "64x64 colour, batch 128 as in the paper's section 4, averaged generator: faces"),
        (
            "stacked-digits",
            "32x32, three digits as red, green and blue: packs of 2 against losing 1,000 modes",
        ),
    ];

    /// How long a run of a preset is, and how often things happen in it.
    pub fn train(preset: &str) -> TrainConfig {
        if preset == "stacked-digits" { TrainConfig::over(STACKED) } else { TrainConfig::default() }
    }

    /// A preset by name.
    ///
    /// # Errors
    /// A name that is none of [`Config::PRESETS`].
    pub fn preset(name: &str) -> Result<Self> {
        let averaged = |images| Self { batch: 128, ema: EmaConfig::half_life(images), ..Self::default() };
        match name {
            "fashion-mnist-32" => Ok(Self { size: 32, channels: 1, ..averaged(10_000.0) }),
            "dcgan-64" => Ok(Self::default()),
            "celeba-64" => Ok(averaged(20_000.0)),
            "stacked-digits" => {
                let (begin, end) = (STACKED / 2, STACKED);
                let fading = Ramp { to: 0.01, begin, end, shape: RampShape::Cosine };
                let adam = AdamConfig { lr_schedule: fading, ..AdamConfig::new(2e-4, 0.5) };
                Ok(Self {
                    size: 32,
                    game: GameConfig { pack: 2, ..GameConfig::default() },
                    generator_optimizer: adam,
                    discriminator_optimizer: adam,
                    ..averaged(20_000.0)
                })
            }
            _ => Err(settings::unknown_preset(name, Self::PRESETS)),
        }
    }

    /// # Errors
    /// The first setting that cannot work, with what would.
    pub fn validate(&self) -> Result<()> {
        if !(16..=256).contains(&self.size) || self.size.count_ones() != 1 {
            let why = format!("{} is not supported; choose 16, 32, 64, 128 or 256", self.size);
            return Err(Error::config("dcgan.size", why));
        }
        if !(1..=4).contains(&self.channels) {
            let why = format!("{} is not supported; choose 1 (grey) to 4 (colour and alpha)", self.channels);
            return Err(Error::config("dcgan.channels", why));
        }
        let widths = [
            ("latent", self.latent, 1, 4096),
            ("generator_width", self.generator_width, 1, 4096),
            ("discriminator_width", self.discriminator_width, 1, 4096),
        ];
        settings::within("dcgan", &widths)?;
        if self.batch < 2 {
            return Err(Error::config(
                "dcgan.batch",
                "must be at least 2: batch normalisation compares images",
            ));
        }
        let seen = self.batch / (self.game.pack * self.game.micro_batches).max(1);
        if self.minibatch == Minibatch::Stddev && seen > 4 && seen % 4 != 0 {
            let why = format!("compares groups of 4, which do not divide the {seen} that D sees at once");
            return Err(Error::config("dcgan.minibatch", why));
        }
        self.rules().validate("dcgan", (self.batch, self.size, self.channels))
    }

    /// What may work but probably is not meant, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        self.rules().warnings(self.discriminator_norm == DiscriminatorNorm::Batch)
    }

    /// What the pair of networks plays by.
    pub(crate) fn rules(&self) -> Rules {
        let Self { loss, regularizer, game, generator_optimizer, discriminator_optimizer, ema, .. } = *self;
        Rules { loss, regularizer, game, generator_optimizer, discriminator_optimizer, ema }
    }

    /// Doublings from 4 pixels to `size`.
    pub(crate) fn doublings(&self) -> u32 {
        self.size.trailing_zeros() - 2
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
        assert!(Config::preset("dcgan-65").expect_err("unknown").to_string().contains("dcgan-64"));
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        let refuse = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.validate().expect_err("refused").to_string()
        };
        assert!(refuse(|c| c.size = 48).contains("16, 32, 64, 128 or 256"));
        assert!(refuse(|c| c.size = 8).contains("dcgan.size"));
        assert!(refuse(|c| c.channels = 5).contains("dcgan.channels"));
        assert!(refuse(|c| c.batch = 1).contains("dcgan.batch"));
        assert!(refuse(|c| c.game.pack = 5).contains("packs of 5"));
        assert!(refuse(|c| (c.minibatch, c.batch) = (Minibatch::Stddev, 66)).contains("groups of 4"));
        assert!(refuse(|c| c.latent = 0).contains("dcgan.latent"));
        assert!(refuse(|c| c.generator_optimizer.lr = -1.0).contains("generator_optimizer.lr"));
        assert!(refuse(|c| c.discriminator_optimizer.beta1 = 1.0).contains("discriminator_optimizer.beta1"));
    }
}
