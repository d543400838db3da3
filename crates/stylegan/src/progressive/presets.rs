//! The paper's settings (Karras et al. 2019, appendix C), and one for small machines.

use super::Config;
use gan_core::ema::{EmaBuffers, EmaConfig};
use gan_core::error::Result;
use gan_core::loss::AdversarialLoss;
use gan_core::optim::AdamConfig;
use gan_core::settings;
use gan_core::trainer::TrainConfig;

impl Default for Config {
    /// The paper's FFHQ settings at 256 pixels.
    fn default() -> Self {
        let adam = AdamConfig { beta2: 0.99, ..AdamConfig::new(0.001, 0.0) };
        Self {
            size: 256,
            channels: 3,
            style: 512,
            mapping_layers: 8,
            mapping_lr: 0.01,
            channel_base: 16_384,
            channel_max: 512,
            widths: Vec::new(),
            fused: vec![128, 256, 512, 1024],
            from_rgb_activate: true,
            start: 8,
            phase_images: 600_000,
            fade_reals: true,
            paces: vec![1.0, 1.0, 1.0, 1.0, 1.0, 1.5, 2.0, 3.0],
            batch: 64,
            loss: AdversarialLoss::NonSaturating,
            style_mixing: 0.9,
            r1_gamma: 10.0,
            gradient_penalty: 0.0,
            drift: 0.0,
            generator_optimizer: adam,
            discriminator_optimizer: adam,
            ema: EmaConfig { ramp_up: 0.0, buffers: EmaBuffers::Leave, ..EmaConfig::half_life(10_000.0) },
        }
    }
}

impl Config {
    /// Names of the presets, each with what it is.
    pub const PRESETS: &'static [(&'static str, &'static str)] = &[
        ("small-32", "32x32 grey from 8x8 on, 32 channels at the image: for two cores"),
        ("paper-256", "256x256 colour: the paper's networks and schedule"),
        ("paper-1024", "1024x1024 colour: the paper's settings for FFHQ"),
        ("wgan-gp-1024", "1024x1024 colour: the same with the loss for CelebA-HQ"),
    ];

    /// How long a run of a preset is, and how often things happen in it.
    pub fn train(preset: &str) -> TrainConfig {
        match preset {
            "small-32" => TrainConfig::over(250_000),
            _ => TrainConfig::over(25_000_000),
        }
    }

    /// A preset by name.
    ///
    /// # Errors
    /// A name that is none of [`Config::PRESETS`].
    pub fn preset(name: &str) -> Result<Self> {
        let large = Self { size: 1024, batch: 32, ..Self::default() };
        match name {
            "small-32" => Ok(Self {
                size: 32,
                channels: 1,
                style: 64,
                mapping_layers: 4,
                channel_base: 1_024,
                channel_max: 128,
                phase_images: 25_000,
                batch: 32,
                r1_gamma: 1.0,
                ema: EmaConfig { buffers: EmaBuffers::Leave, ..EmaConfig::half_life(10_000.0) },
                ..Self::default()
            }),
            "paper-256" => Ok(Self::default()),
            "paper-1024" => Ok(large),
            "wgan-gp-1024" => Ok(Self {
                loss: AdversarialLoss::Wasserstein,
                r1_gamma: 0.0,
                gradient_penalty: 10.0,
                drift: 0.001,
                ..large
            }),
            _ => Err(settings::unknown_preset(name, Self::PRESETS)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_valid_and_grown_in_time() {
        for (name, _) in Config::PRESETS {
            let config = Config::preset(name).expect("a preset");
            config.validate().unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(config.warnings().is_empty(), "{name}");
            let train = Config::train(name);
            train.validate().expect("a length");
            let grown = super::super::Stage::at(&config, train.images / 2);
            assert_eq!((grown.side(), grown.fading()), (config.size, None), "{name}");
        }
        assert!(Config::preset("ffhq").expect_err("no preset").to_string().contains("paper-1024"));
    }
}
