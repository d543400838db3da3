//! What a run pays for being watched, beside what it pays for training: the second number over the first is meant to
//! stay below 1 %.
//!
//! `cargo bench --bench watching`. Switching watching off and on would drown so small a difference in the noise of the
//! step. So the second benchmark is the watching by itself: the trainer advances a variant that trains nothing and records
//! what the real one records, with reports, convergence and guard as often as by default.

use std::path::Path;
use std::time::Duration;

use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};
use dcgan::{Config, Dcgan};
use gan_core::data::{ImageBatch, Source, Synthetic};
use gan_core::device::DevicePolicy;
use gan_core::error::Result;
use gan_core::game::record_scores;
use gan_core::loss::AdversarialLoss;
use gan_core::player::Player;
use gan_core::step::StepCtx;
use gan_core::trainer::{Identity, RunDir, TrainConfig, Trainer};
use gan_core::variant::{Panel, PreviewCtx, Variant};
use tch::{Device, Kind, Tensor};

/// A variant that is only watched.
struct Idle {
    batch: i64,
    /// The discriminator's logits, `[batch]`: their scores are computed and recorded in every step.
    logits: Tensor,
    /// What else a step records, scalars all.
    names: Vec<String>,
    scalar: Tensor,
}

impl Idle {
    /// One that records what `gan` does in a step.
    fn like(gan: &mut Dcgan, data: &mut Synthetic, policy: DevicePolicy) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the run");
        let mut trainer = trainer(&folder.path().join("run"), gan, policy, 1);
        let report = trainer.advance(gan, data).expect("a step").report.expect("one each step");
        let others = report.values.iter().filter(|(name, _)| !name.starts_with("score/"));
        let others = others.filter(|(name, _)| !name.starts_with("accuracy/"));
        let names = others.map(|(name, _)| name.clone()).collect();
        let batch = gan.config().batch;
        let float = (Kind::Float, policy.device);
        Self { batch, logits: Tensor::randn([batch], float), names, scalar: Tensor::ones([], float) }
    }
}

impl Variant for Idle {
    type Batch = ImageBatch;

    fn name(&self) -> &'static str {
        "idle"
    }

    fn images_per_step(&self) -> u64 {
        self.batch as u64
    }

    fn step(&mut self, ctx: &StepCtx, _: &mut dyn Source<ImageBatch>) -> Result<()> {
        let _ = record_scores(ctx, AdversarialLoss::NonSaturating, &self.logits, &self.logits)?;
        self.names.iter().for_each(|name| ctx.record(name, &self.scalar));
        Ok(())
    }

    fn players(&self) -> Vec<&Player> {
        Vec::new()
    }

    fn players_mut(&mut self) -> Vec<&mut Player> {
        Vec::new()
    }

    fn preview(&self, _: &PreviewCtx) -> Result<Vec<Panel>> {
        Ok(Vec::new())
    }
}

fn watching(criterion: &mut Criterion) {
    let policy = DevicePolicy::resolve("auto", "f32", 0).expect("a device");
    policy.apply();
    let config = Config::preset("fashion-mnist-32").expect("a preset");
    let shape = [config.batch, config.channels, config.size, config.size];
    let mut data = Synthetic::new(shape, 0, 1, policy.device);
    let mut gan = Dcgan::new(config, &policy, 1).expect("a GAN");
    let mut idle = Idle::like(&mut gan, &mut data, policy);
    let often = TrainConfig::default().report_images;

    let mut group = criterion.benchmark_group("watching DCGAN 32");
    group.sample_size(10).warm_up_time(Duration::from_secs(2)).measurement_time(Duration::from_secs(10));
    advance(&mut group, "an iteration without reports", &mut gan, &mut data, policy, u64::MAX);
    // No images: a source of one number, since the idle step draws nothing.
    let mut nothing = Synthetic::new([1, 1, 1, 1], 0, 1, Device::Cpu);
    group.sample_size(100).measurement_time(Duration::from_secs(5));
    advance(&mut group, "recording, reports, convergence", &mut idle, &mut nothing, policy, often);
    group.finish();
}

/// One advance of a trainer that reports every so many images.
fn advance<V: Variant<Batch = ImageBatch>>(
    group: &mut BenchmarkGroup<WallTime>,
    name: &str,
    variant: &mut V,
    data: &mut Synthetic,
    policy: DevicePolicy,
    report_images: u64,
) {
    let folder = tempfile::tempdir().expect("a folder for the run");
    let mut trainer = trainer(&folder.path().join("run"), variant, policy, report_images);
    group.bench_function(name, |bencher| {
        bencher.iter(|| trainer.advance(variant, data).expect("a step"));
    });
}

fn trainer<V: Variant>(run: &Path, variant: &V, policy: DevicePolicy, report_images: u64) -> Trainer {
    let train = TrainConfig {
        images: u64::MAX,
        report_images,
        checkpoint_images: 0,
        preview_images: 0,
        evaluate_images: 0,
        ..TrainConfig::default()
    };
    let run = RunDir::create(run, "").expect("a run");
    Trainer::new(train, policy, run, Identity::of(variant, &()).expect("an identity")).expect("a trainer")
}

criterion_group!(benches, watching);
criterion_main!(benches);
