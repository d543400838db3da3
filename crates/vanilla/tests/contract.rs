//! The contract suite, and what the networks are.

use gan_core::data::Synthetic;
use gan_core::ema::EmaConfig;
use gan_core::game::{GameConfig, pack};
use gan_core::loss::AdversarialLoss;
use gan_core::nn::{Mode, Parameters};
use gan_core::variant::Variant;
use gan_testkit::contract::{self, Subject};
use gan_testkit::{device, reference};
use tch::{Kind, Tensor};
use vanilla::{Activation, Config, Discriminator, Generator, Vanilla};

fn tiny() -> Config {
    Config {
        generator_width: 6,
        discriminator_width: 5,
        batch: 4,
        ema: EmaConfig { half_life_images: 20.0, ramp_up: 0.0, ..EmaConfig::default() },
        ..Config::default()
    }
}

#[test]
fn the_contract_is_kept() {
    let policy = contract::policy();
    for (activation, pack, size) in
        [(Activation::Maxout, 1, 1), (Activation::LeakyRelu, 2, 1), (Activation::Relu, 1, 6)]
    {
        let game = GameConfig { pack, ..GameConfig::default() };
        let norm = activation == Activation::LeakyRelu;
        let init_std = if norm { 0.5 } else { 0.0 };
        let ema = if norm { EmaConfig::default() } else { tiny().ema };
        let config = Config { activation, game, size, generator_norm: norm, init_std, ema, ..tiny() };
        let subject = Subject {
            variant: &|seed| Vanilla::new(config.clone(), &policy, seed).expect("vanilla"),
            source: &|| Box::new(Synthetic::new([4, 2, size, size], 0, 5, device())),
        };
        contract::check(&subject);
        contract::check_generator(&subject, &config, &|checkpoint, weights| {
            Vanilla::load_generator(&policy, checkpoint, weights)
        });
    }
}

#[test]
fn presets_are_valid_and_settings_that_cannot_work_are_named() {
    for (name, _) in Config::PRESETS {
        Config::preset(name).and_then(|config| config.validate()).expect("a preset works");
    }
    assert!(Config::preset("ring9").expect_err("unknown").to_string().contains("ring8"));
    let refuse = |change: fn(&mut Config)| {
        let mut config = tiny();
        change(&mut config);
        Vanilla::new(config, &reference(), 1).expect_err("refused").to_string()
    };
    assert!(refuse(|c| c.size = 65).contains("vanilla.size: 65 is not between 1 and 64"));
    assert!(refuse(|c| c.channels = 0).contains("vanilla.channels"));
    assert!(refuse(|c| c.generator_layers = 0).contains("vanilla.generator_layers"));
    assert!(refuse(|c| c.init_std = f64::NAN).contains("vanilla.init_std"));
    assert!(
        refuse(|c| (c.generator_norm, c.batch) = (true, 1)).contains("vanilla.batch: 1 is not between 2")
    );
    assert!(refuse(|c| c.game.pack = 3).contains("packs of 3 do not divide a batch of 4"));
    assert!(refuse(|c| c.ema.half_life_images = -1.0).contains("vanilla.ema"));
    assert!(refuse(|c| c.generator_optimizer.lr = 0.0).contains("generator_optimizer.lr"));
}

/// PacGAN's networks for points: 2-400-400-400-400-2 and 8-200-200-200-1 for packs of four; to the letter the hidden layers
/// of the first are normalised and a unit of the second has five pieces.
#[test]
fn parameter_counts_are_the_papers() {
    let counts = |preset: &str| -> Vec<usize> {
        let config = Config::preset(preset).expect("preset");
        let gan = Vanilla::new(config, &reference(), 1).expect("vanilla");
        gan.players().iter().map(|player| player.parameters().count()).collect()
    };
    let generator = 2 * 400 + 3 * 400 * 400 + 4 * 400 + 401 * 2;
    assert_eq!(counts("pacgan-literal"), [generator + 4 * 400, 9 * 1000 + 2 * 201 * 1000 + 201]);
    assert_eq!(counts("pacgan-paper"), [generator, 9 * 200 + 2 * 201 * 200 + 201]);
}

#[test]
fn packed_samples_are_judged_together() {
    let game = GameConfig { pack: 2, ..GameConfig::default() };
    let mut weights = Parameters::new(&reference(), 1);
    let discriminator =
        Discriminator::new(weights.root(), &Config { game, ..tiny() }).expect("discriminator");
    let judge =
        |points: &Tensor| discriminator.judge(&pack(points, 2).expect("packs")).expect("verdict").logits;
    let points = Tensor::arange(8, (Kind::Float, device())).view([4, 2, 1, 1]);
    let logits = judge(&points);
    assert_eq!(logits.size(), [2]);
    // The second pair moves, the first verdict does not.
    let moved = Tensor::cat(&[points.narrow(0, 0, 2), points.narrow(0, 2, 2) + 1.0], 0);
    let again = judge(&moved);
    assert_eq!(again.double_value(&[0]), logits.double_value(&[0]));
    assert_ne!(again.double_value(&[1]), logits.double_value(&[1]));
    assert!(discriminator.judge(&points).is_err(), "single points are no packs");
}

#[test]
fn maxout_is_the_largest_of_five() {
    let config = Config { discriminator_layers: 1, discriminator_width: 1, ..tiny() };
    let mut weights = Parameters::new(&reference(), 1);
    let discriminator = Discriminator::new(weights.root(), &config).expect("discriminator");
    let values = [
        (
            "layers.0.weight",
            Tensor::from_slice(&[1f32, 0.0, -1.0, 0.0, 0.0, 1.0, 0.0, -1.0, 0.5, 0.5])
                .to_device(device())
                .view([5, 2]),
        ),
        ("layers.0.bias", Tensor::from_slice(&[0f32, 0.0, 0.0, 0.0, 0.25]).to_device(device())),
        ("layers.1.weight", Tensor::from_slice(&[2f32]).to_device(device()).view([1, 1])),
        ("layers.1.bias", Tensor::from_slice(&[1f32]).to_device(device())),
    ];
    weights.load(&values.map(|(name, value)| (name.to_owned(), value))).expect("names and shapes");
    let points = Tensor::from_slice(&[3f32, -1.0, 0.25, 0.25]).to_device(device()).view([2, 2, 1, 1]);
    let logits = Vec::<f32>::try_from(discriminator.judge(&points).expect("verdict").logits).expect("values");
    assert_eq!(logits, [7.0, 2.0]); // 2 max(3, -3, -1, 1, 1.25) + 1 and 2 max(.25, -.25, .25, -.25, .5) + 1
}

#[test]
fn points_are_free_and_images_are_bounded() {
    let far = |size| {
        let config = Config { size, channels: 2, ..tiny() };
        let mut weights = Parameters::new(&reference(), 1);
        let generator = Generator::new(weights.root(), &config).expect("generator");
        let z = Tensor::full([3, 2], 1e3, (Kind::Float, device()));
        let images = generator.forward(&z, Mode::Train).expect("images");
        assert_eq!(images.size(), [3, 2, size, size]);
        assert!(generator.forward(&z.repeat([1, 2]), Mode::Train).is_err());
        images.abs().max().double_value(&[])
    };
    assert!(far(1) > 1.0 && far(6) <= 1.0);
}

#[test]
fn every_loss_trains() {
    for loss in [AdversarialLoss::Minimax, AdversarialLoss::LeastSquares, AdversarialLoss::Hinge] {
        let policy = contract::policy();
        let variant = Vanilla::new(Config { loss, ..tiny() }, &policy, 1).expect("vanilla");
        let folder = std::env::temp_dir().join(format!("vanilla-{loss:?}-{}", std::process::id()));
        let run = gan_core::trainer::RunDir::create(&folder, "").expect("run");
        let config = gan_core::trainer::TrainConfig { images: 40, ..Default::default() };
        let identity = gan_core::trainer::Identity::of(&variant, &()).expect("identity");
        let trainer = gan_core::trainer::Trainer::new(config, policy, run, identity).expect("trainer");
        let mut variant = variant;
        let mut source = Synthetic::new([4, 2, 1, 1], 0, 5, device());
        assert!(trainer.run(&mut variant, &mut source).expect("steps").is_empty());
        std::fs::remove_dir_all(folder).expect("removed");
    }
}
