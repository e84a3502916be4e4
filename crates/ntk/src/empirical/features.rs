//! What each affine map contributes for one batch: matrices whose products are the kernel.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{matmul, transposed};
use overparam_tensor::{Array, Real, Tensor, Tree, jacobian, linearize, vmap};
use rayon::prelude::*;

use super::method::{Form, Reduction, multiplications};
use crate::finite::plan::AffineMap;
use crate::network::{Batch, Network, Params, shape_of};

/// One term of the kernel for one batch, in blocks of examples.
pub(super) enum Term<T: Real> {
    /// `sum_pq (weight <h(p), h'(q)> + bias) <g_a(p), g'_b(q)>`: inputs `fan_in x (i, p)`, cotangents `fan_out x (i, a, p)`.
    Gram { inputs: Vec<DMatrix<T>>, cotangents: Vec<DMatrix<T>>, pixels: usize, weight: T, bias: T },
    /// `<j_a, j'_b>`: Jacobians `parameters x (i, a)`.
    Flat(Vec<DMatrix<T>>),
}

impl<T: Real> Term<T> {
    /// The same term for the blocks that follow.
    fn append(&mut self, more: Self) {
        match (self, more) {
            (
                Self::Gram { inputs, cotangents, .. },
                Self::Gram { inputs: more, cotangents: more_cotangents, .. },
            ) => {
                inputs.extend(more);
                cotangents.extend(more_cotangents);
            }
            (Self::Flat(blocks), Self::Flat(more)) => blocks.extend(more),
            _ => unreachable!("the terms of two parts of a batch have different forms"),
        }
    }
}

/// All terms for one batch.
pub(super) struct Side<T: Real> {
    pub(super) terms: Vec<Term<T>>,
    pub(super) blocks: Blocks,
    /// Rows of the kernel an example takes.
    pub(super) rows: usize,
    /// Factor of the whole kernel: `1/k` for a mean.
    pub(super) factor: T,
}

/// Examples cut into blocks of equal length, up to the last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blocks {
    pub(super) examples: usize,
    pub(super) length: usize,
}

impl Blocks {
    /// Rows of the kernel a block has at most: a tile stays in cache, and its sides are those of the fastest products. Few rows
    /// are cut finer, for all threads to have work.
    const ROWS: [usize; 2] = [192, 48];
    /// Multiplications of a forward pass.
    const WORTH_A_THREAD: f64 = (1 << 24) as f64;

    fn new(examples: usize, rows: usize) -> Self {
        let [many, few] = Self::ROWS;
        let most = if examples * rows >= 8 * many { many } else { few };
        Self { examples, length: (most / rows).max(1) }
    }

    /// Rows of the kernel that block `i` has, where an example takes `rows`.
    pub(super) fn rows(self, i: usize, rows: usize) -> usize {
        self.length.min(self.examples - i * self.length) * rows
    }

    /// Consecutive examples, whole blocks of them, that one thread takes: as many as are worth it, where an example takes so many
    /// multiplications. Cut by the numbers alone, whatever the threads.
    fn groups(self, an_example: f64) -> impl IndexedParallelIterator<Item = std::ops::Range<usize>> {
        let examples = ((Self::WORTH_A_THREAD / an_example).ceil() as usize).next_multiple_of(self.length);
        let count = (self.examples / examples).max(1);
        let blocks = self.examples.div_ceil(self.length);
        let end = move |group: usize| (blocks * group / count * self.length).min(self.examples);
        (0..count).into_par_iter().map(move |group| end(group)..end(group + 1))
    }

    pub(super) fn ranges(self) -> impl IndexedParallelIterator<Item = std::ops::Range<usize>> {
        let count = self.examples.div_ceil(self.length);
        (0..count).into_par_iter().map(move |b| b * self.length..((b + 1) * self.length).min(self.examples))
    }
}

/// Inputs `[n, pixels, channels]` and cotangents `[k, n, pixels, channels]` of every affine map.
fn derivatives<T: Real>(
    network: &Network,
    params: &Params<T>,
    batch: &Batch<T>,
) -> (Vec<Array<T>>, Vec<Array<T>>) {
    let (n, k) = (batch.count(), network.outputs());
    let zeros: Vec<Tensor<T>> =
        network.affine_maps().iter().map(|map| Tensor::zeros(&shape_of(n, map.output))).collect();
    let mut inputs = Vec::with_capacity(zeros.len());
    let (y, derivative) = linearize(
        |shifts: &Vec<Tensor<T>>| {
            let mut shifts = shifts.iter();
            let mut probe = |x: &Tensor<T>, y: Tensor<T>| {
                inputs.push(x.array().contiguous());
                match shifts.next() {
                    Some(shift) => &y + shift.reshape(y.shape()),
                    None => y,
                }
            };
            network.run(params, &batch.x, &batch.masks, &mut probe)
        },
        &zeros,
    );
    // Examples do not influence one another: one cotangent a output serves all of them.
    let pull = |u: &Tensor<T>| derivative.vjp(u);
    let cotangents = if k == 1 {
        pull(&Tensor::full(y.shape(), T::ONE))
    } else {
        let basis = Tensor::identity(k).reshape(&[k, 1, k]).broadcast_to(&[k, n, k]);
        let mut shape = vec![k];
        shape.extend_from_slice(y.shape());
        vmap(pull, &basis.reshape(&shape))
    };
    (inputs, cotangents.into_iter().map(|c| c.into_array().contiguous()).collect())
}

/// Inputs, cotangents and Jacobians of every affine map, in the forms given: some blocks of examples at a time, which threads
/// share.
pub(super) fn structured<T: Real>(
    network: &Network,
    params: &Params<T>,
    batch: &Batch<T>,
    reduction: Reduction,
    forms: &[Form],
) -> Side<T> {
    let (rows, depth) = reduction.rows(network.outputs());
    let blocks = Blocks::new(batch.count(), rows);
    let an_example = network.affine_maps().iter().map(multiplications).sum();
    let parts = blocks.groups(an_example).map(|examples| {
        let part = batch.map(&mut |leaf| leaf.slice(0, examples.clone()));
        let blocks = Blocks { examples: examples.len(), ..blocks };
        terms(network, params, &part, blocks, depth, forms)
    });
    let terms = parts.collect::<Vec<_>>().into_iter().reduce(|mut all, part| {
        all.iter_mut().zip(part).for_each(|(term, more)| term.append(more));
        all
    });
    Side { terms: terms.unwrap_or_default(), blocks, rows, factor: T::of(1.0 / depth as f64) }
}

/// The terms of one batch.
fn terms<T: Real>(
    network: &Network,
    params: &Params<T>,
    batch: &Batch<T>,
    blocks: Blocks,
    depth: usize,
    forms: &[Form],
) -> Vec<Term<T>> {
    let (n, k) = (batch.count(), network.outputs());
    let (inputs, cotangents) = derivatives(network, params, batch);
    let each = network.affine_maps().iter().zip(forms).zip(inputs.iter().zip(&cotangents));
    let terms = each.map(|((map, form), (input, cotangent))| {
        let data = Data { map, input: &input.elements(), cotangent: &cotangent.elements(), n, k };
        let (weight, bias) = (T::of(map.scales.weight.powi(2)), T::of(map.scales.bias.powi(2)));
        match form {
            Form::Gram => Term::Gram {
                inputs: blocks.ranges().map(|block| data.windows(block)).collect(),
                cotangents: blocks.ranges().map(|block| data.cotangents(block, depth)).collect(),
                pixels: map.output.pixels(),
                weight,
                bias: if map.has_bias { bias } else { T::ZERO },
            },
            Form::Flat => Term::Flat(blocks.ranges().map(|block| data.jacobians(block, depth)).collect()),
        }
    });
    terms.collect()
}

/// Every parameter tensor's Jacobians, from automatic differentiation example by example.
pub(super) fn from_jacobians<T: Real>(
    network: &Network,
    params: &Params<T>,
    batch: &Batch<T>,
    reduction: Reduction,
) -> Side<T> {
    let (n, k) = (batch.count(), network.outputs());
    let (rows, depth) = reduction.rows(k);
    let blocks = Blocks::new(n, rows);
    let jacobians = vmap(
        |example: &Batch<T>| {
            let example = example.map(&mut |leaf| leaf.unsqueeze(0));
            // One output axis: images of outputs and filters together would have more axes than an array may have.
            jacobian(|p: &Params<T>| network.apply_batch(p, &example).reshape(&[k]), params)
        },
        batch,
    );
    let terms = jacobians.leaves().into_iter().map(|leaf| {
        let height = depth * leaf.len() / (n * k);
        let numbers = leaf.array().elements();
        let block = |range: std::ops::Range<usize>| {
            let part = &numbers[range.start * rows * height..range.end * rows * height];
            DMatrix::from_column_slice(height, range.len() * rows, part)
        };
        Term::Flat(blocks.ranges().map(block).collect())
    });
    Side { terms: terms.collect(), blocks, rows, factor: T::of(1.0 / depth as f64) }
}

/// Inputs `(i, p)` and cotangents `(a, i, p)` of one affine map, channels innermost.
struct Data<'a, T> {
    map: &'a AffineMap,
    input: &'a [T],
    cotangent: &'a [T],
    n: usize,
    k: usize,
}

impl<T: Real> Data<'_, T> {
    /// `fan_in x (i, p)`: the windows of a block of examples.
    fn windows(&self, block: std::ops::Range<usize>) -> DMatrix<T> {
        let (channels, pixels) = (self.map.input.channels, self.map.output.pixels());
        let size = self.map.input.pixels() * channels;
        let input = &self.input[block.start * size..block.end * size];
        let columns = block.len() * pixels;
        let Some(window) = &self.map.window else {
            return DMatrix::from_column_slice(channels, columns, input);
        };
        let mut windows = DMatrix::zeros(self.map.fan_in(), columns);
        let mut out = windows.as_mut_slice().chunks_exact_mut(channels);
        for image in input.chunks_exact(size) {
            for p in 0..pixels {
                for (source, tap) in window.sources(p).zip(&mut out) {
                    if let Some(q) = source {
                        tap.copy_from_slice(&image[q * channels..][..channels]);
                    }
                }
            }
        }
        windows
    }

    fn cotangent(&self, i: usize, a: usize) -> &[T] {
        let size = self.map.output.pixels() * self.map.output.channels;
        &self.cotangent[(a * self.n + i) * size..][..size]
    }

    /// `fan_out x (i, a, p)`, or with outputs stacked `(a, fan_out) x (i, p)`.
    fn cotangents(&self, block: std::ops::Range<usize>, depth: usize) -> DMatrix<T> {
        let (channels, pixels) = (self.map.output.channels, self.map.output.pixels());
        let mut numbers = Vec::with_capacity(block.len() * self.k * pixels * channels);
        for i in block {
            if depth == 1 {
                (0..self.k).for_each(|a| numbers.extend_from_slice(self.cotangent(i, a)));
            } else {
                for p in 0..pixels {
                    (0..depth).for_each(|a| {
                        numbers.extend_from_slice(&self.cotangent(i, a)[p * channels..][..channels]);
                    });
                }
            }
        }
        let height = depth * channels;
        DMatrix::from_vec(height, numbers.len() / height, numbers)
    }

    /// `parameters x (i, a)`, or with outputs stacked `(a, parameters) x i`; the weights before the bias.
    fn jacobians(&self, block: std::ops::Range<usize>, depth: usize) -> DMatrix<T> {
        let (channels, pixels, fan_in) =
            (self.map.output.channels, self.map.output.pixels(), self.map.fan_in());
        let (weight, bias) = (T::of(self.map.scales.weight), T::of(self.map.scales.bias));
        let parameters = (fan_in + usize::from(self.map.has_bias)) * channels;
        let columns = block.len() * self.k / depth;
        let mut numbers = Vec::with_capacity(parameters * block.len() * self.k);
        for i in block {
            let windows = self.windows(i..i + 1);
            for a in 0..self.k {
                let cotangents = DMatrix::from_column_slice(channels, pixels, self.cotangent(i, a));
                let product = matmul(&windows, transposed(&cotangents));
                numbers.extend(product.iter().map(|&x| weight * x));
                if self.map.has_bias {
                    numbers.extend(cotangents.column_sum().iter().map(|&x| bias * x));
                }
            }
        }
        DMatrix::from_vec(depth * parameters, columns, numbers)
    }
}
