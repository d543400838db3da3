//! Every objective, penalty and trick on the real networks: a short training stays finite, and what survives a step
//! is saved.

use dcgan::{Config, Dcgan, DiscriminatorNorm, Minibatch};
use gan_core::augment::{DiffAugment, InstanceNoise};
use gan_core::data::Synthetic;
use gan_core::device::{DevicePolicy, Precision};
use gan_core::game::balance::{BalanceConfig, BalanceRule};
use gan_core::game::{GameConfig, RegularizerConfig, TopK};
use gan_core::loss::AdversarialLoss;
use gan_core::trainer::{Identity, RunDir, TrainConfig, Trainer};
use gan_core::variant::Variant;
use gan_testkit::contract::{self, Subject};
use tch::Device;

fn tiny() -> Config {
    Config {
        size: 16,
        channels: 2,
        latent: 8,
        generator_width: 4,
        discriminator_width: 4,
        batch: 8,
        ..Config::default()
    }
}

/// Three steps; every player moves and stays finite.
fn train(name: &str, config: Config, policy: DevicePolicy) {
    config.validate().unwrap_or_else(|error| panic!("{name}: {error}"));
    let shape = [config.batch, config.channels, config.size, config.size];
    let mut data = Synthetic::new(shape, 0, 5, Device::Cpu);
    let mut gan = Dcgan::new(config, &policy, 1).expect(name);
    let before: Vec<_> =
        gan.players().iter().map(|p| p.parameters().trainable()[0].detach().copy()).collect();
    let folder = tempfile::tempdir().expect("temp dir");
    let run = RunDir::create(&folder.path().join("run"), "").expect("run");
    let train = TrainConfig {
        images: 3 * gan.images_per_step(),
        report_images: 1,
        checkpoint_images: 0,
        ..TrainConfig::default()
    };
    let identity = Identity::of(&gan, gan.config()).expect("identity");
    let mut trainer = Trainer::new(train, policy, run, identity).expect("trainer");
    loop {
        let tick = trainer.advance(&mut gan, &mut data).unwrap_or_else(|error| panic!("{name}: {error}"));
        for (value, moments) in tick.report.iter().flat_map(|report| &report.values) {
            assert!(moments.mean.is_finite(), "{name}: {value} is {}", moments.mean);
        }
        if tick.finished {
            break;
        }
    }
    for (player, before) in gan.players().iter().zip(before) {
        assert!(*player.parameters().trainable()[0] != before, "{name}: the {} stood still", player.name());
    }
}

#[test]
fn every_loss_trains() {
    for &loss in AdversarialLoss::ALL {
        for precision in [Precision::F32, Precision::Bf16] {
            let policy = DevicePolicy { precision, ..contract::policy() };
            train(&format!("{loss} in {precision:?}"), Config { loss, ..tiny() }, policy);
        }
    }
}

#[test]
fn every_addition_trains() {
    let r = RegularizerConfig::default();
    let g = GameConfig::default();
    let penalised =
        |regularizer| Config { regularizer, discriminator_norm: DiscriminatorNorm::None, ..tiny() };
    let played = |game| Config { game, ..tiny() };
    let normed = |discriminator_norm| Config { discriminator_norm, ..tiny() };
    let wgan_gp = RegularizerConfig { wgan_gp: 10.0, ..r };
    let cases = [
        ("r1", penalised(RegularizerConfig { r1: 1.0, ..r })),
        ("r1 under batch norm", Config { regularizer: RegularizerConfig { r1: 1.0, ..r }, ..tiny() }),
        ("r1 and r2, lazy", penalised(RegularizerConfig { r1: 1.0, r2: 1.0, every: 2, ..r })),
        ("wgan-gp", Config { loss: AdversarialLoss::Wasserstein, ..penalised(wgan_gp) }),
        (
            "wgan-gp, layer norm",
            Config { discriminator_norm: DiscriminatorNorm::Layer, ..penalised(wgan_gp) },
        ),
        (
            "wgan-gp, spectral",
            Config { discriminator_norm: DiscriminatorNorm::Spectral, ..penalised(wgan_gp) },
        ),
        ("dragan", penalised(RegularizerConfig { dragan: 10.0, ..r })),
        ("zero-centred", penalised(RegularizerConfig { zero_centered: 10.0, ..r })),
        (
            "clipping",
            Config {
                loss: AdversarialLoss::Wasserstein,
                ..penalised(RegularizerConfig { clip_weights: 0.01, ..r })
            },
        ),
        ("consistency", penalised(RegularizerConfig { consistency_real: 10.0, consistency_fake: 10.0, ..r })),
        (
            "latent consistency",
            penalised(RegularizerConfig { consistency_latent: 5.0, latent_sensitivity: 0.5, ..r }),
        ),
        ("lecam", penalised(RegularizerConfig { lecam: 0.1, ..r })),
        (
            "orthogonal",
            penalised(RegularizerConfig { orthogonal_generator: 1e-4, orthogonal_discriminator: 1e-4, ..r }),
        ),
        ("pack", played(GameConfig { pack: 2, ..g })),
        ("micro-batches", played(GameConfig { micro_batches: 2, ..g })),
        ("k = 3", played(GameConfig { discriminator_steps: 3, generator_steps: 2, ..g })),
        ("feature matching", played(GameConfig { feature_matching: 1.0, ..g })),
        ("mode seeking", played(GameConfig { mode_seeking: 1.0, ..g })),
        ("top k", played(GameConfig { top_k: TopK { share: 0.5, until_images: 16 }, ..g })),
        ("augment", played(GameConfig { augment: DiffAugment::ALL, ..g })),
        ("noise", played(GameConfig { instance_noise: InstanceNoise { sigma: 0.2, until_images: 20 }, ..g })),
        ("clipped gradient", played(GameConfig { clip_gradient: 0.5, ..g })),
        ("spectral norm", normed(DiscriminatorNorm::Spectral)),
        ("layer norm", normed(DiscriminatorNorm::Layer)),
        ("standard deviation", Config { minibatch: Minibatch::Stddev, ..tiny() }),
        ("discrimination", Config { minibatch: Minibatch::Discrimination, ..tiny() }),
    ];
    for (name, config) in cases {
        train(name, config, contract::policy());
    }
}

#[test]
fn penalties_train_in_bf16() {
    let policy = DevicePolicy { precision: Precision::Bf16, ..contract::policy() };
    let regularizer = RegularizerConfig { r1: 1.0, wgan_gp: 1.0, ..RegularizerConfig::default() };
    for discriminator_norm in [DiscriminatorNorm::None, DiscriminatorNorm::Spectral, DiscriminatorNorm::Batch]
    {
        train("bf16", Config { regularizer, discriminator_norm, ..tiny() }, policy);
    }
}

#[test]
fn the_contract_is_kept_with_everything_that_has_state() {
    let config = Config {
        loss: AdversarialLoss::RelativisticPaired,
        regularizer: RegularizerConfig {
            r1: 0.1,
            r2: 0.1,
            every: 2,
            lecam: 0.1,
            ..RegularizerConfig::default()
        },
        game: GameConfig {
            pack: 2,
            discriminator_steps: 2,
            instance_noise: InstanceNoise { sigma: 0.2, until_images: 1000 },
            augment: DiffAugment::ALL,
            // Wide enough that nobody is held: the suite wants both to move.
            balance: BalanceConfig { rule: BalanceRule::Accuracy, low: 0.0, high: 2.0, decay: 0.5 },
            ..GameConfig::default()
        },
        discriminator_norm: DiscriminatorNorm::Spectral,
        minibatch: Minibatch::Discrimination,
        ..tiny()
    };
    let policy = contract::policy();
    contract::check(&Subject {
        variant: &|seed| Dcgan::new(config.clone(), &policy, seed).expect("dcgan"),
        source: &|| Box::new(Synthetic::new([8, 2, 16, 16], 0, 5, Device::Cpu)),
    });
}
