//! Adaptive discriminator augmentation against the reference implementation's recorded tensors, and what it does not record.

use gan_core::augment::{AdaConfig, AdaPipe};
use gan_core::random::Streams;
use gan_testkit::device;
use gan_testkit::golden::Golden;
use tch::{Kind, Tensor};

const RECORDED: [&str; 2] = ["sg2_ada", "sg2_ada_grey"];

fn p(value: f64) -> Tensor {
    Tensor::full([1], value, (Kind::Float, device()))
}

/// A pipe with one change alone, or by the paper's word for several.
fn pipe(name: &str) -> AdaPipe {
    let none = AdaPipe::NONE;
    match name {
        "xflip" => AdaPipe { xflip: 1.0, ..none },
        "rotate90" => AdaPipe { rotate90: 1.0, ..none },
        "xint" => AdaPipe { xint: 1.0, ..none },
        "scale" => AdaPipe { scale: 1.0, ..none },
        "rotate" => AdaPipe { rotate: 1.0, ..none },
        "aniso" => AdaPipe { aniso: 1.0, ..none },
        "xfrac" => AdaPipe { xfrac: 1.0, ..none },
        "brightness" => AdaPipe { brightness: 1.0, ..none },
        "contrast" => AdaPipe { contrast: 1.0, ..none },
        "lumaflip" => AdaPipe { lumaflip: 1.0, ..none },
        "hue" => AdaPipe { hue: 1.0, ..none },
        "saturation" => AdaPipe { saturation: 1.0, ..none },
        "imgfilter" => AdaPipe { imgfilter: 1.0, ..none },
        "bgc_gradient" => AdaPipe::BGC,
        word => AdaPipe::of(word).unwrap_or_else(|| panic!("{word} is no augmentation")),
    }
}

#[test]
fn every_augmentation_is_the_reference() {
    for recording in RECORDED {
        let golden = Golden::open(recording);
        let x = golden.tensor("in/x");
        let names: Vec<String> =
            golden.part("tensors").as_object().expect("tensors").keys().cloned().collect();
        let mut checked = 0;
        for key in names.iter().filter(|key| key.ends_with("/random")) {
            let case = key.trim_start_matches("out/");
            let word = case.trim_end_matches("/random");
            let noise = Streams::replaying(golden.draws(&format!("{case}/rng/")));
            let out = pipe(word).apply(&noise, &x, &p(golden.number("p"))).expect("augmented");
            golden.check(key, &out);
            checked += 1;
        }
        assert!(checked >= 15, "{recording}: {checked} cases");
        let noise = Streams::replaying(golden.draws("bgc_gradient/rng/"));
        let x = x.set_requires_grad(true);
        let y = AdaPipe::BGC.apply(&noise, &x, &p(golden.number("p"))).expect("augmented");
        golden.check("out/bgc_gradient/y", &y);
        let along = (&y * golden.tensor("in/bgc_gradient/dy")).sum(Kind::Float);
        golden.check("out/bgc_gradient/dx", &Tensor::run_backward(&[along], &[&x], false, false)[0]);
    }
}

/// The reference's quantiles: every value draw is replaced by the same number, and all changes are made.
#[test]
fn quantiles_are_the_reference() {
    for recording in RECORDED {
        let golden = Golden::open(recording);
        let x = golden.tensor("in/x");
        let (n, channels, height, width) = x.size4().expect("images");
        let quantiles: Vec<f64> =
            serde_json::from_value(golden.config()["percentiles"].clone()).expect("quantiles");
        for q in quantiles {
            let value = |shape: &[i64], value: f64| Tensor::full(shape, value, (Kind::Float, device()));
            let uniform = |tail: &[i64]| value(&[&[n], tail].concat(), q);
            let normal =
                |tail: &[i64]| uniform(tail).f_mul_scalar(2.0).unwrap().f_sub_scalar(1.0).unwrap().erfinv();
            let yes = |tail: &[i64]| value(&[&[n], tail].concat(), 0.0);
            let cases: Vec<(&str, Vec<Tensor>)> = vec![
                ("xflip", vec![uniform(&[]), yes(&[])]),
                ("rotate90", vec![uniform(&[]), yes(&[])]),
                ("xint", vec![uniform(&[2]), yes(&[1])]),
                ("scale", vec![normal(&[]), yes(&[])]),
                ("rotate", vec![uniform(&[]), yes(&[]), value(&[n], 0.5), yes(&[])]),
                ("aniso", vec![normal(&[]), yes(&[])]),
                ("xfrac", vec![normal(&[2]), yes(&[1])]),
                ("brightness", vec![normal(&[]), yes(&[])]),
                ("contrast", vec![normal(&[]), yes(&[])]),
                ("lumaflip", vec![uniform(&[1, 1]), yes(&[1, 1])]),
                ("hue", vec![uniform(&[]), yes(&[])]),
                ("saturation", vec![normal(&[1, 1]), yes(&[1, 1])]),
                ("imgfilter", (0..4).flat_map(|_| [normal(&[]), yes(&[])]).collect()),
                ("cutout", vec![yes(&[1, 1, 1, 1]), uniform(&[2, 1, 1, 1])]),
            ];
            for (word, draws) in cases {
                let key = format!("out/{word}/percentile_{q}");
                if channels == 1 && matches!(word, "hue" | "saturation") {
                    continue;
                }
                let out = pipe(word).apply(&Streams::replaying(draws), &x, &p(1.0)).expect("augmented");
                golden.check(&key, &out);
            }
            let key = format!("noise/percentile_{q}");
            let image = golden.draws(&format!("{key}/rng/")).pop().expect("an image of noise");
            assert_eq!(image.size(), [n, channels, height, width]);
            let draws = vec![uniform(&[1, 1, 1]).erfinv(), yes(&[1, 1, 1]), image];
            let out = pipe("noise").apply(&Streams::replaying(draws), &x, &p(1.0)).expect("augmented");
            golden.check(&format!("out/{key}"), &out);
        }
    }
}

/// A penalty on gradients behind the whole pipe, against finite differences: LibTorch alone has no such derivative.
#[test]
fn the_pipe_is_differentiable_twice() {
    let x = Tensor::randn([2, 3, 24, 24], (Kind::Float, device()));
    let direction = Tensor::randn([2, 3, 24, 24], (Kind::Float, device()));
    let pipe = AdaPipe { imgfilter: 0.0, ..AdaPipe::of("bgcfnc").expect("a pipe") };
    // The square of the length of the gradient of sum(y^3), a function of x.
    let penalty = |x: &Tensor| {
        let noise = Streams::new(3, 0, 0, device());
        let y = pipe.apply(&noise, x, &p(1.0)).expect("augmented");
        let sum = y.pow_tensor_scalar(3).sum(Kind::Float);
        let gradient = Tensor::run_backward(&[sum], &[x], true, true);
        gradient[0].square().sum(Kind::Double)
    };
    let at = |step: f64| penalty(&(&x + step * &direction).set_requires_grad(true)).double_value(&[]);
    let x0 = x.copy().set_requires_grad(true);
    let gradient = Tensor::run_backward(&[penalty(&x0)], &[&x0], false, false);
    let got = (&gradient[0] * &direction).sum(Kind::Double).double_value(&[]);
    let wanted = (at(1e-3) - at(-1e-3)) / 2e-3;
    assert!((got - wanted).abs() <= 2e-3 * wanted.abs(), "{got} and {wanted}");
}

#[test]
fn a_chance_of_nothing_changes_nothing_but_by_resampling() {
    let noise = Streams::new(1, 0, 0, device());
    let x = Tensor::randn([2, 3, 24, 24], (Kind::Float, device()));
    for word in ["color", "noise", "cutout"] {
        let out = pipe(word).apply(&noise, &x, &p(0.0)).expect("augmented");
        assert!(out.allclose(&x, 1e-6, 1e-6, false), "{word}");
    }
    // Enlarged and reduced by a wavelet, an image is the same again.
    let smooth = x.avg_pool2d([3, 3], [1, 1], [1, 1], false, true, None);
    let out = pipe("bg").apply(&noise, &smooth, &p(0.0)).expect("augmented");
    assert!((out - &smooth).abs().mean(Kind::Float).double_value(&[]) < 0.03);
}

#[test]
fn images_that_do_not_suit_are_refused_in_a_sentence() {
    let noise = Streams::new(1, 0, 0, device());
    let two = Tensor::zeros([1, 2, 24, 24], (Kind::Float, device()));
    let error = AdaPipe::BGC.apply(&noise, &two, &p(1.0)).expect_err("two channels").to_string();
    assert!(error.contains("1 or 3 channels"), "{error}");
    let small = Tensor::zeros([1, 3, 16, 16], (Kind::Float, device()));
    let error = pipe("filter").apply(&noise, &small, &p(1.0)).expect_err("small").to_string();
    assert!(error.contains("more than 21 pixels"), "{error}");
    let silent = AdaConfig { p: 0.5, ..AdaConfig::default() }.warning("x").expect("a warning");
    assert!(silent.contains("x.pipe names no augmentation"), "{silent}");
    let silent = AdaConfig { target: 0.0, ..AdaConfig::bgc() }.warning("x").expect("a warning");
    assert!(silent.contains("both p and target are 0"), "{silent}");
    assert!([AdaConfig::default(), AdaConfig::bgc()].iter().all(|ada| ada.warning("x").is_none()));
    assert!(
        AdaPipe { xflip: 1.5, ..AdaPipe::NONE }
            .validate("x")
            .expect_err("too strong")
            .to_string()
            .contains("x.xflip")
    );
}
