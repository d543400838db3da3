//! Gradients against finite differences.

use tch::{Kind, Tensor};

/// The largest relative error of autograd's gradient of `function` at `point`, against central differences
/// with step `h`. `function` maps a f64 tensor to a f64 scalar; for second derivatives let it contain a
/// gradient taken with `create_graph`.
///
/// # Panics
/// If the function's value is no scalar.
pub fn largest_error(point: &Tensor, h: f64, function: impl Fn(&Tensor) -> Tensor) -> f64 {
    let point = point.to_kind(Kind::Double);
    let leaf = point.copy().set_requires_grad(true);
    let gradient = Tensor::run_backward(&[function(&leaf)], &[&leaf], false, false).remove(0).flatten(0, -1);
    let scale = gradient.abs().max().double_value(&[]).max(1e-12);
    let count = point.numel() as i64;
    let value_at = |index: i64, offset: f64| {
        let moved = point.copy();
        let _ = moved.view([-1]).get(index).g_add_scalar_(offset);
        function(&moved.set_requires_grad(true)).double_value(&[])
    };
    (0..count)
        .map(|index| {
            let numeric = (value_at(index, h) - value_at(index, -h)) / (2.0 * h);
            (numeric - gradient.double_value(&[index])).abs() / scale
        })
        .fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_gradients_pass_and_wrong_ones_do_not() {
        let point = Tensor::from_slice(&[0.3f64, -0.7, 1.1]);
        assert!(largest_error(&point, 1e-5, |x| (x.sin() * x).sum(Kind::Double)) < 1e-8);
        // A gradient that autograd is not told of.
        assert!(largest_error(&point, 1e-5, |x| (x.detach() * x).sum(Kind::Double)) > 0.1);
    }

    #[test]
    fn second_derivatives_are_seen() {
        let point = Tensor::from_slice(&[0.5f64, 2.0]);
        let penalty = |x: &Tensor| {
            let value = (x * x * x).sum(Kind::Double);
            let gradient = Tensor::run_backward(&[value], &[x], true, true).remove(0);
            gradient.square().sum(Kind::Double)
        };
        assert!(largest_error(&point, 1e-4, penalty) < 1e-6);
    }
}
