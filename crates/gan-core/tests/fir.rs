//! Resampling against the reference implementation's recorded tensors, in both orders of memory.

use gan_core::nn::{Fir, fir_filter, upfirdn2d};
use gan_sys::format::channels_last;
use gan_testkit::device;
use gan_testkit::golden::Golden;
use serde_json::Value;
use tch::{Kind, Tensor};

/// One number for both directions, or a list of them.
fn numbers<const N: usize>(value: &Value, or: i64) -> [i64; N] {
    match value.as_array() {
        None => [value.as_i64().unwrap_or(or); N],
        Some(list) => std::array::from_fn(|at| list[at].as_i64().expect("an integer")),
    }
}

/// The filter of a case, as recorded, or a single tap.
fn filter(golden: &Golden, key: &str) -> Tensor {
    if golden.has(key) { golden.tensor(key) } else { Tensor::ones([1, 1], (Kind::Float, device())) }
}

#[test]
fn resampling_is_the_reference() {
    let golden = Golden::open("sg2_ops");
    let cases = golden.config()["upfirdn"].as_array().expect("cases").clone();
    for (at, case) in cases.iter().enumerate() {
        let filter = filter(&golden, &format!("out/upfirdn2d/{at}/f"));
        let gain = case["gain"].as_f64().unwrap_or(1.0);
        let correlates = case["flip_filter"].as_bool() == Some(true);
        let padding = numbers::<4>(&case["padding"], 0);
        let fir = match case["fn"].as_str() {
            None => Fir {
                up: numbers(&case["up"], 1),
                down: numbers(&case["down"], 1),
                padding,
                correlates,
                gain,
            },
            Some(word) => {
                let fir = match word {
                    "upsample2d" => Fir::doubling(&filter, case["up"].as_i64().expect("up")),
                    "downsample2d" => Fir::halving(&filter, case["down"].as_i64().expect("down")),
                    _ => Fir::smoothing(&filter),
                };
                Fir { correlates, gain: fir.gain * gain, ..fir.padded(padding[0]) }
            }
        };
        let dy = golden.tensor(&format!("in/upfirdn2d/{at}/dy"));
        for is_channels_last in [false, true] {
            let mut x = golden.tensor("in/upfirdn2d/x");
            if is_channels_last {
                x = channels_last(&x).expect("laid out");
            }
            let x = x.set_requires_grad(true);
            let y = upfirdn2d(&x, &filter, fir).expect("resampled");
            golden.check(&format!("out/upfirdn2d/{at}/y"), &y);
            let along = (&y * &dy).sum(Kind::Float);
            let dx = Tensor::run_backward(&[along], &[&x], false, false);
            golden.check(&format!("out/upfirdn2d/{at}/dx"), &dx[0]);
        }
    }
}

#[test]
fn filters_are_the_reference() {
    let golden = Golden::open("sg2_ops");
    for at in [0, 2] {
        let taps: Vec<f64> = serde_json::from_value(golden.config()["filters"][at][0].clone()).expect("taps");
        golden.check(&format!("out/setup_filter/{at}"), &fir_filter(&taps).expect("a filter"));
    }
    assert!(fir_filter(&[1.0, -1.0]).is_err() && fir_filter(&[]).is_err());
}

/// The derivative of the derivative, by what it must be: resampling is linear, so its gradient is linear in the
/// gradient that is given, and the gradient of that is resampling again.
#[test]
fn derivatives_go_on() {
    for kind in [Kind::Float, Kind::BFloat16] {
        // One that is a product of two directions, and one that is none.
        let smooth = fir_filter(&[1.0, 3.0, 3.0, 1.0]).expect("a filter");
        let uneven = Tensor::randn([3, 4], (Kind::Float, device()));
        for (filter, channels) in [&smooth, &uneven]
            .into_iter()
            .flat_map(|filter| [3, 16, 37, 64].map(|channels| (filter, channels)))
        {
            for fir in [Fir::doubling(filter, 2), Fir::halving(filter, 2), Fir::smoothing(filter)] {
                let plain = Tensor::randn([2, channels, 6, 10], (Kind::Float, device())).to_kind(kind);
                let x = channels_last(&plain).expect("laid out").set_requires_grad(true);
                let y = upfirdn2d(&x, filter, fir).expect("resampled");
                let wanted = upfirdn2d(&plain.to_kind(Kind::Float), filter, fir).expect("resampled");
                let slack = if kind == Kind::Float { 1e-5 } else { 2e-2 };
                assert!(y.to_kind(Kind::Float).allclose(&wanted, slack, slack, false), "{fir:?} {channels}");
                let given = y.randn_like().set_requires_grad(true);
                let dx = Tensor::run_backward(&[&y], &[&x], true, true);
                drop(dx);
                let along = (&y * &given).sum(Kind::Float);
                let dx = Tensor::run_backward(&[along], &[&x], true, true);
                let v = x.randn_like();
                let back = (&dx[0] * &v).sum(Kind::Float);
                let again = Tensor::run_backward(&[back], &[&given], false, false);
                let wanted = upfirdn2d(&v, filter, fir).expect("resampled");
                assert!(
                    again[0].to_kind(Kind::Float).allclose(&wanted.to_kind(Kind::Float), slack, slack, false),
                    "{fir:?} {channels}"
                );
            }
        }
    }
}

#[test]
fn a_filter_larger_than_the_image_is_refused() {
    let filter = fir_filter(&[1.0; 7]).expect("a filter");
    let image = Tensor::zeros([1, 2, 4, 4], (Kind::Float, device()));
    for image in [channels_last(&image).expect("laid out"), image] {
        assert!(upfirdn2d(&image, &filter, Fir::default()).is_err());
    }
}
