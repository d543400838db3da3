//! Instance normalisation against its formula in f64.

use gan_sys::norm::instance_norm;
use gan_sys::{format, random};
use tch::{Device, Kind, Tensor};

const EPS: f64 = 1e-5;

fn randn(shape: &[i64], seed: u64) -> Tensor {
    random::normal(shape, seed, Device::Cpu).expect("draw")
}

fn formula(x: &Tensor, slope: f64) -> Tensor {
    let centred = x - x.mean_dim([2, 3].as_slice(), true, x.kind());
    let variance = centred.square().mean_dim([2, 3].as_slice(), true, x.kind());
    let y = centred * (variance + EPS).rsqrt();
    y.maximum(&(&y * slope))
}

fn off(a: &Tensor, exact: &Tensor) -> f64 {
    ((a.to_kind(Kind::Double) - exact).norm() / exact.norm()).double_value(&[])
}

/// Several chunks and half a one, a single image, two pixels, and what is left to LibTorch: few channels.
const SHAPES: [[i64; 4]; 5] = [[3, 32, 17, 13], [1, 128, 16, 16], [2, 48, 1, 2], [1, 3, 8, 8], [2, 20, 5, 5]];

/// An image far from 0 that bf16 can hold, and a gradient likewise, in channels-last order or not.
fn image_and_gradient(shape: &[i64], kind: Kind, laid_out: bool) -> [Tensor; 2] {
    [randn(shape, 1) * 3.0 + 5.0, randn(shape, 2)].map(|tensor| {
        let tensor = tensor.to_kind(Kind::BFloat16).to_kind(kind);
        if laid_out { format::channels_last(&tensor).expect("format") } else { tensor }
    })
}

#[test]
fn instance_norm_and_its_gradient_are_the_formula_s() {
    for shape in SHAPES {
        for slope in [1.0, 0.0, 0.2] {
            for (laid_out, grad_laid_out) in [(true, true), (true, false), (false, true), (false, false)] {
                let [x, _] = image_and_gradient(&shape, Kind::Double, laid_out);
                let x = x.set_requires_grad(true);
                let [_, grad] = image_and_gradient(&shape, Kind::Double, grad_laid_out);
                let y = formula(&x, slope);
                let exact = [
                    y.shallow_clone(),
                    Tensor::run_backward(&[(&y * &grad).sum(Kind::Double)], &[&x], false, false).remove(0),
                ];
                for (kind, bound) in [(Kind::Float, 2e-6), (Kind::BFloat16, 2e-3)] {
                    let ours = shape[1] % 16 == 0 && laid_out;
                    if kind == Kind::BFloat16 && !ours {
                        continue; // LibTorch rounds in between
                    }
                    let x = x.detach().to_kind(kind).set_requires_grad(true);
                    let y = instance_norm(&x, EPS, slope).expect("norm");
                    assert_eq!((y.kind(), y.size()), (kind, x.size()));
                    assert!(!ours || format::is_channels_last(&y), "the order is kept");
                    let slopes = Tensor::run_backward(
                        &[(&y * grad.to_kind(kind)).sum(Kind::Float)],
                        &[&x],
                        false,
                        false,
                    );
                    let [of_y, of_x] = [off(&y, &exact[0]), off(&slopes[0], &exact[1])];
                    // LibTorch subtracts the mean from what it has scaled.
                    let bound = if ours { bound } else { 2e-5 };
                    // Of two pixels the gradient is all but 0.
                    let whole = shape[2] * shape[3] > 2;
                    assert!(
                        of_y <= bound && (of_x <= bound || !whole),
                        "{shape:?} {slope} {kind:?}: {of_y:e} {of_x:e}"
                    );
                }
            }
        }
    }
}

#[test]
fn instance_norm_s_gradient_has_a_gradient() {
    for shape in [[2, 32, 9, 7], [1, 16, 8, 8], [1, 3, 6, 6]] {
        for slope in [1.0, 0.0, 0.2] {
            let penalty = |ours: bool, kind: Kind| {
                let [x, _] = image_and_gradient(&shape, kind, true);
                let x = x.set_requires_grad(true);
                let y = if ours { instance_norm(&x, EPS, slope).expect("norm") } else { formula(&x, slope) };
                let slopes = Tensor::run_backward(&[(&y * &y * &y).sum(kind)], &[&x], true, true).remove(0);
                Tensor::run_backward(&[slopes.square().sum(kind)], &[&x], false, false).remove(0)
            };
            let error = off(&penalty(true, Kind::Float), &penalty(false, Kind::Double));
            assert!(error <= 1e-5, "{shape:?} {slope}: off by {error:e}");
        }
    }
}

#[test]
fn what_is_no_image_is_refused() {
    assert!(instance_norm(&randn(&[2, 16, 1, 1], 1), EPS, 1.0).is_err(), "one pixel has no variance");
    assert!(instance_norm(&randn(&[16], 1), EPS, 1.0).is_err());
}
