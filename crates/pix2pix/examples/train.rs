//! Trains a pix2pix with this crate alone: `cargo run --release -p pix2pix --example train-pix2pix -- FOLDER/OF/IMAGES`.
//! It learns to draw pictures from their halved and enlarged copies: any folder of images will do.
//!
//! Images are read by the small decoder that tch carries; the `gan-data` crate reads anything and has more tasks.

use pix2pix::gan_core::data::{InMemory, PairBatch, Source};
use pix2pix::gan_core::device::DevicePolicy;
use pix2pix::gan_core::error::Result;
use pix2pix::gan_core::tch::vision::image::load_dir;
use pix2pix::gan_core::tensor::{grid, range};
use pix2pix::gan_core::trainer::{Identity, RunDir, TrainConfig, Trainer};
use pix2pix::gan_core::variant::{Direction, Translate};
use pix2pix::{Config, Pix2Pix};
use std::path::Path;

/// Images and their halves.
struct Halved(InMemory);

impl Source<PairBatch> for Halved {
    fn next(&mut self) -> Result<PairBatch> {
        let b = self.0.next()?.images;
        let a = b.f_avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None)?;
        Ok(PairBatch { a, b, weight: None })
    }

    fn position(&self) -> u64 {
        self.0.position()
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        self.0.seek(position)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("name a folder of images")?;
    let policy = DevicePolicy::resolve("auto", "auto", 0)?;
    policy.apply();

    let config = Config { scale: 2, ..Config::preset("small-64")? };
    let images = load_dir(folder, config.size, config.size)?;
    let mut data = Halved(InMemory::new(images, None, config.batch, 1, policy.device)?);
    let mut gan = Pix2Pix::new(config, &policy, 1)?;

    let run = RunDir::create(Path::new("runs/example"), "")?;
    let train = TrainConfig { images: 4_000, ..TrainConfig::default() };
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

    let PairBatch { a, b, .. } = data.next()?;
    let columns = [gan.translate(&a, Direction::A2b)?, b];
    let sheet = grid::grid(&range::to_bytes(&grid::side_by_side(&columns)?)?, 2, 2)?;
    Ok(grid::save_png(&sheet, Path::new("runs/example/made.png"))?)
}
