//! The flow's bits do not depend on the number of threads, at a size whose products and maps are shared between them.

use nalgebra::DMatrix;
use overparam_feature_flow::activation::Activation;
use overparam_feature_flow::flow::{Architecture, Flow, Network, Scaling, Start};
use overparam_tensor::random::Stream;

/// Outputs, then the features of the top layer, after a few steps on a pool of so many threads.
fn run(threads: usize, architecture: Architecture) -> Vec<u32> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let stream = Stream::root(7);
        let inputs: DMatrix<f32> = stream.named("inputs").normal_matrix(100, 5, 1.0);
        let targets = DMatrix::from_fn(100, 1, |i, _| inputs[(i, 0)].sin());
        let kind = (architecture, Scaling::MeanField, Activation::Tanh);
        let network =
            Network::new(kind, (4, 700), Start::Independent, &inputs, &stream.named("weights")).unwrap();
        let mut flow = Flow::new(network, inputs, targets).unwrap();
        for _ in 0..3 {
            flow.step(0.1).unwrap();
        }
        let top = flow.features().last().unwrap();
        flow.outputs().iter().chain(top.iter()).map(|x| x.to_bits()).collect()
    })
}

#[test]
fn the_flow_has_the_same_bits_on_every_number_of_threads() {
    for architecture in [Architecture::Dnn, Architecture::ResNet] {
        let one = run(1, architecture);
        assert!(one.iter().any(|bits| *bits != 0));
        for threads in [2, 3, 8] {
            assert!(run(threads, architecture) == one, "{architecture:?} on {threads} threads");
        }
    }
}
