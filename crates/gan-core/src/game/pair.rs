//! One generator from noise and one discriminator in training: what such variants own alike.

use super::{Draws, Game, Rules, Sides, Verdict, look};
use crate::device::DevicePolicy;
use crate::ema::EmaConfig;
use crate::error::Result;
use crate::nn::Scope;
use crate::player::Player;
use crate::step::StepCtx;
use crate::variant::{StateVisitor, Weights};
use tch::Tensor;

/// Both networks, the players `generator` and `discriminator` that move them, the generator's average and the game.
///
/// How a network is asked (its mode, labels) is the variant's to say: methods take it as a function of the network.
#[derive(Debug)]
pub struct Pair<G, D> {
    rules: Rules,
    game: Game,
    generator: G,
    discriminator: D,
    /// Over the tensors of the generator player's moving average.
    averaged: Option<G>,
    generator_player: Player,
    discriminator_player: Player,
}

impl<G, D> Pair<G, D> {
    /// A pair with first weights drawn from `seed`. The networks are made by the given functions, the generator once more
    /// for its average.
    ///
    /// # Errors
    /// The networks'; LibTorch's, such as no memory.
    pub fn new(
        rules: Rules,
        policy: &DevicePolicy,
        seed: u64,
        new_generator: impl Fn(Scope) -> Result<G>,
        new_discriminator: impl Fn(Scope) -> Result<D>,
    ) -> Result<Self> {
        let clip_norm = rules.game.clip_norm();
        let moves = (rules.generator_optimizer, rules.ema);
        let (player, generator, averaged) =
            Player::with_networks("generator", policy, seed, moves, new_generator)?;
        let generator_player = player.with_clip_norm(clip_norm);
        let moves = (rules.regularizer.adam(rules.discriminator_optimizer), EmaConfig::default());
        let (player, discriminator, _) =
            Player::with_networks("discriminator", policy, seed, moves, new_discriminator)?;
        let discriminator_player = player.with_clip_norm(clip_norm);
        let game = Game::new(rules.loss, rules.regularizer, rules.game, policy.device)?;
        Ok(Self { rules, game, generator, discriminator, averaged, generator_player, discriminator_player })
    }

    /// One step, Algorithm 1 of Goodfellow et al. 2014: k updates of the discriminator, each on draws of its own, then
    /// the generator's against the discriminator as it is now, with the fakes of the last; or the generator first. `redraw`
    /// gives draws with other latents (and labels of fakes), where the generator wants its own. `generate` and `judge` are
    /// the networks in training mode; both are given labels where [`Draws`] have some.
    ///
    /// # Errors
    /// The draws'; as [`Game::discriminator`].
    pub fn step(
        &mut self,
        ctx: &StepCtx,
        mut draw: impl FnMut() -> Result<Draws>,
        mut redraw: impl FnMut(&Draws) -> Result<Draws>,
        generate: impl Fn(&G, &Tensor, Option<&Tensor>) -> Result<Tensor>,
        judge: impl Fn(&D, &Tensor, Option<&Tensor>) -> Result<Verdict>,
    ) -> Result<()> {
        let Self { rules, game, generator, discriminator, generator_player, discriminator_player, .. } = self;
        let sides = Sides {
            generate: &|z, labels| generate(generator, z, labels),
            judge: &|images, labels| judge(discriminator, images, labels),
        };
        // Reals and fakes in batches of their own, so that each has its own statistics.
        let mut draws = draw()?;
        if rules.game.generator_first {
            game.generator(ctx, generator_player, &sides, &draws, &mut redraw)?;
            return game.discriminator(ctx, discriminator_player, &sides, &draws, 0);
        }
        game.discriminator(ctx, discriminator_player, &sides, &draws, 0)?;
        for round in 1..rules.game.discriminator_steps {
            draws = draw()?;
            game.discriminator(ctx, discriminator_player, &sides, &draws, round)?;
        }
        game.generator(ctx, generator_player, &sides, &draws, &mut redraw)
    }

    /// The generator with weights of either kind.
    pub fn generator(&self, weights: Weights) -> &G {
        weights.of(&self.generator, self.averaged.as_ref())
    }

    /// The generator as it is trained and, where there is one, its average.
    pub fn generators(&self) -> impl Iterator<Item = &G> {
        std::iter::once(&self.generator).chain(&self.averaged)
    }

    /// Real images that a step with draws of `batch` shows to the discriminator.
    pub fn images_per_step(&self, batch: i64) -> u64 {
        batch as u64 * u64::from(self.rules.game.discriminator_steps)
    }

    /// For [`Variant::players`](crate::variant::Variant::players): the generator's, then the discriminator's.
    pub fn players(&self) -> Vec<&Player> {
        vec![&self.generator_player, &self.discriminator_player]
    }

    /// The same, to be moved.
    pub fn players_mut(&mut self) -> Vec<&mut Player> {
        vec![&mut self.generator_player, &mut self.discriminator_player]
    }

    /// For [`Variant::extra_state`](crate::variant::Variant::extra_state): the game's.
    ///
    /// # Errors
    /// The visitor's.
    pub fn state(&mut self, visitor: &mut dyn StateVisitor) -> Result<()> {
        self.game.state(visitor)
    }

    /// For [`Variant::judge`](crate::variant::Variant::judge): logits of images, packed as in a step. `judge` is the
    /// discriminator in evaluation mode.
    ///
    /// # Errors
    /// The discriminator's; LibTorch's.
    pub fn judge(&self, images: &Tensor, judge: impl Fn(&D, &Tensor) -> Result<Tensor>) -> Result<Tensor> {
        look(images, self.rules.game.pack, &|packs| judge(&self.discriminator, packs))
    }
}
