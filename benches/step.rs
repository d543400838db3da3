//! Whole training steps of every preset, as a run does them: step, averages, clock, log.
//!
//! `cargo bench --bench step`; add a word to run only the benchmarks that contain it.

use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dcgan::{Config, Dcgan};
use gan_core::data::Synthetic;
use gan_core::device::DevicePolicy;
use gan_core::trainer::{Identity, RunDir, TrainConfig, Trainer};
use gan_core::variant::Variant;
use serde::Serialize;

fn dcgan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dcgan");
    group.sample_size(10).warm_up_time(Duration::from_secs(2)).measurement_time(Duration::from_secs(10));
    for (preset, _) in Config::PRESETS {
        for precision in ["f32", "bf16"] {
            let policy = DevicePolicy::resolve("auto", precision, 0).expect("a device");
            policy.apply();
            let config = Config::preset(preset).expect("a preset");
            let mut data = Synthetic::new(
                [config.batch, config.channels, config.size, config.size],
                0,
                1,
                policy.device,
            );
            let mut gan = Dcgan::new(config, &policy, 1).expect("a GAN");

            let folder = tempfile::tempdir().expect("a folder for the run");
            let mut trainer = trainer(&folder.path().join("run"), &gan, gan.config(), policy);

            group.throughput(Throughput::Elements(gan.images_per_step()));
            group.bench_function(format!("{preset} {precision}"), |bencher| {
                bencher.iter(|| trainer.advance(&mut gan, &mut data).expect("a step"));
            });
        }
    }
    group.finish();
}

/// Points of the whole plane: what a step costs besides its networks.
fn vanilla(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("vanilla");
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(5));
    for (preset, _) in vanilla::Config::PRESETS {
        let policy = DevicePolicy::resolve("auto", "f32", 1).expect("a device");
        policy.apply();
        let config = vanilla::Config::preset(preset).expect("a preset");
        let shape = [config.batch, config.channels, config.size, config.size];
        let mut data = Synthetic::new(shape, 0, 1, policy.device);
        let mut gan = vanilla::Vanilla::new(config, &policy, 1).expect("a GAN");
        let folder = tempfile::tempdir().expect("a folder for the run");
        let mut trainer = trainer(&folder.path().join("run"), &gan, gan.config(), policy);
        group.throughput(Throughput::Elements(gan.images_per_step()));
        group.bench_function(*preset, |bencher| {
            bencher.iter(|| trainer.advance(&mut gan, &mut data).expect("a step"));
        });
    }
    group.finish();
}

/// Conditional networks on ten classes.
fn cgan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cgan");
    group.sample_size(10).warm_up_time(Duration::from_secs(2)).measurement_time(Duration::from_secs(10));
    for (preset, _) in cgan::Config::PRESETS {
        let policy = DevicePolicy::resolve("auto", "f32", 0).expect("a device");
        policy.apply();
        let classes = (0..10).map(|class| class.to_string()).collect();
        let preset_config = cgan::Config::preset(preset).expect("a preset");
        let config = cgan::Config { classes, condition: cgan::Condition::Classes, ..preset_config };
        let shape = [config.batch, config.channels, config.size, config.size];
        let mut data = Synthetic::new(shape, 10, 1, policy.device);
        let mut gan = cgan::Cgan::new(config, &policy, 1).expect("a GAN");
        let folder = tempfile::tempdir().expect("a folder for the run");
        let mut trainer = trainer(&folder.path().join("run"), &gan, gan.config(), policy);
        group.throughput(Throughput::Elements(gan.images_per_step()));
        group.bench_function(*preset, |bencher| {
            bencher.iter(|| trainer.advance(&mut gan, &mut data).expect("a step"));
        });
    }
    group.finish();
}

/// Two domains and back; the paper's presets at batch 1.
fn cyclegan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cyclegan");
    group.sample_size(10).warm_up_time(Duration::from_secs(2)).measurement_time(Duration::from_secs(10));
    for (preset, _) in cyclegan::Config::PRESETS {
        let policy = DevicePolicy::resolve("auto", "f32", 0).expect("a device");
        policy.apply();
        let config = cyclegan::Config::preset(preset).expect("a preset");
        let shape = [config.batch, config.channels_a, config.size, config.size];
        let mut data = Synthetic::pairs([shape; 2], 1, policy.device);
        let mut gan = cyclegan::CycleGan::new(config, &policy, 1).expect("a GAN");
        let folder = tempfile::tempdir().expect("a folder for the run");
        let mut trainer = trainer(&folder.path().join("run"), &gan, gan.config(), policy);
        group.throughput(Throughput::Elements(gan.images_per_step()));
        group.bench_function(*preset, |bencher| {
            bencher.iter(|| trainer.advance(&mut gan, &mut data).expect("a step"));
        });
    }
    group.finish();
}

/// Pairs, and super-resolution.
fn pix2pix(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pix2pix");
    group.sample_size(10).warm_up_time(Duration::from_secs(2)).measurement_time(Duration::from_secs(10));
    for (preset, _) in pix2pix::Config::PRESETS {
        let policy = DevicePolicy::resolve("auto", "f32", 0).expect("a device");
        policy.apply();
        let config = pix2pix::Config::preset(preset).expect("a preset");
        let (size, small) = (config.size, config.size / config.scale);
        let sides =
            [[config.batch, config.channels_a, small, small], [config.batch, config.channels_b, size, size]];
        let mut data = Synthetic::pairs(sides, 1, policy.device);
        let mut gan = pix2pix::Pix2Pix::new(config, &policy, 1).expect("a GAN");
        let folder = tempfile::tempdir().expect("a folder for the run");
        let mut trainer = trainer(&folder.path().join("run"), &gan, gan.config(), policy);
        group.throughput(Throughput::Elements(gan.images_per_step()));
        group.bench_function(*preset, |bencher| {
            bencher.iter(|| trainer.advance(&mut gan, &mut data).expect("a step"));
        });
    }
    group.finish();
}

fn trainer<V: Variant>(run: &Path, gan: &V, config: &impl Serialize, policy: DevicePolicy) -> Trainer {
    let run = RunDir::create(run, "").expect("a run");
    let train = TrainConfig {
        images: u64::MAX,
        checkpoint_images: 0,
        preview_images: 0,
        evaluate_images: 0,
        ..TrainConfig::default()
    };
    let identity = Identity::of(gan, config).expect("an identity");
    Trainer::new(train, policy, run, identity).expect("a trainer")
}

criterion_group!(benches, cgan, cyclegan, dcgan, pix2pix, vanilla);
criterion_main!(benches);
