//! Training gives the same bits on any number of threads and in every run.

use overparam_tensor::optim::{Method, Optimizer, Stop, train};
use overparam_tensor::random::Stream;
use overparam_tensor::{Padding, Tensor, loss, per_example_jacobian};

fn bits(tensors: &[Tensor<f32>]) -> Vec<u32> {
    tensors.iter().flat_map(|t| t.array().to_vec()).map(f32::to_bits).collect()
}

fn on_threads<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(f)
}

fn same_on_any_number_of_threads(f: impl Fn() -> Vec<u32> + Sync) {
    let alone = on_threads(1, &f);
    assert_eq!(on_threads(1, &f), alone, "from run to run");
    for threads in [2, 3, 4] {
        assert!(on_threads(threads, &f) == alone, "on {threads} threads");
    }
}

/// Wide enough that products and element-wise loops are cut into pieces.
#[test]
fn a_perceptron_trains_to_the_same_bits() {
    same_on_any_number_of_threads(|| {
        let stream = Stream::root(1);
        let x = Tensor::<f32>::normal(&stream.named("x"), &[600, 300], 1.0);
        let y = Tensor::normal(&stream.named("y"), &[600, 3], 1.0);
        let shapes: [&[usize]; 3] = [&[300, 500], &[500], &[500, 3]];
        let mut p: Vec<Tensor<f32>> =
            (0..3).map(|i| Tensor::normal(&stream.indexed(i), shapes[i as usize], 0.05)).collect();
        let mut adam = Optimizer::new(Method::ADAM_W, 1e-3).with_weight_decay(1e-2);
        train(&mut p, &mut adam, Stop::after(3), |_, p: &Vec<Tensor<f32>>| {
            loss::squared(&(x.matmul(&p[0]) + &p[1]).relu().matmul(&p[2]), &y)
        })
        .unwrap();
        bits(&p)
    });
}

#[test]
fn a_convolutional_net_and_its_jacobian_have_the_same_bits() {
    same_on_any_number_of_threads(|| {
        let stream = Stream::root(2);
        let x = Tensor::<f32>::normal(&stream.named("x"), &[21, 8, 8, 16], 1.0);
        let y = Tensor::normal(&stream.named("y"), &[21, 2], 1.0);
        let mut p = vec![
            Tensor::<f32>::normal(&stream.named("1"), &[3, 3, 16, 64], 0.1),
            Tensor::normal(&stream.named("2"), &[3, 3, 64, 32], 0.1),
            Tensor::normal(&stream.named("3"), &[32, 2], 0.2),
        ];
        let net = |p: &Vec<Tensor<f32>>, x: &Tensor<f32>| {
            let h =
                x.conv2d(&p[0], [1, 1], Padding::Same).relu().conv2d(&p[1], [1, 1], Padding::Circular).relu();
            h.global_avg_pool().matmul(&p[2])
        };
        let momentum = Method::Momentum { momentum: 0.9, nesterov: true };
        train(&mut p, &mut Optimizer::new(momentum, 0.01), Stop::after(2), |_, p: &Vec<Tensor<f32>>| {
            loss::squared(&net(p, &x), &y)
        })
        .unwrap();
        let jacobian = per_example_jacobian(net, &p, &x);
        [bits(&p), bits(&jacobian)].concat()
    });
}
