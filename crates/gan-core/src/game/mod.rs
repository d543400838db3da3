//! The game of one generator and one discriminator, by configuration: every objective, penalty and trick of this crate in
//! the order of Algorithm 1 (Goodfellow et al. 2014), so that variants that generate from noise have them all alike.
//! A variant keeps a [`Pair`]: both networks, both players, the average. Its step draws and names the networks as
//! functions. Who has other players calls [`Game::discriminator`] k times, then [`Game::generator`]; variants of another
//! shape (CycleGAN, StyleGAN) use losses and regularisers directly.
//!
//! Nothing here reads a tensor's value: what depends on values ([`balance`]) is decided on the device.

pub mod balance;
mod config;
mod discriminator;
mod generator;
mod pair;
mod rules;

pub use config::{GameConfig, LabelSampling, RegularizerConfig, TopK};
pub use discriminator::record_scores;
pub use pair::Pair;
pub use rules::Rules;

use crate::augment::AdaController;
use crate::error::{Error, Result};
use crate::loss::AdversarialLoss;
use crate::regularizer::LeCam;
use crate::step::StepCtx;
use crate::variant::StateVisitor;
use balance::Balance;
use tch::{Device, Tensor, no_grad};

/// What a discriminator says about a batch.
#[derive(Debug)]
pub struct Verdict {
    /// One number an image (or pack), high for reals: `[N]`.
    pub logits: Tensor,
    /// What its last hidden layer saw, `[N, F]`; only feature matching asks for it.
    pub features: Option<Tensor>,
    /// What an auxiliary classifier loses on the labels it was told, weighted: a scalar that both players minimise, the
    /// discriminator on reals and fakes (Odena et al. 2017, equation 3).
    pub classification: Option<Tensor>,
}

impl From<Tensor> for Verdict {
    fn from(logits: Tensor) -> Self {
        Self { logits, features: None, classification: None }
    }
}

/// A network as a function of its input and, for conditional ones, labels.
pub type Network<'a, T> = &'a dyn Fn(&Tensor, Option<&Tensor>) -> Result<T>;

/// The two networks as they are now, in training mode.
pub struct Sides<'a> {
    /// Latents to images.
    pub generate: Network<'a, Tensor>,
    /// Images (or packs of them, side by side as channels) to a verdict.
    pub judge: Network<'a, Verdict>,
}

/// What one update of the discriminator is made from.
#[derive(Debug)]
pub struct Draws {
    /// Real images, `[N, C, H, W]`.
    pub real: Tensor,
    /// Their classes, where the game is conditional.
    pub real_labels: Option<Tensor>,
    /// Latents, `[N, ...]`.
    pub z: Tensor,
    /// The classes that fakes are asked to have.
    pub fake_labels: Option<Tensor>,
}

impl Draws {
    /// Draws without classes.
    pub fn new(real: Tensor, z: Tensor) -> Self {
        Self { real, real_labels: None, z, fake_labels: None }
    }

    /// The same reals with other latents.
    pub fn with_latents(&self, z: Tensor, fake_labels: Option<Tensor>) -> Self {
        let real_labels = self.real_labels.as_ref().map(Tensor::shallow_clone);
        Self { real: self.real.shallow_clone(), real_labels, z, fake_labels }
    }

    /// The n-th of `count` equal parts.
    fn part(&self, n: i64, count: i64) -> Result<Self> {
        let cut = |tensor: &Tensor| -> Result<Tensor> {
            let size = tensor.size()[0] / count;
            Ok(tensor.f_narrow(0, n * size, size)?)
        };
        let cut_labels = |labels: &Option<Tensor>| labels.as_ref().map(cut).transpose();
        Ok(Self {
            real: cut(&self.real)?,
            real_labels: cut_labels(&self.real_labels)?,
            z: cut(&self.z)?,
            fake_labels: cut_labels(&self.fake_labels)?,
        })
    }
}

/// A game and what of it survives a step.
#[derive(Debug)]
pub struct Game {
    loss: AdversarialLoss,
    regularizer: RegularizerConfig,
    config: GameConfig,
    balance: Balance,
    lecam: LeCam,
    ada: AdaController,
    /// The fakes of the player that moved last, which the other takes over.
    fakes: Option<Tensor>,
}

impl Game {
    /// A game at its beginning. Call [`Rules::validate`] when the configuration is read.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(
        loss: AdversarialLoss,
        regularizer: RegularizerConfig,
        config: GameConfig,
        device: Device,
    ) -> Result<Self> {
        let balance = Balance::new(config.balance, device)?;
        let lecam = LeCam::new(LeCam::DECAY, device)?;
        let ada = AdaController::new(config.ada, device)?;
        Ok(Self { loss, regularizer, config, balance, lecam, ada, fakes: None })
    }

    /// For [`Variant::extra_state`](crate::variant::Variant::extra_state). What is switched off has no state.
    ///
    /// # Errors
    /// The visitor's.
    pub fn state(&mut self, visitor: &mut dyn StateVisitor) -> Result<()> {
        self.balance.state(visitor)?;
        self.ada.state(visitor)?;
        if self.regularizer.lecam > 0.0 { self.lecam.state(visitor) } else { Ok(()) }
    }

    /// What the discriminator is shown of images: augmented, with noise, in packs.
    fn shown(&self, ctx: &StepCtx, images: &Tensor) -> Result<Tensor> {
        let augmented = match self.config.augment.enabled() {
            true => self.config.augment.apply(ctx.noise(), images)?,
            false => images.shallow_clone(),
        };
        let augmented = self.ada.apply(ctx.noise(), &augmented)?;
        let noisy = self.config.instance_noise.apply(ctx.noise(), ctx.clock().images, &augmented)?;
        ctx.laid_out(&pack(&noisy, self.config.pack)?)
    }
}

/// Logits of any number of images, outside a step: packed as in one, those that fill no pack left out; without
/// gradients. `judge` is the discriminator in evaluation mode.
///
/// # Errors
/// The judge's; LibTorch's.
pub fn look(images: &Tensor, pack_size: i64, judge: &dyn Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let whole = images.f_narrow(0, 0, images.size()[0] / pack_size * pack_size)?;
    no_grad(|| judge(&pack(&whole, pack_size)?))
}

/// Packs of `size` images, side by side as channels (PacGAN, Lin et al. 2018): the discriminator sees several at once.
///
/// # Shapes
/// `[N, C, H, W]` to `[N / size, size * C, H, W]`
///
/// # Errors
/// A batch that packs do not divide; LibTorch's.
pub fn pack(images: &Tensor, size: i64) -> Result<Tensor> {
    if size == 1 {
        return Ok(images.shallow_clone());
    }
    let (n, c, h, w) = images.size4()?;
    if n % size != 0 {
        return Err(Error::config("game.pack", format!("packs of {size} do not divide a batch of {n}")));
    }
    Ok(images.f_reshape([n / size, size * c, h, w])?)
}
