//! The contract of every variant, and the reference implementation on recorded tensors.

use cyclegan::{Config, CycleGan};
use gan_core::augment::DiffAugment;
use gan_core::data::{PairBatch, Source, Synthetic};
use gan_core::device::DevicePolicy;
use gan_core::ema::EmaConfig;
use gan_core::optim::AdamConfig;
use gan_core::translation::{GeneratorKind, Norm};
use gan_core::variant::{Direction, PreviewCtx, Translate, Variant};
use gan_testkit::contract::{self, Subject};
use gan_testkit::golden::Golden;
use gan_testkit::replay::{self, Recorded};
use gan_testkit::{device, reference};
use tch::Tensor;

fn tiny() -> Config {
    let adam = AdamConfig::new(2e-4, 0.5);
    Config {
        size: 24,
        width: 26,
        generator: GeneratorKind::Resnet6,
        generator_width: 2,
        discriminator_layers: 2,
        discriminator_width: 2,
        // Full after two steps, so that the third and fourth draw from it.
        pool: 2,
        generator_optimizer: adam,
        discriminator_optimizer: adam,
        ..Config::default()
    }
}

#[test]
fn the_contract_is_kept() {
    let policy = contract::policy();
    let averaged = EmaConfig { half_life_images: 20.0, ramp_up: 0.0, ..EmaConfig::default() };
    let augment = DiffAugment { translation: true, ..DiffAugment::default() };
    let unlike = Config { channels_a: 1, channels_b: 3, identity: 0.0, batch: 2, ema: averaged, ..tiny() };
    let batch_norm = Config { norm: Norm::Batch, dropout: true, augment, ..tiny() };
    for config in [tiny(), unlike, batch_norm] {
        let sides = [config.channels_a, config.channels_b].map(|channels| [config.batch, channels, 24, 26]);
        contract::check(&Subject {
            variant: &|seed| CycleGan::new(config.clone(), &policy, seed).expect("cyclegan"),
            source: &|| Box::new(Synthetic::pairs(sides, 5, device())),
        });
    }
}

#[test]
fn both_directions_keep_the_size() {
    let config = Config { channels_a: 1, channels_b: 3, identity: 0.0, ..tiny() };
    let gan = CycleGan::new(config, &reference(), 1).expect("cyclegan");
    for (direction, from, to) in [(Direction::A2b, 1, 3), (Direction::B2a, 3, 1)] {
        assert_eq!(gan.channels(direction).expect("channels"), [from, to]);
        let images = Tensor::zeros([2, from, 41, 67], (tch::Kind::Float, device()));
        let out = gan.translate(&images, direction).expect("translate");
        assert_eq!((out.size(), out.requires_grad()), (vec![2, to, 41, 67], false));
        let wrong = Tensor::zeros([2, 4, 41, 67], (tch::Kind::Float, device()));
        assert!(gan.translate(&wrong, direction).is_err());
    }
}

#[test]
fn previews_show_what_they_are_given() {
    let policy = reference();
    let mut gan = CycleGan::new(tiny(), &policy, 1).expect("cyclegan");
    let ctx = || PreviewCtx::new(policy, 1);
    assert_eq!(gan.preview(&ctx()).expect("preview").len(), 2, "made up where nothing is given");
    let pairs = Synthetic::pairs([[3, 3, 24, 26]; 2], 9, device()).next().expect("pairs");
    let real = pairs.a.shallow_clone();
    gan.show(pairs);
    let panels = gan.preview(&ctx()).expect("preview");
    assert_eq!((panels[0].images.size(), panels[0].columns), (vec![12, 3, 24, 26], 4));
    assert_eq!(panels[0].images.get(4), real.get(1), "real, fake, cycle, identity of the second image");
}

/// The counts of the authors' networks at 256 pixels: ngf = ndf = 64.
#[test]
fn parameter_counts_are_the_authors() {
    let gan = CycleGan::new(Config::default(), &reference(), 1).expect("cyclegan");
    let counts: Vec<usize> = gan.players().iter().map(|player| player.parameters().count()).collect();
    assert_eq!(counts, [2 * 11_378_179, 2 * 2_764_737]);
}

/// To the last recorded digit in the recorded memory layout; in the one of real runs as far as their first step can agree.
#[test]
fn training_steps_are_the_reference() {
    let golden = Golden::open("cyclegan_steps");
    for channels_last in [false, true] {
        let policy = DevicePolicy { channels_last, threads: 2, ..reference() };
        let mut gan = CycleGan::new(golden_config(&golden), &policy, 1).expect("cyclegan");
        let nets = [["G_A", "G_B"], ["D_A", "D_B"]];
        for (player, nets) in gan.players().into_iter().zip(nets) {
            let of = |net: &str| -> Vec<(String, Tensor)> {
                let state = golden.under(&format!("state/{net}/"));
                state.into_iter().map(|(name, tensor)| (format!("{net}.{name}"), tensor)).collect()
            };
            player
                .parameters()
                .load(&nets.map(of).into_iter().flatten().collect::<Vec<_>>())
                .expect("reference names");
            let names = nets
                .map(|net| golden.parameter_names(net).into_iter().map(move |name| format!("{net}.{name}")));
            let names: Vec<String> = names.into_iter().flatten().collect();
            assert_eq!(player.parameters().trainable_names(), names);
        }
        let steps = golden.integer("steps");
        let batch = |k| PairBatch {
            a: golden.tensor(&format!("step{k}/in/A")),
            b: golden.tensor(&format!("step{k}/in/B")),
            weight: None,
        };
        let mut data = Recorded::new((0..steps).map(batch));
        for k in 0..steps {
            let draws = golden.draws(&format!("step{k}/rng/"));
            let record = replay::step(&mut gan, &policy, &mut data, k, draws);
            // The reference names a discriminator after the generator that it judges.
            let losses = [
                ("G", "loss/generator"),
                ("G_A", "loss/adversarial_a2b"),
                ("G_B", "loss/adversarial_b2a"),
                ("cycle_A", "loss/cycle_a"),
                ("cycle_B", "loss/cycle_b"),
                ("idt_A", "loss/identity_b"),
                ("idt_B", "loss/identity_a"),
                ("D_A", "loss/discriminator_b"),
                ("D_B", "loss/discriminator_a"),
            ];
            for (name, ours) in losses {
                if k == 0 || !channels_last {
                    golden.check(&format!("step{k}/loss/{name}"), &record.scalar(ours));
                }
            }
            for (player, nets) in [("generator", nets[0]), ("discriminator", nets[1])] {
                for net in nets {
                    let names = golden.parameter_names(net);
                    let names: Vec<String> = names.iter().map(|name| format!("{net}.{name}")).collect();
                    let norms = record.gradient_norms(player, &names);
                    let key = format!("step{k}/gradnorm/{net}");
                    if !channels_last {
                        golden.check(&key, &norms);
                    } else if k == 0 {
                        golden.check_roughly(&key, &norms);
                    }
                }
            }
        }
        if !channels_last {
            for (player, nets) in gan.players().into_iter().zip(nets) {
                for net in nets {
                    let prefix = format!("{net}.");
                    let state = player.parameters().named().into_iter();
                    let state = state
                        .filter_map(|(name, tensor)| Some((name.strip_prefix(&prefix)?.to_owned(), tensor)));
                    golden.check_state(net, &state.collect::<Vec<_>>());
                }
            }
        }
    }
}

fn golden_config(golden: &Golden) -> Config {
    let adam = AdamConfig::new(golden.number("lr"), 0.5);
    let size = golden.tensor("step0/in/A").size();
    Config {
        size: size[2],
        width: size[3],
        channels_a: size[1],
        channels_b: golden.tensor("step0/in/B").size()[1],
        batch: golden.integer("batch"),
        generator: match golden.config()["netG"].as_str() {
            Some("resnet_6blocks") => GeneratorKind::Resnet6,
            other => panic!("{other:?}"),
        },
        generator_width: golden.integer("ngf"),
        discriminator_width: golden.integer("ndf"),
        norm: if golden.config()["norm"].as_str() == Some("batch") { Norm::Batch } else { Norm::Instance },
        pool: golden.integer("pool_size") as usize,
        cycle_a: golden.number("lambda_A"),
        cycle_b: golden.number("lambda_B"),
        identity: golden.number("lambda_identity"),
        generator_optimizer: adam,
        discriminator_optimizer: adam,
        ..Config::default()
    }
}
