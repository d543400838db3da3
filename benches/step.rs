//! Whole training steps of every preset, as a run does them: step, averages, clock, log.
//!
//! `cargo bench --bench step`; add a word to run only the benchmarks that contain it.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dcgan::{Config, Dcgan};
use gan_core::data::{Source, Synthetic};
use gan_core::device::DevicePolicy;
use gan_core::trainer::{Identity, RunDir, TrainConfig, Trainer};
use gan_core::variant::Variant;

fn dcgan(criterion: &mut Criterion) {
    for (preset, _) in Config::PRESETS {
        for precision in ["f32", "bf16"] {
            let policy = policy(precision, 0);
            let config = Config::preset(preset).expect("a preset");
            let shape = [config.batch, config.channels, config.size, config.size];
            let gan = Dcgan::new(config, &policy, 1).expect("a GAN");
            let data = Synthetic::new(shape, 0, 1, policy.device);
            steps(criterion, ("dcgan", &format!("{preset} {precision}")), gan, data, policy);
        }
    }
}

/// Points of the whole plane: what a step costs besides its networks.
fn vanilla(criterion: &mut Criterion) {
    for (preset, _) in vanilla::Config::PRESETS {
        let policy = policy("f32", 1);
        let config = vanilla::Config::preset(preset).expect("a preset");
        let shape = [config.batch, config.channels, config.size, config.size];
        let gan = vanilla::Vanilla::new(config, &policy, 1).expect("a GAN");
        steps(criterion, ("vanilla", preset), gan, Synthetic::new(shape, 0, 1, policy.device), policy);
    }
}

/// Conditional networks on ten classes.
fn cgan(criterion: &mut Criterion) {
    for (preset, _) in cgan::Config::PRESETS {
        let policy = policy("f32", 0);
        let classes = (0..10).map(|class| class.to_string()).collect();
        let preset_config = cgan::Config::preset(preset).expect("a preset");
        let config = cgan::Config { classes, condition: cgan::Condition::Classes, ..preset_config };
        let shape = [config.batch, config.channels, config.size, config.size];
        let gan = cgan::Cgan::new(config, &policy, 1).expect("a GAN");
        steps(criterion, ("cgan", preset), gan, Synthetic::new(shape, 10, 1, policy.device), policy);
    }
}

/// The presets of 32 pixels: the others are for machines with more memory.
fn biggan(criterion: &mut Criterion) {
    for (preset, _) in biggan::Config::PRESETS {
        let policy = policy("f32", 0);
        let classes = (0..10).map(|class| class.to_string()).collect();
        let config = biggan::Config { classes, ..biggan::Config::preset(preset).expect("a preset") };
        if config.size > 32 {
            continue;
        }
        let shape = [config.batch, config.channels, config.size, config.size];
        let gan = biggan::BigGan::new(config, &policy, 1).expect("a GAN");
        steps(criterion, ("biggan", preset), gan, Synthetic::new(shape, 10, 1, policy.device), policy);
    }
}

/// Two domains and back; the paper's presets at batch 1.
fn cyclegan(criterion: &mut Criterion) {
    for (preset, _) in cyclegan::Config::PRESETS {
        let policy = policy("f32", 0);
        let config = cyclegan::Config::preset(preset).expect("a preset");
        let shape = [config.batch, config.channels_a, config.size, config.size];
        let gan = cyclegan::CycleGan::new(config, &policy, 1).expect("a GAN");
        steps(criterion, ("cyclegan", preset), gan, Synthetic::pairs([shape; 2], 1, policy.device), policy);
    }
}

/// Pairs, and super-resolution.
fn pix2pix(criterion: &mut Criterion) {
    for (preset, _) in pix2pix::Config::PRESETS {
        let policy = policy("f32", 0);
        let config = pix2pix::Config::preset(preset).expect("a preset");
        let (size, small) = (config.size, config.size / config.scale);
        let a = [config.batch, config.channels_a, small, small];
        let b = [config.batch, config.channels_b, size, size];
        let gan = pix2pix::Pix2Pix::new(config, &policy, 1).expect("a GAN");
        steps(criterion, ("pix2pix", preset), gan, Synthetic::pairs([a, b], 1, policy.device), policy);
    }
}

/// The small presets: the others are for machines with more memory.
fn stylegan(criterion: &mut Criterion) {
    for (preset, _) in stylegan::Config::PRESETS.iter().filter(|(preset, _)| preset.starts_with("small")) {
        let policy = policy("f32", 0);
        let config = stylegan::Config::preset(preset).expect("a preset");
        let shape = [config.batch, config.channels, config.size, config.size];
        let gan = stylegan::StyleGan::new(config, &policy, 1).expect("a GAN");
        steps(criterion, ("stylegan", preset), gan, Synthetic::new(shape, 0, 1, policy.device), policy);
    }
}

/// Fully grown: a phase is over with the first steps.
fn stylegan1(criterion: &mut Criterion) {
    use stylegan::progressive::{Config, ProgressiveStyleGan};
    let policy = policy("f32", 0);
    let config = Config { phase_images: 1, ..Config::preset("small-32").expect("a preset") };
    let shape = [config.batch, config.channels, config.size, config.size];
    let gan = ProgressiveStyleGan::new(config, &policy, 1).expect("a GAN");
    steps(criterion, ("stylegan1", "small-32"), gan, Synthetic::new(shape, 0, 1, policy.device), policy);
}

fn policy(precision: &str, threads: usize) -> DevicePolicy {
    let policy = DevicePolicy::resolve("auto", precision, threads).expect("a device");
    policy.apply();
    policy
}

/// Steps as a run takes them.
fn steps<V: Variant>(
    criterion: &mut Criterion,
    (variant, preset): (&str, &str),
    mut gan: V,
    mut data: impl Source<V::Batch>,
    policy: DevicePolicy,
) {
    let folder = tempfile::tempdir().expect("a folder for the run");
    let run = RunDir::create(&folder.path().join("run"), "").expect("a run");
    let identity = Identity::of(&gan, &()).expect("an identity");
    let mut trainer = Trainer::new(TrainConfig::endless(), policy, run, identity).expect("a trainer");
    let mut group = criterion.benchmark_group(variant);
    group.sample_size(10).warm_up_time(Duration::from_secs(2)).measurement_time(Duration::from_secs(10));
    group.throughput(Throughput::Elements(gan.images_per_step()));
    group.bench_function(preset, |bencher| {
        bencher.iter(|| trainer.advance(&mut gan, &mut data).expect("a step"));
    });
    group.finish();
}

criterion_group!(benches, biggan, cgan, cyclegan, dcgan, pix2pix, stylegan, stylegan1, vanilla);
criterion_main!(benches);
