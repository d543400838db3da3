//! Networks from images to images against the authors' implementation, and what the references do not have.

use gan_core::device::DevicePolicy;
use gan_core::nn::{Mode, Parameters};
use gan_core::random::Streams;
use gan_core::translation::{
    Discriminator, DiscriminatorKind, DiscriminatorOptions, Generator, GeneratorKind, GeneratorOptions,
    ImagePool, Look, Norm,
};
use gan_testkit::golden::Golden;
use serde_json::Value;
use tch::{Device, Kind, Tensor};

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
                GeneratorOptions { kind, inputs, outputs, width: integer("nf"), norm, dropout, scale: 1 };
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
                let policy = DevicePolicy { channels_last, ..DevicePolicy::reference() };
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
                    let pair = Tensor::from_slice(&[2.0 * f64::from(query), 2.0 * f64::from(query) + 1.0]);
                    let pair = pair.to_kind(Kind::Float).view([2, 1, 1, 1]);
                    pool.exchange(&pair, &noise).expect("exchange").flatten(0, -1)
                })
                .collect();
            golden.check(&format!("out/pool{capacity}/returned"), &Tensor::cat(&shown, 0));
        }
    }
    let fakes = Tensor::ones([2, 1, 1, 1], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let noise = Streams::new(1, 0, 0, Device::Cpu);
    let shown = ImagePool::new("pool", 0).exchange(&fakes, &noise).expect("exchange");
    assert!(shown == fakes && !shown.requires_grad());
}

fn generator(kind: GeneratorKind, inputs: i64, outputs: i64, norm: Norm, scale: i64) -> Generator {
    let mut weights = Parameters::new(&DevicePolicy::reference(), 1);
    let options = GeneratorOptions { kind, inputs, outputs, width: 2, norm, dropout: true, scale };
    Generator::new(weights.root(), options).expect("generator")
}

fn noise_image(shape: [i64; 4]) -> Tensor {
    Streams::new(1, 0, 0, Device::Cpu).normal("image", &shape).expect("draw").tanh()
}

#[test]
fn any_rectangle_and_channel_counts_go_through() {
    let noise = Streams::new(1, 0, 0, Device::Cpu);
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
    let mut weights = Parameters::new(&DevicePolicy::reference(), 1);
    let options = GeneratorOptions {
        kind: GeneratorKind::Unet32,
        inputs: 3,
        outputs: 3,
        width: 4,
        norm: Norm::Batch,
        dropout: true,
        scale: 1,
    };
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
        let mut weights = Parameters::new(&DevicePolicy::reference(), 1);
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
        let mut weights = Parameters::new(&DevicePolicy::reference(), 1);
        let options = GeneratorOptions {
            kind,
            inputs: 3,
            outputs: 3,
            width: 2,
            norm: Norm::Instance,
            dropout: false,
            scale,
        };
        let error = Generator::new(weights.root(), options).expect_err("refused").to_string();
        assert!(error.contains("by 2, 4 or 8"), "{error}");
    }
}
