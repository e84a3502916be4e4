//! The linearised net's features: gradients of the output in the weights of the hidden layers, at the start.
//!
//! Gradients in the readout are combinations of those in the last hidden layer (`sum_k W_jk df/dW_jk = a_j df/da_j`), so they add
//! no dimension. For the same reason each neuron between two hidden layers costs one: its incoming and its outgoing weights
//! have one combination in common. Generic rank, for `L` weight matrices: `(L - 2) m^2 + m d - (L - 2) m`.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{matmul, transposed};
use overparam_tensor::random::Stream;

/// The weights of a ReLU net at its start. Constant factors of the layers are left out: they scale features and change no sign.
pub(super) struct Start {
    /// One column per neuron.
    hidden: Vec<DMatrix<f64>>,
    readout: DVector<f64>,
}

impl Start {
    /// `depth` weight matrices. A narrow two-layer net is part of a wide one of the same stream.
    pub(super) fn draw(depth: usize, width: usize, dimension: usize, stream: &Stream) -> Self {
        let layer = |layer: usize| {
            let fan_in = if layer == 0 { dimension } else { width };
            stream.named("hidden").indexed(layer as u64).normal_matrix(fan_in, width, 1.0)
        };
        Self {
            hidden: (0..depth - 1).map(layer).collect(),
            readout: stream.named("readout").normal_vector(width, 1.0),
        }
    }

    /// Gradients in the hidden weights for the examples in the columns of `x`, one column per example.
    pub(super) fn features(&self, x: &DMatrix<f64>) -> DMatrix<f64> {
        // The input of every layer, and which of its neurons are on.
        let (mut inputs, mut open) = (vec![x.clone()], Vec::new());
        for w in &self.hidden {
            let z = matmul(transposed(w), &inputs[inputs.len() - 1]);
            open.push(z.map(|z| f64::from(u8::from(z > 0.0))));
            inputs.push(z.map(|z| z.max(0.0)));
        }
        let mut end = self.hidden.iter().map(DMatrix::len).sum();
        let mut features = DMatrix::zeros(end, x.ncols());
        // Derivatives in the layer's output, from the last one down.
        let mut back = DMatrix::from_fn(self.readout.len(), x.ncols(), |k, _| self.readout[k]);
        for (layer, w) in self.hidden.iter().enumerate().rev() {
            let through = back.component_mul(&open[layer]);
            let start = end - w.len();
            for (i, mut column) in features.column_iter_mut().enumerate() {
                for (k, z) in through.column(i).iter().enumerate() {
                    let mut neuron = column.rows_mut(start + k * w.nrows(), w.nrows());
                    neuron.copy_from(&(inputs[layer].column(i) * *z));
                }
            }
            back = matmul(w, &through);
            end = start;
        }
        features
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;
    use overparam_tensor::linalg::singular_values;
    use overparam_tensor::random::Stream;

    use super::super::deep::generic_rank;
    use super::Start;
    use crate::wide::sphere;

    /// How many dimensions the features span.
    fn rank(features: &DMatrix<f64>) -> usize {
        let values = singular_values(features).unwrap();
        values.iter().filter(|value| **value > 1e-9 * values.max()).count()
    }

    fn output(net: &Start, x: &DMatrix<f64>) -> DMatrix<f64> {
        let layer = |h: DMatrix<f64>, w: &DMatrix<f64>| (w.transpose() * h).map(|z| z.max(0.0));
        let top = net.hidden.iter().fold(x.clone(), layer);
        DMatrix::from_fn(1, x.ncols(), |_, i| net.readout.dot(&top.column(i)))
    }

    #[test]
    fn the_features_are_the_gradients() {
        let x = sphere(4, 5, &Stream::root(1)).transpose();
        for depth in [2, 3, 4] {
            let mut net = Start::draw(depth, 6, 5, &Stream::root(2));
            let features = net.features(&x);
            let before = output(&net, &x);
            let mut row = 0;
            for layer in 0..depth - 1 {
                for entry in 0..net.hidden[layer].len() {
                    net.hidden[layer][entry] += 1e-7;
                    let change = (output(&net, &x) - &before) / 1e-7;
                    net.hidden[layer][entry] -= 1e-7;
                    assert!((change - features.row(row)).amax() < 1e-4, "{depth} {layer} {entry}");
                    row += 1;
                }
            }
            assert_eq!(row, features.nrows());
        }
    }

    #[test]
    fn their_rank_is_the_number_of_weights_less_the_symmetries() {
        let x = sphere(500, 5, &Stream::root(1)).transpose();
        let of = |depth, width, seed| rank(&Start::draw(depth, width, 5, &Stream::root(seed)).features(&x));
        assert_eq!(of(2, 12, 1), 60);
        // Neurons that are on, or off, for all inputs cost a few.
        let generic = generic_rank(3, 10, 5);
        let most = (1..6).map(|seed| of(3, 10, seed)).max().unwrap();
        assert!((generic - 15..=generic).contains(&most), "{most} of {generic}");
        // In more dimensions there is hardly one.
        let x = sphere(800, 20, &Stream::root(3)).transpose();
        for (depth, generic) in [(3, 12 * 12 + 12 * 20 - 12), (4, 2 * 12 * 12 + 12 * 20 - 2 * 12)] {
            let rank = rank(&Start::draw(depth, 12, 20, &Stream::root(1)).features(&x));
            // A neuron that is on or off for all of these inputs costs a few dimensions.
            assert!((generic * 98 / 100..=generic).contains(&rank), "{depth}: {rank} of {generic}");
            assert_eq!(generic_rank(depth, 12, 20), generic);
        }
    }
}
