//! Trains an original GAN on a ring of eight Gaussians: `cargo run --release -p vanilla --example train-vanilla`.

use vanilla::gan_core::data::{ImageBatch, Source};
use vanilla::gan_core::device::DevicePolicy;
use vanilla::gan_core::error::Result;
use vanilla::gan_core::random::Streams;
use vanilla::gan_core::tch::{Device, Kind};
use vanilla::gan_core::trainer::{Identity, RunDir, TrainConfig, Trainer};
use vanilla::gan_core::variant::{GenerateOptions, ImageGan, Weights};
use vanilla::{Config, Vanilla};

/// Any data is a source: batch n must be a function of n, so that a run can be resumed.
struct Ring {
    batch: i64,
    position: u64,
}

impl Source<ImageBatch> for Ring {
    fn next(&mut self) -> Result<ImageBatch> {
        let streams = Streams::new(1, 0, self.position, Device::Cpu);
        let angle =
            streams.integers("mode", 8, &[self.batch])?.to_kind(Kind::Float) * std::f64::consts::FRAC_PI_4;
        let means = vanilla::gan_core::tch::Tensor::stack(&[angle.cos(), angle.sin()], 1);
        let points = means + streams.normal("point", &[self.batch, 2])? * 0.01;
        self.position += 1;
        Ok(ImageBatch { images: points.view([-1, 2, 1, 1]), labels: None, attributes: None })
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        self.position = position;
        Ok(())
    }
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let policy = DevicePolicy::resolve("cpu", "f32", 1)?;
    policy.apply();
    let config = Config::preset("ring8")?;
    let mut data = Ring { batch: config.batch, position: 0 };
    let mut gan = Vanilla::new(config, &policy, 1)?;
    let run = RunDir::create("runs/vanilla-example".as_ref(), "variant = \"vanilla\"\n")?;
    let train = TrainConfig { images: 500_000, report_images: 50_000, ..TrainConfig::default() };
    let mut trainer = Trainer::new(train, policy, run, Identity::of(&gan, gan.config())?)?;
    loop {
        let tick = trainer.advance(&mut gan, &mut data)?;
        if let Some(report) = tick.report {
            println!("{} points, {:.0} points/s", report.images, report.images_per_second);
        }
        if tick.finished {
            break;
        }
    }
    trainer.finish()?;
    let z = Streams::new(1, 0, 0, policy.device).normal("latent", &[8, gan.config().latent])?;
    println!(
        "{}",
        gan.generator(Weights::Averaged).generate(&z, None, &GenerateOptions::default())?.view([8, 2])
    );
    Ok(())
}
