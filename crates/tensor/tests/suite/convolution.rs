//! Convolution and pooling against their formulas.

use overparam_tensor::random::Stream;
use overparam_tensor::{Padding, Tensor};

/// Positions along one axis and the distance by which windows start before the image, from the documentation.
fn geometry(padding: Padding, n: usize, k: usize, s: usize) -> (usize, isize) {
    match padding {
        Padding::Valid => ((n - k) / s + 1, 0),
        Padding::Same | Padding::Circular => {
            let positions = n.div_ceil(s);
            let total = ((positions - 1) * s + k).saturating_sub(n);
            (positions, (total / 2) as isize)
        }
    }
}

/// Where window entry `e` of position `p` reads.
fn place(padding: Padding, n: usize, p: usize, e: usize, s: usize, before: isize) -> Option<usize> {
    let at = (p * s + e) as isize - before;
    match padding {
        Padding::Circular => Some(at.rem_euclid(n as isize) as usize),
        _ => usize::try_from(at).ok().filter(|&at| at < n),
    }
}

/// For every output index, the list of (window entry, input pixel) that it reads.
fn naive(x: &Tensor<f64>, w: &Tensor<f64>, strides: [usize; 2], padding: Padding) -> Tensor<f64> {
    let (&[n, h, wd, c], &[kh, kw, _, d]) = (x.shape(), w.shape()) else { panic!() };
    let (oh, top) = geometry(padding, h, kh, strides[0]);
    let (ow, left) = geometry(padding, wd, kw, strides[1]);
    let (x, w) = (x.array(), w.array());
    Tensor::from_fn(&[n, oh, ow, d], |i| {
        let mut sum = 0.0;
        for u in 0..kh {
            for v in 0..kw {
                let row = place(padding, h, i[1], u, strides[0], top);
                let column = place(padding, wd, i[2], v, strides[1], left);
                if let (Some(row), Some(column)) = (row, column) {
                    sum +=
                        (0..c).map(|c| x.at(&[i[0], row, column, c]) * w.at(&[u, v, c, i[3]])).sum::<f64>();
                }
            }
        }
        sum
    })
}

mod properties {
    use overparam_tensor::linearize;
    use proptest::prelude::*;

    use super::*;

    fn paddings() -> impl Strategy<Value = Padding> {
        prop_oneof![Just(Padding::Valid), Just(Padding::Same), Just(Padding::Circular)]
    }

    proptest! {
        #[test]
        fn convolution_is_its_formula_and_its_derivatives_are_adjoint(
            seed in any::<u64>(), padding in paddings(),
            n in 0usize..4, h in 1usize..7, w in 1usize..7, c in 1usize..4, d in 1usize..4,
            kh in 1usize..5, kw in 1usize..5, sy in 1usize..4, sx in 1usize..4,
        ) {
            prop_assume!(padding != Padding::Valid || (kh <= h && kw <= w));
            let stream = Stream::root(seed);
            let x = Tensor::<f64>::normal(&stream.named("x"), &[n, h, w, c], 1.0);
            let f = Tensor::<f64>::normal(&stream.named("w"), &[kh, kw, c, d], 1.0);
            let expected = naive(&x, &f, [sy, sx], padding);
            let conv = |(x, w): &(Tensor<f64>, Tensor<f64>)| x.conv2d(w, [sy, sx], padding);
            let at = (x.clone(), f.clone());
            let (y, derivative) = linearize(conv, &at);
            prop_assert_eq!(y.shape(), expected.shape());
            for (a, b) in y.array().elements().iter().zip(expected.array().elements().iter()) {
                prop_assert!((a - b).abs() < 1e-12);
            }
            // <u, J v> = <J^T u, v>, and J (x, w) = 2 y for a bilinear map.
            let u = Tensor::<f64>::normal(&stream.named("u"), y.shape(), 1.0);
            let twice = derivative.jvp(&at);
            for (a, b) in twice.array().elements().iter().zip(y.array().elements().iter()) {
                prop_assert!((a - 2.0 * b).abs() < 1e-11);
            }
            let left = (&twice * &u).sum().item();
            let pulled = derivative.vjp(&u);
            let right = ((&pulled.0 * &x).sum() + (&pulled.1 * &f).sum()).item();
            prop_assert!((left - right).abs() < 1e-10 * (1.0 + left.abs()));
        }

        #[test]
        fn pooling_is_its_formula(
            seed in any::<u64>(), padding in paddings(), h in 3usize..7, w in 3usize..7,
            kh in 1usize..4, kw in 1usize..4, s in 1usize..4,
        ) {
            let x = Tensor::<f64>::normal(&Stream::root(seed), &[2, h, w, 2], 1.0);
            let (oh, top) = geometry(padding, h, kh, s);
            let (ow, left) = geometry(padding, w, kw, s);
            let window = |i: &[usize]| -> Vec<f64> {
                let entries = (0..kh).flat_map(|u| (0..kw).map(move |v| (u, v)));
                entries.filter_map(|(u, v)| {
                    let row = place(padding, h, i[1], u, s, top)?;
                    let column = place(padding, w, i[2], v, s, left)?;
                    Some(x.array().at(&[i[0], row, column, i[3]]))
                }).collect()
            };
            let shape = [2, oh, ow, 2];
            let sum = Tensor::from_fn(&shape, |i| window(i).iter().sum());
            let max = Tensor::from_fn(&shape, |i| window(i).into_iter().fold(f64::NEG_INFINITY, f64::max));
            let worst = |a: &Tensor<f64>, b: &Tensor<f64>| (a - b).abs().max_axes(&[0, 1, 2, 3]).item();
            prop_assert!(worst(&x.sum_pool([kh, kw], [s, s], padding), &sum) < 1e-12);
            prop_assert!(worst(&x.avg_pool([kh, kw], [s, s], padding), &(sum / (kh * kw) as f64)) < 1e-12);
            let pooled = x.max_pool([kh, kw], [s, s], padding);
            prop_assert_eq!(pooled.array(), max.array());
        }
    }
}
