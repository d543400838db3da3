//! Whole training steps of every preset, as a run does them: step, averages, clock, log.
//!
//! `cargo bench --bench step`; add a word to run only the benchmarks that contain it.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dcgan::{Config, Dcgan};
use gan_core::data::Synthetic;
use gan_core::device::DevicePolicy;
use gan_core::trainer::{Identity, RunDir, TrainConfig, Trainer};
use gan_core::variant::Variant;

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
            let run = RunDir::create(&folder.path().join("run"), "").expect("a run");
            let train = TrainConfig {
                images: u64::MAX,
                checkpoint_images: 0,
                preview_images: 0,
                ..TrainConfig::default()
            };
            let identity = Identity::of(&gan, gan.config()).expect("an identity");
            let mut trainer = Trainer::new(train, policy, run, identity).expect("a trainer");

            group.throughput(Throughput::Elements(gan.images_per_step()));
            group.bench_function(format!("{preset} {precision}"), |bencher| {
                bencher.iter(|| trainer.advance(&mut gan, &mut data).expect("a step"));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, dcgan);
criterion_main!(benches);
