//! Trains a DCGAN with this crate alone: `cargo run --release -p dcgan --example train-dcgan -- FOLDER/OF/IMAGES`.
//!
//! Images are read by the small decoder that tch carries; the `gan-data` crate reads anything.

use dcgan::gan_core::data::InMemory;
use dcgan::gan_core::device::DevicePolicy;
use dcgan::gan_core::random::Streams;
use dcgan::gan_core::tch::vision::image::load_dir;
use dcgan::gan_core::tensor::{grid, range};
use dcgan::gan_core::trainer::{Checkpoint, Identity, RunDir, TrainConfig, Trainer};
use dcgan::gan_core::variant::{Generate, GenerateOptions, Weights};
use dcgan::{Config, Dcgan};
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("name a folder of images")?;
    let policy = DevicePolicy::resolve("auto", "auto", 0)?;
    policy.apply();

    let config = Config { batch: 16, ..Config::preset("dcgan-64")? };
    let images = load_dir(folder, config.size, config.size)?;
    let mut data = InMemory::new(images, None, config.batch, 1, policy.device)?;
    let mut gan = Dcgan::new(config, &policy, 1)?;

    let run = RunDir::create(Path::new("runs/example"), "")?;
    let train = TrainConfig { images: 20_000, ..TrainConfig::default() };
    let mut trainer = Trainer::new(train, policy, run, Identity::of(&gan, gan.config())?)?;
    loop {
        let tick = trainer.advance(&mut gan, &mut data)?;
        if let Some(report) = tick.report {
            println!("{} images, {:.0} images/s", report.images, report.images_per_second);
        }
        if tick.finished {
            break;
        }
    }
    trainer.finish()?;

    // As a program that only makes images: the generator alone, from a run's newest checkpoint.
    let checkpoint = Checkpoint::find(Path::new("runs/example"))?;
    let generator = Dcgan::load_generator(&policy, &checkpoint, Weights::Averaged)?;
    let z = Streams::new(1, 0, 0, policy.device).normal("latent", &[64, generator.latent_shape()[0]])?;
    let samples = generator.generate(&z, None, &GenerateOptions::default())?;
    let sheet = grid::grid(&range::to_bytes(&samples)?, 8, 2)?;
    Ok(grid::save_png(&sheet, Path::new("runs/example/samples.png"))?)
}
