//! The contract of every variant, and the reference implementation on recorded tensors.

use gan_core::augment::DiffAugment;
use gan_core::clock::Clock;
use gan_core::comm::Solo;
use gan_core::data::{PairBatch, Source, Synthetic};
use gan_core::device::DevicePolicy;
use gan_core::ema::EmaConfig;
use gan_core::error::Result;
use gan_core::loss::AdversarialLoss;
use gan_core::optim::AdamConfig;
use gan_core::recorder::Recorder;
use gan_core::step::StepCtx;
use gan_core::translation::{GeneratorKind, Norm};
use gan_core::variant::{Direction, Translate, Variant};
use gan_testkit::contract::{self, Subject};
use gan_testkit::golden::Golden;
use gan_testkit::replay::{self, Recorded};
use gan_testkit::{device, reference};
use pix2pix::{Config, Pix2Pix};
use tch::{Kind, Tensor};

fn tiny() -> Config {
    Config {
        size: 32,
        width: 40,
        generator: GeneratorKind::Unet32,
        generator_width: 2,
        discriminator_layers: 2,
        discriminator_width: 2,
        ..Config::default()
    }
}

/// The sides of a batch.
fn sides(config: &Config) -> [[i64; 4]; 2] {
    let ([height, width], scale) = (config.image(), config.scale);
    let given = [config.batch, config.channels_a, height / scale, width / scale];
    [given, [config.batch, config.channels_b, height, width]]
}

#[test]
fn the_contract_is_kept() {
    let policy = contract::policy();
    let averaged = EmaConfig { half_life_images: 20.0, ramp_up: 0.0, ..EmaConfig::default() };
    let augment = DiffAugment { translation: true, ..DiffAugment::default() };
    let inpainting = Config { channels_a: 4, batch: 2, norm: Norm::Instance, augment, ..tiny() };
    let enlarging = Config {
        generator: GeneratorKind::SuperResolution,
        scale: 4,
        loss: AdversarialLoss::LeastSquares,
        ema: averaged,
        ..tiny()
    };
    let enlarged_first = Config { scale: 2, conditional: false, ..tiny() };
    for config in [tiny(), inpainting, enlarging, enlarged_first] {
        contract::check(&Subject {
            variant: &|seed| Pix2Pix::new(config.clone(), &policy, seed).expect("pix2pix"),
            source: &|| Box::new(Synthetic::pairs(sides(&config), 5, device())),
        });
    }
}

#[test]
fn by_pixels_alone_there_is_no_discriminator() {
    let config = Config { adversarial: 0.0, ..tiny() };
    let policy = reference();
    let mut gan = Pix2Pix::new(config.clone(), &policy, 1).expect("pix2pix");
    let weights = |gan: &Pix2Pix, player: usize| -> Vec<Tensor> {
        gan.players()[player].parameters().trainable().iter().map(|weight| weight.copy()).collect()
    };
    let before = [weights(&gan, 0), weights(&gan, 1)];
    let recorder = Recorder::default();
    let ctx = StepCtx::new(Clock::default(), &policy, &Solo, &recorder, 1);
    gan.step(&ctx, &mut Synthetic::pairs(sides(&config), 5, device())).expect("step");
    assert!(weights(&gan, 0) != before[0] && weights(&gan, 1) == before[1]);
}

/// Images that are right in the heavy pixels and wrong in the others lose little.
#[test]
fn heavy_pixels_count_more() {
    let config = tiny();
    let policy = reference();
    let loss = |weight: Option<Tensor>| {
        struct Weighted(gan_core::data::SyntheticPairs, Option<Tensor>);
        impl Source<PairBatch> for Weighted {
            fn next(&mut self) -> Result<PairBatch> {
                let weight = self.1.as_ref().map(Tensor::shallow_clone);
                Ok(PairBatch { weight, ..self.0.next()? })
            }
            fn position(&self) -> u64 {
                0
            }
            fn seek(&mut self, _: u64) -> Result<()> {
                Ok(())
            }
        }
        let mut gan = Pix2Pix::new(config.clone(), &policy, 1).expect("pix2pix");
        let recorder = Recorder::default();
        let ctx = StepCtx::new(Clock::default(), &policy, &Solo, &recorder, 1);
        let mut data = Weighted(Synthetic::pairs(sides(&config), 5, device()), weight);
        gan.step(&ctx, &mut data).expect("step");
        let read = recorder.drain();
        read.iter().find(|(name, _)| name == "loss/pixels").expect("recorded").1.mean
    };
    let even = Tensor::full([1, 1, 32, 40], 2.0, (Kind::Float, device()));
    let left = Tensor::zeros([1, 1, 32, 40], (Kind::Float, device()));
    let _ = left.narrow(3, 0, 20).fill_(1.0);
    let right = left.ones_like() - &left;
    assert!((loss(None) - loss(Some(even))).abs() < 1e-4);
    let mean = (loss(Some(left)) + loss(Some(right))) / 2.0;
    assert!((loss(None) - mean).abs() < 1e-3, "halves are the whole: {mean}");
}

#[test]
fn the_way_back_is_refused_in_a_sentence() {
    let gan = Pix2Pix::new(tiny(), &reference(), 1).expect("pix2pix");
    let images = Tensor::zeros([1, 3, 50, 33], (Kind::Float, device()));
    assert_eq!(gan.translate(&images, Direction::A2b).expect("translate").size(), [1, 3, 50, 33]);
    let error = gan.translate(&images, Direction::B2a).expect_err("refused").to_string();
    assert!(error.contains("one way") && error.contains("a2b"), "{error}");
}

/// The counts of the authors' networks at 256 pixels: ngf = ndf = 64.
#[test]
fn parameter_counts_are_the_authors() {
    let gan = Pix2Pix::new(Config::default(), &reference(), 1).expect("pix2pix");
    let counts: Vec<usize> = gan.players().iter().map(|player| player.parameters().count()).collect();
    assert_eq!(counts, [54_413_955, 2_768_705]);
}

/// To the last recorded digit in the recorded memory layout; in the one of real runs as far as their first step can agree.
#[test]
fn training_steps_are_the_reference() {
    let golden = Golden::open("pix2pix_steps");
    for channels_last in [false, true] {
        let policy = DevicePolicy { channels_last, threads: 2, ..reference() };
        let mut gan = Pix2Pix::new(golden_config(&golden), &policy, 1).expect("pix2pix");
        for (player, net) in gan.players().into_iter().zip(["G", "D"]) {
            player.parameters().load(&golden.under(&format!("state/{net}/"))).expect("reference names");
            assert_eq!(player.parameters().trainable_names(), golden.parameter_names(net));
        }
        let steps = golden.integer("steps");
        let batch = |k| PairBatch {
            a: golden.tensor(&format!("step{k}/in/A")),
            b: golden.tensor(&format!("step{k}/in/B")),
            weight: None,
        };
        let mut data = Recorded::new((0..steps).map(batch));
        for k in (0..steps).filter(|k| *k == 0 || !channels_last) {
            let draws = golden.draws(&format!("step{k}/rng/"));
            let draws = draws.into_iter().map(|kept| kept.to_kind(Kind::Float));
            let record = replay::step(&mut gan, &policy, &mut data, k, draws);
            let losses = [
                ("G", "loss/generator"),
                ("G_GAN", "loss/adversarial"),
                ("G_L1", "loss/pixels"),
                ("D", "loss/discriminator"),
            ];
            for (name, ours) in losses {
                golden.check(&format!("step{k}/loss/{name}"), &record.scalar(ours));
            }
            for (player, net) in [("generator", "G"), ("discriminator", "D")] {
                let norms = record.gradient_norms(player, &golden.parameter_names(net));
                let key = format!("step{k}/gradnorm/{net}");
                match channels_last {
                    true => golden.check_roughly(&key, &norms),
                    false => golden.check(&key, &norms),
                }
            }
        }
        if !channels_last {
            for (player, net) in gan.players().into_iter().zip(["G", "D"]) {
                golden.check_state(net, &player.parameters().named());
            }
        }
    }
}

fn golden_config(golden: &Golden) -> Config {
    let adam = AdamConfig::new(golden.number("lr"), 0.5);
    let (a, b) = (golden.tensor("step0/in/A").size(), golden.tensor("step0/in/B").size());
    Config {
        size: b[2],
        width: b[3],
        channels_a: a[1],
        channels_b: b[1],
        batch: golden.integer("batch"),
        generator: match golden.config()["netG"].as_str() {
            Some("unet_128") => GeneratorKind::Unet128,
            Some("unet_256") => GeneratorKind::Unet256,
            other => panic!("{other:?}"),
        },
        generator_width: golden.integer("ngf"),
        discriminator_width: golden.integer("ndf"),
        l1: golden.number("lambda_L1"),
        generator_optimizer: adam,
        discriminator_optimizer: adam,
        ..Config::default()
    }
}
