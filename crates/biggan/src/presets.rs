//! Published settings, and some for small machines.

use crate::config::{Config, FirstWeights, Form, LabelSampling, NormStatistics, Truncation};
use gan_core::ema::{EmaBuffers, EmaConfig};
use gan_core::error::Result;
use gan_core::game::{GameConfig, RegularizerConfig};
use gan_core::loss::AdversarialLoss;
use gan_core::nn::SpectralNorm;
use gan_core::optim::AdamConfig;
use gan_core::settings;
use gan_core::trainer::TrainConfig;

/// Updates of the generator in which an old weight comes to count half at a decay of 0.9999.
const HALF_LIFE: f64 = 6931.1;

/// An average as BigGAN-PyTorch's, with a decay of 0.9999 an update of the generator.
fn average(images_a_step: u64, start_steps: u64) -> EmaConfig {
    EmaConfig {
        half_life_images: HALF_LIFE * images_a_step as f64,
        ramp_up: 0.0,
        start_images: start_steps * images_a_step,
        buffers: EmaBuffers::Average,
    }
}

fn adam(lr: f64, beta2: f64, eps: f64) -> AdamConfig {
    AdamConfig { beta2, eps, ..AdamConfig::new(lr, 0.0) }
}

impl Default for Config {
    /// BigGAN-PyTorch's program: fakes and reals in one batch, the generator on latents of its own.
    fn default() -> Self {
        Self {
            size: 32,
            channels: 3,
            classes: Vec::new(),
            form: Form::Biggan,
            depth: 2,
            latent: 128,
            embedding: 128,
            hierarchical: true,
            generator_width: 64,
            discriminator_width: 64,
            generator_attention: Vec::new(),
            discriminator_attention: Vec::new(),
            first_weights: FirstWeights::Orthogonal,
            generator_spectral_norm: SpectralNorm::BIGGAN,
            discriminator_spectral_norm: SpectralNorm::BIGGAN,
            norm_statistics: NormStatistics::Running,
            norm_eps: 1e-5,
            truncation: Truncation::Threshold,
            label_sampling: LabelSampling::Balanced,
            batch: 50,
            generator_batch: 0,
            loss: AdversarialLoss::Hinge,
            regularizer: RegularizerConfig::default(),
            game: GameConfig { together: true, own_latents: true, ..GameConfig::default() },
            generator_optimizer: adam(2e-4, 0.999, 1e-8),
            discriminator_optimizer: adam(2e-4, 0.999, 1e-8),
            ema: average(50, 1_000),
        }
    }
}

impl Config {
    /// The presets' names, each with what it is.
    pub const PRESETS: &'static [(&'static str, &'static str)] = &[
        (
            "small-32",
            "32x32, narrow: classes of Fashion-MNIST or other small images in 40 minutes on two cores",
        ),
        ("cifar10", "32x32 colour: the published settings for CIFAR-10"),
        ("imagenet-128", "128x128 colour: the paper's BigGAN, batch 2,048 in eight parts"),
        ("imagenet-256", "256x256 colour: the same one size up"),
        ("deep-128", "128x128 colour: BigGAN-deep"),
        ("sagan-128", "128x128 colour: SAGAN, attention at 32x32 and two learning rates"),
        ("sngan-32", "32x32 colour: SNGAN, spectral normalisation of the discriminator alone"),
    ];

    /// How long a run of a preset is, and how often things happen in it.
    pub fn train(preset: &str) -> TrainConfig {
        let images = match preset {
            "small-32" => 400_000,
            "cifar10" => 25_000_000,    // 500 epochs of 50,000
            "sngan-32" => 16_000_000,   // 50,000 updates of the generator
            "sagan-128" => 256_000_000, // a million updates
            _ => 600_000_000,           // 150,000 updates with 4,096 reals each
        };
        TrainConfig { details_images: images / 50, ..TrainConfig::over(images) }
    }

    /// The paper's BigGAN at 128 pixels (appendix C): two updates of the discriminator for one of the generator.
    fn imagenet() -> Self {
        let spectral = SpectralNorm { eps: 1e-6, ..SpectralNorm::BIGGAN };
        Self {
            size: 128,
            latent: 120,
            generator_width: 96,
            discriminator_width: 96,
            generator_attention: vec![64],
            discriminator_attention: vec![64],
            generator_spectral_norm: spectral,
            discriminator_spectral_norm: spectral,
            norm_statistics: NormStatistics::Standing,
            batch: 2_048,
            regularizer: RegularizerConfig { orthogonal_generator: 1e-4, ..RegularizerConfig::default() },
            game: GameConfig { discriminator_steps: 2, micro_batches: 8, ..Self::default().game },
            generator_optimizer: adam(5e-5, 0.999, 1e-6),
            discriminator_optimizer: adam(2e-4, 0.999, 1e-6),
            ema: average(4_096, 20_000),
            ..Self::default()
        }
    }

    /// A preset by name.
    ///
    /// # Errors
    /// A name that is none of [`Config::PRESETS`].
    pub fn preset(name: &str) -> Result<Self> {
        let default = Self::default();
        match name {
            "small-32" => Ok(Self {
                channels: 1,
                latent: 64,
                embedding: 32,
                generator_width: 16,
                discriminator_width: 16,
                norm_statistics: NormStatistics::Standing,
                batch: 64,
                game: GameConfig { discriminator_steps: 2, ..default.game },
                ema: EmaConfig { buffers: EmaBuffers::Average, ..EmaConfig::half_life(10_000.0) },
                ..default
            }),
            "cifar10" => Ok(Self {
                embedding: 0,
                hierarchical: false,
                first_weights: FirstWeights::Normal,
                game: GameConfig { discriminator_steps: 4, ..default.game },
                ema: average(200, 1_000),
                ..default
            }),
            "imagenet-128" => Ok(Self::imagenet()),
            "imagenet-256" => Ok(Self { size: 256, latent: 140, ..Self::imagenet() }),
            "deep-128" => Ok(Self {
                form: Form::Deep,
                latent: 128,
                generator_width: 128,
                discriminator_width: 128,
                ..Self::imagenet()
            }),
            "sagan-128" => Ok(Self {
                size: 128,
                embedding: 0,
                hierarchical: false,
                generator_attention: vec![32],
                discriminator_attention: vec![32],
                first_weights: FirstWeights::Xavier,
                batch: 256,
                generator_optimizer: adam(1e-4, 0.9, 1e-8),
                discriminator_optimizer: adam(4e-4, 0.9, 1e-8),
                ema: average(256, 0),
                ..default
            }),
            "sngan-32" => Ok(Self {
                embedding: 0,
                hierarchical: false,
                discriminator_width: 32,
                first_weights: FirstWeights::Xavier,
                generator_spectral_norm: SpectralNorm::OFF,
                batch: 64,
                generator_batch: 128,
                game: GameConfig { discriminator_steps: 5, ..default.game },
                generator_optimizer: adam(2e-4, 0.9, 1e-8),
                discriminator_optimizer: adam(2e-4, 0.9, 1e-8),
                ema: EmaConfig::default(),
                ..default
            }),
            _ => Err(settings::unknown_preset(name, Self::PRESETS)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_valid() {
        for (name, _) in Config::PRESETS {
            Config::preset(name)
                .expect("a preset")
                .validate()
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            Config::train(name).validate().expect("a length");
        }
        assert!(Config::preset("ring8").expect_err("no preset").to_string().contains("small-32"));
    }
}
