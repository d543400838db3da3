//! Regularisers against finite differences, second derivatives included, and what must hold of them.

use gan_core::augment::{DiffAugment, FlipShift};
use gan_core::comm::Solo;
use gan_core::error::Result;
use gan_core::random::Streams;
use gan_core::regularizer::{LeCam, Orthogonal, consistency, gradient_penalty as penalty, mode_seeking};
use gan_core::variant::StateVisitor;
use gan_sys::runtime::{Autocast, AutocastDtype};
use gan_testkit::difference::largest_error;
use tch::{Device, Kind, Tensor};

/// Standard normal f64, the same every time.
fn normal(shape: &[i64]) -> Tensor {
    let seed = shape.iter().fold(7, |seed, &size| seed * 31 + size as u64);
    let draw = Streams::new(seed, 0, 0, Device::Cpu).normal("x", shape).expect("draw");
    draw.to_kind(Kind::Double)
}

/// A smooth discriminator of `[N, 3]` whose weights are the 16 numbers of `theta`.
fn judge(theta: &Tensor, x: &Tensor) -> Result<Tensor> {
    let hidden = x.f_matmul(&theta.f_narrow(0, 0, 12)?.f_view([3, 4])?)?.f_softplus()?;
    Ok(hidden.f_square()?.f_mv(&theta.f_narrow(0, 12, 4)?)?)
}

fn value(scalar: Result<Tensor>) -> f64 {
    scalar.expect("scalar").double_value(&[])
}

#[test]
fn gradients_of_penalties_along_weights_are_those_of_finite_differences() {
    let (real, fake) = (normal(&[5, 3]), normal(&[5, 3]) * 0.5 + 1.0);
    let alpha = Tensor::from_slice(&[0.1f64, 0.9, 0.3, 0.5, 0.7]).view([5, 1]);
    let noise = normal(&[5, 3]).sigmoid();
    type Penalty<'a> = &'a dyn Fn(penalty::Judge) -> Result<Tensor>;
    let penalties: [(&str, Penalty); 6] = [
        ("r1", &|judge| penalty::r1(judge, &real)),
        ("r2", &|judge| penalty::r2(judge, &fake)),
        ("wgan_gp", &|judge| penalty::wgan_gp(judge, &real, &fake, &alpha)),
        ("dragan", &|judge| penalty::dragan(judge, &real, &alpha, &noise)),
        ("zero_centered", &|judge| penalty::zero_centered(judge, &real, &fake, &alpha)),
        ("shared forward", &|judge| {
            let inputs = penalty::watched(&real)?;
            penalty::r1_of(&judge(&inputs)?, &inputs)
        }),
    ];
    let theta = normal(&[16]) * 0.5;
    for (name, penalty) in penalties {
        let error = largest_error(&theta, 1e-5, |theta| penalty(&|x| judge(theta, x)).expect("penalty"));
        assert!(error < 1e-6, "{name}: {error:e}");
    }
}

#[test]
fn penalties_of_a_linear_discriminator_are_known() {
    let weight = normal(&[2, 4, 4]);
    let linear = |x: &Tensor| -> Result<Tensor> {
        Ok(x.f_mul(&weight)?.f_sum_dim_intlist(&[1i64, 2, 3][..], false, None)?)
    };
    let (real, fake) = (normal(&[3, 2, 4, 4]), normal(&[3, 2, 4, 4]) + 1.0);
    let (alpha, noise) = (normal(&[3, 1, 1, 1]).sigmoid(), normal(&[3, 2, 4, 4]).sigmoid());
    let squared = weight.square().sum(Kind::Double).double_value(&[]);
    let to_one = (squared.sqrt() - 1.0).powi(2);
    let cases = [
        (value(penalty::r1(&linear, &real)), squared),
        (value(penalty::r2(&linear, &fake)), squared),
        (value(penalty::zero_centered(&linear, &real, &fake, &alpha)), squared),
        (value(penalty::wgan_gp(&linear, &real, &fake, &alpha)), to_one),
        (value(penalty::dragan(&linear, &real, &alpha, &noise)), to_one),
        (value(penalty::to_norm(&linear, &real, 3.0)), (squared.sqrt() - 3.0).powi(2)),
    ];
    for (index, (got, expected)) in cases.into_iter().enumerate() {
        assert!((got - expected).abs() < 1e-9, "case {index}: {got} and {expected}");
    }
}

#[test]
fn interpolates_lie_where_alpha_says() {
    // D(x) = x² / 2 has gradient x: the squared norm is the squared input.
    let parabola =
        |x: &Tensor| -> Result<Tensor> { Ok(x.f_square()?.f_sum_dim_intlist(1, false, None)? * 0.5) };
    let row = |x: f64| Tensor::from_slice(&[x]).view([1, 1]);
    let at = |alpha: f64| value(penalty::zero_centered(&parabola, &row(2.0), &row(-4.0), &row(alpha)));
    assert_eq!([at(1.0), at(0.0), at(0.5)], [4.0, 16.0, 1.0]);
    // Two reals, 1 and 3, have std √2; with alpha 1 all of half of it is added.
    let (reals, ones) = (Tensor::from_slice(&[1f64, 3.0]).view([2, 1]), normal(&[2, 1]).ones_like());
    let (got, moved) = (value(penalty::dragan(&parabola, &reals, &ones, &ones)), 0.5 * 2f64.sqrt());
    assert!((got - (moved.powi(2) + (2.0 + moved).powi(2)) / 2.0).abs() < 1e-9, "{got}");
    let still = value(penalty::dragan(&parabola, &reals, &(&ones * 0.0), &ones));
    assert!((still - 2.0).abs() < 1e-9, "{still}");
}

/// A discriminator that is flat has gradient 0, where a plain root has an infinite slope.
#[test]
fn a_flat_discriminator_gives_finite_gradients() {
    let x = normal(&[4, 3]).to_kind(Kind::Float);
    let alpha = Tensor::full([4, 1], 0.5, (Kind::Float, Device::Cpu));
    let weight = Tensor::zeros([3], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let flat = |x: &Tensor| -> Result<Tensor> { Ok(x.f_mv(&weight)?) };
    let penalty = penalty::wgan_gp(&flat, &x, &x, &alpha).expect("penalty");
    assert!((penalty.double_value(&[]) - 1.0).abs() < 1e-5);
    let gradient = Tensor::run_backward(&[penalty], &[&weight], false, false).remove(0);
    assert_eq!(Vec::<f32>::try_from(gradient).expect("f32"), [0.0; 3]);
}

#[test]
fn what_a_gradient_penalty_cannot_use_is_refused() {
    let refused = |result: Result<Tensor>| result.expect_err("refused").to_string();
    let (real, fewer) = (normal(&[4, 3]), normal(&[3, 3]));
    let judge = |x: &Tensor| -> Result<Tensor> { Ok(x.f_sum_dim_intlist(1, false, None)?) };
    let alpha = normal(&[4, 1]);
    assert!(
        refused(penalty::wgan_gp(&judge, &real, &fewer, &alpha)).contains("fakes must have shape [4, 3]")
    );
    assert!(
        refused(penalty::wgan_gp(&judge, &real, &real, &normal(&[4])))
            .contains("alpha must have shape [4, 1]")
    );
    assert!(refused(penalty::dragan(&judge, &real, &alpha, &alpha)).contains("noise"));
    assert!(refused(penalty::r1(&|x: &Tensor| Ok(x.shallow_clone()), &real)).contains("one a sample"));
    assert!(refused(penalty::r1(&|x: &Tensor| judge(&x.f_detach()?), &real)).contains("do not depend"));
    let other = normal(&[4]).set_requires_grad(true);
    assert!(refused(penalty::r1(&|_: &Tensor| Ok(&other * 2.0), &real)).contains("do not depend"));
    assert!(refused(penalty::r1_of(&judge(&real).expect("logits"), &real)).contains("do not depend"));
}

#[test]
fn orthogonal_penalties_vanish_where_rows_are_orthogonal() {
    let rotation = Tensor::from_slice2(&[[0.6f64, 0.8], [-0.8, 0.6]]).view([2, 2, 1, 1]);
    let longer = &rotation * 3.0;
    for (form, of_longer) in [(Orthogonal::OffDiagonal, 0.0), (Orthogonal::Full, 64.0)] {
        assert!(value(form.penalty(&rotation)) < 1e-12);
        assert!((value(form.penalty(&longer)) - of_longer).abs() < 1e-9, "{form:?}");
        let weight = normal(&[4, 3, 2, 2]).set_requires_grad(true);
        let penalty = form.penalty(&weight).expect("penalty");
        let expected = Tensor::run_backward(&[penalty], &[&weight], false, false).remove(0);
        let difference = form.gradient(&weight, 0.5).expect("gradient") * 2.0 - expected;
        assert!(difference.abs().max().double_value(&[]) < 1e-9, "{form:?}");
        assert!(largest_error(&weight.detach(), 1e-5, |w| form.penalty(w).expect("penalty")) < 1e-7);
        assert!(form.gradient(&normal(&[4]), 1.0).is_err());
    }
}

/// Keeps one tensor, as a checkpoint does.
#[derive(Default)]
struct Shelf {
    saved: Option<Tensor>,
    loading: bool,
}

impl StateVisitor for Shelf {
    fn tensor(&mut self, _: &str, value: &mut Tensor) -> Result<()> {
        match self.loading {
            true => *value = self.saved.as_ref().expect("saved").copy(),
            false => self.saved = Some(value.copy()),
        }
        Ok(())
    }
    fn tensors(&mut self, name: &str, _: &mut Vec<Tensor>) -> Result<()> {
        panic!("{name} is no tensor")
    }
    fn number(&mut self, name: &str, _: &mut f64) -> Result<()> {
        panic!("{name} is no tensor")
    }
}

#[test]
fn lecam_follows_the_other_side_and_survives_a_checkpoint() {
    let logits = |values: &[f32]| Tensor::from_slice(values);
    let mut lecam = LeCam::new(0.9, Device::Cpu).expect("averages");
    lecam.update(&Solo, &logits(&[1.0, 3.0]), &logits(&[-1.0])).expect("update");
    let averages = |lecam: &LeCam| Vec::<f32>::try_from(lecam.averages().expect("averages")).expect("f32");
    let near = |got: &[f32], expected: [f64; 2]| {
        got.iter().zip(expected).all(|(got, expected)| (f64::from(*got) - expected).abs() < 1e-5)
    };
    assert!(near(&averages(&lecam), [2.0, -1.0]), "the first means are the averages");
    // (2 - -1)², (0 - -1)² on reals; (1 - 2)² on fakes.
    let real = logits(&[2.0, 0.0]).set_requires_grad(true);
    let penalty = lecam.penalty(&real, &logits(&[1.0])).expect("penalty");
    assert!((penalty.double_value(&[]) - (9.0 + 1.0) / 2.0 - 1.0).abs() < 1e-5);
    let gradient = Tensor::run_backward(&[penalty], &[&real], false, false).remove(0);
    assert!(near(&Vec::<f32>::try_from(gradient).expect("f32"), [3.0, 1.0]));

    let mut shelf = Shelf::default();
    lecam.state(&mut shelf).expect("saved");
    let mut resumed = LeCam::new(0.9, Device::Cpu).expect("averages");
    assert!(near(&averages(&resumed), [0.0, 0.0]));
    shelf.loading = true;
    resumed.state(&mut shelf).expect("loaded");
    for lecam in [&mut lecam, &mut resumed] {
        lecam.update(&Solo, &logits(&[0.0]), &logits(&[0.0])).expect("update");
    }
    assert_eq!(averages(&lecam), averages(&resumed));
    assert!(near(&averages(&lecam), [2.0 * 0.09 / 0.19, -0.09 / 0.19]));
}

#[test]
fn consistency_pulls_both_verdicts_together() {
    let [a, b] =
        [[1.0f32, 2.0], [2.0, 0.0]].map(|values| Tensor::from_slice(&values).set_requires_grad(true));
    let loss = consistency::consistency(&a, &b).expect("loss");
    assert_eq!(loss.double_value(&[]), 2.5);
    let gradients = Tensor::run_backward(&[loss], &[&a, &b], false, false);
    assert_eq!(gradients[0], -&gradients[1]);
    assert_eq!(Vec::<f32>::try_from(&gradients[0]).expect("f32"), [-1.0, 2.0]);
    assert_eq!(value(consistency::latent_sensitivity(&a, &b)), -2.5);
    let moved = consistency::moved_latents(&a, &b, 0.5).expect("latents");
    assert_eq!(Vec::<f32>::try_from(moved.detach()).expect("f32"), [2.0, 2.0]);
    let three = normal(&[3]);
    assert!(consistency::consistency(&a, &three).is_err());
    assert!(consistency::moved_latents(&a, &three, 0.5).is_err());
    assert!(consistency::latent_sensitivity(&a, &three).is_err());
}

#[test]
fn mode_seeking_rewards_images_that_differ() {
    let z = normal(&[6, 4]);
    let images = z.matmul(&normal(&[4, 12])).view([6, 3, 2, 2]);
    let loss = value(mode_seeking(&images, &z));
    assert!(
        (value(mode_seeking(&(&images * 2.0), &z)) / loss - 0.5).abs() < 1e-4,
        "twice as far, half the loss"
    );
    assert!((value(mode_seeking(&(&images + 5.0), &z)) - loss).abs() < 1e-9);
    let error = largest_error(&images, 1e-6, |images| mode_seeking(images, &z).expect("loss"));
    assert!(error < 1e-6, "{error:e}");

    let same = Tensor::zeros([6, 3, 2, 2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let loss = mode_seeking(&same, &z.to_kind(Kind::Float)).expect("loss");
    assert!((loss.double_value(&[]) - 1e5).abs() < 1.0, "collapsed: {loss:?}");
    let gradient = Tensor::run_backward(&[loss], &[&same], false, false).remove(0);
    assert_eq!(gradient.isfinite().all().int64_value(&[]), 1);
    let still = Tensor::zeros([6, 4], (Kind::Float, Device::Cpu));
    assert_eq!(value(mode_seeking(&same, &still)), 0.0);
    assert!(mode_seeking(&images, &normal(&[5, 4])).is_err());
    assert!(mode_seeking(&images.narrow(0, 0, 1), &z.narrow(0, 0, 1)).is_err());
}

/// R1 through an augmentation needs the augmentation's derivative twice.
#[test]
fn augmentations_can_be_differentiated_under_a_penalty() {
    let weight = normal(&[3 * 6 * 5]);
    let images = normal(&[2, 3, 6, 5]);
    let streams = || Streams::new(5, 0, 0, Device::Cpu);
    let flip_shift = FlipShift { flip: true, shift: 2 };
    type Augmentation<'a> = &'a dyn Fn(&Tensor) -> Result<Tensor>;
    let augmentations: [Augmentation; 2] =
        [&|x| DiffAugment::ALL.apply(&streams(), x), &|x| flip_shift.apply(&streams(), x)];
    for augment in augmentations {
        let logits = |weight: &Tensor, x: &Tensor| -> Result<Tensor> {
            Ok(augment(x)?.f_flatten(1, -1)?.f_square()?.f_mv(weight)?)
        };
        let along_weight = largest_error(&weight, 1e-5, |weight| {
            penalty::r1(&|x| logits(weight, x), &images).expect("penalty")
        });
        let along_images = largest_error(&images, 1e-5, |images| {
            logits(&weight, images).expect("logits").square().sum(None)
        });
        assert!(along_weight < 1e-6 && along_images < 1e-6, "{along_weight:e} {along_images:e}");
    }
}

/// Under bf16 autocast the gradient of a penalty is still taken outside of it.
#[test]
fn penalties_work_inside_a_bf16_phase() {
    let x = normal(&[8, 3]).to_kind(Kind::Float);
    let weight = normal(&[3, 1]).to_kind(Kind::Float).set_requires_grad(true);
    let linear = |x: &Tensor| -> Result<Tensor> { Ok(x.f_matmul(&weight)?) };
    let plain = penalty::r1(&linear, &x).expect("penalty");
    let inside = {
        let _bf16 = Autocast::enter(Device::Cpu, AutocastDtype::Bf16).expect("autocast");
        assert_eq!(linear(&x).expect("logits").kind(), Kind::BFloat16);
        penalty::r1(&linear, &x).expect("penalty")
    };
    assert_eq!(inside.kind(), Kind::Float);
    let gradients =
        [&plain, &inside].map(|penalty| Tensor::run_backward(&[penalty], &[&weight], false, false).remove(0));
    for (inside, plain) in [(inside, plain), (gradients[1].copy(), gradients[0].copy())] {
        let error = ((inside - &plain).abs().max() / plain.abs().max()).double_value(&[]);
        assert!(error < 2e-2, "{error}");
    }
}
