//! The distance against closed forms and against a slow twin that shares no code with it.

use gan_core::random::Streams;
use gan_metrics::{Projections, sliced_wasserstein};
use tch::{Device, Kind, Tensor};

fn normal(seed: u64, shape: &[i64]) -> Tensor {
    Streams::new(seed, 0, 0, Device::Cpu).normal("x", shape).expect("draws")
}

fn distance(a: &Tensor, b: &Tensor) -> f64 {
    sliced_wasserstein(a, b, &Projections::default()).expect("distance")
}

#[test]
fn a_shifted_set_lies_as_far_as_it_was_shifted() {
    let images = Tensor::from_slice(&(0..256u32).map(|i| (i * 37 % 200) as u8).collect::<Vec<u8>>());
    let images = images.view([16, 1, 4, 4]);
    let brighter = &images + 5;
    assert_eq!(brighter.kind(), Kind::Uint8);
    // <θ, v>² is |v|² / 16 = 25 on average, with a spread of about sqrt(2) times that for one direction.
    let got = distance(&images, &brighter);
    assert!((got - 5.0).abs() < 5.0 * 3.0 * 0.5 * 2f64.sqrt() / 512f64.sqrt(), "{got}");
    assert_eq!(distance(&images, &images), 0.0);
    // Order within a set is nothing.
    assert!(distance(&images, &images.flip([0])) < 1e-9);
    let (there, back) = (distance(&images, &brighter), distance(&brighter, &images));
    assert!((there - back).abs() < 1e-12);
}

#[test]
fn two_gaussians_have_their_closed_form() {
    // N(0, 1) and N(0, s²): W = |s - 1|. In one dimension all directions are one.
    let line = |a: &Tensor, b: &Tensor| {
        sliced_wasserstein(a, b, &Projections { count: 2, seed: 1 }).expect("distance")
    };
    let (a, b) = (normal(1, &[40_000, 1]), normal(2, &[40_000, 1]) * 3.0);
    let got = line(&a, &b);
    assert!((got - 2.0).abs() < 0.05, "{got}");
    // Means differ, too: W² = (μ - ν)² + (s - t)².
    let got = line(&a, &(b + 1.5));
    assert!((got - (1.5f64.powi(2) + 4.0).sqrt()).abs() < 0.05, "{got}");
    // Round Gaussians in the plane: every direction sees |s - t|.
    let (a, b) = (normal(3, &[8_000, 2]), normal(4, &[8_000, 2]) * 2.0);
    let got = sliced_wasserstein(&a, &b, &Projections { count: 32, seed: 1 }).expect("distance");
    assert!((got - 1.0).abs() < 0.06, "{got}");
}

#[test]
fn sizes_may_differ_and_copies_change_nothing() {
    let (a, b) = (normal(5, &[7, 3]), normal(6, &[4, 3]));
    let twice = Tensor::cat(&[&a, &a], 0);
    let three = b.repeat([3, 1]);
    assert!((distance(&a, &b) - distance(&twice, &three)).abs() < 1e-9);
    assert!(distance(&a, &twice) < 1e-9);
}

/// W² of two lists on a line, by moving mass from left to right in a loop.
fn by_hand(mut a: Vec<f64>, mut b: Vec<f64>) -> f64 {
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    let (mut i, mut j, mut left_a, mut left_b, mut cost) =
        (0, 0, 1.0 / a.len() as f64, 1.0 / b.len() as f64, 0.0);
    while i < a.len() && j < b.len() {
        let mass: f64 = if left_a < left_b { left_a } else { left_b };
        cost += mass * (a[i] - b[j]).powi(2);
        left_a -= mass;
        left_b -= mass;
        if left_a < 1e-12 {
            i += 1;
            left_a = 1.0 / a.len() as f64;
        }
        if left_b < 1e-12 {
            j += 1;
            left_b = 1.0 / b.len() as f64;
        }
    }
    cost
}

#[test]
fn the_slow_twin_agrees() {
    let (a, b) = (normal(8, &[23, 5]), normal(9, &[17, 5]) + 0.3);
    let projections = Projections { count: 40, seed: 12 };
    let got = sliced_wasserstein(&a, &b, &projections).expect("distance");
    // The same directions, everything else by hand.
    let directions = Streams::new(12, 0, 0, Device::Cpu).normal("directions", &[40, 5]).expect("draws");
    let mut sum = 0.0;
    for direction in 0..40 {
        let theta: Vec<f64> = (0..5).map(|value| directions.double_value(&[direction, value])).collect();
        let length = theta.iter().map(|x| x * x).sum::<f64>().sqrt();
        let project = |set: &Tensor| -> Vec<f64> {
            let dot = |row| (0..5i64).map(|v| set.double_value(&[row, v]) * theta[v as usize]).sum::<f64>();
            (0..set.size()[0]).map(|row| dot(row) / length).collect()
        };
        sum += by_hand(project(&a), project(&b));
    }
    let expected = (sum / 40.0).sqrt();
    assert!((got - expected).abs() < 1e-9, "{got} and {expected}");
}

#[test]
fn a_lost_mode_is_seen() {
    let both = Tensor::cat(&[normal(1, &[500, 2]) * 0.1, normal(2, &[500, 2]) * 0.1 + 4.0], 0);
    let one = normal(3, &[1000, 2]) * 0.1;
    let again = Tensor::cat(&[normal(4, &[500, 2]) * 0.1, normal(5, &[500, 2]) * 0.1 + 4.0], 0);
    assert!(distance(&both, &one) > 10.0 * distance(&both, &again));
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let refused = |a: &Tensor, b: &Tensor, count| {
        let projections = Projections { count, seed: 1 };
        sliced_wasserstein(a, b, &projections).expect_err("refused").to_string()
    };
    let (a, b) = (normal(1, &[4, 2]), normal(1, &[4, 3]));
    assert!(refused(&a, &b, 8).contains("only the first number may differ"));
    assert!(refused(&a, &a, 0).contains("at least one direction"));
    assert!(refused(&a.narrow(0, 0, 0), &a, 8).contains("no samples"));
    assert!(refused(&(&a * f64::NAN), &a, 8).contains("not finite"));
}
