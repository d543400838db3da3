//! Two ranks with half a batch each are one with all of it.

use gan_core::clock::Clock;
use gan_core::comm::{Comm, Solo, averaged};
use gan_core::device::DevicePolicy;
use gan_core::error::Result;
use gan_core::nn::{
    BatchNorm2d, Condition, ConditionalNorm, ConditionalNormOptions, Init, Mode, Parameters, Statistics,
};
use gan_core::recorder::Recorder;
use gan_core::step::StepCtx;
use gan_testkit::ranks::together;
use tch::{Device, Kind, Tensor};

/// A normalisation on rows of a batch, forward and backward: its output, the gradients of its input and parameters, averaged as
/// a player averages them, and its buffers.
fn play(comm: &'static dyn Comm, rows: (i64, i64), own: bool) -> Result<Vec<Tensor>> {
    let policy = DevicePolicy::reference();
    let mut weights = Parameters::new(&policy, 1);
    let options = ConditionalNormOptions {
        condition: Condition::Classes(3),
        statistics: Statistics::OwnBatch,
        eps: 1e-4,
        weight: Init::Normal { mean: 0.0, std: 0.5 }.into(),
    };
    let (batch_norm, conditional) = match own {
        true => (None, Some(ConditionalNorm::new(weights.root(), 4, options)?)),
        false => (Some(BatchNorm2d::new(weights.root(), 4, Init::Ones)?), None),
    };
    let draw = |seed| Init::Normal { mean: 0.3, std: 1.5 }.tensor(&[6, 4, 3, 2], seed, Device::Cpu);
    let all = draw(5)?;
    let x = all.narrow(0, rows.0, rows.1).copy().set_requires_grad(true);
    let classes = Tensor::from_slice(&[0i64, 2, 1, 1, 0, 2]).narrow(0, rows.0, rows.1);
    let recorder = Recorder::default();
    let ctx = StepCtx::new(Clock::default(), &policy, comm, &recorder, 1);
    let y = ctx.phase("normalisation", || match (&batch_norm, &conditional) {
        (Some(norm), _) => norm.forward(&x, Mode::Train),
        (_, Some(norm)) => norm.forward(&x, &classes, Mode::Train),
        _ => unreachable!("one of the two"),
    })?;
    let wanted = draw(9)?.narrow(0, rows.0, rows.1);
    let loss = ((&y - wanted).square() * y.sigmoid()).mean(Kind::Float);
    let mut inputs = weights.trainable();
    inputs.push(&x);
    let mut gradients = Tensor::run_backward(&[loss], &inputs, false, false);
    // The mean of the losses has its share of each row's gradient.
    let of_x = gradients.pop().expect("as many as inputs") / comm.world_size() as f64;
    comm.all_reduce_mean(&mut gradients)?;
    let buffers = weights.entries().iter().filter(|entry| !entry.trainable).map(|entry| entry.tensor.copy());
    Ok([y.detach(), of_x].into_iter().chain(gradients).chain(buffers).collect())
}

#[test]
fn batch_statistics_are_those_of_all_ranks() {
    for own in [false, true] {
        let whole = play(&Solo, (0, 6), own).expect("one rank");
        let halves = together(2, |rank| play(rank, (3 * rank.rank() as i64, 3), own).expect("a rank"));
        for (at, one) in whole.iter().enumerate() {
            // Output and gradient of the input are each rank's rows; the rest is common to both.
            let both = [&halves[0][at], &halves[1][at]];
            let got = if at < 2 { Tensor::cat(&both, 0) } else { both[0].shallow_clone() };
            let apart = (got - one).abs().max().double_value(&[]);
            assert!(apart < 2e-6, "{own} {at}: {apart:e}");
            assert!(at < 2 || *both[0] == *both[1], "{own} {at}: ranks differ");
        }
    }
}

#[test]
fn averages_are_differentiable_twice() {
    let [first, second] = <[_; 2]>::try_from(together(2, |rank| {
        let x = Tensor::from(2.0 + rank.rank() as f32).set_requires_grad(true);
        let mean = averaged(rank, &x.square()).expect("mean");
        let gradient = Tensor::run_backward(&[mean.square()], &[&x], true, true);
        let again = Tensor::run_backward(&[&gradient[0]], &[&x], false, false);
        [mean, gradient[0].shallow_clone(), again[0].shallow_clone()].map(|all| all.double_value(&[]))
    }))
    .expect("two ranks");
    // x = 2, 3 and m = (4 + 9) / 2; what each rank adds to the gradient of the mean of m² is 2 m · 2 x, and the sum of that over
    // ranks moves with a rank's x by 4 m + mean(2 x) · 2 · 2 x.
    assert_eq!(first, [6.5, 52.0, 66.0]);
    assert_eq!(second, [6.5, 78.0, 86.0]);
}

#[test]
fn a_rank_that_does_not_answer_is_told() {
    #[derive(Debug)]
    struct Silent;
    impl Comm for Silent {
        fn rank(&self) -> u64 {
            0
        }
        fn world_size(&self) -> u64 {
            2
        }
        fn all_reduce_mean(&self, _: &mut [Tensor]) -> Result<()> {
            Err(gan_core::error::Error::config("ranks", "rank 1 does not answer"))
        }
        fn broadcast(&self, _: &mut [Tensor]) -> Result<()> {
            Ok(())
        }
        fn barrier(&self) -> Result<()> {
            Ok(())
        }
    }
    let error = play(&Silent, (0, 6), false).expect_err("silence").to_string();
    assert!(error.contains("rank 1 does not answer"), "{error}");
}
