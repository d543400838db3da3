//! Convolutions against LibTorch's own.

use gan_sys::convolution::{convolution, reflected_convolution, transposed_convolution};
use gan_sys::runtime::{Autocast, AutocastDtype};
use gan_sys::{format, random};
use tch::{Device, Kind, Tensor};

fn close(a: &Tensor, b: &Tensor, tolerance: f64) -> bool {
    (a - b).abs().max().double_value(&[]) <= tolerance
}

fn randn(shape: &[i64], seed: u64) -> Tensor {
    random::normal(shape, seed, Device::Cpu).expect("draw")
}

/// Shapes for which the shim has ways of its own, and some for which it has none: `(x, weight, transposed)`.
const CONVOLUTIONS: [([i64; 4], [i64; 4], bool); 9] = [
    ([2, 3, 8, 6], [5, 3, 4, 4], false),
    ([2, 5, 4, 3], [5, 3, 4, 4], true),
    ([2, 1, 9, 8], [5, 1, 3, 3], false),
    ([2, 256, 4, 4], [256, 256, 4, 4], false),
    ([2, 256, 2, 2], [256, 256, 4, 4], true),
    // By minimal filtering: tiles that fill no block, tiles of several blocks and sums, sides that differ.
    ([3, 64, 28, 36], [128, 64, 4, 4], false),
    ([5, 64, 16, 20], [64, 128, 4, 4], true),
    ([33, 128, 12, 12], [64, 128, 4, 4], false),
    ([33, 64, 6, 6], [64, 192, 4, 4], true),
];

/// A convolution of stride 2 and padding 1 by the shim and by LibTorch: outputs, then gradients of a weighted sum.
fn both(x: &[i64], weight: &[i64], transposed: bool, kind: Kind) -> [Vec<Tensor>; 2] {
    let outputs = if transposed { weight[1] } else { weight[0] };
    [true, false].map(|ours| {
        let leaf = |shape: &[i64], seed| randn(shape, seed).to_kind(kind).set_requires_grad(true);
        let (x, weight, bias) = (leaf(x, 1), leaf(weight, 2), leaf(&[outputs], 3));
        let input = format::channels_last(&x).expect("format");
        let y = match (ours, transposed) {
            (true, _) => {
                let weight = format::channels_last(&weight).expect("format");
                convolution(&input, &weight, Some(&bias), (2, 1), transposed).expect("convolution")
            }
            (false, false) => input.conv2d(&weight, Some(&bias), [2, 2], [1, 1], [1, 1], 1),
            (false, true) => input.conv_transpose2d(&weight, Some(&bias), [2, 2], [1, 1], [0, 0], 1, [1, 1]),
        };
        let sum = (&y * randn(&y.size(), 4).to_kind(kind)).sum(Kind::Float);
        let mut all = vec![y];
        all.extend(Tensor::run_backward(&[sum], &[&x, &weight, &bias], false, false));
        all
    })
}

#[test]
fn convolutions_and_their_gradients_are_libtorch_s() {
    for (x, weight, transposed) in CONVOLUTIONS {
        // Of the largest value anywhere, and of the root mean square.
        for (kind, tolerance, mean) in [(Kind::Float, 2e-5, 4e-6), (Kind::BFloat16, 2e-2, 1e-2)] {
            let [ours, theirs] = both(&x, &weight, transposed, kind);
            for (what, (a, b)) in ours.iter().zip(&theirs).enumerate() {
                assert_eq!((a.size(), a.kind()), (b.size(), b.kind()));
                let (a, b) = (a.to_kind(Kind::Double), b.to_kind(Kind::Double));
                let scale = b.abs().max().double_value(&[]);
                assert!(close(&a, &b, tolerance * scale), "{x:?} {weight:?} {kind:?}: tensor {what}");
                let error = ((&a - &b).norm() / b.norm()).double_value(&[]);
                assert!(error <= mean, "{x:?} {weight:?} {kind:?}: tensor {what} is off by {error:e}");
            }
        }
    }
}

#[test]
fn a_convolution_s_gradient_has_a_gradient() {
    for (x, weight, transposed) in CONVOLUTIONS {
        let penalty = |ours: bool| {
            let x = randn(&x, 1).set_requires_grad(true);
            let weight = randn(&weight, 2).set_requires_grad(true);
            let input = format::channels_last(&x).expect("format");
            let y = match (ours, transposed) {
                (true, _) => {
                    let weight = format::channels_last(&weight).expect("format");
                    convolution(&input, &weight, None, (2, 1), transposed).expect("convolution")
                }
                (false, false) => input.conv2d(&weight, None::<&Tensor>, [2, 2], [1, 1], [1, 1], 1),
                (false, true) => {
                    input.conv_transpose2d(&weight, None::<&Tensor>, [2, 2], [1, 1], [0, 0], 1, [1, 1])
                }
            };
            let slope = Tensor::run_backward(&[y.square().sum(Kind::Float)], &[&x], true, true).remove(0);
            Tensor::run_backward(&[slope.square().mean(Kind::Float)], &[&weight], false, false).remove(0)
        };
        let (ours, theirs) = (penalty(true), penalty(false));
        assert!(close(&ours, &theirs, 1e-4 * theirs.abs().max().double_value(&[])), "{x:?} {weight:?}");
    }
}

#[test]
fn convolutions_heed_autocast_and_who_is_asked_for() {
    let x = format::channels_last(&randn(&[2, 3, 8, 8], 1)).expect("format");
    let weight = randn(&[4, 3, 4, 4], 2).set_requires_grad(true);
    {
        let _on = Autocast::enter(Device::Cpu, AutocastDtype::Bf16).expect("autocast");
        let y = convolution(&x, &weight, None, (2, 1), false).expect("convolution");
        assert_eq!(y.kind(), Kind::BFloat16);
        let grads = Tensor::run_backward(&[y.sum(Kind::Float)], &[&weight], false, false);
        assert_eq!((grads[0].kind(), grads[0].size()), (Kind::Float, weight.size()));
    }
    let error = convolution(&x, &randn(&[4, 5, 4, 4], 2), None, (2, 1), false);
    assert!(error.is_err(), "3 channels are not 5");
}

/// A convolution of stride 1 with `padding` of zeros or of a reflection.
#[derive(Debug, Clone, Copy)]
struct Case {
    x: [i64; 4],
    outputs: i64,
    kernel: i64,
    padding: i64,
    reflects: bool,
}

const fn case(x: [i64; 4], outputs: i64, kernel: i64, padding: i64, reflects: bool) -> Case {
    Case { x, outputs, kernel, padding, reflects }
}

const KEEPING: [Case; 14] = [
    // By minimal filtering: a border of any kind, sides that no tile divides, tiles of several blocks and sums.
    case([1, 128, 16, 16], 64, 3, 1, false),
    case([1, 64, 16, 16], 128, 3, 1, true),
    case([2, 64, 13, 18], 64, 3, 0, false),
    case([3, 64, 9, 14], 64, 3, 2, true),
    case([3, 64, 11, 7], 192, 3, 2, false),
    case([17, 64, 16, 15], 64, 3, 1, true),
    case([2, 64, 22, 37], 64, 3, 1, true),
    // To few channels: bands that are not full, a border on every side, one image and several.
    case([2, 32, 37, 20], 3, 7, 3, true),
    case([1, 48, 19, 18], 1, 5, 2, false),
    case([3, 16, 9, 8], 4, 3, 0, false),
    // From few, back by the same.
    case([2, 3, 12, 18], 32, 7, 3, true),
    case([2, 2, 9, 7], 16, 5, 1, false),
    // LibTorch's.
    case([2, 64, 4, 5], 64, 3, 1, true),
    case([2, 24, 9, 9], 64, 3, 1, true),
];

/// The output and the gradients of a weighted sum along `x`, weight and bias.
fn kept(case: Case, kind: Kind, ours: bool) -> Vec<Tensor> {
    let Case { x: size, outputs, kernel, padding, reflects } = case;
    // Rounded to what bf16 holds, and computed in `kind`.
    let leaf = |shape: &[i64], seed| {
        let rounded = randn(shape, seed).to_kind(Kind::BFloat16).to_kind(kind);
        format::channels_last(&rounded.reshape(shape)).expect("format").set_requires_grad(true)
    };
    let (x, weight) = (leaf(&size, 1), leaf(&[outputs, size[1], kernel, kernel], 2));
    let bias = randn(&[outputs], 3).to_kind(Kind::BFloat16).to_kind(kind).set_requires_grad(true);
    let y = if ours {
        let run = if reflects { reflected } else { plain };
        run(&x, &weight, &bias, padding)
    } else {
        let border = if reflects { padding } else { 0 };
        let x = if reflects { x.reflection_pad2d([border; 4]) } else { x.shallow_clone() };
        x.conv2d(&weight, Some(&bias), [1, 1], [padding - border; 2], [1, 1], 1)
    };
    let to = randn(&y.size(), 4).to_kind(Kind::BFloat16).to_kind(kind);
    let grads = Tensor::run_backward(&[(&y * to).sum(kind)], &[&x, &weight, &bias], false, false);
    std::iter::once(y).chain(grads).collect()
}

fn reflected(x: &Tensor, weight: &Tensor, bias: &Tensor, padding: i64) -> Tensor {
    reflected_convolution(x, weight, Some(bias), (1, padding)).expect("convolution")
}

fn plain(x: &Tensor, weight: &Tensor, bias: &Tensor, padding: i64) -> Tensor {
    convolution(x, weight, Some(bias), (1, padding), false).expect("convolution")
}

fn off(a: &Tensor, exact: &Tensor) -> f64 {
    ((a.to_kind(Kind::Double) - exact).norm() / exact.norm()).double_value(&[])
}

#[test]
fn convolutions_of_stride_1_round_as_they_should() {
    for case in KEEPING {
        let exact = kept(case, Kind::Double, false);
        // f32: tiles of 4x4 cost some of the last bits. bf16: nothing but the result is rounded.
        for (kind, bound) in [(Kind::Float, 2e-6), (Kind::BFloat16, 3e-3)] {
            for (what, (a, exact)) in kept(case, kind, true).iter().zip(&exact).enumerate() {
                assert_eq!((a.size(), a.kind()), (exact.size(), kind));
                let error = off(a, exact);
                assert!(error <= bound, "{case:?} {kind:?}: tensor {what} is off by {error:e}");
            }
        }
    }
}

#[test]
fn their_gradients_have_gradients() {
    for case in KEEPING {
        let Case { x: size, outputs, kernel, padding, reflects } = case;
        let penalties = |ours: bool, kind: Kind| {
            let leaf = |shape: &[i64], seed| {
                let draw = randn(shape, seed).to_kind(kind);
                format::channels_last(&draw).expect("format").set_requires_grad(true)
            };
            let (x, weight) = (leaf(&size, 1), leaf(&[outputs, size[1], kernel, kernel], 2));
            let bias = randn(&[outputs], 3).to_kind(kind);
            let y = match (ours, reflects) {
                (true, true) => reflected(&x, &weight, &bias, padding),
                (true, false) => plain(&x, &weight, &bias, padding),
                (false, true) => {
                    x.reflection_pad2d([padding; 4]).conv2d(&weight, Some(&bias), [1; 2], [0; 2], [1; 2], 1)
                }
                (false, false) => x.conv2d(&weight, Some(&bias), [1; 2], [padding; 2], [1; 2], 1),
            };
            let slopes = Tensor::run_backward(&[(&y * &y * &y).mean(kind)], &[&x, &weight], true, true);
            let penalty = slopes[0].square().sum(kind) + slopes[1].square().sum(kind);
            Tensor::run_backward(&[penalty], &[&x, &weight], false, false)
        };
        for (a, exact) in penalties(true, Kind::Float).iter().zip(&penalties(false, Kind::Double)) {
            let error = off(a, exact);
            assert!(error <= 5e-6, "{case:?}: off by {error:e}");
        }
    }
}

#[test]
fn reflections_and_output_paddings_are_libtorch_s() {
    let (x, weight) = (randn(&[2, 3, 9, 8], 1), randn(&[5, 3, 7, 7], 2));
    let x = format::channels_last(&x).expect("format");
    let ours = reflected_convolution(&x, &weight, None, (2, 3)).expect("convolution");
    let theirs = x.reflection_pad2d([3; 4]).conv2d(&weight, None::<&Tensor>, [2; 2], [0; 2], [1; 2], 1);
    assert!(close(&ours, &theirs, 1e-4));
    assert!(reflected_convolution(&x, &weight, None, (1, 8)).is_err(), "8 pixels mirror at most 7");
    let narrow = format::channels_last(&randn(&[1, 64, 1, 64], 1)).expect("format");
    assert!(reflected_convolution(&narrow, &randn(&[64, 64, 3, 3], 2), None, (1, 1)).is_err());

    for kind in [Kind::Float, Kind::BFloat16] {
        for outputs in [3, 20] {
            let leaf = |shape: &[i64], seed| randn(shape, seed).to_kind(kind).set_requires_grad(true);
            let (x, weight) = (leaf(&[2, 64, 5, 4], 1), leaf(&[64, outputs, 3, 3], 2));
            let input = format::channels_last(&x).expect("format");
            let ours = transposed_convolution(&input, &weight, None, (2, 1), 1).expect("convolution");
            let theirs = input.conv_transpose2d(&weight, None::<&Tensor>, [2; 2], [1; 2], [1; 2], 1, [1; 2]);
            assert_eq!(ours.size(), [2, outputs, 10, 8]);
            let pairs = [ours, theirs].map(|y| {
                let grads = Tensor::run_backward(&[y.square().sum(kind)], &[&x, &weight], false, false);
                std::iter::once(y).chain(grads).collect::<Vec<_>>()
            });
            let bound = if kind == Kind::Float { 1e-6 } else { 1e-2 };
            for (a, b) in pairs[0].iter().zip(&pairs[1]) {
                let error = off(a, &b.to_kind(Kind::Double));
                assert!(error <= bound, "{kind:?} {outputs}: off by {error:e}");
            }
        }
    }
}
