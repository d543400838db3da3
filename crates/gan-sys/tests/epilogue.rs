//! What follows a modulated convolution: one pass over channels-last images against LibTorch's operations one by one, which
//! images in plain order take.

use gan_sys::activation::Epilogue;
use gan_sys::format::channels_last;
use tch::{Device, Kind, Tensor};

struct Given {
    scale: Option<Tensor>,
    noise: Option<Tensor>,
    bias: Option<Tensor>,
}

impl Given {
    fn all(&self) -> Vec<&Tensor> {
        [&self.scale, &self.noise, &self.bias].into_iter().flatten().collect()
    }

    fn of(&self, x: &Tensor, (slope, gain, clamp): (f64, f64, f64)) -> Tensor {
        let (scale, noise, bias) = (self.scale.as_ref(), self.noise.as_ref(), self.bias.as_ref());
        Epilogue { scale, noise, bias, slope, gain, clamp }.of(x).expect("an epilogue")
    }
}

fn draw(size: &[i64]) -> Tensor {
    Tensor::randn(size, (Kind::Float, Device::Cpu)).set_requires_grad(true)
}

/// With every part there and missing, more pixels than a chunk has, noise for each image or for all.
fn cases() -> Vec<Given> {
    let mut cases = Vec::new();
    for parts in 0..8 {
        for noise in [&[3, 1, 9, 10][..], &[9, 10]] {
            cases.push(Given {
                scale: (parts & 1 > 0).then(|| draw(&[3, 32])),
                noise: (parts & 2 > 0).then(|| draw(noise)),
                bias: (parts & 4 > 0).then(|| draw(&[32])),
            });
        }
    }
    cases
}

const SHAPES: [(f64, f64, f64); 4] = [(0.2, 1.5, 0.0), (0.2, 1.5, 1.0), (1.0, 1.0, 0.0), (1.0, 0.5, 0.5)];

/// How far apart, of the largest value or 1.
fn apart(got: &Tensor, wanted: &Tensor) -> f64 {
    assert_eq!(got.size(), wanted.size());
    let largest = wanted.abs().max().double_value(&[]).max(1.0);
    (got.to_kind(Kind::Double) - wanted.to_kind(Kind::Double)).abs().max().double_value(&[]) / largest
}

#[test]
fn one_pass_is_the_operations_one_by_one() {
    tch::manual_seed(1);
    for kind in [Kind::Float, Kind::BFloat16] {
        // A bf16 sum of 270 pixels differs by how it is taken; values are compared with those of f32.
        let slack = if kind == Kind::Float { 2e-5 } else { 4e-2 };
        for given in cases() {
            for shape in SHAPES {
                let x = Tensor::randn([3, 32, 9, 10], (Kind::Float, Device::Cpu)).to_kind(kind);
                let plain = x.to_kind(Kind::Float).set_requires_grad(true);
                let laid_out = channels_last(&x).expect("laid out").set_requires_grad(true);
                let (wanted, got) = (given.of(&plain, shape), given.of(&laid_out, shape));
                let off = apart(&got, &wanted);
                assert!(off < slack, "{shape:?}: {off}");
                let dy = Tensor::randn([3, 32, 9, 10], (Kind::Float, Device::Cpu)).to_kind(kind);
                // What lies next to the bound is rounded onto it in bf16, and at it both slopes are right.
                let (slope, gain, clamp) = shape;
                let free = given.of(&plain.detach(), (slope, gain, 0.0)).detach();
                let away = (free.abs() - clamp).abs().gt(0.02).to_kind(kind);
                let dy = if clamp > 0.0 { dy * away } else { dy };
                let gradients = |y: &Tensor, x: &Tensor| {
                    let along = [given.all(), vec![x]].concat();
                    let sum = (y.to_kind(Kind::Float) * dy.to_kind(Kind::Float)).sum(Kind::Float);
                    Tensor::run_backward(&[sum], &along, false, false)
                };
                let (wanted, got) = (gradients(&wanted, &plain), gradients(&got, &laid_out));
                for (got, wanted) in got.iter().zip(&wanted) {
                    let off = apart(got, wanted);
                    assert!(off < slack, "{kind:?} {shape:?} {:?}: {off}", got.size());
                }
            }
        }
    }
}

/// Zeros of both signs, what lies at the bound and beyond it, what is no number: as LibTorch has it, bit for bit.
#[test]
fn the_ends_of_the_range_are_kept() {
    let ends =
        [0.0, -0.0, 1.0, -1.0, 3.0, -3.0, f32::MIN_POSITIVE, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
    for kind in [Kind::Float, Kind::BFloat16] {
        for clamp in [0.0, 1.0] {
            let x = Tensor::from_slice(&ends).to_kind(kind).reshape([1, 1, 1, 10]).repeat([1, 16, 1, 1]);
            let epilogue = Epilogue { slope: 0.25, clamp, ..Epilogue::default() };
            let run = |x: &Tensor| {
                let x = x.set_requires_grad(true);
                let y = epilogue.of(&x).expect("an epilogue");
                let dx = Tensor::run_backward(&[y.sum(Kind::Float)], &[&x], false, false);
                [y.detach(), dx[0].shallow_clone()]
            };
            // At the bound itself LibTorch lets a gradient through.
            let inner = Tensor::from_slice(&[true, true, clamp == 0.0, true, true, true]).to_kind(kind);
            let [[wanted, slope], [got, own_slope]] =
                [run(&x.copy()), run(&channels_last(&x).expect("laid out"))];
            assert!(got.allclose(&wanted, 0.0, 0.0, true), "{kind:?} {clamp}: {got} {wanted}");
            let [slope, own_slope] = [slope, own_slope].map(|slope| slope.narrow(3, 0, 6) * &inner);
            assert!(own_slope.allclose(&slope, 0.0, 0.0, false), "{kind:?} {clamp}: {own_slope} {slope}");
        }
    }
}

#[test]
fn the_second_derivative_is_that_of_the_operations() {
    tch::manual_seed(2);
    for given in cases() {
        for shape in SHAPES {
            let x = Tensor::randn([3, 32, 9, 10], (Kind::Float, Device::Cpu));
            // A penalty on gradients of everything that is given.
            let penalised = |x: Tensor| {
                let x = x.set_requires_grad(true);
                let y = given.of(&x, shape).square();
                let along = [given.all(), vec![&x]].concat();
                let first = Tensor::run_backward(&[y.sum(Kind::Float)], &along, true, true);
                let penalty: Tensor = first.iter().map(|gradient| gradient.square().sum(Kind::Float)).sum();
                Tensor::run_backward(&[penalty], &along, false, false)
            };
            let (wanted, got) = (penalised(x.copy()), penalised(channels_last(&x).expect("laid out")));
            for (got, wanted) in got.iter().zip(&wanted) {
                assert_eq!(got.defined(), wanted.defined());
                let off = apart(got, wanted);
                assert!(off < 1e-4, "{shape:?} {:?}: {off}", got.size());
            }
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let x = channels_last(&Tensor::zeros([2, 16, 4, 4], (Kind::Float, Device::Cpu))).expect("laid out");
    let wrong = Tensor::zeros([3], (Kind::Float, Device::Cpu));
    for epilogue in [
        Epilogue { scale: Some(&wrong), ..Epilogue::default() },
        Epilogue { noise: Some(&wrong), ..Epilogue::default() },
        Epilogue { bias: Some(&wrong), ..Epilogue::default() },
    ] {
        assert!(epilogue.of(&x).is_err());
    }
    assert!(Epilogue::default().of(&wrong).is_err());
}

/// Where no gradient is recorded, images are overwritten by the same values; where one is, they are left as they are.
#[test]
fn images_that_are_spare_give_their_memory() {
    tch::manual_seed(4);
    for kind in [Kind::Float, Kind::BFloat16] {
        for given in cases() {
            let (scale, noise, bias) = (given.scale.as_ref(), given.noise.as_ref(), given.bias.as_ref());
            let epilogue = Epilogue { scale, noise, bias, slope: 0.2, gain: 1.5, clamp: 1.0 };
            let x =
                channels_last(&Tensor::randn([3, 32, 9, 10], (kind, Device::Cpu))).expect("channels-last");
            let wanted = epilogue.of(&x).expect("an epilogue");
            let spare = || x.detach().copy();
            let recorded = spare();
            assert_eq!(epilogue.onto(recorded.shallow_clone()).expect("an epilogue"), wanted);
            assert_eq!(recorded, x, "a gradient may need them");
            let taken = spare();
            let got = tch::no_grad(|| epilogue.onto(taken.shallow_clone()).expect("an epilogue"));
            assert_eq!((&got, got.data_ptr()), (&wanted, taken.data_ptr()));
        }
    }
}
