//! FID, KID, inception score, precision and recall from given features: recorded values of torch-fidelity, pytorch-fid and
//! prdc, closed forms, identities.

use gan_core::random::Streams;
use gan_metrics::kernel::{over, squared_discrepancy};
use gan_metrics::{
    Gaussian, KernelOptions, Neighbours, frechet, inception_score, kernel_distance, neighbours,
};
use gan_testkit::golden::Golden;
use tch::{Device, IndexOp, Kind, Tensor};

fn normal(name: &str, shape: &[i64]) -> Tensor {
    Streams::new(1, 0, 0, Device::Cpu).normal(name, shape).expect("draws")
}

/// Gathered in batches of the given size.
fn gaussian(features: &Tensor, batch: i64) -> Gaussian {
    let mut all = Gaussian::new(features.size()[1]).expect("memory");
    for part in features.split(batch, 0) {
        all.push(&part).expect("features");
    }
    all
}

fn near(got: f64, expected: f64, relative: f64) {
    assert!((got - expected).abs() <= relative * expected.abs().max(1e-3), "{got} is not {expected}");
}

fn recorded(golden: &Golden, key: &str) -> f64 {
    golden.tensor(key).double_value(&[])
}

#[test]
fn frechet_distances_are_the_references() {
    let golden = Golden::open("metrics_stats");
    for pair in 0..golden.config()["fid_pairs"].as_array().expect("pairs").len() {
        let side = |n: i64| {
            let of = |what: &str| golden.tensor(&format!("in/fid{pair}/{what}{n}"));
            Gaussian::of_statistics(&of("mu"), &of("sigma"), 100).expect("statistics")
        };
        let got = frechet(&side(1), &side(2)).expect("distance");
        let expected = recorded(&golden, &format!("out/fid{pair}/torch_fidelity"));
        assert!((got - expected).abs() < 1e-7 * expected.max(1.0), "pair {pair}: {got} is not {expected}");
        // Computed with 40 digits. Where a covariance has no full rank, those digits hold the rounding errors that were
        // recorded in place of its zeros.
        if let Some(exact) = golden.value(&format!("fid{pair}"))["mpmath_40_digits"].as_f64() {
            let tolerance = if [2, 3].contains(&pair) { 1e-8 } else { 1e-12 };
            assert!((got - exact).abs() < tolerance * exact.max(1.0), "pair {pair}: {got} is not {exact}");
        }
    }
    let (fake, real) = (golden.tensor("in/fake"), golden.tensor("in/real"));
    let got = frechet(&gaussian(&fake, 64), &gaussian(&real, 64)).expect("distance");
    near(got, recorded(&golden, "out/features_fid_f64_mean/pytorch_fid"), 1e-10);
}

#[test]
fn statistics_do_not_depend_on_batches() {
    let features = normal("x", &[300, 20]) * 3.0 + 100.0;
    let whole = gaussian(&features, 300);
    for batch in [1, 7, 299] {
        let parts = gaussian(&features, batch);
        assert_eq!(parts.count(), 300);
        let apart = |a: &Tensor, b: &Tensor| (a - b).abs().max().double_value(&[]);
        assert!(apart(&parts.mean().expect("a mean"), &whole.mean().expect("a mean")) < 1e-11);
        let covariances = [&parts, &whole].map(|g| g.covariance().expect("covariance"));
        assert!(apart(&covariances[0], &covariances[1]) < 1e-11);
    }
    let mut merged = gaussian(&features.i(..100), 9);
    merged.merge(&gaussian(&features.i(100..), 50)).expect("merge");
    near(frechet(&merged, &whole).expect("distance"), 0.0, 1e-7);
}

#[test]
fn frechet_distance_is_the_closed_form() {
    let cloud = normal("x", &[5_000, 16]);
    let own = gaussian(&cloud, 1_000);
    assert!(frechet(&own, &own).expect("distance").abs() < 1e-9);
    // A shift by 0.5 in each of 16 dimensions: 16 / 4. Twice as wide: the trace of the covariance.
    near(frechet(&own, &gaussian(&(&cloud + 0.5), 1_000)).expect("distance"), 4.0, 1e-6);
    let trace = own.covariance().expect("covariance").trace().double_value(&[]);
    let centred = |x: &Tensor| x - x.mean_dim([0i64].as_slice(), true, Kind::Double);
    let centred = centred(&cloud.to_kind(Kind::Double));
    let wide = gaussian(&(&centred * 2.0), 1_000);
    near(frechet(&gaussian(&centred, 1_000), &wide).expect("distance"), trace, 1e-9);
    let (there, back) = (frechet(&own, &wide).expect("there"), frechet(&wide, &own).expect("back"));
    near(there, back, 1e-10);
    assert!(own.warning().is_none() && gaussian(&cloud.i(..16), 16).warning().is_some());
}

#[test]
fn kernel_distances_are_the_references() {
    let golden = Golden::open("metrics_stats");
    let (fake, real) = (golden.tensor("in/fake"), golden.tensor("in/real"));
    let (of_fake, of_real) = (golden.tensor("out/kid/fake_indices"), golden.tensor("out/kid/real_indices"));
    let each: Vec<f64> = (0..of_fake.size()[0])
        .map(|subset| {
            let fake = fake.index_select(0, &of_fake.get(subset));
            squared_discrepancy(&fake, &real.index_select(0, &of_real.get(subset))).expect("discrepancy")
        })
        .collect();
    let expected = Vec::<f64>::try_from(golden.tensor("out/kid/each_subset")).expect("values");
    for (got, expected) in each.iter().zip(&expected) {
        assert!((got - expected).abs() < 2e-6, "{got} is not {expected}");
    }
    let all = over(&each);
    assert!((all.mean - recorded(&golden, "out/kid/mean")).abs() < 1e-6);
    assert!((all.std - recorded(&golden, "out/kid/std")).abs() < 1e-6);
}

#[test]
fn kernel_distance_is_around_zero_for_one_distribution() {
    let (a, b) = (normal("a", &[400, 10]), normal("b", &[400, 10]));
    let options = KernelOptions { subsets: 20, size: 200, seed: 1 };
    let same = kernel_distance(&a, &b, options).expect("distance");
    assert!(same.mean.abs() < 3.0 * same.std && same.std > 0.0, "{same:?}");
    assert_eq!(kernel_distance(&a, &b, options).expect("distance"), same);
    assert_ne!(kernel_distance(&a, &b, KernelOptions { seed: 2, ..options }).expect("distance"), same);
    let apart = kernel_distance(&a, &(b + 1.0), options).expect("distance");
    assert!(apart.mean > 10.0 * apart.std, "{apart:?}");
    let error = kernel_distance(&a.i(..50), &a, options).expect_err("too few").to_string();
    assert!(error.contains("there are 50 generated ones; a subset has 200"), "{error}");
}

#[test]
fn inception_scores_are_the_references() {
    let golden = Golden::open("metrics_stats");
    let (logits, splits) = (golden.tensor("in/logits"), golden.integer("splits"));
    let shuffled = logits.index_select(0, &golden.tensor("out/isc/permutation"));
    for (logits, name) in [(logits, "False"), (shuffled, "True")] {
        let (mean, std) = inception_score(&logits, splits).expect("score");
        near(mean, recorded(&golden, &format!("out/isc/shuffle_{name}/mean")), 1e-9);
        near(std, recorded(&golden, &format!("out/isc/shuffle_{name}/std")), 1e-9);
    }
    // As many sure answers as classes: the number of classes. No idea at all: 1.
    let sure = Tensor::eye(7, (Kind::Double, Device::Cpu)) * 1e4;
    near(inception_score(&sure, 1).expect("score").0, 7.0, 1e-12);
    near(
        inception_score(&Tensor::zeros([9, 7], (Kind::Float, Device::Cpu)), 3).expect("score").0,
        1.0,
        1e-12,
    );
    assert!(inception_score(&sure, 8).expect_err("few").to_string().contains("do not make 8 splits"));
}

#[test]
fn neighbours_are_the_references() {
    let golden = Golden::open("metrics_stats");
    let (fake, real) = (golden.tensor("in/fake"), golden.tensor("in/real"));
    for k in [3, 5] {
        let got = neighbours(&fake, &real, k).expect("neighbours");
        let of = |what: &str| recorded(&golden, &format!("out/prdc{k}/{what}"));
        let expected = Neighbours {
            precision: of("precision"),
            recall: of("recall"),
            density: of("density"),
            coverage: of("coverage"),
        };
        let pairs = [
            (got.precision, expected.precision),
            (got.recall, expected.recall),
            (got.density, expected.density),
            (got.coverage, expected.coverage),
        ];
        pairs.into_iter().for_each(|(got, expected)| near(got, expected, 1e-12));
    }
}

#[test]
fn a_generator_of_one_mode_is_precise_and_recalls_little() {
    let real = Tensor::cat(&[normal("a", &[500, 4]), normal("b", &[500, 4]) + 50.0], 0);
    let got = neighbours(&normal("c", &[500, 4]), &real, 5).expect("neighbours");
    assert!(got.precision > 0.9 && (0.4..0.51).contains(&got.recall), "{got:?}");
    assert!((0.4..0.51).contains(&got.coverage), "{got:?}");
    // More than a block of rows.
    let same = normal("many", &[1_500, 3]);
    let own = neighbours(&same, &same, 3).expect("neighbours");
    assert_eq!([own.precision, own.recall, own.coverage], [1.0, 1.0, 1.0]);
    assert!(neighbours(&real, &real.i(..3), 3).expect_err("few").to_string().contains("3-th neighbour"));
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let mut gathered = Gaussian::new(4).expect("memory");
    let refused = |error: gan_core::error::Error, words: &str| {
        let said = error.to_string();
        assert!(said.contains(words) && said.lines().count() == 1, "{said}");
    };
    let double = |shape: &[i64]| Tensor::zeros(shape, (Kind::Double, Device::Cpu));
    refused(gathered.push(&double(&[2, 5])).expect_err("five"), "not [N, 4]");
    refused(gathered.push(&(double(&[2, 4]) / 0.0)).expect_err("NaN"), "not finite");
    gathered.push(&double(&[1, 4])).expect("one");
    refused(gathered.covariance().expect_err("one"), "two at least");
    let other = gaussian(&normal("x", &[9, 3]), 9);
    refused(gathered.merge(&other).expect_err("other"), "dimensions");
    refused(frechet(&gathered, &other).expect_err("other"), "4 dimensions on one side and 3");
    let statistics = |mean: &[i64], count| Gaussian::of_statistics(&double(mean), &double(&[3, 3]), count);
    refused(statistics(&[4], 9).expect_err("shape"), "do not fit together");
    refused(statistics(&[3], 1).expect_err("count"), "two at least");
    refused(squared_discrepancy(&double(&[3, 2]), &double(&[3, 4])).expect_err("other"), "2 dimensions");
    refused(squared_discrepancy(&double(&[1, 2]), &double(&[3, 2])).expect_err("one"), "two at least");
}
