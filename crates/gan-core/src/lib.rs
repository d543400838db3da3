//! The core of every GAN in this workspace: what surrounds a training step.
//!
//! A GAN is two or more *players* that descend different losses over shared tensors. Each variant crate
//! writes one whole training step; this crate owns the rest: clock, data order, averages, checkpoints,
//! logging, resuming. It knows no variant's name.
//!
//! In reading order:
//! - [`variant`]: what a GAN is to the trainer; [`player`]: parameters that move together
//! - [`step`]: what a step is given; [`trainer`]: the loop around it
//! - [`loss`]: logits in, scalar out; [`regularizer`]: what keeps the players stable; [`augment`]: what the
//!   discriminator is shown; [`nn`]: blocks and named parameters
//! - [`game`]: all of these played by configuration, for variants that generate from noise; [`translation`]: networks and
//!   the image pool of those that turn images into images
//! - [`optim`], [`ema`]: how parameters and their averages move
//! - [`data`]: where batches come from; [`random`]: draws that need no generator state
//! - [`clock`]: time in images; [`recorder`]: values read once per report
//! - [`device`]: device, precision, threads; [`comm`]: ranks; [`tensor`]: shapes, ranges, grids, files; [`settings`]:
//!   what configurations are checked for alike
//!
//! A complete training loop, with a variant `gan` and a source of batches `data`:
//!
//! ```no_run,standalone_crate
//! use gan_core::data::{ImageBatch, Source};
//! use gan_core::device::DevicePolicy;
//! use gan_core::trainer::{Identity, RunDir, TrainConfig, Trainer};
//! use gan_core::variant::Variant;
//!
//! fn train(
//!     gan: &mut dyn Variant<Batch = ImageBatch>,
//!     data: &mut dyn Source<ImageBatch>,
//!     policy: DevicePolicy,
//! ) -> gan_core::error::Result<()> {
//!     let run = RunDir::create("runs/mine".as_ref(), "")?;
//!     let mut trainer = Trainer::new(TrainConfig::default(), policy, run, Identity::of(gan, &())?)?;
//!     loop {
//!         let tick = trainer.advance(gan, data)?;
//!         if let Some(report) = tick.report {
//!             println!("{} images, {:.0} images/s", report.images, report.images_per_second);
//!         }
//!         if tick.finished {
//!             return trainer.finish();
//!         }
//!     }
//! }
//! ```

pub use tch;

pub mod augment;
pub mod clock;
pub mod comm;
pub mod data;
pub mod device;
pub mod ema;
pub mod error;
pub mod game;
pub mod loss;
pub mod nn;
pub mod optim;
pub mod player;
pub mod random;
pub mod recorder;
pub mod regularizer;
pub mod settings;
pub mod step;
pub mod tensor;
pub mod trainer;
pub mod translation;
pub mod variant;
