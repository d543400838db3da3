//! Identities, derivatives and refusals of the building blocks.

mod support;

use gan_core::device::DevicePolicy;
use gan_core::error::Result;
use gan_core::nn::{
    Condition, ConditionalNorm, ConditionalNormOptions, Conv2d, ConvOptions, ConvTranspose2d,
    DiscriminationOptions, Embedding, GainBatchNorm2d, Init, InstanceNorm2d, LayerNorm, Linear,
    MinibatchDiscrimination, MinibatchStddev, Mode, Parameters, SelfAttention, SelfTerm, SpectralForm,
    SpectralNorm, Statistics,
};
use gan_sys::runtime::{Autocast, AutocastDtype};
use gan_testkit::difference::largest_error;
use support::store;
use tch::{Device, Kind, Tensor};

const DRAWN: Init = Init::Normal { mean: 0.0, std: 0.5 };
const SIZES: ConvOptions = ConvOptions { kernel: 3, stride: 1, padding: 1, bias: true };
const PARAMETRIZED: SpectralNorm = SpectralNorm { form: SpectralForm::Parametrized, ..SpectralNorm::TORCH };

fn draw(shape: &[i64]) -> Tensor {
    Init::Normal { mean: 0.0, std: 1.0 }.tensor(shape, 3, Device::Cpu).expect("draw").to_kind(Kind::Double)
}

/// The same tensors in f64 from now on; modules hold them too.
fn in_doubles(weights: &Parameters) {
    for entry in weights.entries() {
        entry.tensor.shallow_clone().set_data(&entry.tensor.to_kind(Kind::Double));
    }
}

/// |∂ Σ sin(f(x)) / ∂x|²: what a gradient penalty descends.
fn penalty(x: &Tensor, f: impl Fn(&Tensor) -> Result<Tensor>) -> Tensor {
    let value = f(x).expect("forward").sin().sum(Kind::Double);
    Tensor::run_backward(&[value], &[x], true, true).remove(0).square().sum(Kind::Double)
}

fn check_second_derivatives(what: &str, x: &Tensor, f: impl Fn(&Tensor) -> Result<Tensor>) {
    let error = largest_error(x, 1e-5, |x| penalty(x, &f));
    assert!(error < 1e-6, "{what}: {error:e}");
}

#[test]
fn second_derivatives_are_those_of_finite_differences() {
    let mut weights = store();
    let mut root = weights.root();
    let options =
        DiscriminationOptions { inputs: 5, kernels: 3, dimensions: 2, self_term: SelfTerm::Removed };
    let discrimination = MinibatchDiscrimination::new(root.sub("m"), options, DRAWN).expect("layer");
    let layer_norm = LayerNorm::new(root.sub("l"), 8).expect("norm");
    let gain_norm = GainBatchNorm2d::new(root.sub("g"), 8, Statistics::Batch, 1e-5).expect("norm");
    let spectral = DRAWN.with_spectral_norm(SpectralNorm::BIGGAN);
    let attention = SelfAttention::new(root.sub("a"), 8, spectral).expect("attention");
    let options = ConditionalNormOptions {
        condition: Condition::Classes(3),
        statistics: Statistics::OwnBatch,
        eps: 1e-5,
        weight: spectral,
    };
    let conditional = ConditionalNorm::new(root.sub("c"), 8, options).expect("norm");
    in_doubles(&weights);
    let gamma = weights.entries().iter().find(|entry| entry.name == "a.gamma").expect("gamma");
    gamma.tensor.shallow_clone().set_data(&Tensor::from(0.7f64));

    let image = draw(&[4, 8, 1, 2]);
    for group in [0, 2] {
        let stddev = MinibatchStddev { group, channels: 2 };
        check_second_derivatives("minibatch stddev", &image, |x| stddev.forward(x));
    }
    check_second_derivatives("minibatch discrimination", &draw(&[4, 5]), |x| discrimination.forward(x));
    check_second_derivatives("instance norm", &image, |x| InstanceNorm2d.forward(x));
    check_second_derivatives("layer norm", &image, |x| layer_norm.forward(x));
    check_second_derivatives("gain norm", &image, |x| gain_norm.forward(x, Mode::Train));
    check_second_derivatives("attention", &draw(&[1, 8, 2, 4]), |x| attention.forward(x, Mode::Eval));
    let classes = Tensor::from_slice(&[0i64, 2, 1, 0]);
    check_second_derivatives("conditional norm", &image, |x| conditional.forward(x, &classes, Mode::Eval));
}

/// Checks how the penalty of a layer depends on its trained weight, which stays a leaf: by moving each number.
fn check_weight_derivatives(what: &str, weight: &Tensor, penalty: impl Fn() -> Tensor) {
    let gradient = Tensor::run_backward(&[penalty()], &[weight], false, false).remove(0).flatten(0, -1);
    let scale = gradient.abs().max().double_value(&[]);
    assert!(scale > 1e-3, "{what}: the penalty does not depend on the weight");
    let value_at = |index: i64, offset: f64| {
        let _ = tch::no_grad(|| weight.view([-1]).get(index).g_add_scalar_(offset));
        penalty().double_value(&[])
    };
    for index in 0..weight.numel() as i64 {
        let (above, below) = (value_at(index, 1e-5), value_at(index, -2e-5));
        value_at(index, 1e-5);
        let error = ((above - below) / 2e-5 - gradient.double_value(&[index])).abs() / scale;
        assert!(error < 1e-6, "{what}, weight {index}: {error:e}");
    }
}

#[test]
fn penalties_reach_a_normalised_weight() {
    for spectral in [SpectralNorm::TORCH, PARAMETRIZED] {
        let mut weights = store();
        let mut root = weights.root();
        let options = DRAWN.with_spectral_norm(spectral);
        let linear = Linear::new(root.sub("l"), 4, 3, options).expect("layer");
        let conv = Conv2d::new(root.sub("c"), 2, 3, SIZES, options).expect("layer");
        let transposed = ConvTranspose2d::new(root.sub("t"), 2, 3, SIZES, options).expect("layer");
        in_doubles(&weights);
        let vector = draw(&[3, 4]).set_requires_grad(true);
        let image = draw(&[2, 2, 3, 2]).set_requires_grad(true);
        // Evaluation: u and v are constants there, as the formula has them.
        check_weight_derivatives("linear", linear.weight().trained(), || {
            penalty(&vector, |x| linear.forward_in(x, Mode::Eval))
        });
        check_weight_derivatives("conv", conv.weight().trained(), || {
            penalty(&image, |x| conv.forward_in(x, Mode::Eval))
        });
        check_weight_derivatives("transposed conv", transposed.weight().trained(), || {
            penalty(&image, |x| transposed.forward_in(x, Mode::Eval))
        });
    }
}

#[test]
fn training_settles_on_the_largest_singular_values() {
    for spectral in
        [SpectralNorm::TORCH, PARAMETRIZED, SpectralNorm { singular_values: 2, ..SpectralNorm::BIGGAN }]
    {
        let mut weights = store();
        let table = Embedding::new(weights.root(), 6, 5, DRAWN.with_spectral_norm(spectral)).expect("layer");
        let classes = Tensor::from_slice(&[0i64, 3]);
        for _ in 0..300 {
            let _ = table.forward_in(&classes, Mode::Train).expect("forward");
        }
        let largest = |matrix: &Tensor, index: i64| matrix.svd(true, true).1.double_value(&[index]);
        let trained = table.weight().trained().detach();
        let estimate = table.weight().singular_value().expect("value").expect("normalised").double_value(&[]);
        assert!((estimate - largest(&trained, 0)).abs() < 1e-5, "{spectral:?}: {estimate}");
        let effective = table.weight().effective(Mode::Eval).expect("weight").detach();
        assert!((largest(&effective, 0) - 1.0).abs() < 1e-5);
        if let Some(second) = weights.entries().iter().find(|entry| entry.name == "sv1") {
            assert!((second.tensor.double_value(&[0]) - largest(&trained, 1)).abs() < 1e-4);
        }
    }
}

#[test]
fn evaluation_stores_nothing_and_two_forwards_share_a_backward() {
    for spectral in [SpectralNorm::TORCH, PARAMETRIZED, SpectralNorm::BIGGAN] {
        let mut weights = store();
        let options = DRAWN.with_spectral_norm(spectral);
        let layer = Linear::new(weights.root(), 4, 3, options).expect("layer");
        let buffers = || -> Vec<Tensor> {
            let buffers = weights.entries().iter().filter(|entry| !entry.trainable);
            buffers.map(|entry| entry.tensor.copy()).collect()
        };
        let x = draw(&[2, 4]).to_kind(Kind::Float);
        let before = buffers();
        let looked = layer.forward_in(&x, Mode::Eval).expect("forward");
        assert_eq!(before, buffers());
        // The buffers move while earlier graphs still hold their values.
        let forward = || layer.forward_in(&x, Mode::Train).expect("forward");
        let loss = (looked + forward() + forward()).sum(Kind::Float);
        assert_ne!(before, buffers());
        let gradient = Tensor::run_backward(&[loss], &[layer.weight().trained()], false, false).remove(0);
        assert_eq!(gradient.isfinite().all().int64_value(&[]), 1);
    }
}

/// Neither bf16 nor the layout of memory touches the iteration.
#[test]
fn the_iteration_is_the_same_in_every_precision_and_layout() {
    let image = draw(&[2, 4, 5, 5]).to_kind(Kind::Float);
    for spectral in [SpectralNorm::TORCH, PARAMETRIZED, SpectralNorm::BIGGAN] {
        let run = |policy: DevicePolicy, dtype| {
            let mut weights = Parameters::new(&policy, 1);
            let conv =
                Conv2d::new(weights.root(), 4, 6, SIZES, DRAWN.with_spectral_norm(spectral)).expect("layer");
            let _autocast = Autocast::enter(policy.device, dtype).expect("autocast");
            let kind = conv.forward_in(&image, Mode::Train).expect("forward").kind();
            let buffers = weights.entries().iter().filter(|entry| !entry.trainable);
            (kind, buffers.map(|entry| entry.tensor.copy()).collect::<Vec<_>>())
        };
        let policy = DevicePolicy::reference();
        let (kind, plain) = run(policy, AutocastDtype::Off);
        let (half_kind, half) = run(policy, AutocastDtype::Bf16);
        let (_, last) = run(DevicePolicy { channels_last: true, ..policy }, AutocastDtype::Off);
        assert_eq!((kind, half_kind), (Kind::Float, Kind::BFloat16));
        assert_eq!(plain, half);
        for (a, b) in plain.iter().zip(&last) {
            assert!((a - b).abs().max().double_value(&[]) < 1e-6);
        }
    }
}

#[test]
fn layers_are_their_formulas() {
    let mut weights = store();
    let mut root = weights.root();
    let linear = Linear::new(root.sub("l"), 4, 3, Init::PyTorch).expect("layer");
    let bare = Linear::without_bias(root.sub("b"), 4, 3, DRAWN).expect("layer");
    let table = Embedding::new(root.sub("e"), 5, 2, DRAWN).expect("layer");
    let norm = LayerNorm::new(root.sub("n"), 4).expect("norm");
    let entry = |name: &str| {
        let entry = weights.entries().iter().find(|entry| entry.name == name);
        entry.expect("registered").tensor.shallow_clone()
    };
    let near = |a: Tensor, b: Tensor| assert!((a - b).abs().max().double_value(&[]) < 1e-5);
    let x = draw(&[2, 4]).to_kind(Kind::Float);
    let expected = x.matmul(&entry("l.weight").tr()) + entry("l.bias");
    near(linear.forward(&x).expect("forward"), expected);
    near(bare.forward_in(&x, Mode::Train).expect("forward"), x.matmul(&entry("b.weight").tr()));
    assert!(entry("l.bias").abs().max().double_value(&[]) > 0.0, "PyTorch draws biases");
    let rows = table.forward(&Tensor::from_slice(&[4i64, 0])).expect("rows");
    assert_eq!(rows, entry("e.weight").index_select(0, &Tensor::from_slice(&[4i64, 0])));
    let centred = &x - x.mean_dim(1, true, None);
    let expected = &centred / (centred.square().mean_dim(1, true, None) + 1e-5).sqrt();
    near(norm.forward(&x).expect("forward"), expected);

    let image = draw(&[2, 3, 4, 4]).to_kind(Kind::Float);
    let places = [2i64, 3];
    let centred = &image - image.mean_dim(places.as_slice(), true, None);
    let variance = centred.square().mean_dim(places.as_slice(), true, None);
    let normalised = centred / (variance + 1e-5).sqrt();
    near(
        InstanceNorm2d.forward_sloped(&image, 0.2).expect("forward"),
        normalised.maximum(&(&normalised * 0.2)),
    );
    near(InstanceNorm2d.forward(&image).expect("forward"), normalised);

    let sizes = ConvOptions { padding: 0, ..SIZES };
    let conv = Conv2d::new(weights.root().sub("c"), 3, 2, sizes, DRAWN).expect("layer");
    let mirrored = image.reflection_pad2d([1; 4]);
    near(conv.forward_reflected(&image, 1).expect("forward"), conv.forward(&mirrored).expect("forward"));
}

/// Sample n belongs to group n mod (N / G), and channels are averaged in two halves.
#[test]
fn deviations_are_those_of_the_groups() {
    let x = draw(&[6, 4, 2, 2]);
    let stddev = MinibatchStddev { group: 3, channels: 2 };
    let y = stddev.forward(&x).expect("forward");
    assert_eq!(y.size(), [6, 6, 2, 2]);
    assert_eq!(y.narrow(1, 0, 4), x);
    for sample in 0..6 {
        let mates: Vec<i64> = (0..6).filter(|other| other % 2 == sample % 2).collect();
        let mates = x.index_select(0, &Tensor::from_slice(&mates));
        for half in 0..2 {
            let part = mates.narrow(1, 2 * half, 2);
            let variance = (&part - part.mean_dim(0, true, None)).square().mean_dim(0, false, None);
            let expected = (variance + 1e-8).sqrt().mean(Kind::Double).double_value(&[]);
            let added = y.get(sample).get(4 + half);
            assert!((added - expected).abs().max().double_value(&[]) < 1e-12);
        }
    }
    // Features without places, and a batch smaller than the group.
    let y = MinibatchStddev { group: 4, channels: 1 }.forward(&draw(&[3, 5])).expect("forward");
    assert_eq!(y.size(), [3, 6]);
    assert_eq!(y.get(0).double_value(&[5]), y.get(2).double_value(&[5]));
}

#[test]
fn bad_input_is_refused_in_one_sentence() {
    let mut weights = store();
    let mut root = weights.root();
    let image = draw(&[6, 4, 2, 2]).to_kind(Kind::Float);
    let spectral = DRAWN.with_spectral_norm(SpectralNorm::TORCH);
    let conv = Conv2d::new(root.sub("c"), 4, 4, SIZES, spectral).expect("layer");
    let options = DiscriminationOptions { inputs: 5, kernels: 3, dimensions: 2, self_term: SelfTerm::Kept };
    let discrimination = MinibatchDiscrimination::new(root.sub("m"), options, DRAWN).expect("layer");
    let two_values = SpectralNorm { singular_values: 2, ..SpectralNorm::TORCH };
    let refused = [
        (
            MinibatchStddev { group: 4, channels: 1 }.forward(&image).map(drop),
            "groups of 4 samples do not divide",
        ),
        (MinibatchStddev { group: 2, channels: 3 }.forward(&image).map(drop), "3 channels do not divide"),
        (MinibatchStddev { group: 2, channels: 0 }.forward(&image).map(drop), "0 channels"),
        (MinibatchStddev { group: 2, channels: 1 }.forward(&draw(&[4])).map(drop), "must have shape"),
        (discrimination.forward(&draw(&[4, 6])).map(drop), "[_, 5]"),
        (InstanceNorm2d.forward(&draw(&[4, 6, 1, 1])).map(drop), "more than one pixel"),
        (SelfAttention::new(root.sub("a"), 7, DRAWN).map(drop), "at least 8 channels"),
        (conv.forward(&image).map(drop), "forward_in"),
        (conv.forward_reflected(&image, 1).map(drop), "must be 0 under a reflection"),
        (two_values.validate("d.spectral"), "d.spectral.singular_values"),
        (SpectralNorm { iterations: 0, ..SpectralNorm::TORCH }.validate("s"), "s.iterations"),
        (SpectralNorm { eps: 0.0, ..SpectralNorm::TORCH }.validate("s"), "s.eps"),
        (Linear::new(root.sub("l"), 2, 2, DRAWN.with_spectral_norm(two_values)).map(drop), "singular_values"),
    ];
    for (index, (result, part)) in refused.into_iter().enumerate() {
        let error = result.expect_err(part).to_string();
        assert!(error.contains(part) && error.lines().count() == 1, "case {index}: {error}");
    }
}
