//! The pieces around a network that every run pays for: Adam, the moving average, pictures, curves.
//!
//! `cargo bench --bench ops`; add a word to run only the benchmarks that contain it.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dcgan::{Config, Generator};
use gan_core::device::DevicePolicy;
use gan_core::ema::{Ema, EmaConfig};
use gan_core::nn::Parameters;
use gan_core::optim::{Adam, AdamConfig};
use gan_report::{Grid, LogLine, Moments, Picture, draw_curves, encode_png, grid};
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

criterion_group!(benches, optimisers, pictures);
criterion_main!(benches);
