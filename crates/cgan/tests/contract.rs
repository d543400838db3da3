//! The contract suite for every way of conditioning, and the reference implementation's recorded tensors.

use cgan::condition::Conditions;
use cgan::discriminator::Look;
use cgan::{
    Attribute, Cgan, Condition, Config, Discriminator, DiscriminatorCondition, DiscriminatorNorm, Generator,
    GeneratorCondition, LabelSampling, Network,
};
use gan_core::clock::Clock;
use gan_core::comm::Solo;
use gan_core::data::{ImageBatch, Source, Synthetic};
use gan_core::device::DevicePolicy;
use gan_core::ema::EmaConfig;
use gan_core::error::Result;
use gan_core::game::GameConfig;
use gan_core::loss::AdversarialLoss;
use gan_core::nn::{Mode, Parameters};
use gan_core::optim::AdamConfig;
use gan_core::random::Streams;
use gan_core::recorder::Recorder;
use gan_core::step::StepCtx;
use gan_core::variant::{GenerateOptions, ImageGan, Variant, Weights};
use gan_testkit::contract::{self, Subject};
use gan_testkit::golden::Golden;
use gan_testkit::replay::{self, Recorded};
use gan_testkit::{device, reference};
use tch::{Kind, Tensor};

fn named(count: usize) -> Vec<String> {
    (0..count).map(|class| format!("class {class}")).collect()
}

fn attribute(name: &str, low: f64, high: f64, whole: bool) -> Attribute {
    Attribute { name: name.to_owned(), low, high, whole }
}

fn tiny() -> Config {
    Config {
        size: 16,
        channels: 2,
        classes: named(3),
        latent: 8,
        generator_width: 4,
        discriminator_width: 4,
        batch: 4,
        ema: EmaConfig { half_life_images: 20.0, ramp_up: 0.0, ..EmaConfig::default() },
        ..Config::default()
    }
}

/// Every way to tell the discriminator, with a way to tell the generator, on both kinds of network.
fn forms() -> Vec<Config> {
    use DiscriminatorCondition::{Classifier, Embedding, Planes, Projection, ProjectionAndClassifier};
    use GeneratorCondition::{Both, Latent, Norm};
    let convolutional = [
        (Latent, Embedding, DiscriminatorNorm::Batch),
        (Norm, Planes, DiscriminatorNorm::None),
        (Both, Projection, DiscriminatorNorm::Spectral),
        (Latent, Classifier, DiscriminatorNorm::Layer),
        (Both, ProjectionAndClassifier, DiscriminatorNorm::Batch),
    ];
    let convolutional =
        convolutional.map(|(generator_condition, discriminator_condition, discriminator_norm)| Config {
            generator_condition,
            discriminator_condition,
            discriminator_norm,
            ..tiny()
        });
    let mlp = [(Latent, Embedding), (Norm, Projection), (Both, Classifier)];
    let mlp = mlp.map(|(generator_condition, discriminator_condition)| Config {
        network: Network::Mlp,
        size: 6,
        generator_condition,
        discriminator_condition,
        ..tiny()
    });
    convolutional.into_iter().chain(mlp).collect()
}

/// Synthetic images with attributes that depend on the batch.
struct WithAttributes(Synthetic);

impl Source<ImageBatch> for WithAttributes {
    fn next(&mut self) -> Result<ImageBatch> {
        let batch = self.0.next()?;
        let mean = batch.images.mean_dim([2i64, 3].as_slice(), false, Kind::Float);
        Ok(ImageBatch { labels: None, attributes: Some(mean), ..batch })
    }
    fn position(&self) -> u64 {
        self.0.position()
    }
    fn seek(&mut self, position: u64) -> Result<()> {
        self.0.seek(position)
    }
}

fn check(config: &Config) {
    let policy = contract::policy();
    let shape = [4, 2, config.size, config.size];
    let synthetic = || Synthetic::new(shape, 3, 5, device());
    let subject = Subject {
        variant: &|seed| Cgan::new(config.clone(), &policy, seed).expect("cgan"),
        source: &|| match config.condition {
            Condition::Classes => Box::new(synthetic()),
            Condition::Attributes => Box::new(WithAttributes(synthetic())),
        },
    };
    contract::check(&subject);
    contract::check_generator(&subject, config, &|checkpoint, weights| {
        Cgan::load_generator(&policy, checkpoint, weights)
    });
}

#[test]
fn the_contract_is_kept() {
    forms().iter().for_each(check);
}

#[test]
fn the_contract_is_kept_with_attributes_and_without_conditions_for_some() {
    let attributes = vec![attribute("left", -1.0, 1.0, false), attribute("right", -1.0, 1.0, true)];
    for mut config in forms() {
        (config.condition, config.attributes) = (Condition::Attributes, attributes.clone());
        (config.classes, config.label_sampling) = (Vec::new(), LabelSampling::Data);
        check(&config);
    }
    check(&Config { label_dropout: 0.5, label_sampling: LabelSampling::Data, ..tiny() });
    check(&Config { label_dropout: 0.5, condition: Condition::Attributes, attributes, ..tiny() });
    let game = GameConfig { generator_first: true, ..GameConfig::default() };
    check(&Config { game, loss: AdversarialLoss::Hinge, ..tiny() });
}

#[test]
fn every_size_and_channel_count_fits_together() {
    for (size, channels) in [(16, 1), (32, 2), (64, 3), (128, 4)] {
        let config = Config { size, channels, generator_width: 1, discriminator_width: 1, ..tiny() };
        let gan = Cgan::new(config, &reference(), 1).expect("cgan");
        let generator = gan.generator(Weights::Averaged);
        let z = Tensor::zeros([2, 8], (Kind::Float, device()));
        let labels = Tensor::from_slice(&[0i64, 2]).to_device(device());
        let images = generator.generate(&z, Some(&labels), &GenerateOptions::default()).expect("images");
        assert_eq!(images.size(), [2, channels, size, size]);
        assert_eq!(gan.judge(&images, Some(&labels)).expect("a judge").expect("logits").size(), [2]);
        assert!(gan.judge(&z, Some(&labels)).expect("a judge").is_err());
        assert!(generator.generate(&images, Some(&labels), &GenerateOptions::default()).is_err());
    }
}

/// What the image is told must be in the image, and in the verdict.
#[test]
fn conditions_matter_to_both_players() {
    for config in forms() {
        let gan = Cgan::new(config.clone(), &reference(), 1).expect("cgan");
        let generator = gan.generator(Weights::Averaged);
        let z = Tensor::ones([1, 8], (Kind::Float, device()));
        let [first, second] = [0i64, 1].map(|class| Tensor::from_slice(&[class]).to_device(device()));
        let image =
            |label| generator.generate(&z, Some(label), &GenerateOptions::default()).expect("an image");
        assert_ne!(image(&first), image(&second), "{:?}", config.generator_condition);
        let judged = |label| gan.judge(&image(&first), Some(label)).expect("a judge").expect("logits");
        let told = config.discriminator_condition != DiscriminatorCondition::Classifier;
        assert_eq!(judged(&first) != judged(&second), told, "{:?}", config.discriminator_condition);
    }
}

#[test]
fn conditions_are_told_scaled_and_withheld() {
    let attributes = vec![attribute("angle", -90.0, 90.0, false), attribute("hat", 0.0, 1.0, true)];
    let config = Config {
        condition: Condition::Attributes,
        attributes,
        label_dropout: 0.5,
        discriminator_condition: DiscriminatorCondition::Planes,
        ..tiny()
    };
    let conditions = Conditions::new(&config, device()).expect("conditions");
    let raw = Tensor::from_slice2(&[[45f32, 1.0], [-90.0, 0.0]]).to_device(device());
    let told = conditions.told(&raw).expect("told");
    assert_eq!(told, Tensor::from_slice2(&[[0.5f32, 1.0, 1.0], [-1.0, -1.0, 1.0]]).to_device(device()));
    let draws = Tensor::from_slice(&[0.6f32, 0.4]).to_device(device());
    let withheld = conditions.withheld(&told, &draws, 0.5).expect("withheld");
    assert_eq!(withheld, Tensor::from_slice2(&[[0.5f32, 1.0, 1.0], [0.0, 0.0, 0.0]]).to_device(device()));
    assert!(conditions.told(&Tensor::from_slice2(&[[1f32]]).to_device(device())).is_err());

    let gan = Cgan::new(config, &reference(), 1).expect("cgan");
    let generator = gan.generator(Weights::Averaged);
    let drawn = generator.draw_labels(&Streams::new(1, 0, 0, device()), 200);
    let drawn = drawn.expect("labels").expect("some");
    let (angles, hats) = (drawn.select(1, 0), drawn.select(1, 1));
    assert!(angles.min().double_value(&[]) < -80.0 && angles.max().double_value(&[]) > 80.0);
    assert!(hats.eq_tensor(&hats.round()).all().int64_value(&[]) == 1);
    assert!((hats.mean(Kind::Float).double_value(&[]) - 0.5).abs() < 0.2);

    let classes = Conditions::new(&Config { label_dropout: 0.5, ..tiny() }, device()).expect("conditions");
    let told = classes.told(&Tensor::from_slice(&[2i64, 1]).to_device(device())).expect("told");
    let withheld = classes.withheld(&told, &draws, 0.5).expect("withheld");
    assert_eq!(withheld, Tensor::from_slice(&[2i64, 3]).to_device(device()));
    let vectors = Tensor::from_slice2(&[[0f32, 0.0, 1.0], [0.0, 0.0, 0.0]]).to_device(device());
    assert_eq!(classes.vector(&withheld).expect("vectors"), vectors);
    let never = Conditions::new(&tiny(), device()).expect("conditions");
    assert!(never.none(1, device()).expect_err("never").to_string().contains("label_dropout"));
}

#[test]
fn without_classes_there_is_nothing_to_learn() {
    let refuse = |config: Config| Cgan::new(config, &reference(), 1).expect_err("refused").to_string();
    assert!(refuse(Config { classes: Vec::new(), ..tiny() }).contains("cgan.classes: none are named"));
    let attributes = Config { condition: Condition::Attributes, ..tiny() };
    assert!(refuse(attributes).contains("attributes.csv"));
    let policy = reference();
    let mut gan = Cgan::new(tiny(), &policy, 1).expect("cgan");
    let recorder = Recorder::default();
    let ctx = StepCtx::new(Clock::default(), &policy, &Solo, &recorder, 1);
    let mut unlabelled = Synthetic::new([4, 2, 16, 16], 0, 5, device());
    let error = gan.step(&ctx, &mut unlabelled).expect_err("no labels").to_string();
    assert!(error.contains("has no classes"), "{error}");
}

fn golden_config(golden: &Golden, dropout: f64) -> Config {
    let adam = AdamConfig {
        beta2: golden.number("b2"),
        ..AdamConfig::new(golden.number("lr"), golden.number("b1"))
    };
    let preset = Config::preset("mlp-32").expect("preset");
    // Dropout was recorded for reals and fakes apart; without it one batch of both gives the same numbers.
    let game = GameConfig { together: dropout == 0.0, ..preset.game };
    Config {
        size: golden.integer("img_size"),
        channels: golden.integer("channels"),
        classes: named(golden.integer("n_classes") as usize),
        latent: golden.integer("latent_dim"),
        batch: golden.integer("batch"),
        norm_eps: 0.8, // The reference's, meant as a momentum.
        dropout,
        generator_optimizer: adam,
        // Its loss is the mean of both halves, ours the sum: the same update where eps is twice as large.
        discriminator_optimizer: AdamConfig { eps: 2.0 * adam.eps, ..adam },
        ema: EmaConfig::default(),
        game,
        ..preset
    }
}

#[test]
fn forward_passes_are_the_reference() {
    let golden = Golden::open("cgan");
    let config = golden_config(&golden, 0.4);
    let conditions = Conditions::new(&config, device()).expect("conditions");
    let labels = golden.tensor("in/labels");
    for mode in [Mode::Train, Mode::Eval] {
        let mut weights = Parameters::new(&reference(), 1);
        let generator = Generator::new(weights.root(), &config, &conditions).expect("generator");
        weights.load(&golden.under("state/G/")).expect("reference names");
        let mut d_weights = Parameters::new(&reference(), 1);
        let discriminator =
            Discriminator::new(d_weights.root(), &config, &conditions).expect("discriminator");
        d_weights.load(&golden.under("state/D/")).expect("reference names");

        let name = if mode == Mode::Train { "train" } else { "eval" };
        let images = generator.forward(&golden.tensor("in/z"), &labels, mode).expect("images");
        golden.check(&format!("out/{name}/G"), &images);
        let noise = Streams::replaying(golden.draws("out/train/D/rng/"));
        let look = Look { mode, noise: (mode == Mode::Train).then_some(&noise) };
        let verdict =
            discriminator.judge(&golden.tensor("in/x"), &labels, &conditions, look).expect("verdict");
        golden.check(&format!("out/{name}/D"), &verdict.logits.unsqueeze(1));
        if mode == Mode::Train {
            for entry in weights.entries().iter().filter(|entry| !entry.trainable) {
                golden.check(&format!("out/train/G_buffers/{}", entry.name), &entry.tensor);
            }
        }
    }
}

#[test]
fn training_steps_are_the_reference() {
    let golden = Golden::open("cgan");
    for (prefix, dropout) in [("", 0.4), ("nodrop_", 0.0)] {
        let policy = DevicePolicy { threads: 2, ..reference() };
        let mut gan = Cgan::new(golden_config(&golden, dropout), &policy, 1).expect("cgan");
        for (player, net) in gan.players().into_iter().zip(["G", "D"]) {
            player.parameters().load(&golden.under(&format!("state/{net}/"))).expect("reference names");
            assert_eq!(player.parameters().trainable_names(), golden.parameter_names(net));
        }
        let steps = golden.integer("steps");
        let batch = |k: i64| ImageBatch {
            images: golden.tensor(&format!("step{k}/in/real")),
            labels: Some(golden.tensor(&format!("step{k}/in/labels"))),
            attributes: None,
        };
        let mut data = Recorded::new((0..steps).map(batch));
        for k in 0..steps {
            let step = format!("{prefix}step{k}");
            // Latents were drawn in f64 and cast.
            let cast =
                |draw: Tensor| if draw.kind() == Kind::Double { draw.to_kind(Kind::Float) } else { draw };
            let draws = golden.draws(&format!("{step}/rng/")).into_iter().map(cast);
            let record = replay::step(&mut gan, &policy, &mut data, k, draws);
            golden.check(&format!("{step}/loss/g_loss"), &record.scalar("loss/generator"));
            golden.check(&format!("{step}/loss/d_loss"), &(record.scalar("loss/discriminator") / 2.0));
            for (player, net, share) in [("generator", "G", 1.0), ("discriminator", "D", 0.5)] {
                let norms = record.gradient_norms(player, &golden.parameter_names(net)) * share;
                golden.check(&format!("{step}/gradnorm/{net}"), &norms);
            }
        }
        if prefix.is_empty() {
            for (player, net) in gan.players().into_iter().zip(["G", "D"]) {
                golden.check_state(net, &player.parameters().named());
            }
        }
    }
}
