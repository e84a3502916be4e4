//! Trees of tensors: what functions take and return.

use std::collections::BTreeMap;
use std::fmt;

use crate::linalg::Real;
use crate::tensor::Tensor;

/// Where a leaf stands in a tree; displays as `.layers[1].weight`.
#[derive(Debug, Clone, Copy)]
pub enum Path<'a> {
    /// The whole tree.
    Root,
    /// A field or key of the tree at the first path.
    Name(&'a Path<'a>, &'a str),
    /// An element of the tree at the first path.
    Index(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Name(parent, name) => write!(f, "{parent}.{name}"),
            Path::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// A function of two leaves.
pub type ZipMap<'a, T> = dyn FnMut(&Tensor<T>, &Tensor<T>) -> Tensor<T> + 'a;

/// A structure whose leaves are tensors: parameters, gradients, optimiser state.
///
/// A [`Tensor`] is a tree with one leaf. Vectors, arrays, tuples, options, string-keyed maps and `()` of trees are trees;
/// [`tree!`](crate::tree!) makes a struct of trees one. Leaves are visited in a fixed order: fields and elements as they
/// stand, keys ascending.
pub trait Tree<T: Real>: Clone {
    /// Calls `f` with every leaf and its path.
    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a Tensor<T>));

    /// Calls `f` with every leaf, to be changed.
    fn visit_mut(&mut self, f: &mut dyn FnMut(&mut Tensor<T>));

    /// The tree of the same structure with every leaf replaced by `f` of it.
    #[must_use]
    fn map(&self, f: &mut dyn FnMut(&Tensor<T>) -> Tensor<T>) -> Self;

    /// The leaves in order.
    fn leaves(&self) -> Vec<&Tensor<T>> {
        let mut leaves = Vec::new();
        self.visit(&Path::Root, &mut |_, leaf| leaves.push(leaf));
        leaves
    }

    /// The number of leaves.
    fn leaf_count(&self) -> usize {
        let mut count = 0;
        self.visit(&Path::Root, &mut |_, _| count += 1);
        count
    }

    /// The number of elements of all leaves.
    fn element_count(&self) -> usize {
        self.leaves().iter().map(|leaf| leaf.len()).sum()
    }

    /// The tree of the same structure whose leaves are `f` of the leaves of both.
    ///
    /// # Panics
    /// If the structures or the shapes of two leaves differ.
    #[must_use]
    fn zip_map(&self, other: &Self, f: &mut ZipMap<'_, T>) -> Self {
        check_same_structure("zip_map", self, other);
        let mut others = other.leaves().into_iter();
        self.map(&mut |leaf| match others.next() {
            Some(other) => f(leaf, other),
            None => unreachable!("the structures were checked"),
        })
    }

    /// The inner product over all leaves.
    ///
    /// # Panics
    /// If the structures or the shapes of two leaves differ.
    fn dot(&self, other: &Self) -> Tensor<T> {
        check_same_structure("dot", self, other);
        self.leaves()
            .into_iter()
            .zip(other.leaves())
            .map(|(a, b)| (a * b).sum())
            .reduce(|a, b| a + b)
            .unwrap_or_else(|| Tensor::scalar(T::ZERO))
    }
}

/// # Panics
/// If the structures or the shapes of two leaves differ; `operation` names who asked.
pub(crate) fn check_same_structure<T: Real, P: Tree<T>>(operation: &str, a: &P, b: &P) {
    let others = b.leaves();
    let mut i = 0;
    a.visit(&Path::Root, &mut |path, leaf| {
        if let Some(other) = others.get(i) {
            assert!(
                leaf.shape() == other.shape(),
                "{operation}: leaf {i} `{path}` has shape {:?} in the first tree and {:?} in the second",
                leaf.shape(),
                other.shape()
            );
        }
        i += 1;
    });
    assert!(i == others.len(), "{operation}: the first tree has {i} leaves, the second {}", others.len());
}

impl<T: Real> Tree<T> for Tensor<T> {
    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a Tensor<T>)) {
        f(path, self);
    }

    fn visit_mut(&mut self, f: &mut dyn FnMut(&mut Tensor<T>)) {
        f(self);
    }

    fn map(&self, f: &mut dyn FnMut(&Tensor<T>) -> Tensor<T>) -> Self {
        f(self)
    }
}

impl<T: Real> Tree<T> for () {
    fn visit<'a>(&'a self, _: &Path<'_>, _: &mut dyn FnMut(&Path<'_>, &'a Tensor<T>)) {}

    fn visit_mut(&mut self, _: &mut dyn FnMut(&mut Tensor<T>)) {}

    fn map(&self, _: &mut dyn FnMut(&Tensor<T>) -> Tensor<T>) -> Self {}
}

macro_rules! sequence {
    ([$($generics:tt)*] $sequence:ty, |$elements:ident, $map:ident| $collect:expr) => {
        impl<T: Real, P: Tree<T>, $($generics)*> Tree<T> for $sequence {
            fn visit<'a>(&'a self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a Tensor<T>)) {
                for (i, element) in self.iter().enumerate() {
                    element.visit(&Path::Index(path, i), f);
                }
            }

            fn visit_mut(&mut self, f: &mut dyn FnMut(&mut Tensor<T>)) {
                self.iter_mut().for_each(|element| element.visit_mut(f));
            }

            fn map(&self, f: &mut dyn FnMut(&Tensor<T>) -> Tensor<T>) -> Self {
                let $elements = self;
                #[allow(unused_mut)] // some collectors take the closure by reference
                let mut $map = |element: &P| element.map(f);
                $collect
            }
        }
    };
}
sequence!([] Vec<P>, |elements, map| elements.iter().map(map).collect());
sequence!([] Option<P>, |elements, map| elements.as_ref().map(map));
sequence!([const N: usize] [P; N], |elements, map| std::array::from_fn(|i| map(&elements[i])));

impl<T: Real, P: Tree<T>> Tree<T> for BTreeMap<String, P> {
    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a Tensor<T>)) {
        for (key, value) in self {
            value.visit(&Path::Name(path, key), f);
        }
    }

    fn visit_mut(&mut self, f: &mut dyn FnMut(&mut Tensor<T>)) {
        self.values_mut().for_each(|value| value.visit_mut(f));
    }

    fn map(&self, f: &mut dyn FnMut(&Tensor<T>) -> Tensor<T>) -> Self {
        self.iter().map(|(key, value)| (key.clone(), value.map(f))).collect()
    }
}

macro_rules! tuple {
    ($($name:ident $index:tt),+) => {
        impl<T: Real, $($name: Tree<T>),+> Tree<T> for ($($name,)+) {
            fn visit<'a>(&'a self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a Tensor<T>)) {
                $(self.$index.visit(&Path::Index(path, $index), f);)+
            }

            fn visit_mut(&mut self, f: &mut dyn FnMut(&mut Tensor<T>)) {
                $(self.$index.visit_mut(f);)+
            }

            fn map(&self, f: &mut dyn FnMut(&Tensor<T>) -> Tensor<T>) -> Self {
                ($(self.$index.map(f),)+)
            }
        }
    };
}
tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);

/// Makes a struct with named fields that are trees a [`Tree`], or one that is generic over the scalar type.
///
/// ```
/// use overparam_tensor::{Tensor, grad, tree};
///
/// #[derive(Clone)]
/// struct Layer<T: overparam_tensor::Real> {
///     weight: Tensor<T>,
///     bias: Tensor<T>,
/// }
/// tree!(Layer { weight, bias });
///
/// let layers = vec![Layer { weight: Tensor::identity(2), bias: Tensor::zeros(&[2]) }];
/// let gradient = grad(|p: &Vec<Layer<f64>>| (p[0].weight.sum() * 2.0 + p[0].bias.sum()).square(), &layers);
/// assert_eq!(gradient[0].bias.array().to_vec(), [8.0, 8.0]);
/// ```
#[macro_export]
macro_rules! tree {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl<T: $crate::Real> $crate::autodiff::Tree<T> for $name<T> {
            fn visit<'a>(
                &'a self,
                path: &$crate::autodiff::tree::Path<'_>,
                f: &mut dyn FnMut(&$crate::autodiff::tree::Path<'_>, &'a $crate::Tensor<T>),
            ) {
                $($crate::autodiff::Tree::visit(
                    &self.$field,
                    &$crate::autodiff::tree::Path::Name(path, stringify!($field)),
                    f,
                );)*
            }

            fn visit_mut(&mut self, f: &mut dyn FnMut(&mut $crate::Tensor<T>)) {
                $($crate::autodiff::Tree::visit_mut(&mut self.$field, f);)*
            }

            fn map(&self, f: &mut dyn FnMut(&$crate::Tensor<T>) -> $crate::Tensor<T>) -> Self {
                Self { $($field: $crate::autodiff::Tree::map(&self.$field, f)),* }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Path, Tree};
    use crate::tensor::Tensor;

    type Nested = (BTreeMap<String, Tensor<f64>>, Vec<[Tensor<f64>; 2]>, Option<Tensor<f64>>);

    fn nested() -> Nested {
        let leaf = |x| Tensor::scalar(x);
        let map = [("b".to_owned(), leaf(2.0)), ("a".to_owned(), leaf(1.0))].into();
        (map, vec![[leaf(3.0), leaf(4.0)]], Some(leaf(5.0)))
    }

    #[test]
    fn leaves_have_an_order_and_a_path() {
        let tree = nested();
        let mut seen = Vec::new();
        tree.visit(&Path::Root, &mut |path, leaf| seen.push(format!("{path}={}", leaf.item())));
        assert_eq!(seen, ["[0].a=1", "[0].b=2", "[1][0][0]=3", "[1][0][1]=4", "[2][0]=5"]);
        assert_eq!(tree.dot(&tree).item(), 55.0);
    }

    #[test]
    #[should_panic(expected = "leaf 4 `[2][0]` has shape [] in the first tree and [3] in the second")]
    fn a_wrong_leaf_is_named() {
        let mut other = nested();
        other.2 = Some(Tensor::zeros(&[3]));
        let _ = nested().dot(&other);
    }
}
