//! What a StyleGAN is made of, as plain data.

use gan_core::ema::EmaConfig;
use gan_core::error::{Error, Result};
use gan_core::loss::AdversarialLoss;
use gan_core::optim::AdamConfig;
use gan_core::settings::{self, TakeData};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// The side of the lowest resolution.
pub(super) const BASE: i64 = 4;

/// Doublings from the lowest resolution to one of this side.
pub(super) fn level_of(side: i64) -> i64 {
    i64::from((side / BASE).max(1).ilog2())
}

/// Sizes and training settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Height and width of images in pixels, a power of two.
    pub size: i64,
    /// Channels of images, 1 to 4.
    pub channels: i64,
    /// Length of latents, z, and of styles, w.
    pub style: i64,
    /// Layers of the mapping network.
    pub mapping_layers: u32,
    /// The share of the learning rate that the mapping network moves with.
    pub mapping_lr: f64,
    /// Channels at 1 x 1: a resolution has this divided by its side (16,384 in the paper).
    pub channel_base: i64,
    /// A resolution has no more channels.
    pub channel_max: i64,
    /// Channels at 4 x 4, 8 x 8 and so on instead; none: by the two above.
    pub widths: Vec<i64>,
    /// The sides of the resolutions whose change is kept as one fused convolution, with its name and scale.
    pub fused: Vec<i64>,
    /// Whether an activation follows the discriminator's layers from colours.
    pub from_rgb_activate: bool,
    /// The side of the first images, a power of two.
    pub start: i64,
    /// Images in a phase: the first resolution has one, each further one a phase to be faded in and another to stay.
    pub phase_images: u64,
    /// Whether real images are brought over from the lower resolution as generated ones are.
    pub fade_reals: bool,
    /// Learning rates at 4 x 4, 8 x 8 and so on as shares of the optimisers'; the last one holds for all further ones.
    pub paces: Vec<f64>,
    /// Real images in a step.
    pub batch: i64,
    /// What the two players minimise; the paper's logistic loss is `non_saturating`.
    pub loss: AdversarialLoss,
    /// How often images are made of two styles, one for the coarse layers and one for the fine ones.
    pub style_mixing: f64,
    /// γ of R1: γ/2 E ‖∇D(x)‖² on reals; 0 for none.
    pub r1_gamma: f64,
    /// λ of WGAN-GP: λ E (‖∇D(x̂)‖ - 1)² between reals and fakes; 0 for none.
    pub gradient_penalty: f64,
    /// The weight of E D(x)², which keeps the Wasserstein critic near 0 (Karras et al. 2018, appendix A.1: 0.001).
    pub drift: f64,
    /// How the generator moves.
    pub generator_optimizer: AdamConfig,
    /// How the discriminator moves.
    pub discriminator_optimizer: AdamConfig,
    /// The generator's moving average.
    pub ema: EmaConfig,
}

impl Config {
    /// Doublings above 4 x 4 of every resolution.
    pub(super) fn levels(&self) -> RangeInclusive<i64> {
        0..=level_of(self.size)
    }

    /// Channels of a level.
    pub(super) fn width(&self, level: i64) -> i64 {
        match usize::try_from(level).ok().and_then(|level| self.widths.get(level)) {
            Some(width) => *width,
            None => (self.channel_base / (BASE << level)).clamp(1, self.channel_max),
        }
    }

    /// Whether the change to or from a level is one fused convolution.
    pub(super) fn is_fused(&self, level: i64) -> bool {
        self.fused.contains(&(BASE << level))
    }

    /// The share of the learning rate at a level.
    pub(super) fn pace(&self, level: i64) -> f64 {
        let at = usize::try_from(level).ok().and_then(|level| self.paces.get(level));
        at.or(self.paces.last()).copied().unwrap_or(1.0)
    }

    /// # Errors
    /// The first setting that cannot work, with what would.
    pub fn validate(&self) -> Result<()> {
        let refuse = |field: &str, why: String| Err(Error::config(format!("stylegan1.{field}"), why));
        let ranges = [
            ("size", self.size, 8, 4096),
            ("start", self.start, BASE, self.size.max(BASE)),
            ("channels", self.channels, 1, 4),
            ("style", self.style, 1, 4096),
            ("mapping_layers", self.mapping_layers.into(), 1, 64),
            ("channel_base", self.channel_base, 1, 1 << 20),
            ("channel_max", self.channel_max, 1, 4096),
            ("batch", self.batch, 1, 1 << 20),
        ];
        settings::within("stylegan1", &ranges)?;
        for (field, side) in [("size", self.size), ("start", self.start)] {
            if !side.unsigned_abs().is_power_of_two() {
                let near = 1 << side.ilog2();
                let why = format!("{side} is no power of two, such as {near} or {}", 2 * near);
                return refuse(field, why);
            }
        }
        if let Some(side) =
            self.fused.iter().find(|side| **side < 8 || !side.unsigned_abs().is_power_of_two())
        {
            return refuse("fused", format!("{side} is no resolution that others change to, such as 128"));
        }
        let levels = self.levels().count();
        if !self.widths.is_empty() && self.widths.len() != levels {
            let count = self.widths.len();
            let why = format!("are {count}, but 4x4 to {0}x{0} are {levels} resolutions", self.size);
            return refuse("widths", why);
        }
        if let Some(width) = self.widths.iter().find(|width| !(1..=4096).contains(*width)) {
            return refuse("widths", format!("{width} is not between 1 and 4096"));
        }
        if self.phase_images == 0 {
            return refuse("phase_images", "is 0; a phase has at least 1 image".to_owned());
        }
        if let Some(pace) = self.paces.iter().find(|pace| !(**pace > 0.0 && pace.is_finite())) {
            return refuse("paces", format!("{pace} is not above 0"));
        }
        if !(self.mapping_lr > 0.0 && self.mapping_lr.is_finite()) {
            return refuse("mapping_lr", format!("{} is not above 0", self.mapping_lr));
        }
        if !(0.0..=1.0).contains(&self.style_mixing) {
            return refuse("style_mixing", format!("{} is not between 0 and 1", self.style_mixing));
        }
        let weights =
            [("r1_gamma", self.r1_gamma), ("gradient_penalty", self.gradient_penalty), ("drift", self.drift)];
        if let Some((field, weight)) =
            weights.iter().find(|(_, weight)| !(*weight >= 0.0 && weight.is_finite()))
        {
            return refuse(field, format!("{weight} is not 0 or more"));
        }
        if self.loss.is_relativistic() {
            let why = "compares reals with fakes; choose non_saturating, wasserstein, hinge or least_squares";
            return refuse("loss", why.to_owned());
        }
        self.ema.validate("stylegan1.ema")?;
        self.generator_optimizer.validate("stylegan1.generator_optimizer")?;
        self.discriminator_optimizer.validate("stylegan1.discriminator_optimizer")
    }

    /// What may work but probably is not meant, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.r1_gamma == 0.0 && self.gradient_penalty == 0.0 {
            let set = match self.loss {
                AdversarialLoss::Wasserstein => "gradient_penalty=10",
                _ => "r1_gamma=10",
            };
            found.push(format!("nothing bounds the discriminator's slope: --set stylegan1.{set}"));
        }
        if self.start < self.size && self.phase_images < self.batch as u64 {
            let (phase, batch) = (self.phase_images, self.batch);
            found.push(format!(
                "a phase of {phase} images is less than a batch of {batch}: some are passed over"
            ));
        }
        found
    }
}

impl TakeData for Config {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_settings_are_named() {
        let refuse = |change: &dyn Fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            let error = config.validate().expect_err("must be refused").to_string();
            assert!(error.starts_with("stylegan1.") && error.lines().count() == 1, "{error}");
            error
        };
        assert!(
            refuse(&|c| c.size = 100).contains("stylegan1.size: 100 is no power of two, such as 64 or 128")
        );
        assert!(refuse(&|c| c.size = 4).contains("size"));
        assert!(refuse(&|c| c.start = 2).contains("start"));
        assert!(refuse(&|c| c.start = 12).contains("8 or 16"));
        assert!(refuse(&|c| (c.size, c.start) = (32, 64)).contains("start"));
        assert!(refuse(&|c| c.fused = vec![4]).contains("fused"));
        assert!(
            refuse(&|c| (c.size, c.widths) = (32, vec![8; 3])).contains("4x4 to 32x32 are 4 resolutions")
        );
        assert!(refuse(&|c| (c.size, c.widths) = (16, vec![8, 0, 8])).contains("widths"));
        assert!(refuse(&|c| c.phase_images = 0).contains("phase_images: is 0"));
        assert!(refuse(&|c| c.paces = vec![1.0, 0.0]).contains("paces"));
        assert!(refuse(&|c| c.mapping_lr = 0.0).contains("mapping_lr"));
        assert!(refuse(&|c| c.style_mixing = 1.5).contains("between 0 and 1"));
        assert!(refuse(&|c| c.r1_gamma = f64::NAN).contains("r1_gamma"));
        assert!(refuse(&|c| c.loss = AdversarialLoss::RelativisticPaired).contains("non_saturating"));
    }

    #[test]
    fn widths_and_paces_go_by_resolution() {
        let config = Config::preset("paper-1024").expect("a preset");
        let widths: Vec<i64> = config.levels().map(|level| config.width(level)).collect();
        assert_eq!(widths, [512, 512, 512, 512, 256, 128, 64, 32, 16]);
        assert_eq!([4, 5, 6, 8].map(|level| config.pace(level)), [1.0, 1.5, 2.0, 3.0]);
        assert!(config.is_fused(5) && !config.is_fused(4));
    }

    #[test]
    fn what_is_probably_not_meant_is_said() {
        let config = Config { r1_gamma: 0.0, phase_images: 1, ..Config::default() };
        let said = config.warnings();
        assert!(said[0].contains("r1_gamma=10") && said[1].contains("less than a batch"), "{said:?}");
        let loss = AdversarialLoss::Wasserstein;
        assert!(Config { loss, ..config }.warnings()[0].contains("gradient_penalty=10"));
    }
}
