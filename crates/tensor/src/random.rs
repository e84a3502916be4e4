//! Named, splittable, reproducible random streams.
//!
//! A [`Stream`] is a 256-bit key. [`Stream::named`] and [`Stream::indexed`] derive child keys by hashing (BLAKE3, keyed),
//! so that streams form a tree: the stream of (master seed, claim, cell, purpose) is the same whatever was drawn before,
//! in whatever order and on whatever thread. [`Stream::rng`] starts a ChaCha8 generator at the beginning of a stream.
//!
//! One stream serves one purpose. The ziggurat normals consume a varying number of words, so drawing two things from one
//! stream couples them; a child stream each costs about a hundred nanoseconds and keeps them apart.
//!
//! ChaCha8 is frozen by its name, unlike `StdRng`, whose algorithm may change between releases of `rand`.

use nalgebra::{DMatrix, DVector};
use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

use crate::linalg::{Real, svd};

/// The generator behind every stream.
pub type Rng = rand_chacha::ChaCha8Rng;

/// A node in the tree of random streams. Cheap to copy; drawing from it never changes it.
///
/// ```
/// use overparam_tensor::random::Stream;
///
/// let root = Stream::root(0);
/// let weights = root.named("weights");
/// let a = weights.normal_matrix::<f64>(2, 3, 1.0);
/// assert_eq!(a, root.named("weights").normal_matrix(2, 3, 1.0)); // same name, same numbers
/// assert_ne!(a, root.named("data").normal_matrix(2, 3, 1.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stream {
    key: [u8; 32],
}

impl Stream {
    /// The root of the tree that belongs to a master seed.
    pub fn root(seed: u64) -> Self {
        Self { key: blake3::derive_key("overparam random stream v1", &seed.to_le_bytes()) }
    }

    /// The child stream with this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        self.child(b'n', name.as_bytes())
    }

    /// The child stream with this index. `indexed(i)` and `named("i")` are different streams.
    #[must_use]
    pub fn indexed(&self, index: u64) -> Self {
        self.child(b'i', &index.to_le_bytes())
    }

    fn child(&self, kind: u8, label: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&[kind]).update(label);
        Self { key: *hasher.finalize().as_bytes() }
    }

    /// A generator at the start of this stream.
    pub fn rng(&self) -> Rng {
        Rng::from_seed(self.key)
    }

    /// A `rows x columns` matrix of independent `N(0, std^2)` entries, drawn column by column.
    ///
    /// Draws are made in `f64` and rounded, so that an `f32` and an `f64` experiment see the same numbers.
    pub fn normal_matrix<T: Real>(&self, rows: usize, columns: usize, std: f64) -> DMatrix<T> {
        let mut rng = self.rng();
        let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
        let entries: Vec<T> = (0..rows * columns).map(|_| T::of(std * draw())).collect();
        DMatrix::from_vec(rows, columns, entries)
    }

    /// A vector of independent `N(0, std^2)` entries.
    pub fn normal_vector<T: Real>(&self, length: usize, std: f64) -> DVector<T> {
        DVector::from_column_slice(self.normal_matrix::<T>(length, 1, std).as_slice())
    }

    /// A `rows x columns` matrix whose shorter side is orthonormal (`Q^T Q = I` or `Q Q^T = I`), Haar-distributed.
    ///
    /// The polar factor `U V^T` of a Gaussian matrix `G = U S V^T`: its law is invariant under rotations from both sides
    /// because that of `G` is.
    ///
    /// # Panics
    /// Never in practice: the decomposition of a finite matrix converges.
    pub fn orthonormal_matrix<T: Real>(&self, rows: usize, columns: usize) -> DMatrix<T> {
        let gaussian = self.normal_matrix::<f64>(rows, columns, 1.0);
        let polar = svd(&gaussian)
            .expect("the SVD of a finite Gaussian matrix converges")
            .map_singular_values(|_| 1.0);
        polar.map(T::of)
    }

    /// `count` distinct indices below `population`, uniformly without replacement, ascending.
    ///
    /// # Panics
    /// If `count > population`.
    pub fn sample_indices(&self, population: usize, count: usize) -> Vec<usize> {
        assert!(count <= population, "cannot sample {count} of {population} without replacement");
        let mut indices = self.permutation(population);
        indices.truncate(count);
        indices.sort_unstable();
        indices
    }

    /// A uniformly random permutation of `0..n` (Fisher-Yates).
    pub fn permutation(&self, n: usize) -> Vec<usize> {
        use rand::RngExt;
        let mut rng = self.rng();
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            // A u64 range, so that 32- and 64-bit machines draw the same words.
            let j = rng.random_range(0..=i as u64);
            order.swap(i, usize::try_from(j).expect("an index below n fits a usize"));
        }
        order
    }
}

#[cfg(test)]
mod properties {
    use nalgebra::DMatrix;
    use proptest::prelude::*;

    use super::Stream;

    proptest! {
        #[test]
        fn orthonormal_matrices_are(seed in any::<u64>(), m in 1usize..15, n in 1usize..15) {
            let q: DMatrix<f64> = Stream::root(seed).orthonormal_matrix(m, n);
            let gram = if m >= n { q.transpose() * &q } else { &q * q.transpose() };
            let r = m.min(n);
            prop_assert!((gram - DMatrix::identity(r, r)).amax() < 1e-12);
        }

        #[test]
        fn permutations_are(seed in any::<u64>(), n in 0usize..50) {
            let mut p = Stream::root(seed).permutation(n);
            p.sort_unstable();
            prop_assert_eq!(p, (0..n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn streams_with_different_paths_differ() {
        let root = Stream::root(1);
        let all = [
            root,
            Stream::root(2),
            root.named("1"),
            root.indexed(1),
            root.named("a").named("b"),
            root.named("b").named("a"),
            root.named("ab"),
        ];
        for (i, a) in all.iter().enumerate() {
            for b in &all[i + 1..] {
                assert_ne!(a, b);
            }
        }
    }

    /// Moments of 10^5 draws within 5 standard errors: 1/sqrt(n), sqrt(2/n), sqrt(96/n).
    #[test]
    fn normals_have_the_moments_of_a_normal() {
        let n = 100_000;
        let x = Stream::root(3).normal_vector::<f64>(n, 1.0);
        let moment = |k: i32| x.iter().map(|x| x.powi(k)).sum::<f64>() / n as f64;
        let se = 5.0 / (n as f64).sqrt();
        assert!(moment(1).abs() < se);
        assert!((moment(2) - 1.0).abs() < se * 2f64.sqrt());
        assert!((moment(4) - 3.0).abs() < se * 96f64.sqrt());
    }

    /// Every index is equally likely: each of 10 chosen 3 in 10, within 5 standard errors over 20,000 draws.
    #[test]
    fn samples_are_uniform() {
        let draws: u32 = 20_000;
        let mut counts = [0u32; 10];
        for i in 0..draws {
            for j in Stream::root(4).indexed(u64::from(i)).sample_indices(10, 3) {
                counts[j] += 1;
            }
        }
        let n = f64::from(draws);
        for count in counts {
            assert!((f64::from(count) - 0.3 * n).abs() < 5.0 * (0.21 * n).sqrt());
        }
    }

    /// Frozen values: a dependency that changes the numbers of a seed is noticed.
    #[test]
    fn the_numbers_of_a_seed_are_frozen() {
        let x = Stream::root(0).named("frozen").normal_vector::<f64>(3, 1.0);
        assert_eq!(x.as_slice(), FROZEN);
    }

    const FROZEN: &[f64] = &[1.795171119353396, -0.7794940596571037, 1.688915757668288];
}
