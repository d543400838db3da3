//! The contract suite, and the reference implementation's recorded tensors.

use gan_core::augment::{AdaConfig, AdaPipe};
use gan_core::data::{ImageBatch, Synthetic};
use gan_core::ema::{Ema, EmaConfig};
use gan_core::nn::{Mode, Parameters};
use gan_core::optim::AdamConfig;
use gan_core::random::Streams;
use gan_core::variant::Variant;
use gan_testkit::contract::{self, Subject};
use gan_testkit::golden::Golden;
use gan_testkit::replay::{self, Recorded};
use gan_testkit::{device, reference};
use serde_json::Value;
use stylegan::{
    Activation, Architecture, Config, Discriminator, Generator, LabelSampling, LayerNoise, Output, Psi,
    StyleGan,
};
use tch::{Device, Kind, Tensor};

fn named(count: i64) -> Vec<String> {
    (0..count).map(|class| format!("class {class}")).collect()
}

fn tiny() -> Config {
    Config {
        size: 16,
        channels: 2,
        latent: 8,
        style: 6,
        channel_base: 64,
        channel_max: 8,
        batch: 4,
        r1_interval: 2,
        path_length_interval: 2,
        ema: EmaConfig { ramp_up: 0.0, ..EmaConfig::half_life(20.0) },
        ..Config::default()
    }
}

fn check(config: &Config) {
    let policy = contract::policy();
    let [height, width] = config.image();
    let shape = [config.batch, config.channels, height, width];
    let classes = config.classes.len() as i64;
    let subject = Subject {
        variant: &|seed| StyleGan::new(config.clone(), &policy, seed).expect("stylegan"),
        source: &|| Box::new(Synthetic::new(shape, classes, 5, device())),
    };
    contract::check(&subject);
    contract::check_generator(&subject, config, &|checkpoint, weights| {
        StyleGan::load_generator(&policy, checkpoint, weights)
    });
}

#[test]
fn the_contract_is_kept() {
    check(&Config { noise: false, ..tiny() });
    check(&tiny());
    check(&Config {
        conditional: true,
        classes: named(3),
        size: 24,
        width: 16,
        generator: Architecture::Resnet,
        discriminator: Architecture::Skip,
        label_sampling: LabelSampling::Balanced,
        micro_batches: 2,
        ada: AdaConfig {
            pipe: AdaPipe::of("bg").expect("a pipe"),
            interval: 1,
            speed_images: 20.0,
            ..AdaConfig::bgc()
        },
        ..tiny()
    });
    check(&Config {
        generator: Architecture::Orig,
        discriminator: Architecture::Orig,
        noise: false,
        style_mixing: 0.0,
        path_length: 0.0,
        r1_gamma: 0.0,
        minibatch_channels: 0,
        output: Output::Tanh,
        ..tiny()
    });
}

#[test]
fn images_go_through_the_tangent_last() {
    let images = |generator, output| {
        let mut weights = Parameters::new(&reference(), 3);
        let config = Config { generator, output, ..tiny() };
        let generator = Generator::new(weights.root(), &config).expect("generator");
        let styles =
            generator.mapping.styles(&(Tensor::ones([2, 8], (Kind::Float, Device::Cpu)) * 3.0), None);
        let styles = generator.for_all_layers(&styles.expect("styles")).expect("for all layers");
        generator.forward(&styles, LayerNoise::Const).expect("images")
    };
    for generator in [Architecture::Orig, Architecture::Skip, Architecture::Resnet] {
        let (linear, bounded) = (images(generator, Output::Linear), images(generator, Output::Tanh));
        assert!(linear.abs().max().double_value(&[]) > 1e-3);
        assert_eq!((linear.tanh() - bounded).abs().max().double_value(&[]), 0.0);
    }
}

/// The settings of a recording.
fn recorded(golden: &Golden) -> Config {
    let default = Config::default();
    let of = |net: &str, path: &str| -> Option<Value> {
        let found = golden.config().pointer(&format!("/{net}/{path}"))?;
        (!found.is_null()).then(|| found.clone())
    };
    let integer =
        |net: &str, path: &str, or: i64| of(net, path).map_or(or, |v| v.as_i64().expect("an integer"));
    let number = |net: &str, path: &str, or: f64| of(net, path).map_or(or, |v| v.as_f64().expect("a number"));
    let architecture = |net: &str, path: &str, or| match of(net, path).as_ref().and_then(Value::as_str) {
        Some("orig") => Architecture::Orig,
        Some("skip") => Architecture::Skip,
        Some("resnet") => Architecture::Resnet,
        _ => or,
    };
    let taps =
        of("G", "synthesis_kwargs/resample_filter").map(|taps| serde_json::from_value(taps).expect("taps"));
    let adam = |net: &str| AdamConfig {
        beta2: number(net, "betas/1", 0.99),
        eps: number(net, "eps", 1e-8),
        ..AdamConfig::new(number(net, "lr", 0.002), number(net, "betas/0", 0.0))
    };
    let group = match golden.config().pointer("/D/epilogue_kwargs/mbstd_group_size") {
        None => 4,
        Some(group) => group.as_i64().unwrap_or(0),
    };
    let interval = |key: &str, or: u64| golden.config()[key].as_u64().unwrap_or(or);
    let classes = integer("G", "c_dim", 0);
    let batch = golden.config().get("train_batch").or_else(|| golden.config().get("batch"));
    Config {
        size: integer("G", "img_resolution", 32),
        channels: integer("G", "img_channels", 3),
        conditional: classes > 0,
        classes: named(classes),
        latent: integer("G", "z_dim", 0),
        style: integer("G", "w_dim", 0),
        mapping_layers: integer("G", "mapping_kwargs/num_layers", 8) as u32,
        mapping_width: integer("G", "mapping_kwargs/layer_features", 0),
        mapping_embedding: integer("G", "mapping_kwargs/embed_features", 0),
        mapping_lr: number("G", "mapping_kwargs/lr_multiplier", 0.01),
        channel_base: integer("G", "synthesis_kwargs/channel_base", 32_768),
        channel_max: integer("G", "synthesis_kwargs/channel_max", 512),
        generator: architecture("G", "synthesis_kwargs/architecture", Architecture::Skip),
        discriminator: architecture("D", "architecture", Architecture::Resnet),
        discriminator_activation: match of("D", "block_kwargs/activation").as_ref().and_then(Value::as_str) {
            Some("swish") => Activation::Swish,
            _ => Activation::Lrelu,
        },
        discriminator_embedding: integer("D", "cmap_dim", 0),
        discriminator_mapping_layers: integer("D", "mapping_kwargs/num_layers", 8) as u32,
        noise: of("G", "synthesis_kwargs/use_noise").is_none_or(|noise| noise.as_bool() == Some(true)),
        resample_filter: taps.unwrap_or(default.resample_filter.clone()),
        generator_clamp: number("G", "synthesis_kwargs/conv_clamp", 0.0),
        discriminator_clamp: number("D", "conv_clamp", 0.0),
        minibatch_group: group,
        minibatch_channels: integer("D", "epilogue_kwargs/mbstd_num_channels", 1),
        batch: batch.and_then(Value::as_i64).expect("a batch"),
        style_mixing: number("loss", "style_mixing_prob", 0.9),
        r1_gamma: number("loss", "r1_gamma", 10.0),
        r1_interval: interval("D_reg_interval", 16),
        path_length: number("loss", "pl_weight", 2.0),
        path_length_interval: interval("G_reg_interval", 4),
        path_length_shrink: integer("loss", "pl_batch_shrink", 2),
        path_length_decay: number("loss", "pl_decay", 0.01),
        generator_optimizer: adam("G_opt"),
        discriminator_optimizer: adam("D_opt"),
        ema: EmaConfig::default(),
        // Theirs are recorded apart from those of the reals.
        label_sampling: LabelSampling::Balanced,
        ada: AdaConfig {
            pipe: match golden.config().get("augment") {
                Some(table) => serde_json::from_value(table.clone()).expect("augmentations"),
                None => AdaPipe::NONE,
            },
            p: golden.config()["augment_p"].as_f64().unwrap_or(0.0),
            target: 0.0,
            ..AdaConfig::default()
        },
        ..default
    }
}

struct Networks {
    generator: Generator,
    discriminator: Discriminator,
    weights: Parameters,
}

/// Both networks with recorded weights.
fn networks(golden: &Golden, config: &Config) -> Networks {
    let policy = reference();
    let mut weights = Parameters::new(&policy, 1);
    let generator = Generator::new(weights.root(), config).expect("generator");
    let mut d_weights = Parameters::new(&policy, 1);
    let discriminator = Discriminator::new(d_weights.root(), config).expect("discriminator");
    for (net, weights) in [("G", &weights), ("D", &d_weights)] {
        assert_eq!(weights.trainable_names(), golden.parameter_names(net));
        weights.load(&golden.under(&format!("state/{net}/"))).expect("reference names");
    }
    Networks { generator, discriminator, weights }
}

/// Those with whole steps.
const STEPPED: [&str; 3] = ["sg2_f", "sg2_cond", "sg2_cifar"];

/// The labels of a recording, as they were given.
fn labels(golden: &Golden, key: &str) -> Option<Tensor> {
    golden.has(key).then(|| golden.tensor(key))
}

#[test]
fn training_steps_are_the_reference() {
    for name in STEPPED {
        let golden = Golden::open(name);
        let config = recorded(&golden);
        let policy = reference();
        let mut gan = StyleGan::new(config.clone(), &policy, 1).expect("stylegan");
        for (player, net) in gan.players_mut().into_iter().zip(["G", "D"]) {
            player.parameters().load(&golden.under(&format!("state/{net}/"))).expect("reference names");
        }
        let mut average = average(&gan, &config, golden.number("ema_nimg"));
        for k in 0..golden.integer("steps") {
            let step = format!("step{k}");
            let due = |interval: u64| (k as u64).is_multiple_of(interval);
            let regularised = [
                config.path_length > 0.0 && due(config.path_length_interval),
                config.r1_gamma > 0.0 && due(config.r1_interval),
            ];
            let mut draws = Vec::new();
            for (phase, drawn) in
                [("Gmain", true), ("Greg", regularised[0]), ("Dmain", true), ("Dreg", regularised[1])]
            {
                if !drawn {
                    continue;
                }
                let mut recorded = golden.draws(&format!("{step}/{phase}/rng/"));
                if phase != "Dreg" {
                    let z = golden.tensor(&format!("{step}/in/gen_z_{phase}"));
                    let count =
                        if phase == "Greg" { config.batch / config.path_length_shrink } else { config.batch };
                    if config.style_mixing > 0.0 {
                        // Theirs counts layers from 1 on.
                        recorded[0] = &recorded[0] - 1;
                    }
                    recorded.insert(0, z.narrow(0, 0, count));
                    if let Some(shares) = labels(&golden, &format!("{step}/in/gen_c_{phase}")) {
                        recorded.insert(0, shares.argmax(1, false));
                    }
                }
                draws.extend(recorded);
            }
            let images = golden.tensor(&format!("{step}/in/real"));
            let labels = labels(&golden, &format!("{step}/in/real_c"));
            let mut data = Recorded::new([ImageBatch { images, labels, attributes: None }]);
            let record = replay::step(&mut gan, &policy, &mut data, k, draws);
            let mean = |what: &str| golden.tensor(&format!("{step}/{what}")).mean(Kind::Double);
            close(&golden, &record, "loss/generator", &format!("{step}/Gmain/loss/Loss_G_loss"));
            close(&golden, &record, "loss/discriminator", &format!("{step}/Dmain/loss/Loss_D_loss"));
            if regularised[0] {
                close(&golden, &record, "penalty/path_length", &format!("{step}/Greg/loss/Loss_pl_penalty"));
                let after = mean("Greg/loss/pl_mean_after");
                assert!(
                    gan.mean_path_length().allclose(&after.to_kind(Kind::Float), 1e-5, 1e-8, false),
                    "{name}"
                );
            }
            if regularised[1] {
                close(&golden, &record, "penalty/r1", &format!("{step}/Dreg/loss/Loss_r1_penalty"));
            }
            for (net, player, phases) in
                [("G", "generator", ["Gmain", "Greg"]), ("D", "discriminator", ["Dmain", "Dreg"])]
            {
                // What was recorded twice, in the loss's update and the regulariser's, is compared as a mean.
                let reg = regularised[usize::from(net == "D")];
                let of = |phase: &str| golden.tensor(&format!("{step}/{phase}/gradnorm/{net}"));
                let slack = |phase: &str| tolerances(&golden, &format!("{step}/{phase}/gradnorm/{net}"));
                let phases = if reg { &phases[..] } else { &phases[..1] };
                for (at, parameter) in golden.parameter_names(net).iter().enumerate() {
                    let there: Vec<&str> = phases
                        .iter()
                        .copied()
                        .filter(|phase| of(phase).double_value(&[at as i64]) >= 0.0)
                        .collect();
                    if there.is_empty() {
                        continue;
                    }
                    let count = there.len() as f64;
                    let wanted: f64 = there.iter().map(|phase| of(phase).double_value(&[at as i64])).sum();
                    let allowed: f64 = there.iter().map(|phase| slack(phase)[at]).sum();
                    let got = f64::from(record.mean(&format!("gradient_norm/{player}/{parameter}")));
                    let apart = (got - wanted / count).abs();
                    assert!(apart <= allowed / count, "{name} {step} {parameter}: {got}, {}", wanted / count);
                }
            }
            average.update(gan.players()[0].parameters(), config.batch as u64, 0).expect("average");
        }
        for (player, net) in gan.players().into_iter().zip(["G", "D"]) {
            golden.check_state(net, &player.parameters().named());
        }
        golden.check_state("G_ema", &average.parameters.named());
    }
}

/// Compares what a step recorded, a mean over images, with the reference's values for each.
fn close(golden: &Golden, record: &replay::Record, ours: &str, theirs: &str) {
    let wanted = golden.tensor(theirs).mean(Kind::Double).double_value(&[]);
    let got = f64::from(record.mean(ours));
    let allowed =
        golden.part("tensors")[theirs]["tol_max"].as_f64().expect("a tolerance") * gan_testkit::slack();
    assert!((got - wanted).abs() <= allowed, "{theirs}: {got} and {wanted}");
}

/// How far each element may be off.
fn tolerances(golden: &Golden, key: &str) -> Vec<f64> {
    let each = golden.part("tensors")[key]["tol_each"].as_array().expect("tolerances");
    each.iter().map(|value| value.as_f64().expect("a tolerance") * gan_testkit::slack()).collect()
}

/// An average of the generator that begins as it is now.
fn average(gan: &StyleGan, config: &Config, half_life: f64) -> Ema {
    let mut copy = Parameters::new(&reference(), 1);
    let _ = Generator::new(copy.root(), config).expect("generator");
    let ema = EmaConfig { ramp_up: 0.0, ..EmaConfig::half_life(half_life) };
    Ema::new(ema, copy, gan.players()[0].parameters()).expect("average")
}

const RECORDED: [&str; 4] = ["sg2_f", "sg2_cond", "sg2_cifar", "sg2_arch"];

#[test]
fn forward_passes_are_the_reference() {
    for name in RECORDED {
        let golden = Golden::open(name);
        let config = recorded(&golden);
        let Networks { generator, discriminator, weights } = networks(&golden, &config);
        let labels = golden.has("in/c").then(|| golden.tensor("in/c"));
        let styles = |z: &str| {
            let styles = generator.mapping.styles(&golden.tensor(z), labels.as_ref()).expect("styles");
            generator.for_all_layers(&styles).expect("for all layers")
        };
        let (ws, ws2) = (styles("in/z"), styles("in/z2"));
        golden.check("out/mapping/ws", &ws);
        let psi = golden.number("psi");
        let truncated = |cutoff| generator.truncated(&ws, Psi { psi, cutoff }).expect("truncated");
        golden.check("out/mapping/psi", &truncated(None));
        golden.check("out/mapping/psi_cutoff", &truncated(Some(golden.integer("cutoff"))));
        let images = |styles: &Tensor, noise| generator.forward(styles, noise).expect("images");
        golden.check("out/synthesis/const", &images(&ws, LayerNoise::Const));
        golden.check("out/synthesis/const_not_fused", &images(&ws, LayerNoise::Const));
        golden.check("out/synthesis/none", &images(&ws, LayerNoise::None));
        let streams = Streams::replaying(golden.draws("out/synthesis/random/rng/"));
        golden.check("out/synthesis/random", &images(&ws, LayerNoise::Random(&streams)));
        let mixed = Generator::mixed(&ws, &ws2, golden.integer("cutoff")).expect("mixed");
        golden.check("out/synthesis/style_mix_const", &images(&mixed, LayerNoise::Const));
        golden.check("out/full/psi_const", &images(&truncated(None), LayerNoise::Const));
        let logits = discriminator.forward(&golden.tensor("in/x"), labels.as_ref()).expect("logits");
        golden.check("out/D/logits", &logits.unsqueeze(1));
        let moved = generator.mapping.forward(&golden.tensor("in/z"), labels.as_ref(), Mode::Train);
        let moved = generator.for_all_layers(&moved.expect("styles")).expect("for all layers");
        golden.check("out/train/ws", &moved);
        let average = weights.entries().iter().find(|entry| entry.name == "mapping.w_avg").expect("w_avg");
        golden.check("out/train/w_avg_after", &average.tensor);
        golden.check("out/train/skip_w_avg_update", &styles("in/z2"));
        golden.check("out/train/w_avg_after_skip", &average.tensor);
        golden.check("out/train/synthesis_const", &images(&moved, LayerNoise::Const));
    }
}
