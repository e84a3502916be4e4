//! The parameters of a finite network, a tree of tensors shaped like the tree of layers.

use overparam_tensor::autodiff::tree::Path;
use overparam_tensor::random::Stream;
use overparam_tensor::{Real, Tensor, Tree, tree};

use crate::NtkError;

/// Parameters of a whole network, one entry per layer; layers without parameters have empty entries.
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

impl<T: Real> Params<T> {
    /// The names of the leaves in order: `layers[0].weight`, `layers[0].bias`, `layers[2].branches[0][1].weight`.
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.visit(&Path::Root, &mut |path, _| names.push(name(path)));
        names
    }

    /// The leaf of this name; `None` if there is none.
    ///
    /// ```
    /// use overparam_ntk::prelude::*;
    ///
    /// let net = serial![dense(64).b_std(0.1), relu(), dense(1)];
    /// let finite = net.finite::<f64>(Shape::vector(3), &Stream::root(0))?;
    /// assert_eq!(finite.params.names(), ["layers[0].weight", "layers[0].bias", "layers[2].weight"]);
    /// assert_eq!(finite.params.leaf("layers[2].weight").map(|w| w.shape()), Some(&[64, 1][..]));
    /// # Ok::<(), NtkError>(())
    /// ```
    pub fn leaf(&self, wanted: &str) -> Option<&Tensor<T>> {
        let mut found = None;
        self.visit(&Path::Root, &mut |path, leaf| {
            if name(path) == wanted {
                found = Some(leaf);
            }
        });
        found
    }
}

fn name(path: &Path<'_>) -> String {
    path.to_string().trim_start_matches('.').to_owned()
}

impl<T: Real> LayerParams<T> {
    /// The names of the weights: one weight is `weight`, those of attention are `key` (shared with queries), `value` and `out`.
    fn weight_names(&self) -> [&'static str; 3] {
        if self.weights.len() == 1 { ["weight"; 3] } else { ["key", "value", "out"] }
    }
}

impl<T: Real> Tree<T> for LayerParams<T> {
    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a Tensor<T>)) {
        for (weight, name) in self.weights.iter().zip(self.weight_names()) {
            weight.visit(&Path::Name(path, name), f);
        }
        // A layer has one bias at most: its name has no number.
        if let Some(bias) = &self.bias {
            bias.visit(&Path::Name(path, "bias"), f);
        }
        self.branches.visit(&Path::Name(path, "branches"), f);
    }

    fn visit_mut(&mut self, f: &mut dyn FnMut(&mut Tensor<T>)) {
        self.weights.visit_mut(f);
        self.bias.visit_mut(f);
        self.branches.visit_mut(f);
    }

    fn map(&self, f: &mut dyn FnMut(&Tensor<T>) -> Tensor<T>) -> Self {
        let (weights, bias) = (self.weights.map(f), Tree::map(&self.bias, f));
        Self { weights, bias, branches: Tree::map(&self.branches, f) }
    }
}

/// A Gaussian tensor to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Draw {
    pub(crate) shape: Vec<usize>,
    pub(crate) std: f64,
}

/// What one layer has to draw.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Spec {
    pub(crate) weights: Vec<Draw>,
    pub(crate) bias: Option<Draw>,
    pub(crate) branches: Vec<Vec<Spec>>,
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

    fn zeros<T: Real>(&self) -> LayerParams<T> {
        let zero = |draw: &Draw| Tensor::zeros(&draw.shape);
        LayerParams {
            weights: self.weights.iter().map(zero).collect(),
            bias: self.bias.as_ref().map(zero),
            branches: self.branches.iter().map(|branch| zeros(branch)).collect(),
        }
    }

    fn shapes<'a>(&'a self, out: &mut Vec<&'a [usize]>) {
        out.extend(self.weights.iter().chain(&self.bias).map(|draw| draw.shape.as_slice()));
        self.branches.iter().flatten().for_each(|spec| spec.shapes(out));
    }
}

pub(crate) fn draw<T: Real>(specs: &[Spec], stream: &Stream) -> Vec<LayerParams<T>> {
    specs.iter().enumerate().map(|(i, spec)| spec.draw(&stream.indexed(i as u64))).collect()
}

pub(crate) fn zeros<T: Real>(specs: &[Spec]) -> Vec<LayerParams<T>> {
    specs.iter().map(Spec::zeros).collect()
}

/// Shapes of all leaves in order.
pub(crate) fn shapes(specs: &[Spec]) -> Vec<&[usize]> {
    let mut out = Vec::new();
    specs.iter().for_each(|spec| spec.shapes(&mut out));
    out
}

/// Refuses parameters of another network.
pub(crate) fn check<T: Real>(specs: &[Spec], params: &Params<T>) -> Result<(), NtkError> {
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
