//! Every shim function against the same thing written with tch's own operations.

use gan_sys::list::{self, AdamUpdate};
use gan_sys::runtime::{Autocast, AutocastDtype};
use gan_sys::{activation, format, random, runtime};
use tch::{Device, Kind, Tensor};

fn close(a: &Tensor, b: &Tensor, tolerance: f64) -> bool {
    (a - b).abs().max().double_value(&[]) <= tolerance
}

fn randn(shape: &[i64], seed: u64) -> Tensor {
    random::normal(shape, seed, Device::Cpu).expect("draw")
}

#[test]
fn fused_adam_is_adam() {
    let params = [randn(&[5, 7], 1), randn(&[3], 2)];
    let mut twins = [params[0].copy(), params[1].copy()];
    let moments = || {
        vec![
            Tensor::zeros([5, 7], (Kind::Float, Device::Cpu)),
            Tensor::zeros([3], (Kind::Float, Device::Cpu)),
        ]
    };
    let (first, second) = (moments(), moments());
    let (mut twin_first, mut twin_second) = (moments(), moments());
    let update = AdamUpdate { lr: 0.01, beta1: 0.5, beta2: 0.99, eps: 1e-8, weight_decay: 0.1 };
    for step in 1..=3 {
        let grads = [randn(&[5, 7], 10 + step), randn(&[3], 20 + step)];
        let steps = vec![Tensor::from(step as f32), Tensor::from(step as f32)];
        list::fused_adam(&params, &grads, &first, &second, &steps, update, None).expect("adam");
        for i in 0..2 {
            let grad = &grads[i] + &twins[i] * 0.1;
            twin_first[i] = &twin_first[i] * 0.5 + &grad * 0.5;
            twin_second[i] = &twin_second[i] * 0.99 + &grad * &grad * 0.01;
            let first_hat = &twin_first[i] / (1.0 - 0.5f64.powi(step as i32));
            let second_hat = &twin_second[i] / (1.0 - 0.99f64.powi(step as i32));
            twins[i] = &twins[i] - first_hat / (second_hat.sqrt() + 1e-8) * 0.01;
        }
    }
    for i in 0..2 {
        assert!(close(&params[i], &twins[i], 1e-6));
        assert!(close(&first[i], &twin_first[i], 1e-6) && close(&second[i], &twin_second[i], 1e-6));
    }
}

#[test]
fn fused_adam_skips_where_found_inf_says_so() {
    let params = [randn(&[4], 1)];
    let before = params[0].copy();
    let moments = || vec![Tensor::zeros([4], (Kind::Float, Device::Cpu))];
    let (first, second) = (moments(), moments());
    let update = AdamUpdate { lr: 0.1, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 };
    let grads = [randn(&[4], 2)];
    let steps = [Tensor::from(1f32)];
    list::fused_adam(&params, &grads, &first, &second, &steps, update, Some(&Tensor::from(1f32)))
        .expect("adam");
    assert_eq!(params[0], before);
    assert_eq!(first[0], moments()[0]);
    list::fused_adam(&params, &grads, &first, &second, &steps, update, Some(&Tensor::from(0f32)))
        .expect("adam");
    assert_ne!(params[0], before);
}

#[test]
fn lists_of_different_lengths_are_refused() {
    let one = [randn(&[2], 1)];
    let two = [randn(&[2], 1), randn(&[2], 2)];
    assert!(list::lerp(&one, &two, 0.5).expect_err("lengths").to_string().contains("different lengths"));
    assert!(list::lerp(&one, &[randn(&[3], 1)], 0.5).is_err());
}

#[test]
fn foreach_arithmetic_is_arithmetic() {
    let (a, b) = (randn(&[6], 1), randn(&[6], 2));
    let target = [a.copy()];
    list::lerp(&target, &[&b], 0.25).expect("lerp");
    assert!(close(&target[0], &(&a + (&b - &a) * 0.25), 1e-6));
    list::copy(&target, &[&b]).expect("copy");
    assert_eq!(target[0], b);
    list::add(&target, &[&a], -2.0).expect("add");
    assert!(close(&target[0], &(&b - &a * 2.0), 1e-6));
    list::mul(&target, &Tensor::from(3f32)).expect("mul");
    assert!(close(&target[0], &((&b - &a * 2.0) * 3.0), 1e-5));
    let norm = list::total_norm(&[a.shallow_clone(), b.shallow_clone()]).expect("norm").double_value(&[]);
    let expected = (a.square().sum(Kind::Double) + b.square().sum(Kind::Double)).sqrt().double_value(&[]);
    assert!((norm - expected).abs() < 1e-5);
}

#[test]
fn non_finite_values_are_found() {
    let found = Tensor::zeros([1], (Kind::Float, Device::Cpu));
    list::non_finite(&[randn(&[8], 1)], &found).expect("check");
    assert_eq!(found.double_value(&[0]), 0.0);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let found = Tensor::zeros([1], (Kind::Float, Device::Cpu));
        list::non_finite(&[randn(&[8], 1), Tensor::from_slice(&[1.0, bad])], &found).expect("check");
        assert_eq!(found.double_value(&[0]), 1.0);
    }
}

#[test]
fn generator_states_come_back() {
    let state = random::generator_state(Device::Cpu).expect("state");
    let first = Tensor::randn([16], (Kind::Float, Device::Cpu));
    random::set_generator_state(Device::Cpu, &state).expect("set");
    assert_eq!(Tensor::randn([16], (Kind::Float, Device::Cpu)), first);
    assert!(random::set_generator_state(Device::Cpu, &Tensor::from_slice(&[1u8])).is_err());
    random::seed_generator(Device::Cpu, 5).expect("seed");
    let seeded = Tensor::randn([16], (Kind::Float, Device::Cpu));
    random::seed_generator(Device::Cpu, 5).expect("seed");
    assert_eq!(Tensor::randn([16], (Kind::Float, Device::Cpu)), seeded);
}

#[test]
fn keyed_draws_are_pure() {
    let high = |seed: u64| random::normal(&[8], seed, Device::Cpu).expect("draw");
    assert_ne!(high(7), high(7 + (1 << 40)), "all 64 bits of a key count");
    assert_eq!(high(1 << 40), high(1 << 40));
    let many = random::normal(&[100_000], 11, Device::Cpu).expect("draw");
    let moments = (many.mean(Kind::Double).double_value(&[]), many.std(true).double_value(&[]));
    assert!(moments.0.abs() < 0.02 && (moments.1 - 1.0).abs() < 0.02, "{moments:?}");
    assert_eq!(randn(&[100], 9), randn(&[100], 9));
    assert_ne!(randn(&[100], 9), randn(&[100], 10));
    let uniform = random::uniform(&[10_000], 3, Device::Cpu).expect("draw");
    assert!((uniform.mean(Kind::Double).double_value(&[]) - 0.5).abs() < 0.02);
    let integers = random::integers(7, &[1000], 3, Device::Cpu).expect("draw");
    assert_eq!((integers.kind(), integers.max().int64_value(&[])), (Kind::Int64, 6));
    assert!(random::normal(&[-1], 1, Device::Cpu).is_err());
}

#[test]
fn autocast_is_a_scope() {
    let (a, b) = (randn(&[8, 8], 1), randn(&[8, 8], 2));
    {
        let _on = Autocast::enter(Device::Cpu, AutocastDtype::Bf16).expect("autocast");
        assert_eq!(a.matmul(&b).kind(), Kind::BFloat16);
        {
            let _off = Autocast::enter(Device::Cpu, AutocastDtype::Off).expect("autocast");
            assert_eq!(a.matmul(&b).kind(), Kind::Float);
        }
        assert_eq!(a.matmul(&b).kind(), Kind::BFloat16);
    }
    assert_eq!(a.matmul(&b).kind(), Kind::Float);
}

#[test]
fn channels_last_changes_strides_only() {
    let image = randn(&[2, 3, 4, 5], 1).set_requires_grad(true);
    let last = format::channels_last(&image).expect("format");
    assert!(format::is_channels_last(&last) && !format::is_channels_last(&image));
    assert_eq!(last.stride(), [60, 1, 15, 3]);
    assert_eq!(last, image);
    let grads = Tensor::run_backward(&[(&last * 2.0).sum(Kind::Float)], &[&image], false, false);
    assert_eq!(grads[0].sum(Kind::Float).double_value(&[]), 240.0);
    assert!(format::channels_last(&Tensor::from(1.0)).is_err());
    // One channel: the same memory either way, but a kernel that reads NCHW's strides answers in NCHW.
    let grey = format::channels_last(&randn(&[2, 1, 4, 5], 1)).expect("format");
    assert!(format::is_channels_last(&grey));
    assert_eq!(grey.stride(), [20, 1, 5, 1]);
}

#[test]
fn the_runtime_answers() {
    assert!(!runtime::cpu_capability().is_empty());
    assert_eq!(runtime::keep_memory(), cfg!(target_env = "gnu"));
    match runtime::load_cuda() {
        Ok(()) => {}
        Err(why) => {
            // Its own name, or that of a library beside it that is not whole.
            assert!(why.0.contains("libtorch"), "{why}");
            assert_eq!(runtime::cuda_device_count(), 0);
        }
    }
}

#[test]
fn leaky_relu_has_its_slope() {
    let x = Tensor::from_slice(&[-2.0f32, 3.0]).set_requires_grad(true);
    let y = activation::leaky_relu(&x * 1.0, 0.2).expect("leaky");
    assert!(close(&y, &Tensor::from_slice(&[-0.4f32, 3.0]), 1e-7));
    let grads = Tensor::run_backward(&[y.sum(Kind::Float)], &[&x], false, false);
    assert!(close(&grads[0], &Tensor::from_slice(&[0.2f32, 1.0]), 1e-7));
    assert!(activation::leaky_relu(x, 0.2).is_err());
}

#[test]
fn fused_adam_heeds_the_layout_of_gradients() {
    let zeros = || vec![Tensor::zeros([2, 3, 4, 5], (Kind::Float, Device::Cpu))];
    let update = AdamUpdate { lr: 0.1, beta1: 0.5, beta2: 0.99, eps: 1e-8, weight_decay: 0.0 };
    let grad = randn(&[2, 3, 4, 5], 1);
    let moved = |grad: Tensor| {
        let params = zeros();
        let steps = [Tensor::from(1f32)];
        list::fused_adam(&params, &[grad], &zeros(), &zeros(), &steps, update, None).expect("adam");
        params
    };
    assert_eq!(moved(grad.shallow_clone()), moved(format::channels_last(&grad).expect("format")));

    let params = [randn(&[64], 1)];
    let [short, long] = [[randn(&[8], 2)], [randn(&[64], 2)]];
    let adam = |grads: &[Tensor], moments: &[Tensor]| {
        let params: Vec<&Tensor> = params.iter().collect();
        let steps = [Tensor::from(1f32)];
        list::fused_adam(&params, grads, moments, moments, &steps, update, None)
    };
    assert!(adam(&short, &long).is_err() && adam(&long, &short).is_err(), "other memory would be read");
}

#[test]
fn sums_over_pairs_are_the_matrix_s() {
    use gan_sys::pairs::cubic_kernel_sum;
    for (rows, columns, depth) in [(2, 1, 1), (64, 64, 256), (130, 70, 300), (65, 200, 17), (200, 3, 513)] {
        let (a, b) = (randn(&[rows, depth], 1), randn(&[columns, depth], 2));
        let kernel = |a: &Tensor, b: &Tensor| {
            let products = a.to_kind(Kind::Double).matmul(&b.to_kind(Kind::Double).tr());
            (products / depth as f64 + 1.0).pow_tensor_scalar(3.0)
        };
        let near = |got: f64, expected: &Tensor| {
            let (expected, scale) = (expected.sum(Kind::Double), expected.abs().sum(Kind::Double));
            let (expected, scale) = (expected.double_value(&[]), scale.double_value(&[]));
            assert!(
                (got - expected).abs() <= 1e-6 * scale,
                "{rows} {columns} {depth}: {got} is not {expected}"
            );
        };
        near(cubic_kernel_sum(&a, Some(&b)).expect("a sum"), &kernel(&a, &b));
        let within = kernel(&a, &a);
        let different = &within - within.diag(0).diag(0);
        near(cubic_kernel_sum(&a, None).expect("a sum"), &different);
    }
    let a = randn(&[4, 6], 1);
    assert!(cubic_kernel_sum(&a, Some(&randn(&[4, 5], 2))).is_err(), "other lengths");
    assert!(cubic_kernel_sum(&a.tr(), None).is_err(), "other layouts");
    assert!(cubic_kernel_sum(&a.to_kind(Kind::Double), None).is_err(), "other kinds");
}

#[test]
fn what_the_host_waits_for_is_noted() {
    use gan_sys::runtime::HostReads;
    let tensor = Tensor::from_slice(&[1.0f32, 0.0]);
    let noted = |read: &dyn Fn()| {
        let reads = HostReads::begin().expect("an observer");
        read();
        reads.end()
    };
    assert_eq!(noted(&|| drop(&tensor + &tensor)), Vec::<String>::new());
    assert_eq!(noted(&|| assert_eq!(tensor.double_value(&[0]), 1.0)), ["aten::_local_scalar_dense"]);
    assert_eq!(noted(&|| drop(tensor.nonzero())), ["aten::nonzero"]);
    assert_eq!(noted(&|| assert!(tensor.equal(&tensor))), ["aten::equal"]);
    drop(HostReads::begin().expect("an observer"));
    assert!(noted(&|| drop(tensor.sum(Kind::Float))).is_empty());
}
