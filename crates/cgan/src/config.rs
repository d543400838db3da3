//! What a conditional GAN is made of, as plain data.

use gan_core::ema::EmaConfig;
use gan_core::error::{Error, Result};
use gan_core::game::{GameConfig, LabelSampling, RegularizerConfig, Rules};
use gan_core::loss::AdversarialLoss;
use gan_core::nn::DiscriminatorNorm;
use gan_core::optim::AdamConfig;
use gan_core::settings::{self, TakeData};
use gan_core::trainer::TrainConfig;
use gan_core::variant::Attribute;
use serde::{Deserialize, Serialize};

/// Sizes and training settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Height and width of images in pixels: a power of two from 16 to 128; of fully connected networks any from 4 to 128.
    pub size: i64,
    /// Channels of images, 1 to 4.
    pub channels: i64,
    /// What images are told apart by.
    pub condition: Condition,
    /// Names of the classes, in the order of their numbers; `gan train` takes them from the data.
    pub classes: Vec<String>,
    /// The attributes that take the place of classes; `gan train` takes them from the data.
    pub attributes: Vec<Attribute>,
    /// Length of the latent vector.
    pub latent: i64,
    /// Length of the vector that stands for a class or for attributes; 0: as many numbers as there are classes, or
    /// one more than there are attributes.
    pub embedding: i64,
    /// What the networks are made of.
    pub network: Network,
    /// How the generator is told.
    pub generator_condition: GeneratorCondition,
    /// How the discriminator is told.
    pub discriminator_condition: DiscriminatorCondition,
    /// The weight of the auxiliary classifier's loss in both players' (AC-GAN: 1).
    pub classifier: f64,
    /// The share of images, real and generated, whose condition is withheld, so that the generator learns to do without
    /// one, too.
    pub label_dropout: f64,
    /// Which conditions generated images are given in training.
    pub label_sampling: LabelSampling,
    /// Channels of a convolutional generator's last hidden layer, units of a fully connected one's first.
    pub generator_width: i64,
    /// Channels of a convolutional discriminator's first layer, units of a fully connected one's layers.
    pub discriminator_width: i64,
    /// What stands between a convolutional discriminator's layers.
    pub discriminator_norm: DiscriminatorNorm,
    /// The share of units that a fully connected discriminator's second and third layer lose in training.
    pub dropout: f64,
    /// What batch normalisation adds to the variance.
    pub norm_eps: f64,
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
    /// The generator's moving average.
    pub ema: EmaConfig,
}

/// What images are told apart by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Each belongs to one of several classes.
    #[default]
    Classes,
    /// Each has numbers: several attributes that are there (1) or not (0), or are more or less.
    Attributes,
}

/// What the networks are made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Convolutions, as in DCGAN.
    #[default]
    Convolutional,
    /// Fully connected layers, as in the paper; sizes and names are PyTorch-GAN's.
    Mlp,
}

/// How the generator is told the condition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GeneratorCondition {
    /// A vector for it beside the latent (Mirza & Osindero 2014, section 3.2).
    Latent,
    /// Gains and biases of every normalisation are functions of it (conditional batch normalisation, de Vries et al. 2017).
    Norm,
    /// By both.
    #[default]
    Both,
}

/// How the discriminator is told the condition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiscriminatorCondition {
    /// A vector for it beside the image (Mirza & Osindero 2014, section 3.2); in convolutional networks a learned plane.
    Embedding,
    /// A plane of ones for the class and of zeros for every other, or a plane for every attribute, as further channels.
    Planes,
    /// The inner product of a vector for it with the last features is added to the logit (Miyato & Koyama 2018).
    Projection,
    /// It is not told; an auxiliary classifier on the last features guesses it, and both players want it to be right (AC-GAN,
    /// Odena et al. 2017).
    Classifier,
    /// Projection and auxiliary classifier.
    #[default]
    ProjectionAndClassifier,
}

impl DiscriminatorCondition {
    /// Whether a vector is projected on the features.
    pub fn projects(self) -> bool {
        matches!(self, Self::Projection | Self::ProjectionAndClassifier)
    }

    /// Whether there is an auxiliary classifier.
    pub fn classifies(self) -> bool {
        matches!(self, Self::Classifier | Self::ProjectionAndClassifier)
    }
}

impl Default for Config {
    /// DCGAN's widths at 32 pixels, conditional normalisation, projection and auxiliary classifier.
    fn default() -> Self {
        Self {
            size: 32,
            channels: 1,
            condition: Condition::Classes,
            classes: Vec::new(),
            attributes: Vec::new(),
            latent: 100,
            embedding: 0,
            network: Network::Convolutional,
            generator_condition: GeneratorCondition::Both,
            discriminator_condition: DiscriminatorCondition::ProjectionAndClassifier,
            classifier: 1.0,
            label_dropout: 0.0,
            label_sampling: LabelSampling::Balanced,
            generator_width: 64,
            discriminator_width: 64,
            discriminator_norm: DiscriminatorNorm::Batch,
            dropout: 0.4,
            norm_eps: 1e-5,
            batch: 128,
            loss: AdversarialLoss::NonSaturating,
            regularizer: RegularizerConfig::default(),
            game: GameConfig::default(),
            generator_optimizer: AdamConfig::new(2e-4, 0.5),
            discriminator_optimizer: AdamConfig::new(2e-4, 0.5),
            ema: EmaConfig::half_life(10_000.0),
        }
    }
}

impl Config {
    /// The presets' names, each with what it is.
    pub const PRESETS: &'static [(&'static str, &'static str)] = &[
        (
            "fashion-mnist-32",
            "32x32 grey, classes: conditional normalisation, projection and auxiliary classifier",
        ),
        (
            "mlp-32",
            "32x32 grey, classes: the paper's fully connected form with PyTorch-GAN's sizes, loss and order",
        ),
        (
            "acgan-32",
            "32x32 grey, classes: an auxiliary classifier instead of a discriminator that is told (AC-GAN)",
        ),
        (
            "attributes-32",
            "32x32, attributes of every image in an attributes.csv: planes and conditional normalisation",
        ),
    ];

    /// How long a run of a preset is, and how often things happen in it.
    pub fn train(preset: &str) -> TrainConfig {
        match preset {
            "fashion-mnist-32" => TrainConfig::over(800_000),
            _ => TrainConfig::default(),
        }
    }

    /// A preset by name.
    ///
    /// # Errors
    /// A name that is none of [`Config::PRESETS`].
    pub fn preset(name: &str) -> Result<Self> {
        match name {
            "fashion-mnist-32" => Ok(Self::default()),
            "mlp-32" => Ok(Self {
                network: Network::Mlp,
                generator_condition: GeneratorCondition::Latent,
                discriminator_condition: DiscriminatorCondition::Embedding,
                generator_width: 128,
                discriminator_width: 512,
                batch: 64,
                loss: AdversarialLoss::LeastSquares,
                // One batch of both sides: the same numbers, and every weight is read once for it.
                game: GameConfig { generator_first: true, together: true, ..GameConfig::default() },
                ..Self::default()
            }),
            "acgan-32" => Ok(Self {
                generator_condition: GeneratorCondition::Latent,
                discriminator_condition: DiscriminatorCondition::Classifier,
                ..Self::default()
            }),
            "attributes-32" => Ok(Self {
                condition: Condition::Attributes,
                discriminator_condition: DiscriminatorCondition::Planes,
                label_sampling: LabelSampling::Data,
                ..Self::default()
            }),
            _ => Err(settings::unknown_preset(name, Self::PRESETS)),
        }
    }

    /// # Errors
    /// The first setting that cannot work, with what would. Classes and attributes may be missing: data brings them.
    pub fn validate(&self) -> Result<()> {
        let refuse = |field: &str, why: String| Err(Error::config(format!("cgan.{field}"), why));
        let is_power = self.size.count_ones() == 1 && (16..=128).contains(&self.size);
        if self.network == Network::Convolutional && !is_power {
            return refuse("size", format!("{} is not supported; choose 16, 32, 64 or 128", self.size));
        }
        let ranges = [
            ("size", self.size, 4, 128),
            ("channels", self.channels, 1, 4),
            ("latent", self.latent, 1, 4096),
            ("embedding", self.embedding, 0, 4096),
            ("generator_width", self.generator_width, 1, 4096),
            ("discriminator_width", self.discriminator_width, 1, 4096),
            ("batch", self.batch, 2, 1 << 20), // batch normalisation compares images
        ];
        settings::within("cgan", &ranges)?;
        let shares = [("label_dropout", self.label_dropout), ("dropout", self.dropout)];
        if let Some((field, share)) = shares.into_iter().find(|(_, share)| !(0.0..1.0).contains(share)) {
            return refuse(field, format!("{share} is not a share from 0 to below 1"));
        }
        if !(self.norm_eps > 0.0 && self.norm_eps.is_finite()) {
            return refuse("norm_eps", format!("{} is not above 0", self.norm_eps));
        }
        if !(self.classifier >= 0.0 && self.classifier.is_finite()) {
            return refuse("classifier", format!("{} is no weight; it must be 0 or more", self.classifier));
        }
        let told = self.discriminator_condition;
        if self.network == Network::Mlp && told == DiscriminatorCondition::Planes {
            let why = "planes are for convolutions; fully connected networks take embedding, projection or classifier";
            return refuse("discriminator_condition", why.to_owned());
        }
        if self.game.pack > 1 {
            return refuse("game.pack", "packs have no class; conditional networks take pack 1".to_owned());
        }
        self.validate_names()?;
        self.rules().validate("cgan", (self.batch, self.size, self.channels))
    }

    fn validate_names(&self) -> Result<()> {
        let refuse = |field: &str, why: String| Err(Error::config(format!("cgan.{field}"), why));
        settings::distinct("cgan.classes", &self.classes)?;
        settings::distinct("cgan.attributes", self.attributes.iter().map(|attribute| &attribute.name))?;
        if self.classes.len() == 1 {
            let why = format!(
                "there is one class only, `{}`; without others there is nothing to tell: use dcgan",
                self.classes[0]
            );
            return refuse("classes", why);
        }
        match self.attributes.iter().find(|a| !(a.low < a.high && a.low.is_finite() && a.high.is_finite())) {
            Some(Attribute { name, low, .. }) => {
                refuse("attributes", format!("`{name}` is {low} everywhere; leave it out of the data"))
            }
            None => Ok(()),
        }
    }

    /// What may work but probably is not meant, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let convolutional = self.network == Network::Convolutional;
        self.rules().warnings(convolutional && self.discriminator_norm == DiscriminatorNorm::Batch)
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

impl TakeData for Config {
    fn learns_classes(&self) -> bool {
        self.condition == Condition::Classes
    }

    fn take_labels(&mut self, classes: &[String], attributes: &[Attribute]) -> Result<()> {
        let refuse = |field: &str, why: String| Err(Error::config(format!("cgan.{field}"), why));
        match self.condition {
            Condition::Classes if classes.is_empty() && !attributes.is_empty() => refuse(
                "condition",
                "the data has attributes and no classes; learn from them with --set condition=attributes"
                    .to_owned(),
            ),
            Condition::Classes => {
                self.classes = settings::classes_of("cgan.classes", &self.classes, classes)?;
                self.validate_names()
            }
            Condition::Attributes if attributes.is_empty() => {
                let why = "the data has none; put an attributes.csv beside the images, with a column of numbers for each";
                refuse("attributes", why.to_owned())
            }
            Condition::Attributes => {
                let names = |all: &[Attribute]| all.iter().map(|a| a.name.clone()).collect::<Vec<_>>();
                let (ours, theirs) = (names(&self.attributes), names(attributes));
                if !ours.is_empty() && ours != theirs {
                    let why = format!("are {}, but the data has {}", ours.join(", "), theirs.join(", "));
                    return refuse("attributes", why);
                }
                self.attributes = attributes.to_vec();
                self.validate_names()
            }
        }
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
        assert!(Config::preset("cgan-33").expect_err("unknown").to_string().contains("acgan-32"));
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        let refuse = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.validate().expect_err("refused").to_string()
        };
        let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        assert!(refuse(|c| c.size = 48).contains("16, 32, 64 or 128"));
        assert!(refuse(|c| (c.network, c.size) = (Network::Mlp, 3)).contains("cgan.size"));
        assert!(refuse(|c| c.batch = 1).contains("cgan.batch"));
        assert!(refuse(|c| c.game.pack = 2).contains("packs have no class"));
        assert!(refuse(|c| c.label_dropout = 1.0).contains("cgan.label_dropout"));
        assert!(refuse(|c| c.dropout = -0.1).contains("cgan.dropout"));
        assert!(refuse(|c| c.norm_eps = 0.0).contains("cgan.norm_eps"));
        assert!(refuse(|c| c.classifier = f64::NAN).contains("cgan.classifier"));
        let mlp = |c: &mut Config| {
            (c.network, c.discriminator_condition) = (Network::Mlp, DiscriminatorCondition::Planes)
        };
        assert!(refuse(mlp).contains("planes are for convolutions"));
        let mut config = Config { classes: named(&["bag"]), ..Config::default() };
        assert!(config.validate().expect_err("one class").to_string().contains("use dcgan"));
        config.classes = named(&["bag", "bag"]);
        assert!(config.validate().expect_err("twice").to_string().contains("`bag` is empty or there twice"));
        let flat = Attribute { name: "tilt".to_owned(), low: 1.0, high: 1.0, whole: false };
        let config = Config { attributes: vec![flat], ..Config::default() };
        assert!(config.validate().expect_err("flat").to_string().contains("`tilt` is 1 everywhere"));
    }
}
