//! The contract suite for every form, and the reference implementation's recorded tensors.

use biggan::published;
use biggan::{BigGan, Config, Discriminator, FirstWeights, Form, Generator, LabelSampling, NormStatistics};
use gan_core::data::{ImageBatch, Synthetic};
use gan_core::device::DevicePolicy;
use gan_core::ema::{Ema, EmaBuffers, EmaConfig};
use gan_core::game::{GameConfig, RegularizerConfig};
use gan_core::nn::{Mode, Parameters, SpectralNorm};
use gan_core::optim::AdamConfig;
use gan_core::random::Streams;
use gan_core::regularizer::Orthogonal;
use gan_core::tensor::file::Named;
use gan_core::trainer::{Checkpoint, Identity, RunDir, TrainConfig, Trainer};
use gan_core::variant::{Generate, GenerateOptions, ImageGan, Variant, Weights};
use gan_testkit::contract::{self, Subject};
use gan_testkit::golden::Golden;
use gan_testkit::replay::{self, Recorded};
use gan_testkit::{device, reference};
use std::path::Path;
use tch::{Kind, Tensor};

fn named(count: usize) -> Vec<String> {
    (0..count).map(|class| format!("class {class}")).collect()
}

fn tiny() -> Config {
    Config {
        channels: 2,
        classes: named(3),
        latent: 8,
        embedding: 5,
        generator_width: 1,
        discriminator_width: 1,
        batch: 4,
        ema: EmaConfig {
            half_life_images: 20.0,
            ramp_up: 0.0,
            buffers: EmaBuffers::Average,
            ..EmaConfig::default()
        },
        ..Config::default()
    }
}

fn check(config: &Config) {
    let policy = contract::policy();
    let shape = [config.batch, 2, config.size, config.size];
    let subject = Subject {
        variant: &|seed| BigGan::new(config.clone(), &policy, seed).expect("biggan"),
        source: &|| Box::new(Synthetic::new(shape, 3, 5, device())),
    };
    contract::check(&subject);
    contract::check_generator(&subject, config, &|checkpoint, weights| {
        BigGan::load_generator(&policy, checkpoint, weights)
    });
}

#[test]
fn the_contract_is_kept() {
    check(&tiny());
    let game = GameConfig { discriminator_steps: 2, micro_batches: 2, ..tiny().game };
    let orthogonal = RegularizerConfig { orthogonal_generator: 1e-4, ..RegularizerConfig::default() };
    check(&Config {
        norm_statistics: NormStatistics::Standing,
        label_sampling: LabelSampling::Data,
        generator_batch: 6,
        generator_width: 2,
        generator_attention: vec![16],
        discriminator_width: 2,
        discriminator_attention: vec![16],
        generator_spectral_norm: SpectralNorm { singular_values: 2, iterations: 2, ..SpectralNorm::BIGGAN },
        regularizer: orthogonal,
        game,
        ..tiny()
    });
    // SNGAN's: tables for classes, fakes taken over, apart from reals.
    check(&Config {
        embedding: 0,
        hierarchical: false,
        generator_spectral_norm: SpectralNorm::OFF,
        game: GameConfig::default(),
        ..tiny()
    });
}

#[test]
fn the_contract_is_kept_by_the_deep_form() {
    let wide = Config { generator_width: 4, discriminator_width: 4, batch: 2, ..tiny() };
    check(&Config { form: Form::Deep, size: 128, depth: 1, ..wide });
}

#[test]
fn every_size_and_form_fits_together() {
    for (form, sizes) in [(Form::Biggan, &[32, 64, 128, 256, 512][..]), (Form::Deep, &[128, 256, 512])] {
        for &size in sizes {
            let width = if form == Form::Deep { 4 } else { 1 };
            let config = Config {
                form,
                size,
                latent: 2520, // cut into any number of pieces up to 10
                generator_width: width,
                discriminator_width: width,
                ..tiny()
            };
            let gan = BigGan::new(config, &reference(), 1).expect("biggan");
            let generator = gan.generator(Weights::Averaged);
            let z = Tensor::zeros([2, 2520], (Kind::Float, device()));
            let labels = Tensor::from_slice(&[0i64, 2]).to_device(device());
            let images = generator.generate(&z, Some(&labels), &GenerateOptions::default()).expect("images");
            assert_eq!(images.size(), [2, 2, size, size]);
            assert_eq!(gan.judge(&images, Some(&labels)).expect("a judge").expect("logits").size(), [2]);
            assert!(gan.judge(&z, Some(&labels)).expect("a judge").is_err());
            assert!(generator.generate(&z, None, &GenerateOptions::default()).is_err());
            let far = GenerateOptions { truncation: Some(3.0), ..GenerateOptions::default() };
            let error = generator.generate(&z, Some(&labels), &far).expect_err("too far").to_string();
            assert!(error.contains("at most 2"), "{error}");
        }
    }
}

/// The settings of a recording.
fn recorded(golden: &Golden) -> Config {
    let of = |net: &str, key: &str| golden.config()[net][key].clone();
    let number = |net: &str, key: &str| of(net, key).as_f64().unwrap_or_else(|| panic!("{net}.{key}"));
    let integer = |net: &str, key: &str| of(net, key).as_i64().unwrap_or_else(|| panic!("{net}.{key}"));
    let adam = |net: &str, prefix: &str| AdamConfig {
        beta2: number(net, &format!("{prefix}_B2")),
        eps: number(net, "adam_eps"),
        ..AdamConfig::new(number(net, &format!("{prefix}_lr")), number(net, &format!("{prefix}_B1")))
    };
    let spectral = |net: &str| SpectralNorm { eps: number(net, "SN_eps"), ..SpectralNorm::BIGGAN };
    let deep = golden.config()["deep"].as_bool() == Some(true);
    let attention = |net: &str, key: &str| match of(net, key).as_str() {
        Some("0") => Vec::new(),
        // The reference's table of resolutions says 16 for 8 as well.
        Some("16") if net == "D" => vec![16, 8],
        other => vec![other.and_then(|size| size.parse().ok()).expect("a size")],
    };
    let batch = golden.integer("batch");
    let decay = golden.number("ema_decay");
    Config {
        size: integer("G", "resolution"),
        classes: named(integer("G", "n_classes") as usize),
        form: if deep { Form::Deep } else { Form::Biggan },
        latent: integer("G", "dim_z"),
        embedding: integer("G", "shared_dim"),
        hierarchical: of("G", "hier").as_bool() == Some(true),
        generator_width: integer("G", "G_ch"),
        discriminator_width: integer("D", "D_ch"),
        generator_attention: attention("G", "G_attn"),
        discriminator_attention: attention("D", "D_attn"),
        first_weights: FirstWeights::Normal,
        generator_spectral_norm: spectral("G"),
        discriminator_spectral_norm: spectral("D"),
        norm_eps: number("G", "BN_eps"),
        batch,
        game: GameConfig {
            discriminator_steps: golden.integer("num_D_steps") as u32,
            ..Config::default().game
        },
        generator_optimizer: adam("G", "G"),
        discriminator_optimizer: adam("D", "D"),
        ema: EmaConfig {
            half_life_images: 0.5f64.ln() / decay.ln(),
            ramp_up: 0.0,
            start_images: golden.integer("ema_start") as u64,
            buffers: EmaBuffers::Average,
        },
        ..Config::default()
    }
}

/// Both networks with recorded weights.
fn networks(golden: &Golden, config: &Config) -> (Generator, Parameters, Discriminator, Parameters) {
    let policy = reference();
    let mut weights = Parameters::new(&policy, 1);
    let generator = Generator::new(weights.root(), config).expect("generator");
    assert_eq!(weights.trainable_names(), golden.parameter_names("G"));
    weights.load(&golden.under("state/G/")).expect("reference names");
    let mut d_weights = Parameters::new(&policy, 1);
    let discriminator = Discriminator::new(d_weights.root(), config).expect("discriminator");
    assert_eq!(d_weights.trainable_names(), golden.parameter_names("D"));
    d_weights.load(&golden.under("state/D/")).expect("reference names");
    (generator, weights, discriminator, d_weights)
}

const RECORDED: [&str; 3] = ["biggan32", "biggan32_c10", "biggan_deep"];

#[test]
fn forward_passes_are_the_reference() {
    for name in RECORDED {
        let golden = Golden::open(name);
        let config = recorded(&golden);
        let labels = golden.tensor("in/y");
        for (mode, word) in [(Mode::Train, "train"), (Mode::Eval, "eval")] {
            let (generator, weights, discriminator, d_weights) = networks(&golden, &config);
            let images = generator.forward(&golden.tensor("in/z"), &labels, mode).expect("images");
            golden.check(&format!("out/{word}/G"), &images);
            let verdict = discriminator.judge(&golden.tensor("in/x"), &labels, mode).expect("verdict");
            golden.check(&format!("out/{word}/D"), &verdict.logits.unsqueeze(1));
            if mode == Mode::Train {
                for (net, weights) in [("G", &weights), ("D", &d_weights)] {
                    for entry in weights.entries().iter().filter(|entry| !entry.trainable) {
                        golden.check(&format!("out/train/{net}_buffers/{}", entry.name), &entry.tensor);
                    }
                }
            }
            let images = generator.forward(&golden.tensor("in/z_truncated"), &labels, mode).expect("images");
            if mode == Mode::Eval {
                golden.check("out/eval/G_truncated_first_sample", &images.narrow(0, 0, 1));
            }
        }
    }
}

#[test]
fn orthogonal_regularisation_is_the_reference() {
    for name in RECORDED {
        let golden = Golden::open(name);
        let (_, weights, ..) = networks(&golden, &recorded(&golden));
        let (mut penalty, mut norms) = (0.0, Vec::new());
        for entry in weights.entries().iter().filter(|entry| entry.trainable) {
            let weight = entry.tensor.detach();
            if weight.dim() < 2 || entry.name.contains("shared") {
                norms.push(0f32);
                continue;
            }
            let form = Orthogonal::OffDiagonal;
            penalty += form.penalty(&weight).expect("a penalty").double_value(&[]);
            let gradient = form.gradient(&weight, 1e-2).expect("a gradient");
            norms.push(gradient.norm().double_value(&[]) as f32);
        }
        golden.check("ortho/loss/value_half_sum_offdiag_squared", &Tensor::from(penalty as f32));
        golden.check("ortho/gradnorm/G", &Tensor::from_slice(&norms));
    }
}

/// In channels-last order, where resampling is folded into kernels and sums run in another order.
#[test]
fn a_first_step_as_runs_take_it_is_the_reference() {
    for name in RECORDED {
        let golden = Golden::open(name);
        let policy = DevicePolicy { channels_last: true, ..reference() };
        let mut gan = BigGan::new(recorded(&golden), &policy, 1).expect("biggan");
        for (player, net) in gan.players_mut().into_iter().zip(["G", "D"]) {
            player.parameters().load(&golden.under(&format!("state/{net}/"))).expect("reference names");
        }
        let rounds = golden.integer("num_D_steps");
        let (x, y) = (golden.tensor("step0/in/x"), golden.tensor("step0/in/y"));
        let batches = x.chunk(rounds, 0).into_iter().zip(y.chunk(rounds, 0));
        let mut data = Recorded::new(batches.map(|(images, labels)| ImageBatch {
            images,
            labels: Some(labels),
            attributes: None,
        }));
        let record = replay::step(&mut gan, &policy, &mut data, 0, golden.draws("step0/rng/"));
        let (got, wanted) = (record.mean("loss/generator"), golden.tensor("step0/loss/G_loss"));
        let wanted = wanted.double_value(&[]) as f32;
        assert!((got - wanted).abs() <= 1e-4 * wanted.abs(), "{name}: {got} and {wanted}");
        let norms = record.gradient_norms("generator", &golden.parameter_names("G"));
        golden.check_roughly("step0/gradnorm/G", &norms);
    }
}

#[test]
fn training_steps_are_the_reference() {
    for name in RECORDED {
        let golden = Golden::open(name);
        let config = recorded(&golden);
        let policy = reference();
        let mut gan = BigGan::new(config.clone(), &policy, 1).expect("biggan");
        for (player, net) in gan.players_mut().into_iter().zip(["G", "D"]) {
            player.parameters().load(&golden.under(&format!("state/{net}/"))).expect("reference names");
        }
        let rounds = golden.integer("num_D_steps");
        let mut average = average(&gan, &config);
        for k in 0..golden.integer("steps") {
            let step = format!("step{k}");
            let (x, y) = (golden.tensor(&format!("{step}/in/x")), golden.tensor(&format!("{step}/in/y")));
            let batches = x
                .chunk(rounds, 0)
                .into_iter()
                .zip(y.chunk(rounds, 0))
                .map(|(images, labels)| ImageBatch { images, labels: Some(labels), attributes: None });
            let mut data = Recorded::new(batches);
            let record = replay::step(&mut gan, &policy, &mut data, k, golden.draws(&format!("{step}/rng/")));
            // The recorded updates of the discriminator one by one, ours their mean.
            let each = |what: &str| -> Tensor {
                let of = |round: i64| golden.tensor(&format!("{step}/d{round}/{what}")).to_kind(Kind::Double);
                Tensor::stack(&(0..rounds).map(of).collect::<Vec<_>>(), 0).mean_dim(
                    [0i64].as_slice(),
                    false,
                    Kind::Double,
                )
            };
            let loss = each("loss/D_loss_real") + each("loss/D_loss_fake");
            let slack = allowed(&golden, &step, rounds, "loss/D_loss_real")[0]
                + allowed(&golden, &step, rounds, "loss/D_loss_fake")[0];
            close(&format!("{step} D"), &record.scalar("loss/discriminator"), &loss, &[slack]);
            let norms = record.gradient_norms("discriminator", &golden.parameter_names("D"));
            let slack = allowed(&golden, &step, rounds, "gradnorm/D");
            close(&format!("{step} D gradients"), &norms, &each("gradnorm/D"), &slack);
            golden.check(&format!("{step}/loss/G_loss"), &record.scalar("loss/generator"));
            let norms = record.gradient_norms("generator", &golden.parameter_names("G"));
            golden.check(&format!("{step}/gradnorm/G"), &norms);
            average.update(gan.players()[0].parameters(), 1, k as u64).expect("average");
        }
        if golden.config()["store_after"].as_bool() == Some(false) {
            continue;
        }
        for (player, net) in gan.players().into_iter().zip(["G", "D"]) {
            golden.check_state(net, &player.parameters().named());
        }
        if golden.config()["store_ema"].as_bool() != Some(false) {
            golden.check_state("G_ema", &average.parameters.named());
        }
    }
}

/// An average of the generator that begins as it is now.
fn average(gan: &BigGan, config: &Config) -> Ema {
    let mut copy = Parameters::new(&reference(), 1);
    let _ = Generator::new(copy.root(), config).expect("generator");
    Ema::new(config.ema, copy, gan.players()[0].parameters()).expect("average")
}

/// How far the mean of the recorded updates may be missed: the mean of what each may be.
fn allowed(golden: &Golden, step: &str, rounds: i64, what: &str) -> Vec<f64> {
    let of = |round: i64| -> Vec<f64> {
        let tolerance = &golden.part("tensors")[format!("{step}/d{round}/{what}")];
        let each = tolerance["tol_each"].as_array().cloned();
        let each = each.unwrap_or_else(|| vec![tolerance["tol_max"].clone()]);
        each.iter().map(|value| value.as_f64().expect("a tolerance") / rounds as f64).collect()
    };
    (0..rounds).map(of).reduce(|a, b| a.iter().zip(&b).map(|(a, b)| a + b).collect()).expect("an update")
}

/// Recorded as f32, the mean taken in f32: a unit in the last place besides.
fn close(what: &str, got: &Tensor, wanted: &Tensor, allowed: &[f64]) {
    let each =
        |tensor: &Tensor| Vec::<f64>::try_from(tensor.to_kind(Kind::Double).reshape([-1])).expect("numbers");
    for ((got, wanted), allowed) in each(got).iter().zip(each(wanted)).zip(allowed) {
        assert!(
            (got - wanted).abs() <= allowed + 2e-7 * wanted.abs(),
            "{what}: {got} and {wanted}, {allowed} allowed"
        );
    }
}

#[test]
fn networks_are_read_off_their_weights() {
    for name in RECORDED {
        let golden = Golden::open(name);
        let wanted = recorded(&golden);
        let wrap = |net: &str| -> Named {
            let weights = golden.under(&format!("state/{net}/"));
            weights.into_iter().map(|(name, tensor)| (format!("module.{name}"), tensor)).collect()
        };
        let path = Path::new("G.pth");
        let (mut config, weights) = published::generator(wrap("G"), path, 1.0).expect("a generator");
        let d_weights = published::discriminator(&mut config, wrap("D"), path).expect("a discriminator");
        let facts = |config: &Config| {
            let Config { size, channels, form, latent, embedding, hierarchical, .. } = *config;
            let attention = (config.generator_attention.clone(), config.discriminator_attention.clone());
            let widths = (config.generator_width, config.discriminator_width, config.classes.len());
            (size, channels, form, latent, embedding, hierarchical, widths, attention.0)
        };
        assert_eq!(facts(&config), facts(&wanted), "{name}");
        let gan = BigGan::new(config, &reference(), 1).expect("biggan");
        gan.players()[0].parameters().load(&weights).expect("all weights");
        gan.players()[1].parameters().load(&d_weights).expect("all weights");
    }
    let refused = |name: &str, size: &[i64]| {
        let weights = vec![(name.to_owned(), Tensor::zeros(size, (Kind::Float, device())))];
        published::generator(weights, Path::new("x.pth"), 1.0).expect_err("refused").to_string()
    };
    assert!(refused("conv.weight", &[1, 1]).contains("x.pth"));
    assert!(refused("blocks.0.0.conv1.weight", &[1, 1, 3, 3]).contains("1 blocks"));
}

/// The authors' networks, as pytorch-pretrained-biggan names them.
#[test]
fn the_authors_weights_make_the_authors_pictures() {
    let golden = Golden::open("biggan_pretrained");
    for truncation in ["0.3", "0.4", "0.43", "1.0"] {
        let (config, weights) = published::generator(
            golden.under("state/M/"),
            Path::new("pytorch_model.bin"),
            truncation.parse().expect("a number"),
        )
        .expect("a generator");
        let mut parameters = Parameters::new(&reference(), 1);
        let generator = Generator::new(parameters.root(), &config).expect("generator");
        parameters.load(&weights).expect("all weights");
        let class = golden.tensor("in/class_onehot").argmax(1, false);
        let z = golden.tensor(&format!("in/z_{truncation}"));
        let images = generator.forward(&z, &class, Mode::Eval).expect("images");
        golden.check(&format!("out/truncation_{truncation}"), &images);
    }
    let weights = golden.under("state/M/");
    let error = published::generator(weights, Path::new("x.bin"), 1.5).expect_err("too far").to_string();
    assert!(error.contains("1.5"), "{error}");
}

/// Standing statistics are kept with the weights and the average, so that the generator alone has them.
#[test]
fn standing_statistics_go_with_the_generator() {
    let policy = contract::policy();
    policy.apply();
    let config = Config { norm_statistics: NormStatistics::Standing, ..tiny() };
    let mut gan = BigGan::new(config.clone(), &policy, 1).expect("biggan");
    let mut data = Synthetic::new([config.batch, 2, config.size, config.size], 3, 5, device());
    let folder = tempfile::tempdir().expect("temp dir");
    let run = folder.path().join("run");
    let dir = RunDir::create(&run, "").expect("run folder");
    let identity = Identity::of(&gan, &config).expect("an identity");
    let train = TrainConfig { evaluate_images: 0, ..TrainConfig::default() };
    let mut trainer = Trainer::new(train, policy, dir, identity).expect("trainer");
    let _ = trainer.advance(&mut gan, &mut data).expect("a step");
    let noise = Streams::new(1, 0, 0, device());
    let z = noise.normal("latent", &[3, config.latent]).expect("latents");
    let labels = noise.integers("labels", 3, &[3]).expect("labels");
    let images = |generator: &dyn Generate| {
        generator.generate(&z, Some(&labels), &GenerateOptions::default()).expect("images")
    };
    let before = [Weights::Averaged, Weights::Raw].map(|weights| images(gan.generator(weights)));
    gan.stand(&noise, 4, 8).expect("statistics");
    trainer.save_now(&mut gan, &mut data).expect("a checkpoint");
    trainer.finish().expect("the end");
    let checkpoint = Checkpoint::find(&run).expect("sound");
    for (weights, before) in [Weights::Averaged, Weights::Raw].into_iter().zip(before) {
        let alone = BigGan::load_generator(&policy, &checkpoint, weights).expect("a generator");
        assert_eq!(images(&alone), images(gan.generator(weights)), "{weights:?}");
        assert_ne!(images(&alone), before, "{weights:?}");
    }
}

/// The paper's models with 1,000 classes: those of 128 pixels as BigGAN-PyTorch counts them, all by the tables of appendix B.
#[test]
fn parameter_counts_are_the_authors() {
    let published = [
        (128, 120, 70_433_988, 87_982_370),
        (256, 140, 82_235_844, 99_225_890),
        (512, 160, 82_468_068, 99_401_282),
    ];
    for (size, latent, of_generator, of_discriminator) in published {
        let config = Config { size, latent, ..Config::preset("imagenet-128").expect("preset") };
        assert_eq!(counted(&config), [of_generator, of_discriminator], "{size}");
    }
    let deep = Config::preset("deep-128").expect("preset");
    // pytorch-pretrained-biggan says 50.4 million: its last layer makes 128 channels, of which it shows three.
    let last_layer = |channels: usize| channels * (128 * 9 + 1);
    let theirs = counted(&deep)[0] - last_layer(3) + last_layer(128);
    assert_eq!((theirs + 50_000) / 100_000, 504, "{theirs}");
}

/// Trained numbers of both networks for 1,000 classes, without their memory.
fn counted(config: &Config) -> [usize; 2] {
    let (mut first, mut second) = (Parameters::counting(), Parameters::counting());
    let config = Config { classes: named(1_000), ..config.clone() };
    let _ = Generator::new(first.root(), &config).expect("generator");
    let _ = Discriminator::new(second.root(), &config).expect("discriminator");
    [first.count(), second.count()]
}

#[test]
fn standing_statistics_are_the_reference() {
    let golden = Golden::open("biggan_standing");
    let of = |key: &str| golden.config()["G"][key].as_i64().expect("a number");
    let config = Config {
        classes: named(of("n_classes") as usize),
        latent: of("dim_z"),
        embedding: of("shared_dim"),
        generator_width: of("G_ch"),
        norm_statistics: NormStatistics::Standing,
        ..Config::default()
    };
    let mut weights = Parameters::new(&reference(), 1);
    let generator = Generator::new(weights.root(), &config).expect("generator");
    weights.load(&golden.under("state/G/")).expect("reference names");
    let forward =
        |z: &Tensor, y: &Tensor, mode| tch::no_grad(|| generator.forward(z, y, mode).expect("images"));
    let (z, y) = (golden.tensor("in/z"), golden.tensor("in/y"));
    golden.check("out/eval_before", &forward(&z, &y, Mode::Eval));
    for draws in golden.draws("standing/rng/").chunks(2) {
        let _ = forward(&draws[0], &draws[1], Mode::Standing);
    }
    for entry in weights.entries().iter().filter(|entry| !entry.trainable) {
        golden.check(&format!("out/buffers/{}", entry.name), &entry.tensor);
    }
    golden.check("out/eval_after", &forward(&z, &y, Mode::Eval));
}
