//! Losses and penalties against the goldens `losses` and `units`: values, gradients along logits, and
//! gradients of penalties along weights.

use gan_core::error::Result;
use gan_core::loss::AdversarialLoss::{self, *};
use gan_core::regularizer::{Orthogonal, gradient_penalty};
use gan_testkit::golden::Golden;
use tch::{Kind, Tensor};

/// One recorded loss: its name and how ours gives it from logits on reals and fakes.
type Case<'a> = (&'a str, &'a dyn Fn(&Tensor, &Tensor) -> Result<Tensor>);

fn check_cases(golden: &Golden, real: &Tensor, fake: &Tensor, cases: &[Case]) {
    for (name, loss) in cases {
        let [real, fake] = [real, fake].map(|logits| logits.copy().set_requires_grad(true));
        let value = loss(&real, &fake).unwrap_or_else(|error| panic!("{name}: {error}"));
        let gradients = Tensor::run_backward(&[&value], &[&real, &fake], false, false);
        let prefix = format!("out/{name}/");
        let recorded: Vec<String> = golden.under(&prefix).into_iter().map(|(key, _)| key).collect();
        assert!(recorded.iter().any(|key| key == "value" || key == "grad_fake"), "{name} is recorded");
        if recorded.iter().any(|key| key == "value") {
            golden.check(&format!("{prefix}value"), &value);
        }
        for (gradient, side) in gradients.iter().zip(["grad_real", "grad_fake"]) {
            match recorded.iter().any(|key| key == side) {
                true => golden.check(&format!("{prefix}{side}"), gradient),
                false => assert!(!gradient.defined() || side == "grad_real", "{name} uses no {side}"),
            }
        }
    }
}

#[test]
fn losses_are_those_of_the_references() {
    let golden = Golden::open("losses");
    let (real, fake) = (golden.tensor("in/logits_real"), golden.tensor("in/logits_fake"));
    let d = |loss: AdversarialLoss| move |r: &Tensor, f: &Tensor| loss.discriminator(r, f, 0.0);
    let g = |loss: AdversarialLoss| move |r: &Tensor, f: &Tensor| loss.generator_against(f, r);
    let half = |loss: Result<Tensor>| loss.map(|loss| loss * 0.5);
    check_cases(
        &golden,
        &real,
        &fake,
        &[
            ("minimax_d", &d(Minimax)),
            ("minimax_d_real_term", &|r, _| Minimax.on_real(r)),
            ("minimax_d_fake_term", &|_, f| Minimax.on_fake(f)),
            ("minimax_d_bce_on_sigmoid", &d(NonSaturating)),
            ("minimax_d_label_smoothing_0.1", &|r, f| NonSaturating.discriminator(r, f, 0.1)),
            ("minimax_g_nonsaturating", &g(NonSaturating)),
            ("minimax_g_saturating", &g(Minimax)),
            ("logistic_d", &d(NonSaturating)),
            ("logistic_g", &g(NonSaturating)),
            ("lsgan_d", &d(LeastSquares)),
            ("lsgan_g", &g(LeastSquares)),
            ("lsgan_half_d_torchgan", &|r, f| half(LeastSquares.discriminator(r, f, 0.0))),
            ("lsgan_half_g_torchgan", &|_, f| half(LeastSquares.generator(f))),
            ("hinge_d", &d(Hinge)),
            ("hinge_d_real_term", &|r, _| Hinge.on_real(r)),
            ("hinge_d_fake_term", &|_, f| Hinge.on_fake(f)),
            ("hinge_g", &g(Hinge)),
            ("wgan_d", &d(Wasserstein)),
            ("wgan_g", &g(Wasserstein)),
            ("ra_bce_d", &d(RelativisticAverage)),
            ("ra_bce_g", &g(RelativisticAverage)),
            ("ra_lsgan_d", &d(RelativisticAverageLeastSquares)),
            ("ra_lsgan_g", &g(RelativisticAverageLeastSquares)),
            ("ra_hinge_d", &d(RelativisticAverageHinge)),
            ("ra_hinge_g", &g(RelativisticAverageHinge)),
            ("rp_bce_d", &d(RelativisticPaired)),
            ("rp_bce_d_pytorchgan", &d(RelativisticPaired)),
            ("rp_bce_g", &g(RelativisticPaired)),
            ("r3gan_g", &g(RelativisticPaired)),
        ],
    );
    golden.check("out/r3gan_d/per_sample", &pairs(&real, &fake));
    golden.check("out/r3gan_g/per_sample", &pairs(&fake, &real));
}

/// CycleGAN's losses judge maps of patches; its discriminator takes half of the sum.
#[test]
fn losses_on_maps_of_patches_are_those_of_cyclegan() {
    let golden = Golden::open("losses");
    let d = |loss: AdversarialLoss| move |r: &Tensor, f: &Tensor| Ok(loss.discriminator(r, f, 0.0)? * 0.5);
    let g = |loss: AdversarialLoss| move |_: &Tensor, f: &Tensor| loss.generator(f);
    check_cases(
        &golden,
        &golden.tensor("in/patch_real"),
        &golden.tensor("in/patch_fake"),
        &[
            ("cyclegan_lsgan_d", &d(LeastSquares)),
            ("cyclegan_lsgan_g", &g(LeastSquares)),
            ("cyclegan_vanilla_d", &d(NonSaturating)),
            ("cyclegan_vanilla_g", &g(NonSaturating)),
            ("cyclegan_wgangp_d", &d(Wasserstein)),
            ("cyclegan_wgangp_g", &g(Wasserstein)),
        ],
    );
}

/// The relativistic paired loss of each pair alone.
fn pairs(up: &Tensor, down: &Tensor) -> Tensor {
    let each: Vec<Tensor> = (0..up.size()[0])
        .map(|i| {
            let pair = RelativisticPaired.discriminator(&up.narrow(0, i, 1), &down.narrow(0, i, 1), 0.0);
            pair.expect("loss")
        })
        .collect();
    Tensor::stack(&each, 0)
}

/// The goldens' small discriminator: conv, leaky ReLU, conv, softplus, linear.
struct Net(Vec<(String, Tensor)>);

impl Net {
    fn of(golden: &Golden) -> Self {
        let weight = |name: String| {
            let tensor = golden.tensor(&format!("state/D/{name}")).set_requires_grad(true);
            (name, tensor)
        };
        Self(golden.parameter_names("D").into_iter().map(weight).collect())
    }

    fn judge(&self, x: &Tensor) -> Result<Tensor> {
        let [w0, b0, w1, b1, w2, b2] = [0, 1, 2, 3, 4, 5].map(|i| &self.0[i].1);
        let x = x.f_conv2d(w0, Some(b0), [2i64, 2], [1i64, 1], [1i64, 1], 1)?;
        let x = gan_core::nn::leaky_relu(x, 0.2)?;
        let x = x.f_conv2d(w1, Some(b1), [2i64, 2], [1i64, 1], [1i64, 1], 1)?.f_softplus()?;
        Ok(x.f_flatten(1, -1)?.f_linear(w2, Some(b2))?)
    }

    /// The value of a penalty, times `factor`, and its gradient along every recorded weight.
    fn check(&self, golden: &Golden, name: &str, penalty: &Tensor, factor: f64) {
        let value = penalty * factor;
        let weights: Vec<&Tensor> = self.0.iter().map(|(_, weight)| weight).collect();
        let gradients = Tensor::run_backward(&[&value], &weights, true, false);
        let prefix = format!("out/{name}/weight_grad/");
        let recorded = golden.under(&prefix);
        assert!(recorded.len() >= 5, "{name} is recorded");
        for ((key, _), gradient) in self.0.iter().zip(&gradients) {
            match recorded.iter().any(|(recorded, _)| recorded == key) {
                true => golden.check(&format!("{prefix}{key}"), gradient),
                false => assert!(!gradient.defined() || gradient.abs().max().double_value(&[]) == 0.0),
            }
        }
    }
}

#[test]
fn penalties_and_their_gradients_along_weights_are_those_of_the_references() {
    let golden = Golden::open("losses");
    let net = Net::of(&golden);
    let judge = |x: &Tensor| net.judge(x);
    let (real, fake) = (golden.tensor("in/x_real"), golden.tensor("in/x_fake"));
    golden.check("out/net/D_real", &net.judge(&real).expect("logits"));

    let draw = |key: &str| golden.tensor(key).to_kind(Kind::Float);
    let alpha = draw("out/wgan_gp/rng/000_np_random");
    let penalty = gradient_penalty::wgan_gp(&judge, &real, &fake, &alpha).expect("penalty");
    golden.check("out/wgan_gp/value", &penalty);
    net.check(&golden, "wgan_gp", &penalty, 1.0);

    // lambda 10 is applied; 1e-16 in every gradient is below f32.
    let alpha = draw("out/wgan_gp_cyclegan/rng/000_rand").view([-1, 1, 1, 1]);
    let penalty = gradient_penalty::wgan_gp(&judge, &real, &fake, &alpha).expect("penalty");
    golden.check("out/wgan_gp_cyclegan/value", &(&penalty * 10.0));
    net.check(&golden, "wgan_gp_cyclegan", &penalty, 10.0);

    // Type `real` with lambda 1 and constant 0.5, as the recorded value tells.
    let penalty = gradient_penalty::to_norm(&judge, &real, 0.5).expect("penalty");
    golden.check("out/wgan_gp_cyclegan_real/value", &penalty);
    net.check(&golden, "wgan_gp_cyclegan_real", &penalty, 1.0);

    let (alpha, noise) = (draw("out/dragan_paper/rng/000_rand"), draw("out/dragan_paper/rng/001_rand"));
    let penalty = gradient_penalty::dragan(&judge, &real, &alpha, &noise).expect("penalty");
    golden.check("out/dragan_paper/value", &(&penalty * 10.0));
    net.check(&golden, "dragan_paper", &penalty, 10.0);

    for (name, inputs) in [("r1_squared_norm", &real), ("r2_squared_norm", &fake)] {
        let norms = gradient_penalty::squared_norms(&judge, inputs).expect("norms");
        golden.check(&format!("out/{name}/value"), &norms);
        net.check(&golden, name, &gradient_penalty::r1(&judge, inputs).expect("penalty"), 1.0);
    }
}

/// R3GAN's whole discriminator loss, with one forward of each side for loss and penalty.
#[test]
fn r3gan_s_loss_with_both_penalties_is_the_reference_s() {
    let golden = Golden::open("losses");
    let net = Net::of(&golden);
    let [(real, on_real), (fake, on_fake)] = ["in/x_real", "in/x_fake"].map(|key| {
        let inputs = gradient_penalty::watched(&golden.tensor(key)).expect("inputs");
        let logits = net.judge(&inputs).expect("logits");
        (inputs, logits)
    });
    golden.check("out/r3gan_full_d/relativistic_logits", &(&on_real - &on_fake));
    golden.check("out/r3gan_full_d/adversarial", &pairs(&on_real, &on_fake).view_as(&on_real));
    let norms = |logits, inputs| {
        gradient_penalty::squared_norms_of(logits, inputs).expect("squared norms of gradients")
    };
    golden.check("out/r3gan_full_d/r1", &norms(&on_real, &real));
    golden.check("out/r3gan_full_d/r2", &norms(&on_fake, &fake));
    let penalties = gradient_penalty::r1_of(&on_real, &real).expect("R1")
        + gradient_penalty::r1_of(&on_fake, &fake).expect("R2");
    let adversarial = RelativisticPaired.discriminator(&on_real, &on_fake, 0.0).expect("loss");
    let loss = adversarial + penalties * (golden.number("gamma") / 2.0);
    net.check(&golden, "r3gan_full_d", &loss, 1.0);
}

#[test]
fn orthogonal_gradients_are_those_of_biggan() {
    let golden = Golden::open("units");
    let (weight, strength) = (golden.tensor("in/ortho/weight"), golden.number("ortho"));
    for (name, form) in [("modified_grad", Orthogonal::OffDiagonal), ("default_grad", Orthogonal::Full)] {
        golden.check(&format!("out/ortho/{name}"), &form.gradient(&weight, strength).expect("gradient"));
    }
}
