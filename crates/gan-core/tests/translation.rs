//! Networks from images to images against the authors' implementation, and what the references do not have.

use gan_core::device::DevicePolicy;
use gan_core::nn::{Mode, Parameters};
use gan_core::random::Streams;
use gan_core::translation::{
    Discriminator, DiscriminatorKind, DiscriminatorOptions, Generator, GeneratorKind, GeneratorOptions,
    ImagePool, Look, Norm, Upsampling,
};
use gan_testkit::golden::Golden;
use gan_testkit::{device, reference};
use serde_json::Value;
use tch::{Kind, Tensor};

enum Network {
    Generator(Box<Generator>),
    Discriminator(Box<Discriminator>),
}

impl Network {
    /// The network that a golden's json describes.
    fn of(net: &Value, weights: &mut Parameters) -> Self {
        let integer = |key: &str| net[key].as_i64().unwrap_or_else(|| panic!("{key} is no integer"));
        let norm = match net["norm"].as_str() {
            Some("batch") => Norm::Batch,
            _ => Norm::Instance,
        };
        let mut generator = |kind| {
            let (inputs, outputs) = (integer("in"), integer("out"));
            let dropout = net["dropout"].as_bool() == Some(true);
            let options =
                GeneratorOptions { width: integer("nf"), dropout, ..options(kind, [inputs, outputs], norm) };
            Self::Generator(Box::new(Generator::new(weights.root(), options).expect("generator")))
        };
        match net["net"].as_str().expect("a net") {
            "resnet_6blocks" => generator(GeneratorKind::Resnet6),
            "resnet_9blocks" => generator(GeneratorKind::Resnet9),
            "unet_128" => generator(GeneratorKind::Unet128),
            "unet_256" => generator(GeneratorKind::Unet256),
            word => {
                let kind = if word == "pixel" { DiscriminatorKind::Pixel } else { DiscriminatorKind::Patch };
                let layers = net["n_layers"].as_u64().unwrap_or(3) as u32;
                let options =
                    DiscriminatorOptions { kind, layers, inputs: integer("in"), width: integer("nf"), norm };
                Self::Discriminator(Box::new(
                    Discriminator::new(weights.root(), options).expect("discriminator"),
                ))
            }
        }
    }

    fn forward(&self, images: &Tensor, look: Look) -> Tensor {
        match self {
            Self::Generator(network) => network.forward(images, look),
            Self::Discriminator(network) => network.forward(images, look),
        }
        .expect("forward")
    }
}

#[test]
fn networks_are_the_reference() {
    for golden in ["cyclegan_nets", "unet128"].map(Golden::open) {
        for (name, net) in golden.config()["nets"].as_object().expect("nets") {
            for channels_last in [false, true] {
                let policy = DevicePolicy { channels_last, ..reference() };
                let mut weights = Parameters::new(&policy, 1);
                let network = Network::of(net, &mut weights);
                assert_eq!(weights.trainable_names(), golden.parameter_names(name), "{name}");
                weights.load(&golden.under(&format!("state/{name}/"))).expect("reference names");
                let input = golden.tensor(&format!("in/{name}/x"));
                let input = if channels_last {
                    gan_sys::format::channels_last(&input).expect("format")
                } else {
                    input
                };
                golden.check(&format!("out/{name}/eval"), &network.forward(&input, Look::eval()));
                let draws = golden.draws(&format!("fwd/{name}/rng/"));
                let draws = draws.into_iter().map(|kept| kept.to_kind(Kind::Float));
                let noise = Streams::replaying(draws);
                golden.check(&format!("out/{name}/train"), &network.forward(&input, Look::train(&noise)));
                for entry in weights.entries().iter().filter(|entry| !entry.trainable) {
                    golden.check(&format!("out/{name}/train_buffers/{}", entry.name), &entry.tensor);
                }
            }
        }
    }
}

#[test]
fn pools_are_the_reference() {
    for golden in ["cyclegan_nets", "unet128"].map(Golden::open) {
        for capacity in [1, 3] {
            let mut pool = ImagePool::new("pool", capacity);
            let noise = Streams::replaying(golden.draws(&format!("pool{capacity}/rng/")));
            let shown: Vec<Tensor> = (0..8)
                .map(|query| {
                    let pair = Tensor::from_slice(&[2.0 * f64::from(query), 2.0 * f64::from(query) + 1.0])
                        .to_device(device());
                    let pair = pair.to_kind(Kind::Float).view([2, 1, 1, 1]);
                    pool.exchange(&pair, &noise).expect("exchange").flatten(0, -1)
                })
                .collect();
            golden.check(&format!("out/pool{capacity}/returned"), &Tensor::cat(&shown, 0));
        }
    }
    let fakes = Tensor::ones([2, 1, 1, 1], (Kind::Float, device())).set_requires_grad(true);
    let noise = Streams::new(1, 0, 0, device());
    let shown = ImagePool::new("pool", 0).exchange(&fakes, &noise).expect("exchange");
    assert!(shown == fakes && !shown.requires_grad());
}

/// The smallest of a kind.
fn options(kind: GeneratorKind, [inputs, outputs]: [i64; 2], norm: Norm) -> GeneratorOptions {
    GeneratorOptions {
        kind,
        inputs,
        outputs,
        width: 2,
        norm,
        dropout: false,
        upsampling: Upsampling::Transposed,
        residual: false,
        scale: 1,
    }
}

fn generator(kind: GeneratorKind, inputs: i64, outputs: i64, norm: Norm, scale: i64) -> Generator {
    let mut weights = Parameters::new(&reference(), 1);
    let options = GeneratorOptions { dropout: true, scale, ..options(kind, [inputs, outputs], norm) };
    Generator::new(weights.root(), options).expect("generator")
}

fn noise_image(shape: [i64; 4]) -> Tensor {
    Streams::new(1, 0, 0, device()).normal("image", &shape).expect("draw").tanh()
}

#[test]
fn any_rectangle_and_channel_counts_go_through() {
    let noise = Streams::new(1, 0, 0, device());
    let sizes = [(64, 64), (65, 97), (130, 67), (33, 50)];
    for kind in [
        GeneratorKind::Resnet6,
        GeneratorKind::Resnet9,
        GeneratorKind::Unet32,
        GeneratorKind::Unet64,
        GeneratorKind::Unet128,
        GeneratorKind::Unet256,
    ] {
        for ((height, width), (inputs, outputs)) in sizes.into_iter().zip([(1, 3), (3, 1), (4, 2), (2, 4)]) {
            for norm in [Norm::Instance, Norm::Batch] {
                let network = generator(kind, inputs, outputs, norm, 1);
                let images = noise_image([1, inputs, height, width]);
                for look in [Look::train(&noise), Look::eval()] {
                    let out = network.forward(&images, look).expect("forward");
                    assert_eq!(out.size(), [1, outputs, height, width], "{kind:?}");
                    assert!(bool::try_from(out.abs().le(1.0).all()).expect("bool"));
                }
                assert!(network.forward(&noise_image([1, 5, 64, 64]), Look::eval()).is_err());
            }
        }
    }
    for scale in [2, 4, 8] {
        for (norm, outputs) in [(Norm::Batch, 3), (Norm::Instance, 1), (Norm::None, 3)] {
            let network = generator(GeneratorKind::SuperResolution, 3, outputs, norm, scale);
            let out = network.forward(&noise_image([1, 3, 9, 14]), Look::eval()).expect("forward");
            assert_eq!(out.size(), [1, outputs, 9 * scale, 14 * scale]);
        }
    }
}

#[test]
fn super_resolution_begins_near_the_bicubic_enlargement() {
    let image = noise_image([1, 3, 16, 16]) * 0.5;
    let enlarged = image.upsample_bicubic2d([64, 64], false, None, None);
    let network = generator(GeneratorKind::SuperResolution, 3, 3, Norm::None, 4);
    let out = network.forward(&image, Look::eval()).expect("forward");
    let apart = (out - enlarged).abs().mean(Kind::Float).double_value(&[]);
    assert!(apart < 0.02, "{apart}: first weights are small");
}

#[test]
fn padding_changes_nothing_where_sides_fit() {
    let network = generator(GeneratorKind::Resnet6, 3, 3, Norm::Instance, 1);
    let images = noise_image([1, 3, 48, 40]);
    let whole = network.forward(&images, Look::eval()).expect("forward");
    // Without padding to 4 the transposed convolutions would give 48 for 47.
    let cut = network.forward(&images.narrow(2, 0, 47), Look::eval()).expect("forward");
    assert_eq!(cut.size(), [1, 3, 47, 40]);
    assert_eq!(whole.size(), images.size());
}

#[test]
fn a_batch_of_one_is_normalised_by_itself_where_asked_for() {
    let mut weights = Parameters::new(&reference(), 1);
    let options =
        GeneratorOptions { width: 4, dropout: true, ..options(GeneratorKind::Unet32, [3, 3], Norm::Batch) };
    let network = Generator::new(weights.root(), options).expect("generator");
    let images = noise_image([1, 3, 32, 32]);
    let own = Look { own_statistics: true, ..Look::eval() };
    let before: Vec<Tensor> = weights.entries().iter().map(|entry| entry.tensor.copy()).collect();
    let by_itself = network.forward(&images, own).expect("forward");
    assert!(weights.entries().iter().zip(&before).all(|(entry, before)| entry.tensor == *before));
    let silent = Look { mode: Mode::Train, noise: None, own_statistics: false };
    assert!(by_itself.allclose(&network.forward(&images, silent).expect("forward"), 1e-6, 1e-6, false));
    assert!(by_itself != network.forward(&images, Look::eval()).expect("forward"));
}

#[test]
fn patches_are_as_large_as_the_paper_says() {
    for (halvings, side, patch) in [(1u32, 64, 16), (2, 96, 34), (3, 128, 70)] {
        let mut weights = Parameters::new(&reference(), 1);
        let kind = DiscriminatorKind::Patch;
        let options = DiscriminatorOptions { kind, layers: halvings, inputs: 3, width: 2, norm: Norm::Batch };
        let network = Discriminator::new(weights.root(), options).expect("discriminator");
        let images = noise_image([1, 3, side, side]).set_requires_grad(true);
        let logits = network.forward(&images, Look::eval()).expect("forward");
        let [_, _, height, width] = logits.size()[..] else { panic!("a map") };
        let middle = logits.narrow(2, height / 2, 1).narrow(3, width / 2, 1).sum(Kind::Float);
        let seen = Tensor::run_backward(&[middle], &[&images], false, false)[0].abs().sum_dim_intlist(
            [0i64, 1, 3].as_slice(),
            false,
            Kind::Float,
        );
        assert_eq!(seen.gt(0.0).sum(Kind::Int64).int64_value(&[]), patch, "section 6.1.2");
    }
}

#[test]
fn a_scale_without_its_network_is_refused() {
    for (kind, scale) in [(GeneratorKind::Unet64, 2), (GeneratorKind::SuperResolution, 1)] {
        let mut weights = Parameters::new(&reference(), 1);
        let options = GeneratorOptions { scale, ..options(kind, [3, 3], Norm::Instance) };
        let error = Generator::new(weights.root(), options).expect_err("refused").to_string();
        assert!(error.contains("by 2, 4 or 8"), "{error}");
    }
}

/// What comes out of doubled pixels has no checkerboard of its own: of a constant image, a network without biases makes
/// constants, away from the edges.
#[test]
fn resized_upsampling_has_no_checkerboard() {
    const SIDE: i64 = 160;
    const EDGE: i64 = 64;
    let roughness = |upsampling| {
        let mut weights = Parameters::new(&reference(), 1);
        let options = options(GeneratorKind::Resnet6, [3, 3], Norm::None);
        let network = Generator::new(weights.root(), GeneratorOptions { width: 4, upsampling, ..options })
            .expect("generator");
        let _no_gradients = tch::no_grad_guard();
        for mut tensor in weights.trainable().into_iter().map(Tensor::shallow_clone) {
            let _ =
                if tensor.dim() > 1 { tensor.f_mul_scalar_(10.0).expect("louder") } else { tensor.zero_() };
        }
        let image = Tensor::full([1, 3, SIDE, SIDE], 0.5, (Kind::Float, device()));
        let made = network.forward(&image, Look::eval()).expect("forward");
        assert_eq!(made.size(), image.size());
        let inside = made.narrow(2, EDGE, SIDE - 2 * EDGE).narrow(3, EDGE, SIDE - 2 * EDGE);
        (&inside - inside.mean_dim([2i64, 3].as_slice(), true, Kind::Float)).abs().max().double_value(&[])
    };
    let [transposed, resized] = [Upsampling::Transposed, Upsampling::Resize].map(roughness);
    assert!(resized < 1e-5 && transposed > 1e-2, "{transposed} {resized}");
}

#[test]
fn a_residual_generator_begins_with_what_it_is_given() {
    let image = noise_image([1, 3, 32, 32]);
    for kind in [GeneratorKind::Resnet6, GeneratorKind::Unet32] {
        let mut weights = Parameters::new(&reference(), 1);
        let options = GeneratorOptions { residual: true, ..options(kind, [3, 3], Norm::Instance) };
        let made = Generator::new(weights.root(), options)
            .and_then(|network| network.forward(&image, Look::eval()))
            .expect("forward");
        assert!(bool::try_from(made.abs().le(1.0).all()).expect("bool"));
        let apart = (made - &image).abs().mean(Kind::Float).double_value(&[]);
        assert!(apart > 0.0 && apart < 0.3, "{kind:?}: {apart}");
        let unequal = GeneratorOptions { outputs: 1, ..options };
        let error = Generator::new(weights.root(), unequal).expect_err("refused").to_string();
        assert!(error.contains("as many channels"), "{error}");
    }
}
