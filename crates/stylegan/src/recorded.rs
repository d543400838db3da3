//! The operators against those of stylegan2-ada-pytorch, number by number.

use crate::Activation;
use crate::layers::{Resolution, normalized, resampled};
use crate::synthesis::{demodulation, modulated};
use gan_core::nn::{Epilogue, fir_filter};
use gan_testkit::golden::Golden;
use tch::Tensor;

fn leaf(golden: &Golden, key: &str) -> Tensor {
    golden.tensor(key).copy().set_requires_grad(true)
}

#[test]
fn activations_are_the_reference() {
    let golden = Golden::open("sg2_ops");
    let number = |name: &str| golden.number(name);
    let all = [
        ("linear", Activation::Linear),
        ("relu", Activation::Relu),
        ("lrelu", Activation::Lrelu),
        ("tanh", Activation::Tanh),
        ("sigmoid", Activation::Sigmoid),
        ("elu", Activation::Elu),
        ("selu", Activation::Selu),
        ("softplus", Activation::Softplus),
        ("swish", Activation::Swish),
    ];
    for (name, activation) in all {
        let cases = [("default", activation.gain(), 0.0), ("gain_clamp", number("gain"), number("clamp"))];
        for (case, gain, clamp) in cases {
            follow(&golden, &format!("bias_act/{name}/{case}"), |x, bias| {
                activation.apply(x, Some(bias), gain, clamp).expect("activation")
            });
        }
    }
    follow(&golden, "bias_act/lrelu/alpha", |x, bias| {
        let gain = Activation::Lrelu.gain();
        let slope = number("alpha");
        Epilogue { bias: Some(bias), slope, gain, ..Epilogue::default() }.of(x).expect("epilogue")
    });
}

/// Forward, gradients, and the gradients of the gradient.
fn follow(golden: &Golden, case: &str, apply: impl Fn(&Tensor, &Tensor) -> Tensor) {
    let [x, b, dy] = ["x", "b", "dy"].map(|name| leaf(golden, &format!("in/bias_act/{name}")));
    let y = apply(&x, &b);
    golden.check(&format!("out/{case}/y"), &y.detach());
    let first = Tensor::run_backward(&[(&y * &dy).sum(None)], &[&x, &b], true, true);
    golden.check(&format!("out/{case}/dx"), &first[0].detach());
    golden.check(&format!("out/{case}/db"), &first[1].detach());
    let along = (&first[0] * golden.tensor("in/bias_act/v")).sum(None);
    for (name, input) in [("ddx_x", &x), ("ddx_dy", &dy)] {
        let key = format!("out/{case}/{name}");
        if golden.has(&key) {
            let second = Tensor::run_backward(&[&along], &[input], true, false);
            golden.check(&key, &second[0]);
        }
    }
}

#[test]
fn convolutions_between_resolutions_are_the_reference() {
    let golden = Golden::open("sg2_ops");
    let filter = fir_filter(&[1.0, 3.0, 3.0, 1.0]).expect("filter");
    let cases = [
        Resolution::Same,
        Resolution::Doubled,
        Resolution::Halved,
        Resolution::Doubled, // of one pixel, as the next
        Resolution::Halved,
    ];
    for (number, to) in cases.into_iter().enumerate() {
        let [x, w] = ["x", "w"].map(|name| leaf(&golden, &format!("in/conv2d_resample/{number}/{name}")));
        let y = resampled(&x, &w, &filter, to).expect("resampled");
        let loss = (&y * golden.tensor(&format!("in/conv2d_resample/{number}/dy"))).sum(None);
        let gradients = Tensor::run_backward(&[loss], &[&x, &w], false, false);
        for (name, value) in [("y", &y.detach()), ("dx", &gradients[0]), ("dw", &gradients[1])] {
            golden.check(&format!("out/conv2d_resample/{number}/{name}"), value);
        }
    }
}

#[test]
fn modulated_convolutions_are_the_reference() {
    let golden = Golden::open("sg2_ops");
    let filter = fir_filter(&[1.0, 3.0, 3.0, 1.0]).expect("filter");
    let cases = golden.config()["modconv"].as_array().expect("cases").clone();
    for (number, case) in cases.iter().enumerate() {
        let key = |name: &str| format!("in/modulated_conv2d/{number}/{name}");
        let [x, w, styles] = ["x", "w", "styles"].map(|name| leaf(&golden, &key(name)));
        let to = if case["up"] == 2 { Resolution::Doubled } else { Resolution::Same };
        let y = modulated(&x, &w, &styles, &filter, to).expect("modulated");
        let scale = (case["demodulate"] != false).then(|| demodulation(&w, &styles).expect("demodulation"));
        let noise = golden.has(&key("noise")).then(|| golden.tensor(&key("noise")));
        let epilogue =
            Epilogue { scale: scale.as_ref(), noise: noise.as_ref(), slope: 1.0, ..Epilogue::default() };
        let y = epilogue.of(&y).expect("epilogue");
        let loss = (&y * golden.tensor(&key("dy"))).sum(None);
        let gradients = Tensor::run_backward(&[loss], &[&x, &w, &styles], false, false);
        let [dx, dw, dstyles] = &gradients[..] else { panic!("as many as inputs") };
        for (name, value) in [("y", &y.detach()), ("dx", dx), ("dw", dw), ("dstyles", dstyles)] {
            golden.check(&format!("out/modulated_conv2d/{number}/{name}"), value);
        }
    }
}

#[test]
fn demodulation_does_not_see_the_scale_of_a_weight_or_the_rest_of_a_batch() {
    let golden = Golden::open("sg2_ops");
    let [x, w, styles] =
        ["x", "w", "styles"].map(|name| golden.tensor(&format!("in/modulated_conv2d/0/{name}")));
    let filter = Tensor::from(1f32);
    let images = |x: &Tensor, w: &Tensor, styles: &Tensor| {
        let scale = demodulation(w, styles).expect("demodulation");
        let y = modulated(x, w, styles, &filter, Resolution::Same).expect("modulated");
        Epilogue { scale: Some(&scale), slope: 1.0, ..Epilogue::default() }.of(&y).expect("epilogue")
    };
    let all = images(&x, &w, &styles);
    let apart = |a: &Tensor, b: &Tensor| (a - b).abs().max().double_value(&[]);
    assert!(apart(&all, &images(&x, &(&w * 100.0), &styles)) < 1e-5);
    for n in 0..x.size()[0] {
        let [x, styles] = [&x, &styles].map(|all| all.narrow(0, n, 1));
        assert!(apart(&all.narrow(0, n, 1), &images(&x, &w, &styles)) < 1e-5);
    }
    let lengths = normalized(&styles).expect("normalised").square().mean_dim([1i64].as_slice(), false, None);
    assert!((lengths - 1.0).abs().max().double_value(&[]) < 1e-5);
}
