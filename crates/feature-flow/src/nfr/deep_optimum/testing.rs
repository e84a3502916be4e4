//! What the tests share.

use nalgebra::DVector;
use overparam_tensor::random::Stream;

use super::net::{Atoms, Line};

/// Four examples.
pub(super) fn line() -> Line {
    Line {
        inputs: vec![-1.0, -0.3, 0.4, 1.0],
        targets: vec![-0.2, 0.6, -0.3, 0.5],
        ridge_top: 0.02,
        ridge_features: 0.002,
    }
}

/// Any net of three and two units.
pub(super) fn random(seed: u64) -> Atoms {
    let stream = Stream::root(seed);
    let masses = |name: &str, count| {
        let masses: DVector<f64> = stream.named(name).normal_vector::<f64>(count, 0.5).map(f64::exp);
        let sum = masses.sum();
        masses / sum
    };
    Atoms {
        slopes: stream.named("slopes").normal_vector(3, 3.0),
        offsets: stream.named("offsets").normal_vector(3, 1.5),
        first: masses("first", 3),
        weights: stream.named("weights").normal_matrix(3, 2, 3.0),
        second: masses("second", 2),
        top: stream.named("top").normal_vector(2, 1.0),
    }
}
