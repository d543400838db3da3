//! The contract suite, and the reference implementation's recorded tensors.

use dcgan::{Config, Dcgan, Discriminator, Generator};
use gan_core::augment::{AdaConfig, AdaPipe};
use gan_core::data::{ImageBatch, Synthetic};
use gan_core::device::DevicePolicy;
use gan_core::ema::EmaConfig;
use gan_core::game::GameConfig;
use gan_core::loss::AdversarialLoss;
use gan_core::nn::{Mode, Parameters};
use gan_core::optim::AdamConfig;
use gan_core::variant::Variant;
use gan_testkit::contract::{self, Subject};
use gan_testkit::golden::Golden;
use gan_testkit::replay::{self, Recorded};
use gan_testkit::{device, reference};
use tch::Tensor;

fn tiny() -> Config {
    Config {
        size: 16,
        channels: 2,
        latent: 8,
        generator_width: 4,
        discriminator_width: 4,
        batch: 4,
        ema: EmaConfig { half_life_images: 20.0, ramp_up: 0.0, ..EmaConfig::default() },
        ..Config::default()
    }
}

#[test]
fn the_contract_is_kept() {
    let policy = contract::policy();
    let bg = AdaPipe::of("bg").expect("a pipe");
    let ada = AdaConfig { pipe: bg, interval: 1, speed_images: 20.0, ..AdaConfig::default() };
    let adaptive = GameConfig { ada, ..GameConfig::default() };
    for (loss, game) in [
        (AdversarialLoss::NonSaturating, GameConfig::default()),
        (AdversarialLoss::Hinge, GameConfig::default()),
        (AdversarialLoss::NonSaturating, adaptive),
    ] {
        let config = Config { loss, game, ..tiny() };
        let subject = Subject {
            variant: &|seed| Dcgan::new(config.clone(), &policy, seed).expect("dcgan"),
            source: &|| Box::new(Synthetic::new([4, 2, 16, 16], 0, 5, device())),
        };
        contract::check(&subject);
        contract::check_generator(&subject, &config, &|checkpoint, weights| {
            Dcgan::load_generator(&policy, checkpoint, weights)
        });
    }
}

#[test]
fn every_size_and_channel_count_fits_together() {
    for size in [16, 32, 64, 128, 256] {
        for channels in 1..=4 {
            let config =
                Config { size, channels, generator_width: 1, discriminator_width: 1, latent: 3, ..tiny() };
            let mut weights = Parameters::new(&reference(), 1);
            let mut root = weights.root();
            let generator = Generator::new(root.sub("g"), &config).expect("generator");
            let discriminator = Discriminator::new(root.sub("d"), &config).expect("discriminator");
            let z = Tensor::zeros([2, 3], (tch::Kind::Float, device()));
            let images = generator.forward(&z, Mode::Train).expect("images");
            assert_eq!(images.size(), [2, channels, size, size]);
            assert_eq!(discriminator.forward(&images, Mode::Train).expect("logits").size(), [2]);
            assert!(discriminator.forward(&z, Mode::Train).is_err());
            assert!(generator.forward(&images, Mode::Train).is_err());
        }
    }
}

/// The published counts of the example's networks at 64x64x3: nz 100, ngf = ndf = 64.
#[test]
fn parameter_counts_are_the_examples() {
    let gan = Dcgan::new(Config::default(), &reference(), 1).expect("dcgan");
    let counts: Vec<usize> = gan.players().iter().map(|player| player.parameters().count()).collect();
    assert_eq!(counts, [3_576_704, 2_765_568]);
}

#[test]
fn forward_passes_are_the_reference() {
    let golden = Golden::open("dcgan");
    let config = golden_config(&golden);
    for mode in [Mode::Train, Mode::Eval] {
        let mut weights = Parameters::new(&reference(), 1);
        let generator = Generator::new(weights.root(), &config).expect("generator");
        weights.load(&golden.under("state/G/")).expect("reference names");
        let mut d_weights = Parameters::new(&reference(), 1);
        let discriminator = Discriminator::new(d_weights.root(), &config).expect("discriminator");
        d_weights.load(&golden.under("state/D/")).expect("reference names");

        let name = if mode == Mode::Train { "train" } else { "eval" };
        let images = generator.forward(&golden.tensor("in/z"), mode).expect("images");
        golden.check(&format!("out/{name}/G"), &images);
        let logits = discriminator.forward(&golden.tensor("in/x"), mode).expect("logits");
        golden.check(&format!("out/{name}/D"), &logits.sigmoid());
        if mode == Mode::Train {
            for (net, store) in [("G", &weights), ("D", &d_weights)] {
                for entry in store.entries().iter().filter(|entry| !entry.trainable) {
                    golden.check(&format!("out/train/{net}_buffers/{}", entry.name), &entry.tensor);
                }
            }
        }
    }
}

#[test]
fn training_steps_are_the_reference() {
    let golden = Golden::open("dcgan");
    for channels_last in [false, true] {
        let policy = DevicePolicy { channels_last, threads: 2, ..reference() };
        let mut gan = Dcgan::new(golden_config(&golden), &policy, 1).expect("dcgan");
        for (player, net) in gan.players().into_iter().zip(["G", "D"]) {
            player.parameters().load(&golden.under(&format!("state/{net}/"))).expect("reference names");
            assert_eq!(player.parameters().trainable_names(), golden.parameter_names(net));
        }
        let steps = golden.integer("steps");
        let batch = |k| ImageBatch {
            images: golden.tensor(&format!("step{k}/in/real")),
            labels: None,
            attributes: None,
        };
        let mut data = Recorded::new((0..steps).map(batch));
        for k in 0..steps {
            let draws = golden.draws(&format!("step{k}/rng/"));
            let record = replay::step(&mut gan, &policy, &mut data, k, draws);
            let losses = [
                ("errD", "loss/discriminator"),
                ("errG", "loss/generator"),
                ("D_x", "score/real"),
                ("D_G_z1", "score/fake"),
            ];
            for (name, ours) in losses {
                golden.check(&format!("step{k}/loss/{name}"), &record.scalar(ours));
            }
            for (player, net) in [("generator", "G"), ("discriminator", "D")] {
                let norms = record.gradient_norms(player, &golden.parameter_names(net));
                golden.check(&format!("step{k}/gradnorm/{net}"), &norms);
            }
        }
        // Adam's first update is the gradient's sign: where a gradient is almost 0, other kernels' rounding moves a
        // weight by the whole step. Losses and gradients must agree in both layouts, single weights in the recorded one.
        if !channels_last {
            for (player, net) in gan.players().into_iter().zip(["G", "D"]) {
                golden.check_state(net, &player.parameters().named());
            }
        }
    }
}

fn golden_config(golden: &Golden) -> Config {
    let adam = AdamConfig::new(golden.number("lr"), golden.number("beta1"));
    Config {
        size: golden.tensor("in/x").size()[2],
        channels: golden.integer("nc"),
        latent: golden.integer("nz"),
        generator_width: golden.integer("ngf"),
        discriminator_width: golden.integer("ndf"),
        batch: golden.integer("batch"),
        generator_optimizer: adam,
        discriminator_optimizer: adam,
        ..Config::default()
    }
}
