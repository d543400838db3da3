//! What a game is made of, as plain data.

use super::balance::BalanceConfig;
use crate::augment::{AdaConfig, DiffAugment, FlipShift, InstanceNoise};
use crate::optim::{AdamConfig, Ramp};
use serde::{Deserialize, Serialize};

/// How the two players play. Defaults are Goodfellow's: one update each, nothing added.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GameConfig {
    /// Updates of the discriminator in a step (k of Algorithm 1; 5 in WGAN).
    pub discriminator_steps: u32,
    /// The generator moves first, and the discriminator learns from the same fakes: each follows its gradient at where
    /// the other stood, as if both moved at once (PacGAN's and PyTorch-GAN's programs). One update of each.
    pub generator_first: bool,
    /// Updates of the generator in a step.
    pub generator_steps: u32,
    /// The generator's first update in a step has latents of its own, as in BigGAN's program, instead of those that the
    /// discriminator was shown last: a forward more.
    pub own_latents: bool,
    /// The discriminator judges reals and fakes as one batch, as in BigGAN's program: spectral normalisation follows its singular
    /// value once for both. More memory; for discriminators without batch statistics.
    pub together: bool,
    /// Parts in which a batch is worked off, their gradients added up: less memory, the same step (but for batch statistics).
    pub micro_batches: i64,
    /// Images that the discriminator sees at once, side by side as channels (PacGAN: 2 to 4).
    pub pack: i64,
    /// The label of reals is 1 - this (Salimans et al. 2016, section 3.4: 0.1); cross-entropy losses only.
    pub label_smoothing: f64,
    /// The weight of the generator's adversarial loss; 0 leaves feature matching alone.
    pub adversarial: f64,
    /// The weight of feature matching in the generator's loss (Salimans et al. 2016, section 3.1).
    pub feature_matching: f64,
    /// The weight of the mode-seeking loss in the generator's (Mao et al. 2019: 1).
    pub mode_seeking: f64,
    /// The generator learns from its best fakes only.
    pub top_k: TopK,
    /// The L2 norm to which a player's gradient is cut before an update; 0 for none.
    pub clip_gradient: f64,
    /// Noise on everything that the discriminator sees.
    pub instance_noise: InstanceNoise,
    /// Differentiable augmentation of everything that the discriminator sees.
    pub augment: DiffAugment,
    /// Adaptive augmentation of it, on top of that.
    pub ada: AdaConfig,
    /// Holding the stronger player back.
    pub balance: BalanceConfig,
}

/// Top-k training (Sinha et al. 2020): the share of fakes, those with the highest logits, that the generator learns from. It
/// falls from 1 to `share` along a straight line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TopK {
    /// The last share, above 0 to 1; 1 switches it off, the paper ends at 0.5.
    pub share: f64,
    /// Images shown when it is reached; 0: from the start.
    pub until_images: u64,
}

impl Default for TopK {
    fn default() -> Self {
        Self { share: 1.0, until_images: 0 }
    }
}

impl TopK {
    /// How many of `count` fakes count after `images` images.
    pub fn of(self, count: i64, images: u64) -> i64 {
        let done =
            if self.until_images == 0 { 1.0 } else { (images as f64 / self.until_images as f64).min(1.0) };
        let share = 1.0 - (1.0 - self.share) * done;
        ((count as f64 * share).round() as i64).clamp(1, count)
    }
}

impl Default for GameConfig {
    fn default() -> Self {
        Self {
            discriminator_steps: 1,
            generator_first: false,
            generator_steps: 1,
            own_latents: false,
            together: false,
            micro_batches: 1,
            pack: 1,
            label_smoothing: 0.0,
            adversarial: 1.0,
            feature_matching: 0.0,
            mode_seeking: 0.0,
            top_k: TopK::default(),
            clip_gradient: 0.0,
            instance_noise: InstanceNoise::default(),
            augment: DiffAugment::default(),
            ada: AdaConfig::default(),
            balance: BalanceConfig::default(),
        }
    }
}

impl GameConfig {
    /// What [`Player::with_clip_norm`](crate::player::Player::with_clip_norm) takes.
    pub fn clip_norm(&self) -> Option<f64> {
        (self.clip_gradient > 0.0).then_some(self.clip_gradient)
    }
}

/// Which conditions generated images are given in training.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelSampling {
    /// Every class as often as any other; attributes as in the data.
    #[default]
    Balanced,
    /// As often as in the data: those of the real images of the same batch.
    Data,
}

/// Penalties on both players; a weight of 0 switches one off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegularizerConfig {
    /// γ of R1: γ/2 E ‖∇D(x)‖² on reals (Mescheder et al. 2018).
    pub r1: f64,
    /// γ of R2, the same on fakes.
    pub r2: f64,
    /// λ of WGAN-GP: λ E (‖∇D(x̂)‖ - 1)² between reals and fakes (Gulrajani et al. 2017: 10).
    pub wgan_gp: f64,
    /// λ of DRAGAN: the same around reals (Kodali et al. 2017: 10).
    pub dragan: f64,
    /// λ of the zero-centred penalty between reals and fakes (Thanh-Tung et al. 2019).
    pub zero_centered: f64,
    /// The gradient penalties above are taken every n-th update, n times as strong, in an update of their own with
    /// Adam corrected for it (lazy regularisation, Karras et al. 2020, appendix B). 1: in every update.
    pub every: u64,
    /// How their strength changes over a run: a factor, 1 up to `begin` (R3GAN's falls).
    pub schedule: Ramp,
    /// λ of LeCam (Tseng et al. 2021: 0.01 to 0.3).
    pub lecam: f64,
    /// λ of consistency on reals: CR (Zhang et al. 2020: 10), bCR together with the next.
    pub consistency_real: f64,
    /// λ of consistency on fakes (bCR, Zhao et al. 2021: 10).
    pub consistency_fake: f64,
    /// λ of the discriminator's half of latent consistency (zCR there: 5).
    pub consistency_latent: f64,
    /// λ of the generator's half of it (0.5).
    pub latent_sensitivity: f64,
    /// How far latents are moved for the two above.
    pub latent_sigma: f64,
    /// The change of images under consistency.
    pub consistency_change: FlipShift,
    /// Orthogonal regularisation of the generator's weights (Brock et al. 2019, off the diagonal: 1e-4).
    pub orthogonal_generator: f64,
    /// The same for the discriminator.
    pub orthogonal_discriminator: f64,
    /// The discriminator's weights are put back into [-c, c] after every update (WGAN: 0.01). 0: they are not.
    pub clip_weights: f64,
}

impl Default for RegularizerConfig {
    fn default() -> Self {
        Self {
            r1: 0.0,
            r2: 0.0,
            wgan_gp: 0.0,
            dragan: 0.0,
            zero_centered: 0.0,
            every: 1,
            schedule: Ramp::default(),
            lecam: 0.0,
            consistency_real: 0.0,
            consistency_fake: 0.0,
            consistency_latent: 0.0,
            latent_sensitivity: 0.0,
            latent_sigma: 0.05,
            consistency_change: FlipShift::default(),
            orthogonal_generator: 0.0,
            orthogonal_discriminator: 0.0,
            clip_weights: 0.0,
        }
    }
}

impl RegularizerConfig {
    /// Whether the gradient along D's input is penalised.
    pub fn penalises_gradients(&self) -> bool {
        [self.r1, self.r2, self.wgan_gp, self.dragan, self.zero_centered].iter().any(|weight| *weight > 0.0)
    }

    /// How strong the gradient penalties are after `images` images.
    pub fn strength(&self, images: u64) -> f64 {
        self.schedule.at(1.0, images)
    }

    /// Whether that happens in updates of their own.
    pub fn is_lazy(&self) -> bool {
        self.every > 1 && self.penalises_gradients()
    }

    /// The discriminator's Adam: corrected for the additional updates of lazy regularisation.
    #[must_use]
    pub fn adam(&self, adam: AdamConfig) -> AdamConfig {
        if self.is_lazy() { adam.lazy(self.every) } else { adam }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_fakes_falls() {
        let top_k = TopK { share: 0.5, until_images: 100 };
        assert_eq!([0, 50, 100, 999].map(|images| top_k.of(8, images)), [8, 6, 4, 4]);
        assert_eq!(TopK::default().of(8, 0), 8);
        assert_eq!(TopK { share: 0.01, until_images: 0 }.of(8, 0), 1);
    }
}
