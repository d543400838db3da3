//! Trains a CycleGAN with this crate alone: `cargo run --release -p cyclegan --example train-cyclegan -- FOLDER/A FOLDER/B`.
//!
//! Images are read by the small decoder that tch carries; the `gan-data` crate reads anything.

use cyclegan::gan_core::data::{ImageBatch, InMemory, PairBatch, Source};
use cyclegan::gan_core::device::DevicePolicy;
use cyclegan::gan_core::error::Result;
use cyclegan::gan_core::tch::vision::image::load_dir;
use cyclegan::gan_core::tensor::{grid, range};
use cyclegan::gan_core::trainer::{Identity, RunDir, TrainConfig, Trainer};
use cyclegan::gan_core::variant::{Direction, Translate};
use cyclegan::{Config, CycleGan};
use std::path::Path;

/// A batch from each domain.
struct Domains(InMemory, InMemory);

impl Source<PairBatch> for Domains {
    fn next(&mut self) -> Result<PairBatch> {
        let [a, b]: [ImageBatch; 2] = [self.0.next()?, self.1.next()?];
        Ok(PairBatch { a: a.images, b: b.images, weight: None })
    }

    fn position(&self) -> u64 {
        self.0.position()
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        self.0.seek(position)?;
        self.1.seek(position)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = |place| std::env::args().nth(place).ok_or("name a folder of images for each domain");
    let policy = DevicePolicy::resolve("auto", "auto", 0)?;
    policy.apply();

    let config = Config::preset("emoji-64")?;
    let domain = |place, seed| -> Result<InMemory, Box<dyn std::error::Error>> {
        let images = load_dir(folder(place)?, config.size, config.size)?;
        Ok(InMemory::new(images, None, config.batch, seed, policy.device)?)
    };
    let mut data = Domains(domain(1, 1)?, domain(2, 2)?);
    let mut gan = CycleGan::new(config, &policy, 1)?;

    let run = RunDir::create(Path::new("runs/example"), "")?;
    let train = TrainConfig { images: 2_000, ..TrainConfig::default() };
    let mut trainer = Trainer::new(train, policy, run, Identity::of(&gan, gan.config())?)?;
    loop {
        let tick = trainer.advance(&mut gan, &mut data)?;
        if let Some(report) = tick.report {
            println!("{} images, {:.1} images/s", report.images, report.images_per_second);
        }
        if tick.finished {
            break;
        }
    }
    trainer.finish()?;

    let real = data.next()?.a;
    let columns = [real.shallow_clone(), gan.translate(&real, Direction::A2b)?];
    let sheet = grid::grid(&range::to_bytes(&grid::side_by_side(&columns)?)?, 2, 2)?;
    Ok(grid::save_png(&sheet, Path::new("runs/example/translated.png"))?)
}
