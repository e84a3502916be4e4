//! Whole and per-example Jacobians, nesting, NaN.

use overparam_tensor::random::Stream;
use overparam_tensor::{Padding, Tensor, grad, jacobian, jvp, per_example_jacobian, taylor};

type Net = (Tensor<f64>, (Tensor<f64>, Tensor<f64>), Option<Tensor<f64>>);

fn parameters(stream: &Stream) -> Net {
    (
        Tensor::normal(&stream.named("1"), &[3, 3, 2, 4], 0.4),
        (
            Tensor::normal(&stream.named("2"), &[2, 2, 4, 3], 0.4),
            Tensor::normal(&stream.named("b"), &[3], 0.4),
        ),
        Some(Tensor::normal(&stream.named("3"), &[3, 2], 0.7)),
    )
}

/// Convolutions, bias, residual branch, pooling, dense layer.
fn net(p: &Net, x: &Tensor<f64>) -> Tensor<f64> {
    let h = x.conv2d(&p.0, [1, 1], Padding::Same).tanh();
    let h = &h + h.avg_pool([3, 3], [1, 1], Padding::Circular).softplus();
    let h = (h.conv2d(&p.1.0, [2, 1], Padding::Valid) + &p.1.1).relu();
    h.global_avg_pool().matmul(p.2.as_ref().unwrap())
}

fn worst(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    assert_eq!(a.shape(), b.shape());
    (a - b).abs().max_axes(&(0..a.rank()).collect::<Vec<_>>()).item()
}

#[test]
fn per_example_jacobians_are_the_gradients_of_each_output_of_each_example() {
    let stream = Stream::root(5);
    let p = parameters(&stream);
    let x = Tensor::normal(&stream.named("x"), &[5, 6, 5, 2], 1.0);
    let together = per_example_jacobian(net, &p, &x);
    let (whole, (second, bias), last) = jacobian(|p: &Net| net(p, &x), &p);
    for (a, b) in [
        (&together.0, &whole),
        (&together.1.0, &second),
        (&together.1.1, &bias),
        (together.2.as_ref().unwrap(), last.as_ref().unwrap()),
    ] {
        assert!(worst(a, b) < 1e-13);
    }
    for n in 0..5 {
        for k in 0..2 {
            let one = x.slice(0, n..n + 1);
            let g = grad(|p: &Net| net(p, &one).slice(1, k..k + 1).sum(), &p);
            let of = |leaf: &Tensor<f64>| leaf.slice(0, n..n + 1).squeeze(0).slice(0, k..k + 1).squeeze(0);
            assert!(worst(&of(&together.0), &g.0) < 1e-13);
            assert!(worst(&of(&together.1.1), &g.1.1) < 1e-13);
        }
    }
}

/// Both modes of `jacobian`: few inputs take forward mode, few outputs reverse.
#[test]
fn jacobians_in_both_modes_are_transposes() {
    let a = Tensor::<f64>::normal(&Stream::root(6), &[7, 3], 1.0);
    let tall = jacobian(|x: &Tensor<f64>| a.matmul(&x.unsqueeze(1)).squeeze(1), &Tensor::zeros(&[3]));
    assert_eq!(tall.array(), a.array());
    let wide = jacobian(|x: &Tensor<f64>| a.t().matmul(&x.unsqueeze(1)).squeeze(1), &Tensor::zeros(&[7]));
    assert_eq!(wide.array(), a.t().array());
}

/// Siskind and Pearlmutter's example: d/dx (x d/dy (x + y)) = 1, not 2.
#[test]
fn perturbations_of_nested_levels_are_told_apart() {
    let one = Tensor::scalar(1.0);
    let inner = |x: &Tensor<f64>| jvp(|y: &Tensor<f64>| x + y, &one, &one).1;
    assert_eq!(jvp(|x: &Tensor<f64>| x * inner(x), &one, &one).1.item(), 1.0);
    let inner = |x: &Tensor<f64>| grad(|y: &Tensor<f64>| x + y, &one);
    assert_eq!(grad(|x: &Tensor<f64>| x * inner(x), &one).item(), 1.0);
}

/// The expansion of a net in its parameters converges to the net at the rate of its order.
#[test]
fn taylor_expansions_have_their_order() {
    let stream = Stream::root(7);
    let (p, v) = (parameters(&stream), parameters(&stream.named("v")));
    let x = Tensor::normal(&stream.named("x"), &[2, 6, 5, 2], 1.0);
    let smooth = |p: &Net| {
        let h = x.conv2d(&p.0, [1, 1], Padding::Same).tanh().conv2d(&p.1.0, [2, 1], Padding::Valid) + &p.1.1;
        h.tanh().global_avg_pool().matmul(p.2.as_ref().unwrap()).sum()
    };
    use overparam_tensor::Tree;
    for order in 0..4 {
        let error = |t: f64| {
            let step: Net = v.map(&mut |leaf| leaf * t);
            let terms = taylor(&smooth, &p, &step, order);
            let expansion: f64 = terms.iter().map(Tensor::item).sum();
            (expansion - smooth(&p.zip_map(&step, &mut |p, s| p + s)).item()).abs()
        };
        let rate = (error(0.02) / error(0.01)).log2();
        assert!((rate - (order as f64 + 1.0)).abs() < 0.3, "order {order}: rate {rate}");
    }
}

#[test]
fn nan_goes_through_everything() {
    let stream = Stream::root(8);
    let p = parameters(&stream);
    let x = Tensor::normal(&stream.named("x"), &[2, 6, 5, 2], 1.0);
    let poisoned = &x + Tensor::from_fn(&[2, 6, 5, 2], |i| if i == [0, 3, 3, 1] { f64::NAN } else { 0.0 });
    let y = net(&p, &poisoned);
    assert!(y.array().at(&[0, 0]).is_nan() && y.array().at(&[1, 0]).is_finite());
    assert!(grad(|p: &Net| net(p, &poisoned).sum(), &p).0.array().to_vec().iter().all(|g| g.is_nan()));
    let nan = Tensor::from_vec(&[3], vec![1.0, f64::NAN, 2.0]);
    for y in [
        nan.relu(),
        nan.leaky_relu(0.1),
        nan.abs(),
        nan.step(),
        nan.sign(),
        nan.max_axes(&[0]),
        nan.softmax(0),
        nan.log_sum_exp(0),
        nan.maximum(&Tensor::zeros(&[3])),
        nan.minimum(&Tensor::zeros(&[3])),
        nan.tanh(),
        nan.exp(),
        nan.softplus(),
        nan.sum(),
        Tensor::scalar(1.0).gate(&nan) * &nan,
    ] {
        assert!(y.array().to_vec().iter().any(|y| y.is_nan()), "{y:?}");
    }
}

#[test]
fn softmax_is_right_at_extremes() {
    let x = Tensor::from_vec(&[2, 2], vec![1e300, -1e300, -1e300, -1e300]);
    assert_eq!(x.softmax(1).array().to_vec(), [1.0, 0.0, 0.5, 0.5]);
    let infinite = Tensor::full(&[2], f64::NEG_INFINITY);
    assert_eq!(infinite.log_sum_exp(0).item(), f64::NEG_INFINITY);
}
