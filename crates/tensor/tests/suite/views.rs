//! Views and copies of arrays hold the same elements.

mod properties {
    use overparam_tensor::random::Stream;
    use overparam_tensor::{Array, Tensor};
    use proptest::prelude::*;

    /// An array and the function of the index it was made of.
    fn numbered(shape: &[usize]) -> Array<f64> {
        let mut next = 0.0;
        Array::from_fn(shape, |_| {
            next += 1.0;
            next
        })
    }

    proptest! {
        #[test]
        fn views_read_what_copies_hold(
            shape in prop::collection::vec(1usize..5, 1..5), seed in any::<u64>(), steps in 1usize..3,
        ) {
            let stream = Stream::root(seed);
            let mut view = numbered(&shape);
            for i in 0..4 {
                // A copy with the same elements takes every change alike: reshape of a view must not matter.
                let copy = Array::from_vec(view.shape(), view.to_vec());
                prop_assert_eq!(&view, &copy);
                let order = stream.indexed(i).permutation(view.rank());
                let axis = order[0];
                let size = view.shape()[axis];
                let change = |x: &Array<f64>| match order[order.len() - 1] % 4 {
                    0 => x.permute(&order),
                    1 => x.slice(axis, size.min(1) - 1..size, steps),
                    2 => x.reshape(&[&[1], &[x.len()][..]].concat()),
                    _ => x.reshape(&[x.shape(), &[1]].concat()),
                };
                let changed = change(&copy);
                view = change(&view);
                prop_assert_eq!(&view, &changed);
                if view.rank() > 5 { break; }
            }
            let (rows, rest) = (view.shape()[0], view.len() / view.shape()[0]);
            prop_assert_eq!(view.reshape(&[rows, rest]).to_vec(), view.to_vec());
        }

        #[test]
        fn matrices_come_back(rows in 0usize..6, columns in 0usize..6, seed in any::<u64>()) {
            let matrix = Stream::root(seed).normal_matrix::<f64>(rows, columns, 1.0);
            let array = Array::from(&matrix);
            prop_assert_eq!(array.to_matrix(), matrix.clone());
            prop_assert_eq!(array.transpose(0, 1).to_matrix(), matrix.transpose());
            prop_assert_eq!(array.to_vector().len(), rows * columns);
        }

        #[test]
        fn products_of_views_agree_with_nalgebra(
            seed in any::<u64>(), m in 0usize..7, k in 0usize..7, n in 0usize..7, batch in 1usize..4,
            flip_a in any::<bool>(), flip_b in any::<bool>(),
        ) {
            let s = Stream::root(seed);
            let t = |x: Tensor<f64>, flip: bool| if flip { x.t().array().contiguous().transpose(1, 2).into() } else { x };
            let a: Tensor<f64> = t(Tensor::normal(&s.named("a"), &[batch, m, k], 1.0), flip_a);
            let b: Tensor<f64> = t(Tensor::normal(&s.named("b"), &[batch, k, n], 1.0), flip_b);
            let c = a.matmul(&b);
            for i in 0..batch {
                let item = |x: &Tensor<f64>| x.slice(0, i..i + 1).squeeze(0).array().to_matrix();
                prop_assert!((item(&c) - item(&a) * item(&b)).iter().all(|e| e.abs() < 1e-13 * 50.0));
            }
            let first = b.slice(0, 0..1).squeeze(0);
            let shared = a.matmul(&first);
            prop_assert_eq!(shared.shape(), &[batch, m, n][..]);
        }
    }

    #[test]
    fn writing_to_a_shared_array_copies_it() {
        let a = numbered(&[4]);
        let mut b = a.clone();
        b.make_mut()[0] = -1.0;
        let mut part = a.slice(0, 1..3, 1);
        part.make_mut()[0] = -2.0;
        assert_eq!(a.to_vec(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!((b.at(&[0]), part.to_vec()), (-1.0, vec![-2.0, 3.0]));
    }
}
