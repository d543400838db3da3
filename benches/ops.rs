//! The pieces that every run pays for: convolutions and modulated ones, Adam, the moving average, adaptive augmentation,
//! pictures, curves.
//!
//! `cargo bench --bench ops`; add a word to run only the benchmarks that contain it.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dcgan::{Config, Generator};
use gan_core::augment::AdaPipe;
use gan_core::device::DevicePolicy;
use gan_core::ema::{Ema, EmaConfig};
use gan_core::nn::Parameters;
use gan_core::optim::{Adam, AdamConfig};
use gan_core::random::Streams;
use gan_report::{Grid, LogLine, Moments, Picture, draw_curves, encode_png, grid};
use gan_sys::convolution::convolution;
use gan_sys::format::channels_last;
use tch::{Device, Kind, Tensor};

/// The 3.6 million weights of DCGAN's generator at 64 pixels.
fn weights() -> Parameters {
    let mut weights = Parameters::new(&DevicePolicy::reference(), 1);
    Generator::new(weights.root(), &Config::default()).expect("a generator of the default configuration");
    weights
}

fn optimisers(criterion: &mut Criterion) {
    DevicePolicy::resolve("cpu", "f32", 0).expect("the CPU").apply();
    let (weights, average) = (weights(), weights());
    let mut group = criterion.benchmark_group("weights");
    group.throughput(Throughput::Elements(weights.count() as u64));

    let parameters = weights.trainable();
    let gradients: Vec<Tensor> =
        parameters.iter().map(|parameter| parameter.detach().ones_like() * 1e-3).collect();
    let mut adam = Adam::new(AdamConfig::new(2e-4, 0.5), &parameters).expect("moments");
    let keep = Tensor::zeros([], (Kind::Float, Device::Cpu));
    group.bench_function("fused Adam", |bencher| {
        bencher.iter(|| tch::no_grad(|| adam.step(&parameters, &gradients, &keep, 0)).expect("an update"));
    });

    let config = EmaConfig { half_life_images: 10_000.0, ramp_up: 0.0, ..EmaConfig::default() };
    let mut ema = Ema::new(config, average, &weights).expect("an average");
    group.bench_function("moving average", |bencher| {
        bencher.iter(|| tch::no_grad(|| ema.update(&weights, 64, 64_000)).expect("an update"));
    });
    group.finish();
}

/// DCGAN's second layer at 64 pixels, forward and both gradients: `gan-sys` beside LibTorch's own kernels.
fn convolutions(criterion: &mut Criterion) {
    let policy = DevicePolicy::resolve("cpu", "f32", 0).expect("the CPU");
    policy.apply();
    let leaf = |shape: &[i64]| {
        let drawn = Tensor::randn(shape, (Kind::Float, Device::Cpu));
        channels_last(&drawn).expect("channels-last").set_requires_grad(true)
    };
    let (images, weight) = (leaf(&[64, 64, 32, 32]), leaf(&[128, 64, 4, 4]));
    let gradients =
        |y: Tensor| Tensor::run_backward(&[y.sum(Kind::Float)], &[&images, &weight], false, false);
    let mut group = criterion.benchmark_group("convolution 64 to 128 channels, 4x4, stride 2");
    group.sample_size(20);
    group.bench_function("gan-sys", |bencher| {
        bencher.iter(|| gradients(convolution(&images, &weight, None, (2, 1), false).expect("an output")));
    });
    group.bench_function("LibTorch", |bencher| {
        bencher.iter(|| gradients(images.conv2d(&weight, None::<&Tensor>, [2, 2], [1, 1], [1, 1], 1)));
    });
    group.finish();
}

/// A modulated convolution of 16 images, there and back: styles on what goes in and comes out of one shared convolution, which is
/// ours, beside a weight for each image in a grouped one (Karras et al. 2020, appendix B).
fn modulation(criterion: &mut Criterion) {
    DevicePolicy::resolve("cpu", "f32", 0).expect("the CPU").apply();
    let mut group = criterion.benchmark_group("modulated convolution of 16 images");
    group.sample_size(10);
    for (channels, size) in [(512, 8), (128, 32)] {
        let leaf = |shape: &[i64]| Tensor::randn(shape, (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let (weight, styles) = (leaf(&[channels, channels, 3, 3]), leaf(&[16, channels]));
        let drawn = Tensor::randn([16, channels, size, size], (Kind::Float, Device::Cpu));
        let images = channels_last(&drawn).expect("channels-last").set_requires_grad(true);
        let lengths = || {
            // Σ over inputs and taps of (w s)², from the taps' sums.
            let squares = weight.square().sum_dim_intlist([2i64, 3].as_slice(), false, Kind::Float);
            (styles.square().matmul(&squares.tr()) + 1e-8).rsqrt() // [16, outputs]
        };
        let there_and_back = |forward: &dyn Fn() -> Tensor| {
            let loss = forward().square().sum(Kind::Float);
            Tensor::run_backward(&[loss], &[&images, &weight, &styles], false, false)
        };
        group.bench_function(format!("shared, {channels} channels, {size}x{size}"), |bencher| {
            let forward = || {
                let x = &images * styles.view([16, channels, 1, 1]);
                let y = convolution(&x, &weight, None, (1, 1), false).expect("an output");
                y * lengths().view([16, channels, 1, 1])
            };
            bencher.iter(|| there_and_back(&forward));
        });
        group.bench_function(format!("grouped, {channels} channels, {size}x{size}"), |bencher| {
            let forward = || {
                let own = weight.unsqueeze(0) * styles.view([16, 1, channels, 1, 1]);
                let own = own * lengths().view([16, channels, 1, 1, 1]);
                let own = own.reshape([16 * channels, channels, 3, 3]);
                let x = images.reshape([1, 16 * channels, size, size]);
                x.conv2d(&own, None::<&Tensor>, [1, 1], [1, 1], [1, 1], 16)
            };
            bencher.iter(|| there_and_back(&forward));
        });
    }
    group.finish();
}

/// The pipe `bgc` on 16 images at a probability of 0.5, there and back; `benches/pytorch/ada.py` run as a program times the peer's.
fn augmentation(criterion: &mut Criterion) {
    DevicePolicy::resolve("cpu", "f32", 0).expect("the CPU").apply();
    let (half, mut step) = (Tensor::from(0.5f32), 0);
    let mut group = criterion.benchmark_group("augmentation bgc of 16 images");
    group.sample_size(20);
    for size in [32, 64] {
        let drawn = Tensor::rand([16, 3, size, size], (Kind::Float, Device::Cpu)) * 2.0 - 1.0;
        let images = channels_last(&drawn).expect("channels-last").set_requires_grad(true);
        let mut apply = || {
            step += 1;
            let noise = Streams::new(1, step, 0, Device::Cpu);
            AdaPipe::BGC.apply(&noise, &images, &half).expect("augmented images")
        };
        group.bench_function(format!("{size}x{size}"), |bencher| {
            bencher.iter(|| tch::no_grad(&mut apply));
        });
        group.bench_function(format!("{size}x{size} and its gradient"), |bencher| {
            bencher.iter(|| {
                let loss = apply().square().sum(Kind::Float);
                Tensor::run_backward(&[loss], &[&images], false, false)
            });
        });
    }
    group.finish();
}

fn pictures(criterion: &mut Criterion) {
    let tiles: Vec<Picture> = (0..64_u32).map(tile).collect();
    let sheet = grid(&tiles, &Grid::default()).expect("a sheet");
    let mut group = criterion.benchmark_group("pictures");
    group.throughput(Throughput::Bytes(sheet.pixels.len() as u64));
    group.bench_function("grid of 64", |bencher| bencher.iter(|| grid(black_box(&tiles), &Grid::default())));
    group.bench_function("PNG of a grid of 64", |bencher| bencher.iter(|| encode_png(black_box(&sheet))));
    group.finish();

    let moments = |mean: f64| Moments { mean, std: 0.1, count: 32 };
    let lines: Vec<LogLine> = (1..=10_000_u64)
        .map(|index| LogLine {
            step: index * 32,
            images: index * 2048,
            seconds: index as f64,
            images_per_second: 2048.0,
            values: ["loss/generator", "loss/discriminator", "score/real", "score/fake"]
                .iter()
                .map(|name| (name.to_string(), moments((index as f64 * 0.37).sin())))
                .collect(),
        })
        .collect();
    let mut group = criterion.benchmark_group("curves");
    group.sample_size(20);
    group.bench_function("10,000 reports", |bencher| bencher.iter(|| draw_curves(black_box(&lines), "run")));
    group.finish();
}

/// A 64x64 picture with slopes and noise, about as hard to compress as a sample.
fn tile(seed: u32) -> Picture {
    let pixels = (0..64 * 64 * 3_u32)
        .map(|index| (index / 97 + (index.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 28)) as u8)
        .collect();
    Picture { width: 64, height: 64, channels: 3, pixels }
}

criterion_group!(benches, convolutions, optimisers, modulation, augmentation, pictures);
criterion_main!(benches);
