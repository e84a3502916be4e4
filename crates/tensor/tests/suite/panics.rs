//! A wrong shape panics with the operation's name and both shapes.

use overparam_tensor::{Padding, Tensor, grad, jvp, loss, vmap};

type Misuse = Box<dyn FnOnce() + std::panic::UnwindSafe>;

fn zeros(shape: &[usize]) -> Tensor<f64> {
    Tensor::zeros(shape)
}

fn message(f: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(f).expect_err("this must panic");
    panic.downcast::<String>().map(|message| *message).expect("a formatted message")
}

#[test]
fn messages_name_the_operation_and_both_shapes() {
    let cases: Vec<(Misuse, &str)> = vec![
        (Box::new(|| drop(zeros(&[2, 3]) + zeros(&[2]))), "add: shapes [2, 3] and [2] do not broadcast"),
        (Box::new(|| drop(zeros(&[2]) * zeros(&[3]))), "multiply: shapes [2] and [3] do not broadcast"),
        (
            Box::new(|| drop(zeros(&[2, 3]).matmul(&zeros(&[2, 3])))),
            "matmul: shapes [2, 3] and [2, 3] do not fit",
        ),
        (Box::new(|| drop(zeros(&[2, 3]).reshape(&[5]))), "reshape: [2, 3] does not reshape to [5]"),
        (Box::new(|| drop(zeros(&[2]).broadcast_to(&[3]))), "broadcast_to: [2] does not stretch to [3]"),
        (
            Box::new(|| drop(zeros(&[2]).slice(0, 1..3))),
            "slice: 1..3 in steps of 1 along axis 0 of shape [2]",
        ),
        (
            Box::new(|| drop(Tensor::concatenate(&[&zeros(&[2, 3]), &zeros(&[2, 4])], 0))),
            "concatenate: shapes [2, 3] and [2, 4] along axis 0",
        ),
        (Box::new(|| drop(zeros(&[2]).gather(0, &[2]))), "gather: index 2 into axis 0 of shape [2]"),
        (
            Box::new(|| drop(zeros(&[1, 4, 4, 3]).conv2d(&zeros(&[3, 3, 2, 1]), [1, 1], Padding::Same))),
            "conv2d: images [1, 4, 4, 3] and filters [3, 3, 2, 1] differ in channels",
        ),
        (
            Box::new(|| drop(zeros(&[1, 2, 4, 3]).conv2d(&zeros(&[3, 3, 3, 1]), [1, 1], Padding::Valid))),
            "conv2d: window [3, 3] is larger than the image [2, 4]",
        ),
        (
            Box::new(|| drop(loss::squared(&zeros(&[2, 1]), &zeros(&[2])))),
            "squared loss: predictions [2, 1] and targets [2]",
        ),
        (
            Box::new(|| drop(grad(|x: &Tensor<f64>| x.clone(), &zeros(&[2])))),
            "grad needs a function with one output element, got shape [2]",
        ),
        (
            Box::new(|| drop(jvp(|x: &Tensor<f64>| x.clone(), &zeros(&[2]), &zeros(&[3])))),
            "jvp: leaf 0 `` has shape [2] in the first tree and [3] in the second",
        ),
        (
            Box::new(|| drop(vmap(|x: &Vec<Tensor<f64>>| x[0].clone(), &vec![zeros(&[2]), zeros(&[3])]))),
            "vmap: leaves have 2 and 3 items along axis 0",
        ),
    ];
    for (f, expected) in cases {
        let message = message(f);
        assert!(message.contains(expected), "{message:?} does not contain {expected:?}");
    }
}

/// Inside `vmap` the shapes in a message are those the function sees, up to the batch axis.
#[test]
fn a_function_sees_its_own_shapes() {
    vmap(
        |x: &Tensor<f64>| {
            assert_eq!(x.shape(), [3]);
            assert_eq!((x + zeros(&[4, 3])).shape(), [4, 3]);
            x.sum()
        },
        &zeros(&[2, 3]),
    );
}
