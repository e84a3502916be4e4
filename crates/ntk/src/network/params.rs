//! The parameters of a finite network, a tree of tensors shaped like the tree of layers.

use overparam_tensor::random::Stream;
use overparam_tensor::{Real, Tensor, Tree, tree};

use crate::NtkError;

/// Parameters of a whole network, one entry a layer; layers without parameters have empty entries.
#[derive(Debug, Clone)]
pub struct Params<T: Real> {
    /// In the order of [`crate::Architecture::layers`].
    pub layers: Vec<LayerParams<T>>,
}

/// Parameters of one layer.
#[derive(Debug, Clone)]
pub struct LayerParams<T: Real> {
    /// Dense: `[inputs, width]`. Convolution: `[height, width, channels in, channels out]`. Attention: queries and keys
    /// (shared) `[inputs, channels]`, values `[inputs, channels]`, outputs `[channels, channels]`.
    pub weights: Vec<Tensor<T>>,
    /// `[width]`, if the layer has a bias.
    pub bias: Option<Tensor<T>>,
    /// Of residual and parallel layers: the parameters of each branch.
    pub branches: Vec<Vec<LayerParams<T>>>,
}

tree!(Params { layers });
tree!(LayerParams { weights, bias, branches });

/// A Gaussian tensor to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draw {
    pub(super) shape: Vec<usize>,
    pub(super) std: f64,
}

/// What one layer has to draw.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Spec {
    pub(super) weights: Vec<Draw>,
    pub(super) bias: Option<Draw>,
    pub(super) branches: Vec<Vec<Spec>>,
}

impl Spec {
    fn draw<T: Real>(&self, stream: &Stream) -> LayerParams<T> {
        let normal = |draw: &Draw, stream: Stream| Tensor::normal(&stream, &draw.shape, draw.std);
        let weights = self.weights.iter().enumerate();
        let branches = self.branches.iter().enumerate();
        LayerParams {
            weights: weights.map(|(i, w)| normal(w, stream.named("weight").indexed(i as u64))).collect(),
            bias: self.bias.as_ref().map(|b| normal(b, stream.named("bias"))),
            branches: branches.map(|(i, b)| draw(b, &stream.named("branch").indexed(i as u64))).collect(),
        }
    }

    fn shapes<'a>(&'a self, out: &mut Vec<&'a [usize]>) {
        out.extend(self.weights.iter().chain(&self.bias).map(|draw| draw.shape.as_slice()));
        self.branches.iter().flatten().for_each(|spec| spec.shapes(out));
    }
}

pub(super) fn draw<T: Real>(specs: &[Spec], stream: &Stream) -> Vec<LayerParams<T>> {
    specs.iter().enumerate().map(|(i, spec)| spec.draw(&stream.indexed(i as u64))).collect()
}

/// Shapes of all leaves in order.
pub(super) fn shapes(specs: &[Spec]) -> Vec<&[usize]> {
    let mut out = Vec::new();
    specs.iter().for_each(|spec| spec.shapes(&mut out));
    out
}

/// Refuses parameters of another network.
pub(super) fn check<T: Real>(specs: &[Spec], params: &Params<T>) -> Result<(), NtkError> {
    let expected = shapes(specs);
    let leaves = params.leaves();
    if !same_structure(specs, &params.layers) {
        let reason =
            format!("expected {} tensors in the network's own tree, got {}", expected.len(), leaves.len());
        return Err(NtkError::input("parameters", reason));
    }
    for (i, (leaf, shape)) in leaves.iter().zip(expected).enumerate() {
        if leaf.shape() != shape {
            let reason = format!("tensor {i} should have shape {shape:?}, got {:?}", leaf.shape());
            return Err(NtkError::input("parameters", reason));
        }
    }
    Ok(())
}

fn same_structure<T: Real>(specs: &[Spec], layers: &[LayerParams<T>]) -> bool {
    let same = |(spec, layer): (&Spec, &LayerParams<T>)| {
        spec.weights.len() == layer.weights.len()
            && spec.bias.is_some() == layer.bias.is_some()
            && spec.branches.len() == layer.branches.len()
            && spec.branches.iter().zip(&layer.branches).all(|(s, l)| same_structure(s, l))
    };
    specs.len() == layers.len() && specs.iter().zip(layers).all(same)
}
