//! The contract suite, and the reference implementation's recorded tensors.

use dcgan::{Config, Dcgan, Discriminator, Generator};
use gan_core::clock::Clock;
use gan_core::comm::Solo;
use gan_core::data::{ImageBatch, Source, Synthetic};
use gan_core::device::DevicePolicy;
use gan_core::ema::EmaConfig;
use gan_core::error::Result;
use gan_core::loss::AdversarialLoss;
use gan_core::nn::{Mode, Parameters};
use gan_core::optim::AdamConfig;
use gan_core::random::Streams;
use gan_core::recorder::Recorder;
use gan_core::step::StepCtx;
use gan_core::variant::Variant;
use gan_testkit::contract::{self, Subject};
use gan_testkit::golden::Golden;
use tch::{Device, Tensor};

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
    for loss in [AdversarialLoss::NonSaturating, AdversarialLoss::Hinge] {
        contract::check(&Subject {
            variant: &|seed| Dcgan::new(Config { loss, ..tiny() }, &policy, seed).expect("dcgan"),
            source: &|| Box::new(Synthetic::new([4, 2, 16, 16], 0, 5, Device::Cpu)),
        });
    }
}

#[test]
fn every_size_and_channel_count_fits_together() {
    for size in [16, 32, 64, 128, 256] {
        for channels in 1..=4 {
            let config =
                Config { size, channels, generator_width: 1, discriminator_width: 1, latent: 3, ..tiny() };
            let mut weights = Parameters::new(&DevicePolicy::reference(), 1);
            let mut root = weights.root();
            let generator = Generator::new(root.sub("g"), &config).expect("generator");
            let discriminator = Discriminator::new(root.sub("d"), &config).expect("discriminator");
            let z = Tensor::zeros([2, 3], (tch::Kind::Float, Device::Cpu));
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
    let gan = Dcgan::new(Config::default(), &DevicePolicy::reference(), 1).expect("dcgan");
    let counts: Vec<usize> = gan.players().iter().map(|player| player.parameters().count()).collect();
    assert_eq!(counts, [3_576_704, 2_765_568]);
}

#[test]
fn forward_passes_are_the_reference() {
    let golden = Golden::open("dcgan");
    let config = golden_config(&golden);
    for mode in [Mode::Train, Mode::Eval] {
        let mut weights = Parameters::new(&DevicePolicy::reference(), 1);
        let generator = Generator::new(weights.root(), &config).expect("generator");
        weights.load(&golden.under("state/G/")).expect("reference names");
        let mut d_weights = Parameters::new(&DevicePolicy::reference(), 1);
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

/// Plays the golden's batches.
struct Recorded(Vec<Tensor>);

impl Source<ImageBatch> for Recorded {
    fn next(&mut self) -> Result<ImageBatch> {
        Ok(ImageBatch { images: self.0.remove(0), labels: None, attributes: None })
    }
    fn position(&self) -> u64 {
        0
    }
    fn seek(&mut self, _: u64) -> Result<()> {
        Ok(())
    }
}

#[test]
fn training_steps_are_the_reference() {
    let golden = Golden::open("dcgan");
    for channels_last in [false, true] {
        let policy = DevicePolicy { channels_last, threads: 2, ..DevicePolicy::reference() };
        let mut gan = Dcgan::new(golden_config(&golden), &policy, 1).expect("dcgan");
        for (player, net) in gan.players().into_iter().zip(["G", "D"]) {
            player.parameters().load(&golden.under(&format!("state/{net}/"))).expect("reference names");
            assert_eq!(player.parameters().trainable_names(), golden.parameter_names(net));
        }
        let steps = golden.integer("steps");
        let mut data = Recorded((0..steps).map(|k| golden.tensor(&format!("step{k}/in/real"))).collect());
        for k in 0..steps {
            let recorder = Recorder::default();
            recorder.detailed.set(true);
            let clock = Clock { step: k as u64, images: 0 };
            let noise = Streams::replaying(golden.draws(&format!("step{k}/rng/")));
            let ctx = StepCtx::new(clock, &policy, &Solo, &recorder, 1).with_noise(noise);
            gan.step(&ctx, &mut data).expect("step");

            let read = recorder.drain();
            let mean = |name: &str| {
                let found = read.iter().find(|(other, _)| other == name);
                found.unwrap_or_else(|| panic!("{name} was not recorded")).1.mean as f32
            };
            let losses = [
                ("errD", mean("loss/discriminator")),
                ("errG", mean("loss/generator")),
                ("D_x", mean("score/real")),
                ("D_G_z1", mean("score/fake")),
            ];
            for (name, value) in losses {
                golden.check(&format!("step{k}/loss/{name}"), &Tensor::from(value));
            }
            for (player, net) in [("generator", "G"), ("discriminator", "D")] {
                let norms: Vec<f32> = golden
                    .parameter_names(net)
                    .iter()
                    .map(|name| mean(&format!("gradient_norm/{player}/{name}")))
                    .collect();
                golden.check(&format!("step{k}/gradnorm/{net}"), &Tensor::from_slice(&norms));
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
