//! The contract suite of the StyleGAN that grows, and style-based-gan-pytorch's recorded tensors.

use gan_core::clock::Clock;
use gan_core::data::{ImageBatch, Synthetic};
use gan_core::ema::{Ema, EmaBuffers, EmaConfig};
use gan_core::loss::AdversarialLoss;
use gan_core::nn::Parameters;
use gan_core::optim::AdamConfig;
use gan_core::random::Streams;
use gan_core::trainer::{Checkpoint, Identity, Parts, RunDir, TrainConfig, Trainer};
use gan_core::variant::{Generate, GenerateOptions, ImageGan, Styled, Variant, Weights};
use gan_testkit::contract::{self, Subject};
use gan_testkit::golden::Golden;
use gan_testkit::replay::{self, Recorded};
use gan_testkit::{device, reference};
use serde_json::Value;
use stylegan::progressive::{
    AdaIn, Blur, Config, Discriminator, Generator, NoiseScale, ProgressiveStyleGan, Stage,
};
use stylegan::{LayerNoise, Psi};
use tch::{Kind, Tensor};

/// 4x4 for two steps, then 8x8 is faded in, stays, and 16x16 is faded in: four images a step.
fn tiny() -> Config {
    Config {
        size: 16,
        start: 4,
        channels: 2,
        style: 6,
        mapping_layers: 2,
        channel_base: 64,
        channel_max: 8,
        fused: vec![16],
        phase_images: 6,
        batch: 4,
        ema: EmaConfig { half_life_images: 20.0, ..Config::default().ema },
        ..Config::default()
    }
}

fn check(config: &Config) {
    let policy = contract::policy();
    let shape = [config.batch, config.channels, config.size, config.size];
    let subject = Subject {
        variant: &|seed| ProgressiveStyleGan::new(config.clone(), &policy, seed).expect("stylegan1"),
        source: &|| Box::new(Synthetic::new(shape, 0, 5, device())),
    };
    contract::check(&subject);
    contract::check_generator(&subject, config, &|checkpoint, weights| {
        ProgressiveStyleGan::load_generator(&policy, checkpoint, weights)
    });
}

#[test]
fn the_contract_is_kept_while_a_resolution_is_faded_in() {
    check(&tiny());
    let loss = AdversarialLoss::Wasserstein;
    let critic = Config { loss, r1_gamma: 0.0, gradient_penalty: 10.0, drift: 0.001, ..tiny() };
    check(&Config { phase_images: 4, start: 8, fade_reals: false, style_mixing: 0.0, ..critic });
    check(&Config { start: 16, style_mixing: 1.0, from_rgb_activate: false, r1_gamma: 0.0, ..tiny() });
}

/// A checkpoint from the middle of a fade generates at that stage, in full size.
#[test]
fn a_checkpoint_knows_how_far_it_had_grown() {
    let policy = contract::policy();
    policy.apply();
    let folder = tempfile::tempdir().expect("temp dir");
    let run = folder.path().join("run");
    let new = |seed| ProgressiveStyleGan::new(tiny(), &policy, seed).expect("stylegan1");
    let mut gan = new(1);
    assert_eq!(gan.stage(), Stage::grown(0));
    let train = TrainConfig { images: 12, evaluate_images: 0, ..TrainConfig::default() };
    let dir = RunDir::create(&run, "").expect("run folder");
    let trainer = Trainer::new(train, policy, dir, Identity::of(&gan, &tiny()).expect("an identity"));
    let mut data = Synthetic::new([4, 2, 16, 16], 0, 5, device());
    trainer.expect("trainer").run(&mut gan, &mut data).expect("run");
    let half = Stage { level: 1, alpha: 0.5 };
    assert_eq!(gan.stage(), half);

    let mut loaded = new(2);
    let checkpoint = Checkpoint::find(&run).expect("a checkpoint");
    checkpoint.restore(&mut loaded, Parts::Weights).expect("restored");
    assert_eq!(loaded.stage(), half);
    let alone = ProgressiveStyleGan::load_generator(&policy, &checkpoint, Weights::Averaged);
    let alone = alone.expect("a generator");
    assert_eq!(alone.stage(), half);
    let z = Tensor::randn([3, 6], (Kind::Float, device()));
    for truncation in [None, Some(0.5)] {
        let options = GenerateOptions { truncation, ..GenerateOptions::default() };
        let images = alone.generate(&z, None, &options).expect("images");
        assert_eq!(images.size(), [3, 2, 16, 16]);
        for gan in [&gan, &loaded] {
            let again = gan.generator(Weights::Averaged).generate(&z, None, &options);
            assert_eq!(images, again.expect("images"));
        }
        let one = alone.generate(&z.narrow(0, 1, 1), None, &options).expect("an image");
        assert!(one.allclose(&images.narrow(0, 1, 1), 1e-4, 1e-5, false), "whatever is beside it");
    }
    assert_eq!(alone.style_layers(), 6);
    assert_eq!(alone.style_weights(1..=2).expect("weights").size(), [2 * 8 + 2 * 8, 6]);
    let logits = loaded.judge(&Tensor::randn([3, 2, 16, 16], (Kind::Float, device())), None);
    assert_eq!(logits.expect("asked").expect("logits").size(), [3]);
}

/// The settings of a recording.
fn recorded(golden: &Golden) -> Config {
    let config = golden.config();
    let list = |key: &str| config[key].as_array().unwrap_or_else(|| panic!("config.{key}"));
    let widths: Vec<i64> = list("channels").iter().filter_map(Value::as_i64).collect();
    let size = 4 << (widths.len() - 1);
    let fused = list("fused").iter().enumerate().skip(1).filter(|(_, fused)| fused.as_bool() == Some(true));
    let penalised = config["loss"] != "r1";
    let adam = AdamConfig { beta2: 0.99, ..AdamConfig::new(golden.number("lr"), 0.0) };
    let steps = golden.integer("steps");
    let side = |tensor: Tensor| tensor.size()[3];
    Config {
        size,
        // The recorded steps are at the beginning of a fade.
        start: if steps > 0 { side(golden.tensor("step0/in/real")) / 2 } else { size },
        channels: golden.tensor("in/x0").size()[1],
        style: golden.integer("style_dim"),
        mapping_layers: golden.integer("n_mlp") as u32,
        fused: fused.map(|(level, _)| 4 << level).collect(),
        widths,
        from_rgb_activate: config["from_rgb_activate"].as_bool() == Some(true),
        phase_images: golden.integer("phase") as u64,
        fade_reals: false,
        paces: Vec::new(),
        batch: golden.integer("batch"),
        loss: if penalised { AdversarialLoss::Wasserstein } else { AdversarialLoss::NonSaturating },
        style_mixing: if config["mixing"].as_bool() == Some(true) { 0.9 } else { 0.0 },
        r1_gamma: if penalised { 0.0 } else { 10.0 },
        gradient_penalty: if penalised { 10.0 } else { 0.0 },
        drift: if penalised { 0.001 } else { 0.0 },
        generator_optimizer: adam,
        discriminator_optimizer: adam,
        ..Config::default()
    }
}

struct Networks {
    generator: Generator,
    discriminator: Discriminator,
}

/// Both networks with recorded weights.
fn networks(golden: &Golden, config: &Config) -> Networks {
    let policy = reference();
    policy.apply();
    let [mut of_generator, mut of_discriminator] = [(), ()].map(|()| Parameters::new(&policy, 1));
    let generator = Generator::new(of_generator.root(), config).expect("generator");
    let discriminator = Discriminator::new(of_discriminator.root(), config).expect("discriminator");
    for (net, weights) in [("G", &of_generator), ("D", &of_discriminator)] {
        assert_eq!(weights.trainable_names(), golden.parameter_names(net));
        weights.load(&golden.under(&format!("state/{net}/"))).expect("reference names");
    }
    Networks { generator, discriminator }
}

/// What is called `stepN_alphaX` in a recording.
fn stage(name: &str) -> Stage {
    let (level, alpha) = name.trim_start_matches("step").split_once("_alpha").expect("a stage");
    Stage { level: level.parse().expect("a number"), alpha: alpha.parse().expect("a number") }
}

#[test]
fn forward_passes_are_the_reference() {
    let golden = Golden::open("stylegan1");
    let config = recorded(&golden);
    let Networks { generator, discriminator } = networks(&golden, &config);
    let styles = generator.mapping.styles(&golden.tensor("in/z")).expect("styles");
    golden.check("out/mapping/style", &styles);
    let mean = generator.mapping.mean_of(&golden.tensor("in/z")).expect("a style");
    golden.check("out/mapping/mean_style", &mean);
    let others = generator.mapping.styles(&golden.tensor("in/z2")).expect("styles");
    let [styles, others] =
        [styles, others].map(|styles| generator.for_all_layers(&styles).expect("for all layers"));

    let noise = || {
        let levels = 0..config.widths.len();
        Streams::replaying(levels.map(|level| golden.tensor(&format!("in/noise{level}"))))
    };
    let images = |styles: &Tensor, stage: Stage| {
        generator.forward(styles, stage, LayerNoise::Random(&noise())).expect("images")
    };
    let last = Stage::grown(config.widths.len() as i64 - 1);
    let one = |all: &Tensor| all.narrow(0, 0, 1);
    let maps: Vec<Tensor> = (0..config.widths.len())
        .map(|level| one(&golden.tensor(&format!("in/noise{level}"))).squeeze())
        .collect();
    let first = |noise: LayerNoise| generator.forward(&one(&styles), last, noise);
    let by_maps = |maps: &[Tensor]| first(LayerNoise::Maps(maps));
    let apart = |image: Tensor| (image - one(&images(&styles, last))).abs().max().double_value(&[]);
    // One image is convolved by other kernels than four: rounding.
    assert!(apart(by_maps(&maps).expect("images")) < 1e-4, "given maps are noise like any other");
    assert!(apart(first(LayerNoise::None).expect("images")) > 1e-2);
    assert!(by_maps(&maps[1..]).is_err() && by_maps(&[]).is_err());
    let mut stages = 0;
    for (name, _) in golden.under("out/synthesis/step") {
        let stage = stage(&name);
        golden.check(&format!("out/synthesis/step{name}"), &images(&styles, stage));
        let shown = golden.tensor(&format!("in/x{}", stage.level));
        let logits = discriminator.forward(&shown, stage).expect("logits");
        golden.check(&format!("out/D/step{name}"), &logits.unsqueeze(1));
        stages += 1;
    }
    assert!(stages > config.widths.len(), "every resolution, with and without another one");

    let psi = Psi { psi: golden.number("psi"), cutoff: None };
    let truncated = Generator::truncated(&styles, &golden.tensor("in/mean_style"), psi).expect("truncated");
    golden.check("out/synthesis/truncated", &images(&truncated, last));
    let range: Vec<i64> = golden.config()["mixing_range"]
        .as_array()
        .expect("a range")
        .iter()
        .filter_map(Value::as_i64)
        .collect();
    let layers = styles.size()[1];
    let (from, to) = (2 * range[0], 2 * (range[1] + 1));
    let parts =
        [styles.narrow(1, 0, from), others.narrow(1, from, to - from), styles.narrow(1, to, layers - to)];
    golden.check("out/synthesis/mixing_range", &images(&Tensor::cat(&parts, 1), last));
    let crossover = golden.draws("mixing_random/rng/")[0].int64_value(&[0]);
    let mixed = stylegan::Generator::mixed(&styles, &others, 2 * (crossover + 1)).expect("mixed");
    golden.check("out/synthesis/mixing_random", &images(&mixed, last));
}

#[test]
fn layers_are_the_reference() {
    let golden = Golden::open("stylegan1");
    let config = recorded(&golden);
    let of = |name: &str| golden.under(&format!("state/G/generator.progression.{name}."));
    let (x, style) = (golden.tensor("in/adain/x"), golden.tensor("in/adain/style"));
    let channels = x.size()[1];
    let mut weights = Parameters::new(&reference(), 1);
    let adain = AdaIn::new(weights.root(), config.style, channels).expect("a layer");
    weights.load(&of("1.adain1")).expect("reference names");
    golden.check("out/adain/y", &adain.forward(&x, &style).expect("normalised"));
    let mut weights = Parameters::new(&reference(), 1);
    let noise = NoiseScale::new(weights.root(), channels).expect("a layer");
    weights.load(&of("1.noise1")).expect("reference names");
    golden.check(
        "out/adain/noise_injection",
        &noise.forward(&x, &golden.tensor("in/adain/noise")).expect("noisy"),
    );
    let mut weights = Parameters::new(&reference(), 1);
    let blur = Blur::new(weights.root(), channels).expect("a layer");
    let own = weights.named().into_iter().map(|(_, tensor)| tensor);
    let theirs = of("1.conv1.2").into_iter().map(|(_, tensor)| tensor);
    assert!(own.eq(theirs), "the filter");
    golden.check("out/adain/blur", &blur.forward(&x).expect("blurred"));
}

/// A step's draws in the order of ours: theirs makes the latents of both players first, and asks once whether to mix.
fn draws(golden: &Golden, step: &str, config: &Config) -> Vec<Tensor> {
    let recorded = golden.under(&format!("{step}/rng/"));
    let named = |ending: &'static str| recorded.iter().filter(move |(name, _)| name.ends_with(ending));
    let mixing = named("py_random").next().map(|(_, number)| number);
    let (latents, noise): (Vec<_>, Vec<_>) = named("_randn").partition(|(_, tensor)| tensor.dim() == 3);
    let latents = &latents[0].1;
    let each = latents.size()[0] / 2;
    let mut layers = named("py_sample");
    let mut noise = noise.into_iter();
    let per_player = named("_randn").count() / 2;
    let mut ours = Vec::new();
    for player in 0..2 {
        ours.push(latents.get(player * each));
        if config.style_mixing > 0.0 {
            ours.extend(mixing.map(Tensor::shallow_clone));
        }
        if each == 2 {
            // Theirs changes behind a resolution, ours before a layer from 1 on.
            let (_, behind) = layers.next().expect("a crossover");
            ours.push(behind.get(0) * 2 + 1);
            ours.push(latents.get(player * each + 1));
        }
        ours.extend(noise.by_ref().take(per_player).map(|(_, tensor)| tensor.shallow_clone()));
        if player == 0 {
            ours.extend(named("_rand").map(|(_, tensor)| tensor.shallow_clone()));
        }
    }
    ours
}

#[test]
fn training_steps_are_the_reference() {
    let golden = Golden::open("stylegan1");
    let config = recorded(&golden);
    let policy = reference();
    let mut gan = ProgressiveStyleGan::new(config.clone(), &policy, 1).expect("stylegan1");
    for (player, net) in gan.players_mut().into_iter().zip(["G", "D"]) {
        player.parameters().load(&golden.under(&format!("state/{net}/"))).expect("reference names");
    }
    let decay = golden.number("ema_decay");
    let mut copy = Parameters::new(&policy, 1);
    let _ = Generator::new(copy.root(), &config).expect("generator");
    let half_life = config.batch as f64 * 0.5f64.ln() / decay.ln();
    let ema = EmaConfig { ramp_up: 0.0, buffers: EmaBuffers::Leave, ..EmaConfig::half_life(half_life) };
    let mut average = Ema::new(ema, copy, gan.players()[0].parameters()).expect("average");

    for k in 0..golden.integer("steps") {
        let step = format!("step{k}");
        let images = golden.tensor(&format!("{step}/in/real"));
        let images = images.upsample_nearest2d([config.size; 2], None, None);
        let mut data = Recorded::new([ImageBatch { images, labels: None, attributes: None }]);
        let clock = Clock { step: k as u64, images: config.phase_images + (k * config.batch) as u64 };
        let record = replay::step_at(&mut gan, &policy, &mut data, clock, draws(&golden, &step, &config));
        let of_penalty = if config.r1_gamma > 0.0 {
            record.mean("penalty/r1") * (config.r1_gamma / 2.0) as f32
        } else {
            record.mean("penalty/wgan_gp") * config.gradient_penalty as f32
        };
        let sign = if config.loss == AdversarialLoss::Wasserstein { -1.0 } else { 1.0 };
        for (name, value) in [
            ("alpha", record.mean("growth/alpha")),
            ("real_predict", sign * record.mean("loss/real")),
            ("fake_predict", record.mean("loss/fake")),
            ("grad_penalty", of_penalty),
            ("G", record.mean("loss/generator")),
        ] {
            golden.check(&format!("{step}/loss/{name}"), &Tensor::from(value));
        }
        for (net, player) in [("G", "generator"), ("D", "discriminator")] {
            let norm = |name: &String| record.get(&format!("gradient_norm/{player}/{name}")).unwrap_or(-1.0);
            let norms: Vec<f32> = golden.parameter_names(net).iter().map(norm).collect();
            golden.check(&format!("{step}/gradnorm/{net}"), &Tensor::from_slice(&norms));
        }
        average.update(gan.players()[0].parameters(), config.batch as u64, 0).expect("average");
    }
    for (player, net) in gan.players().into_iter().zip(["G", "D"]) {
        golden.check_state(net, &player.parameters().named());
    }
    golden.check_state("G_ema", &average.parameters.named());
}
