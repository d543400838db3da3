//! The papers' settings, and some for small machines.

use crate::Activation;
use crate::config::{Architecture, Config, LabelSampling, Output};
use gan_core::augment::AdaConfig;
use gan_core::ema::EmaConfig;
use gan_core::error::Result;
use gan_core::loss::AdversarialLoss;
use gan_core::optim::{AdamConfig, Ramp, RampShape};
use gan_core::settings;
use gan_core::trainer::TrainConfig;

/// `fmaps` 1 of the authors' program.
const CHANNEL_BASE: i64 = 32_768;
/// Images shown in a run of `small-32`.
const SMALL: u64 = 600_000;

fn adam(lr: f64) -> AdamConfig {
    AdamConfig { beta2: 0.99, ..AdamConfig::new(lr, 0.0) }
}

/// An average that is as fast at the beginning as later.
fn average(images: f64) -> EmaConfig {
    EmaConfig { ramp_up: 0.0, ..EmaConfig::half_life(images) }
}

impl Default for Config {
    /// Config F of StyleGAN2 at 256 pixels with the settings that the authors' program chooses by itself (`auto`) on one device.
    fn default() -> Self {
        let adam = adam(0.0025);
        Self {
            size: 256,
            width: 0,
            channels: 3,
            conditional: false,
            classes: Vec::new(),
            latent: 512,
            style: 512,
            mapping_layers: 2,
            mapping_width: 0,
            mapping_embedding: 0,
            mapping_lr: 0.01,
            channel_base: CHANNEL_BASE / 2,
            channel_max: 512,
            generator: Architecture::Skip,
            output: Output::Linear,
            discriminator: Architecture::Resnet,
            discriminator_activation: Activation::Lrelu,
            discriminator_embedding: 0,
            discriminator_mapping_layers: 8,
            noise: true,
            resample_filter: vec![1.0, 3.0, 3.0, 1.0],
            generator_clamp: 256.0,
            discriminator_clamp: 256.0,
            freeze_discriminator: 0,
            bf16_resolutions: 4,
            minibatch_group: 4,
            minibatch_channels: 1,
            batch: 16,
            micro_batches: 1,
            label_sampling: LabelSampling::Data,
            loss: AdversarialLoss::NonSaturating,
            style_mixing: 0.9,
            r1_gamma: 0.8192,
            r1_interval: 16,
            path_length: 2.0,
            path_length_interval: 4,
            path_length_shrink: 2,
            path_length_decay: 0.01,
            ada: AdaConfig::default(),
            generator_optimizer: adam,
            discriminator_optimizer: adam,
            ema: EmaConfig::half_life(5_000.0),
        }
    }
}

impl Config {
    /// The presets' names, each with what it is.
    pub const PRESETS: &'static [(&'static str, &'static str)] = &[
        ("small-32", "32x32, narrow: Fashion-MNIST or other small images in 40 minutes on a core"),
        ("small-64", "64x64 colour, narrow: for a CPU and patience, or a small GPU"),
        ("auto", "256x256 colour: what the authors' program chooses by itself on one GPU"),
        ("stylegan2", "1024x1024 colour: StyleGAN2's config F"),
        ("paper256", "256x256 colour: the ADA paper's settings for FFHQ and LSUN Cat"),
        ("paper512", "512x512 colour: the ADA paper's settings for BreCaHAD and AFHQ"),
        ("paper1024", "1024x1024 colour: the ADA paper's settings for MetFaces"),
        ("cifar", "32x32 colour: the ADA paper's settings for CIFAR-10"),
    ];

    /// How long a run of a preset is, and how often things happen in it.
    pub fn train(preset: &str) -> TrainConfig {
        match preset {
            "small-32" => TrainConfig::over(SMALL),
            "small-64" => TrainConfig::over(1_000_000),
            "cifar" => TrainConfig::over(100_000_000),
            _ => TrainConfig::over(25_000_000),
        }
    }

    /// A preset by name.
    ///
    /// # Errors
    /// A name that is none of [`Config::PRESETS`].
    pub fn preset(name: &str) -> Result<Self> {
        let default = Self::default();
        let paper = |size, batch, group, lr, gamma, half_life| Self {
            size,
            batch,
            minibatch_group: group,
            mapping_layers: 8,
            channel_base: CHANNEL_BASE,
            r1_gamma: gamma,
            generator_optimizer: adam(lr),
            discriminator_optimizer: adam(lr),
            ema: average(half_life),
            ..Self::default()
        };
        match name {
            "small-32" => {
                // Nearly five times the papers' rate, which few steps ask for and many do not bear. Backgrounds are pure
                // black, which the tangent reaches at once; fabrics are patterns of single pixels, which wider filters blur.
                let fade = Ramp { to: 0.1, begin: SMALL / 2, end: SMALL, shape: RampShape::Cosine };
                let adam = AdamConfig { lr_schedule: fade, ..adam(0.012) };
                Ok(Self {
                    size: 32,
                    channels: 1,
                    latent: 64,
                    style: 64,
                    channel_base: 512,
                    channel_max: 128,
                    output: Output::Tanh,
                    discriminator: Architecture::Orig,
                    noise: false,
                    resample_filter: vec![1.0, 1.0],
                    batch: 32,
                    style_mixing: 0.0,
                    path_length: 0.0,
                    r1_gamma: 0.1,
                    generator_optimizer: adam,
                    discriminator_optimizer: adam,
                    ema: EmaConfig::half_life(10_000.0),
                    ..default
                })
            }
            "small-64" => Ok(Self {
                size: 64,
                latent: 128,
                style: 128,
                channel_base: 2_048,
                channel_max: 128,
                r1_gamma: 0.2,
                ..default
            }),
            "auto" => Ok(default),
            "stylegan2" => Ok(paper(1024, 32, 4, 0.002, 10.0, 10_000.0)),
            "paper256" => {
                Ok(Self { channel_base: CHANNEL_BASE / 2, ..paper(256, 64, 8, 0.0025, 1.0, 20_000.0) })
            }
            "paper512" => Ok(paper(512, 64, 8, 0.0025, 0.5, 20_000.0)),
            "paper1024" => Ok(paper(1024, 32, 4, 0.002, 2.0, 10_000.0)),
            "cifar" => Ok(Self {
                discriminator: Architecture::Orig,
                mapping_layers: 2,
                style_mixing: 0.0,
                path_length: 0.0,
                ema: EmaConfig::half_life(500_000.0),
                ..paper(32, 64, 32, 0.0025, 0.01, 500_000.0)
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
            let config = Config::preset(name).expect("a preset");
            config.validate().unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(config.warnings().is_empty(), "{name}");
            Config::train(name).validate().expect("a length");
        }
        assert!(Config::preset("ffhq").expect_err("no preset").to_string().contains("paper256"));
    }
}
