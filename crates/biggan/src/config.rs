//! What a BigGAN is made of, as plain data.

use crate::layout;
use gan_core::ema::EmaConfig;
use gan_core::error::{Error, Result};
use gan_core::game::{GameConfig, RegularizerConfig, Rules};
use gan_core::loss::AdversarialLoss;
use gan_core::nn::{Init, SpectralForm, SpectralNorm, Statistics};
use gan_core::optim::AdamConfig;
use gan_core::settings::{self, TakeData};
use gan_core::variant::Attribute;
use serde::{Deserialize, Serialize};

pub use gan_core::game::LabelSampling;

/// Sizes and training settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Height and width of images in pixels: 32, 64, 128, 256 or 512.
    pub size: i64,
    /// Channels of images, 1 to 4.
    pub channels: i64,
    /// Names of the classes, in the order of their numbers; `gan train` takes them from the data.
    pub classes: Vec<String>,
    /// Which residual blocks.
    pub form: Form,
    /// Blocks at each resolution of the deep form.
    pub depth: i64,
    /// Length of the latent vector.
    pub latent: i64,
    /// Length of the vector that stands for a class in all of the generator's blocks; 0: each of its normalisations has a
    /// table of gains and biases for the classes instead.
    pub embedding: i64,
    /// Each of the generator's blocks is told a piece of the latent of its own (section 3).
    pub hierarchical: bool,
    /// The generator's channels at the image; deeper stages have up to 16 times as many. 32 pixels: 4 times as many everywhere.
    pub generator_width: i64,
    /// The discriminator's channels at the image, likewise.
    pub discriminator_width: i64,
    /// Sizes of the generator's feature maps that are followed by self-attention.
    pub generator_attention: Vec<i64>,
    /// The same of the discriminator.
    pub discriminator_attention: Vec<i64>,
    /// How weights begin.
    pub first_weights: FirstWeights,
    /// Spectral normalisation of the generator.
    pub generator_spectral_norm: SpectralNorm,
    /// The same of the discriminator.
    pub discriminator_spectral_norm: SpectralNorm,
    /// What batch normalisation keeps for generating.
    pub norm_statistics: NormStatistics,
    /// What batch normalisation adds to the variance.
    pub norm_eps: f64,
    /// What truncation does to latents.
    pub truncation: Truncation,
    /// Which classes generated images are given in training.
    pub label_sampling: LabelSampling,
    /// Real images in an update of the discriminator, and as many fakes.
    pub batch: i64,
    /// Fakes in an update of the generator; 0: as many as `batch`. Others need `game.own_latents`.
    pub generator_batch: i64,
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
    /// The generator's moving average.
    pub ema: EmaConfig,
}

/// Which residual blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Two 3x3 convolutions (figure 15).
    #[default]
    Biggan,
    /// BigGAN-deep: a bottleneck of four, shortcuts that drop or add channels, several blocks at each resolution (figure 16).
    Deep,
}

/// How weights begin; biases at 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstWeights {
    /// Orthogonal (the paper's).
    #[default]
    Orthogonal,
    /// N(0, 0.02²) (the published settings for CIFAR-10).
    Normal,
    /// Glorot's uniform (SNGAN, SAGAN).
    Xavier,
}

impl FirstWeights {
    pub(crate) fn init(self) -> Init {
        match self {
            Self::Orthogonal => Init::Orthogonal,
            Self::Normal => Init::Normal { mean: 0.0, std: 0.02 },
            Self::Xavier => Init::XavierUniform,
        }
    }
}

/// What batch normalisation keeps for generating.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormStatistics {
    /// Running ones, as PyTorch does.
    #[default]
    Running,
    /// Running ones, the variance biased, that can be replaced by standing ones (section 3.1): BigGAN-PyTorch's own batch
    /// normalisation, with its names.
    Standing,
}

/// What the truncation of a latent is, from above 0 to 2.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truncation {
    /// A threshold that no number of it lies beyond (section 3.1).
    #[default]
    Threshold,
    /// A factor on latents without numbers beyond 2, as the authors' published networks take it.
    Factor,
}

impl From<NormStatistics> for Statistics {
    fn from(kept: NormStatistics) -> Self {
        match kept {
            NormStatistics::Running => Self::Batch,
            NormStatistics::Standing => Self::OwnBatch,
        }
    }
}

impl Config {
    /// # Errors
    /// The first setting that cannot work, with what would. Classes may be missing: data brings them.
    pub fn validate(&self) -> Result<()> {
        let refuse = |field: &str, why: String| Err(Error::config(format!("biggan.{field}"), why));
        if !layout::SIZES.contains(&self.size) {
            return refuse("size", format!("{} is not supported; choose 32, 64, 128, 256 or 512", self.size));
        }
        let ranges = [
            ("channels", self.channels, 1, 4),
            ("depth", self.depth, 1, 8),
            ("latent", self.latent, 1, 4096),
            ("embedding", self.embedding, 0, 4096),
            ("generator_width", self.generator_width, 1, 1024),
            ("discriminator_width", self.discriminator_width, 1, 1024),
            ("batch", self.batch, 2, 1 << 20), // batch normalisation compares images
            ("generator_batch", self.generator_batch, 0, 1 << 20),
        ];
        settings::within("biggan", &ranges)?;
        if self.embedding == 0 && (self.hierarchical || self.form == Form::Deep) {
            let why = "is 0, and blocks that are told pieces of the latent are told the class as a vector; 128 is the paper's";
            return refuse("embedding", why.to_owned());
        }
        let pieces = self.pieces();
        if self.form == Form::Biggan && self.hierarchical && self.latent % pieces != 0 {
            let near = (self.latent / pieces).max(1) * pieces;
            let why = format!(
                "{} cannot be cut into {pieces} equal pieces, one for the first layer and each block; {near} can",
                self.latent
            );
            return refuse("latent", why);
        }
        if self.form == Form::Deep {
            if self.size < 128 {
                let why = format!("{} is too small for the deep form: 128, 256 or 512", self.size);
                return refuse("size", why);
            }
            for (field, width) in
                [("generator_width", self.generator_width), ("discriminator_width", self.discriminator_width)]
            {
                if width < 4 {
                    return refuse(field, format!("{width} leaves a bottleneck nothing; use 4 or more"));
                }
            }
        }
        self.validate_attention()?;
        self.generator_spectral_norm.validate("biggan.generator_spectral_norm")?;
        self.discriminator_spectral_norm.validate("biggan.discriminator_spectral_norm")?;
        if !(self.norm_eps > 0.0 && self.norm_eps.is_finite()) {
            return refuse("norm_eps", format!("{} is not above 0", self.norm_eps));
        }
        if self.game.pack > 1 {
            return refuse("game.pack", "packs have no class; conditional networks take pack 1".to_owned());
        }
        let fakes = self.fakes();
        if fakes != self.batch && !self.game.own_latents {
            let why = format!(
                "{fakes} is not the batch of {}: set game.own_latents, so that the generator draws its own, or this to 0",
                self.batch
            );
            return refuse("generator_batch", why);
        }
        if fakes % self.game.micro_batches.max(1) != 0 {
            let parts = self.game.micro_batches;
            return refuse("generator_batch", format!("{parts} micro-batches do not divide {fakes} fakes"));
        }
        settings::distinct("biggan.classes", &self.classes)?;
        self.rules().validate("biggan", (self.batch, self.size, self.channels))
    }

    fn validate_attention(&self) -> Result<()> {
        let generator = layout::generator(self.size);
        let discriminator = layout::discriminator(self.size, self.form);
        let both = [
            ("generator_attention", &self.generator_attention, generator, self.generator_width),
            (
                "discriminator_attention",
                &self.discriminator_attention,
                discriminator,
                self.discriminator_width,
            ),
        ];
        for (field, sizes, stages, width) in both {
            for size in sizes {
                let at_size: Vec<_> = stages.iter().filter(|stage| stage.size == *size).collect();
                let field = format!("biggan.{field}");
                if at_size.is_empty() {
                    let mut there: Vec<String> = stages.iter().map(|stage| stage.size.to_string()).collect();
                    there.dedup();
                    let why = format!(
                        "{size}x{size} never occurs at {} pixels; choose of {}",
                        self.size,
                        there.join(", ")
                    );
                    return Err(Error::config(field, why));
                }
                if let Some(stage) = at_size.iter().find(|stage| stage.channels[1] * width < 8) {
                    let why = format!(
                        "needs 8 channels, and there are {} at {size}x{size}; make the network wider",
                        stage.channels[1] * width
                    );
                    return Err(Error::config(field, why));
                }
            }
        }
        Ok(())
    }

    /// What may work but probably is not meant, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let mut found = self.rules().warnings(false);
        if self.discriminator_spectral_norm.form == SpectralForm::Off
            && !self.regularizer.penalises_gradients()
        {
            found.push(
                "without spectral normalisation or a gradient penalty nothing bounds the discriminator's slope: \
                 --set discriminator_spectral_norm.form=big_gan"
                    .to_owned(),
            );
        }
        found
    }

    /// What the pair of networks plays by.
    pub(crate) fn rules(&self) -> Rules {
        let Self { loss, regularizer, game, generator_optimizer, discriminator_optimizer, ema, .. } = *self;
        Rules { loss, regularizer, game, generator_optimizer, discriminator_optimizer, ema }
    }

    /// Fakes in an update of the generator.
    pub fn fakes(&self) -> i64 {
        if self.generator_batch > 0 { self.generator_batch } else { self.batch }
    }

    /// Pieces of a hierarchical latent: one for the first layer and for each block.
    pub(crate) fn pieces(&self) -> i64 {
        layout::generator(self.size).len() as i64 + 1
    }

    /// Blocks in a stage.
    pub(crate) fn blocks_of_a_stage(&self) -> i64 {
        if self.form == Form::Deep { self.depth } else { 1 }
    }
}

impl TakeData for Config {
    fn learns_classes(&self) -> bool {
        true
    }

    fn take_labels(&mut self, classes: &[String], _: &[Attribute]) -> Result<()> {
        self.classes = settings::classes_of("biggan.classes", &self.classes, classes)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_settings_are_named() {
        let refuse = |change: &dyn Fn(&mut Config)| {
            let mut config = Config::preset("imagenet-128").expect("preset");
            change(&mut config);
            let error = config.validate().expect_err("must be refused").to_string();
            assert_eq!(error.lines().count(), 1, "{error}");
            error
        };
        assert!(refuse(&|c| c.size = 96).contains("32, 64, 128, 256 or 512"));
        assert!(refuse(&|c| c.latent = 128).contains("126 can"));
        assert!(refuse(&|c| c.embedding = 0).contains("128 is the paper's"));
        assert!(refuse(&|c| (c.form, c.size) = (Form::Deep, 64)).contains("too small for the deep form"));
        assert!(refuse(&|c| (c.form, c.generator_width) = (Form::Deep, 2)).contains("bottleneck"));
        let never = refuse(&|c| c.generator_attention = vec![48]);
        assert!(never.contains("48x48 never occurs") && never.contains("8, 16, 32, 64, 128"), "{never}");
        assert!(refuse(&|c| c.discriminator_width = 4).contains("wider"));
        assert!(refuse(&|c| c.game.micro_batches = 3).contains("micro-batches"));
        assert!(refuse(&|c| c.generator_batch = 100).contains("micro-batches do not divide 100"));
        assert!(refuse(&|c| (c.generator_batch, c.game.own_latents) = (64, false)).contains("own_latents"));
        assert!(refuse(&|c| c.generator_spectral_norm.iterations = 0).contains("iterations"));
        assert!(refuse(&|c| c.classes = vec!["a".into(), "a".into()]).contains("twice"));
        assert!(refuse(&|c| c.game.pack = 2).contains("pack"));
        assert!(refuse(&|c| c.norm_eps = 0.0).contains("norm_eps"));
    }

    #[test]
    fn classes_come_from_the_data_and_must_stay() {
        let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut config = Config::preset("small-32").expect("preset");
        assert!(config.take_labels(&[], &[]).expect_err("none").to_string().contains("folder of its own"));
        config.take_labels(&named(&["cat", "dog"]), &[]).expect("two classes");
        let error = config.take_labels(&named(&["cat", "dog", "owl"]), &[]).expect_err("another");
        assert!(
            error.to_string().contains("are cat, dog, but the data has cat, dog, owl (2 and 3 classes)"),
            "{error}"
        );
    }
}
