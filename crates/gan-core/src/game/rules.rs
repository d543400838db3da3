//! The settings that every pair plays by, and which of them contradict each other.

use super::{GameConfig, RegularizerConfig};
use crate::ema::EmaConfig;
use crate::error::{Error, Result};
use crate::loss::AdversarialLoss;
use crate::optim::AdamConfig;

/// The most updates of a player in a step: nothing is heard of a run before its first step ends.
const MOST_STEPS: u32 = 1000;

/// The part of a variant's configuration that a [`Pair`](super::Pair) reads. Variants keep these settings among their own,
/// under the same names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
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

impl Default for Rules {
    /// Goodfellow's game, with the Adam of DCGAN's section 4.
    fn default() -> Self {
        let adam = AdamConfig::new(2e-4, 0.5);
        Self {
            loss: AdversarialLoss::default(),
            regularizer: RegularizerConfig::default(),
            game: GameConfig::default(),
            generator_optimizer: adam,
            discriminator_optimizer: adam,
            ema: EmaConfig::default(),
        }
    }
}

impl Rules {
    /// Whether the settings work and go together. `variant` is the configuration's section, `batch` and `size` (of images,
    /// in pixels) the variant's.
    ///
    /// # Errors
    /// The first setting that cannot work, with what would.
    pub fn validate(&self, variant: &str, (batch, size, channels): (i64, i64, i64)) -> Result<()> {
        let Self { loss, regularizer, game, ema, .. } = self;
        let refuse = |field: &str, why: String| Err(Error::config(format!("{variant}.{field}"), why));
        ema.validate(&format!("{variant}.ema"))?;
        self.generator_optimizer.validate(&format!("{variant}.generator_optimizer"))?;
        self.discriminator_optimizer.validate(&format!("{variant}.discriminator_optimizer"))?;
        let weights = [
            ("regularizer.r1", regularizer.r1),
            ("regularizer.r2", regularizer.r2),
            ("regularizer.wgan_gp", regularizer.wgan_gp),
            ("regularizer.dragan", regularizer.dragan),
            ("regularizer.zero_centered", regularizer.zero_centered),
            ("regularizer.lecam", regularizer.lecam),
            ("regularizer.consistency_real", regularizer.consistency_real),
            ("regularizer.consistency_fake", regularizer.consistency_fake),
            ("regularizer.consistency_latent", regularizer.consistency_latent),
            ("regularizer.latent_sensitivity", regularizer.latent_sensitivity),
            ("regularizer.latent_sigma", regularizer.latent_sigma),
            ("regularizer.orthogonal_generator", regularizer.orthogonal_generator),
            ("regularizer.orthogonal_discriminator", regularizer.orthogonal_discriminator),
            ("regularizer.clip_weights", regularizer.clip_weights),
            ("game.adversarial", game.adversarial),
            ("game.feature_matching", game.feature_matching),
            ("game.mode_seeking", game.mode_seeking),
            ("game.clip_gradient", game.clip_gradient),
            ("game.label_smoothing", game.label_smoothing),
        ];
        if let Some((field, weight)) = weights.into_iter().find(|(_, w)| !(*w >= 0.0 && w.is_finite())) {
            return refuse(field, format!("{weight} is no weight; it must be 0 or more"));
        }
        if regularizer.every == 0 {
            return refuse("regularizer.every", "must be at least 1: every update".to_owned());
        }
        if regularizer.schedule.end > 0
            && !(regularizer.schedule.to >= 0.0 && regularizer.schedule.begin <= regularizer.schedule.end)
        {
            return refuse("regularizer.schedule", "must end after it begins, at 0 or more".to_owned());
        }
        if regularizer.clip_weights > 0.0 && regularizer.penalises_gradients() {
            let why = "weight clipping and a gradient penalty are two ways to one end; set one of them to 0";
            return refuse("regularizer.clip_weights", why.to_owned());
        }
        if size == 1 && (game.ada.enabled() || game.augment.enabled()) {
            return refuse("game", "augments images, not points: leave augment and ada out".to_owned());
        }
        game.ada.validate(&format!("{variant}.game.ada"), [channels, size, size])?;
        if game.label_smoothing >= 1.0 {
            return refuse(
                "game.label_smoothing",
                format!("{} is not below 1; 0.1 is usual", game.label_smoothing),
            );
        }
        if game.label_smoothing > 0.0 && !loss.takes_smoothing() {
            let why =
                format!("loss {loss} has no labels to smooth; use non_saturating or minimax, or set it to 0");
            return refuse("game.label_smoothing", why);
        }
        for (field, steps) in
            [("discriminator_steps", game.discriminator_steps), ("generator_steps", game.generator_steps)]
        {
            if !(1..=MOST_STEPS).contains(&steps) {
                let why = format!("{steps} updates a step must be at least 1, and at most {MOST_STEPS}");
                return refuse(&format!("game.{field}"), why);
            }
        }
        let single =
            [i64::from(game.discriminator_steps), i64::from(game.generator_steps), game.micro_batches];
        if game.generator_first && single != [1; 3] {
            let why = "is for one update of each player on a whole batch; set discriminator_steps, generator_steps and \
                       micro_batches to 1";
            return refuse("game.generator_first", why.to_owned());
        }
        if game.own_latents && game.generator_first {
            let why = "is without effect where the generator moves first; set one of them to false";
            return refuse("game.own_latents", why.to_owned());
        }
        let one_sided = [
            ("r1", regularizer.r1),
            ("r2", regularizer.r2),
            ("consistency_real", regularizer.consistency_real),
            ("consistency_fake", regularizer.consistency_fake),
            ("consistency_latent", regularizer.consistency_latent),
        ];
        if let Some((field, _)) = one_sided.into_iter().find(|(_, weight)| game.together && *weight > 0.0) {
            let why = format!(
                "judges reals and fakes as one batch, and regularizer.{field} one side; set one of them off"
            );
            return refuse("game.together", why);
        }
        if game.micro_batches < 1 || game.pack < 1 {
            return refuse("game", "micro_batches and pack must be at least 1".to_owned());
        }
        if batch % (game.micro_batches * game.pack) != 0 {
            let parts = match (game.micro_batches, game.pack) {
                (1, pack) => format!("packs of {pack}"),
                (parts, 1) => format!("{parts} micro-batches"),
                (parts, pack) => format!("{parts} micro-batches in packs of {pack}"),
            };
            return refuse("game", format!("{parts} do not divide a batch of {batch}"));
        }
        if game.adversarial == 0.0 && game.feature_matching == 0.0 {
            return refuse(
                "game.adversarial",
                "is 0 and so is feature_matching: the generator learns nothing".to_owned(),
            );
        }
        if !(game.top_k.share > 0.0 && game.top_k.share <= 1.0) {
            return refuse("game.top_k.share", format!("{} is not above 0 to 1", game.top_k.share));
        }
        if game.mode_seeking > 0.0 && batch / game.micro_batches < 2 {
            return refuse("game.mode_seeking", "compares images; a batch needs at least 2".to_owned());
        }
        if regularizer.consistency_real > 0.0 || regularizer.consistency_fake > 0.0 {
            regularizer
                .consistency_change
                .validate(&format!("{variant}.regularizer.consistency_change"), size)?;
        }
        game.instance_noise.validate(&format!("{variant}.game.instance_noise"))?;
        game.balance.validate(&format!("{variant}.game.balance"))
    }

    /// What may work but probably is not meant, one sentence each. `batch_norm`: whether the discriminator has one.
    pub fn warnings(&self, batch_norm: bool) -> Vec<String> {
        let Self { loss, regularizer, game, .. } = self;
        let mut found = Vec::from_iter(game.ada.warning("game.ada"));
        if regularizer.penalises_gradients() && batch_norm {
            found.push(
                "a gradient penalty judges samples one by one, and batch normalisation in the discriminator mixes them \
                 (Gulrajani et al. 2017, section 4): --set discriminator_norm=none, layer or spectral is meant for this"
                    .to_owned(),
            );
        }
        if *loss == AdversarialLoss::Wasserstein
            && !regularizer.penalises_gradients()
            && regularizer.clip_weights == 0.0
        {
            found.push(
                "the Wasserstein loss needs a critic of bounded slope: --set regularizer.wgan_gp=10 (or \
                 regularizer.clip_weights=0.01), unless the critic is spectrally normalised"
                    .to_owned(),
            );
        }
        if *loss == AdversarialLoss::Minimax {
            found.push(
                "the minimax loss gives the generator almost no gradient while the discriminator wins (Goodfellow et al. \
                 2014, section 3): loss=non_saturating is the usual choice"
                    .to_owned(),
            );
        }
        if batch_norm && game.together {
            found.push(
                "with batch normalisation in the discriminator, reals and fakes in one batch (game.together) have common \
                 statistics, which hides how they differ"
                    .to_owned(),
            );
        }
        if batch_norm && game.micro_batches > 1 {
            found.push(
                "with batch normalisation every micro-batch has statistics of its own: the step is not quite that of the \
                 whole batch"
                    .to_owned(),
            );
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AdversarialLoss::{Hinge, Wasserstein};

    fn refused(change: impl Fn(&mut Rules)) -> String {
        let mut rules = Rules::default();
        change(&mut rules);
        let error = rules.validate("dcgan", (64, 32, 3)).expect_err("refused").to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        error
    }

    #[test]
    fn contradictions_are_named() {
        Rules { loss: Hinge, ..Rules::default() }.validate("dcgan", (64, 32, 3)).expect("defaults");
        assert!(refused(|r| r.regularizer.r1 = -1.0).contains("dcgan.regularizer.r1"));
        assert!(refused(|r| r.regularizer.wgan_gp = f64::NAN).contains("regularizer.wgan_gp"));
        let schedule = |r: &mut RegularizerConfig| (r.schedule.begin, r.schedule.end) = (2, 1);
        assert!(refused(|r| schedule(&mut r.regularizer)).contains("schedule"));
        assert!(refused(|r| r.regularizer.every = 0).contains("regularizer.every"));
        let both = |r: &mut RegularizerConfig| (r.wgan_gp, r.clip_weights) = (10.0, 0.01);
        assert!(refused(|r| both(&mut r.regularizer)).contains("two ways"));
        assert!(refused(|r| (r.loss, r.game.label_smoothing) = (Hinge, 0.1)).contains("hinge"));
        assert!(refused(|r| r.game.label_smoothing = 1.0).contains("0.1 is usual"));
        assert!(refused(|r| r.game.pack = 3).contains("packs of 3 do not divide a batch of 64"));
        assert!(refused(|r| r.game.micro_batches = 5).contains("5 micro-batches"));
        assert!(refused(|r| r.game.discriminator_steps = 0).contains("at least 1"));
        let both = |g: &mut GameConfig| (g.generator_first, g.discriminator_steps) = (true, 2);
        assert!(refused(|r| both(&mut r.game)).contains("one update of each"));
        let both = |r: &mut Rules| (r.game.together, r.regularizer.r1) = (true, 1.0);
        assert!(refused(both).contains("regularizer.r1"));
        let both = |g: &mut GameConfig| (g.generator_first, g.own_latents) = (true, true);
        assert!(refused(|r| both(&mut r.game)).contains("own_latents"));
        assert!(refused(|r| r.game.adversarial = 0.0).contains("learns nothing"));
        assert!(refused(|r| r.game.top_k.share = 0.0).contains("top_k.share"));
        assert!(refused(|r| r.game.instance_noise.sigma = -1.0).contains("instance_noise.sigma"));
        let shift = |r: &mut RegularizerConfig| (r.consistency_real, r.consistency_change.shift) = (10.0, 32);
        assert!(refused(|r| shift(&mut r.regularizer)).contains("consistency_change.shift"));
        assert!(refused(|r| r.ema.half_life_images = -1.0).contains("dcgan.ema"));
        assert!(refused(|r| r.generator_optimizer.lr = 0.0).contains("dcgan.generator_optimizer.lr"));
    }

    #[test]
    fn what_is_probably_not_meant_is_said() {
        let penalised = RegularizerConfig { wgan_gp: 10.0, ..RegularizerConfig::default() };
        let nothing = RegularizerConfig::default();
        let said = |loss, regularizer, batch_norm| {
            Rules { loss, regularizer, ..Rules::default() }.warnings(batch_norm)
        };
        assert!(said(Wasserstein, penalised, true)[0].contains("batch normalisation"));
        assert!(said(Wasserstein, penalised, false).is_empty());
        assert!(said(Wasserstein, nothing, false)[0].contains("bounded slope"));
        assert!(said(Hinge, nothing, true).is_empty());
    }
}
