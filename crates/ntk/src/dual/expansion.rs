//! Dual maps that need more of an input than its variance: the coefficients of an expansion, made once per input, and summed for
//! sixteen pairs side by side.

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::{Lanes as _, Wide};
use pulp::Simd;

use crate::pair::{Moments, Pair};

/// Pairs that are summed side by side, whatever the processor.
pub(crate) const LANES: usize = 16;

/// A number of each pair.
pub(crate) type Lanes = [f64; LANES];

/// Terms of a series after which a pair that needs no more may begin.
pub(crate) const STRIDE: usize = 8;

/// A dual map of two expansions.
pub(crate) trait Expansion {
    /// Numbers in the expansion of an input, where `deviations` has the standard deviations of a batch of them.
    fn features(&self, deviations: &[f64]) -> usize;

    /// The expansion at the standard deviation `s`. Numbers beyond those that it needs are zero and change no result.
    fn expand(&self, s: f64, out: &mut [f64]);

    /// `kappa` and `kappa'` of pairs side by side, whose variances are not looked at. What comes of a pair does not depend on the others.
    fn moments(&self, w: impl Wide<f64>, x: &impl Numbers, y: &impl Numbers, pairs: &Pairs) -> [Lanes; 2];

    /// `kappa_xx kappa_yy - kappa^2` of nearly parallel inputs.
    fn determinant(&self, x: &[f64], y: &[f64], pair: &Pair) -> f64;

    /// The variance after the map.
    fn variance(&self, own: &[f64], s: f64) -> f64
    where
        Self: Sized,
    {
        alone(self, own, own, &Pair { k: s * s, margin: 0.0, q: [s * s; 2], s: [s; 2] }).kappa
    }

    /// The map at one pair alone.
    fn at(&self, pair: &Pair) -> Moments
    where
        Self: Sized,
    {
        let each = self.features(&pair.s);
        let [x, y] = pair.s.map(|s| {
            let mut own = vec![0.0; each];
            self.expand(s, &mut own);
            own
        });
        alone(self, &x, &y, pair)
    }
}

/// The map at one pair, given both expansions.
pub(crate) fn alone(map: &impl Expansion, x: &[f64], y: &[f64], pair: &Pair) -> Moments {
    let [kappa, kappa_dot] = pulp::Arch::new().dispatch(Alone { map, x, y, pair });
    Moments { kappa, kappa_dot }
}

/// A struct of its own: closures are not inlined into the dispatched function.
struct Alone<'a, E> {
    map: &'a E,
    x: &'a [f64],
    y: &'a [f64],
    pair: &'a Pair,
}

impl<E: Expansion> pulp::WithSimd for Alone<'_, E> {
    type Output = [f64; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [f64; 2] {
        let pairs = Pairs::of(self.pair);
        self.map.moments(f64::wide(simd), &One(self.x), &One(self.y), &pairs).map(|of| of[0])
    }
}

/// Numbers of the expansions of one side of the pairs.
pub(crate) trait Numbers {
    /// How many numbers an expansion has.
    fn len(&self) -> usize;
    /// The `f`-th number of each.
    fn get(&self, f: usize) -> Lanes;
    /// The same of the `v`-th vector of pairs.
    fn vector<W: Wide<f64>>(&self, w: W, f: usize, v: usize) -> W::V;
}

/// The same input in all pairs.
pub(crate) struct One<'a>(pub(crate) &'a [f64]);

impl Numbers for One<'_> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    fn get(&self, f: usize) -> Lanes {
        [self.0[f]; LANES]
    }

    #[inline(always)]
    fn vector<W: Wide<f64>>(&self, w: W, f: usize, _: usize) -> W::V {
        w.splat(self.0[f])
    }
}

/// An input in each.
pub(crate) struct Many<'a>(&'a [Lanes]);

impl Numbers for Many<'_> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    fn get(&self, f: usize) -> Lanes {
        self.0[f]
    }

    #[inline(always)]
    fn vector<W: Wide<f64>>(&self, w: W, f: usize, v: usize) -> W::V {
        w.split(&self.0[f]).0[v]
    }
}

/// `-log` of the part of a kernel that is left out: nothing that f64 has, and in kernels of f32, a hundredth of their rounding.
pub(crate) fn digits<T: Real>() -> f64 {
    T::choose(22.0, 38.0)
}

/// What is known of pairs side by side.
pub(crate) struct Pairs {
    /// `-log` of the part of their kernels that may be left out.
    pub(crate) digits: f64,
    k: Lanes,
    margin: Lanes,
    s: [Lanes; 2],
}

impl Pairs {
    /// Covariances, margins and the standard deviations of both sides; what may be left out.
    #[inline(always)]
    pub(crate) fn new(k: Lanes, margin: Lanes, s: [Lanes; 2], digits: f64) -> Self {
        Self { digits, k, margin, s }
    }

    /// The same pair in every lane.
    #[inline(always)]
    pub(crate) fn of(pair: &Pair) -> Self {
        Self::new(
            [pair.k; LANES],
            [pair.margin; LANES],
            [[pair.s[0]; LANES], [pair.s[1]; LANES]],
            digits::<f64>(),
        )
    }

    /// One of them; its variances are not known.
    #[inline(always)]
    pub(crate) fn one(&self, lane: usize) -> Pair {
        let s = [self.s[0][lane], self.s[1][lane]];
        Pair { k: self.k[lane], margin: self.margin[lane], q: [0.0; 2], s }
    }

    /// `1 - |c|` and `c` of each.
    #[inline(always)]
    pub(crate) fn angles(&self) -> [Lanes; 2] {
        [self.each(|pair| pair.versine()), self.each(|pair| pair.correlation())]
    }

    /// A number of each.
    #[inline(always)]
    pub(crate) fn each(&self, of: impl Fn(&Pair) -> f64) -> Lanes {
        let mut all = [0.0; LANES];
        for (lane, one) in all.iter_mut().enumerate() {
            *one = of(&self.one(lane));
        }
        all
    }
}

/// `sum_j a_j b_j z^j` over the terms of each pair, of which `a` and `b` begin at `starts` in both expansions: of two series at once, the
/// function's and its derivative's. Numbers of terms are multiples of [`STRIDE`], or those of the longest series.
#[inline(always)]
pub(crate) fn power_series<W: Wide<f64>>(
    w: W,
    (x, y): (&impl Numbers, &impl Numbers),
    starts: [[usize; 2]; 2],
    terms: &Lanes,
    z: &Lanes,
) -> [Lanes; 2] {
    let series = Series { x, y, starts, terms, z };
    // As many vectors as there are, all in registers.
    match size_of::<W::V>() / size_of::<f64>() {
        8 => series.sum::<W, 2>(w),
        4 => series.sum::<W, 4>(w),
        2 => series.sum::<W, 8>(w),
        _ => series.sum::<W, LANES>(w),
    }
}

struct Series<'a, X, Y> {
    x: &'a X,
    y: &'a Y,
    starts: [[usize; 2]; 2],
    terms: &'a Lanes,
    z: &'a Lanes,
}

impl<X: Numbers, Y: Numbers> Series<'_, X, Y> {
    #[inline(always)]
    fn sum<W: Wide<f64>, const N: usize>(&self, w: W) -> [Lanes; 2] {
        let zero = w.splat(0.0);
        // Arrays are made by loops and copies, here and below: what takes a closure is not always inlined.
        let (mut z, mut terms) = ([zero; N], [zero; N]);
        z.copy_from_slice(&w.split(self.z).0[..N]);
        terms.copy_from_slice(&w.split(self.terms).0[..N]);
        let mut longest = 0.0;
        for &terms in self.terms {
            longest = if terms > longest { terms } else { longest };
        }
        let most = longest as usize;
        let mut sums = [[zero; N]; 2];
        for stride in (0..most.div_ceil(STRIDE)).rev() {
            let (first, last) = (stride * STRIDE, most.min((stride + 1) * STRIDE));
            for j in (first..last).rev() {
                for (sum, start) in sums.iter_mut().zip(self.starts) {
                    for v in 0..N {
                        let a = self.x.vector(w, start[0] + j, v);
                        let b = self.y.vector(w, start[1] + j, v);
                        sum[v] = w.mul_add(sum[v], z[v], w.mul(a, b));
                    }
                }
            }
            // Pairs whose terms begin further down.
            let first = w.splat(first as f64);
            for sum in &mut sums {
                for v in 0..N {
                    sum[v] = w.select(w.less(first, terms[v]), sum[v], zero);
                }
            }
        }
        let mut all = [[0.0; LANES]; 2];
        for (all, sum) in all.iter_mut().zip(&sums) {
            let (vectors, _) = w.split_mut(all);
            vectors[..N].copy_from_slice(sum);
        }
        all
    }
}

/// Powers of the correlation `c` before which `|c|^j` is above `exp(-digits)`, where `1 - |c|` is this: with coefficients whose squares
/// add up to the variances, later ones add up to less than that part of them. Some more where the inputs are nearly orthogonal:
/// the logarithm is a sum of six terms.
#[inline(always)]
pub(crate) fn seen(versine: f64, digits: f64) -> f64 {
    const INVERSES: [f64; 6] = [1.0, 1.0 / 2.0, 1.0 / 3.0, 1.0 / 4.0, 1.0 / 5.0, 1.0 / 6.0];
    let log = versine * INVERSES.iter().rev().fold(0.0, |sum, inverse| sum * versine + inverse);
    digits / log
}

/// Terms in whole strides, one at least.
#[inline(always)]
pub(crate) fn whole_strides(terms: f64) -> f64 {
    const STRIDES: f64 = STRIDE as f64;
    (terms / STRIDES).ceil().max(1.0) * STRIDES
}

/// Expansions of many inputs: number `f` of input `p` is `rows[p each + f]` for the left side of pairs, and
/// `groups[(p / LANES) each + f][p % LANES]` for the right one. Where one side is wanted alone, the other is empty.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expansions {
    rows: Vec<f64>,
    groups: Vec<Lanes>,
    each: usize,
}

impl Expansions {
    /// Of inputs of these standard deviations.
    pub(crate) fn of(map: &impl Expansion, deviations: &[f64]) -> Self {
        let each = map.features(deviations);
        let mut rows = vec![0.0; each * deviations.len()];
        for (own, &s) in rows.chunks_exact_mut(each.max(1)).zip(deviations) {
            map.expand(s, own);
        }
        Self::new(rows, each)
    }

    fn new(rows: Vec<f64>, each: usize) -> Self {
        let count = rows.len() / each.max(1);
        let mut groups = vec![[0.0; LANES]; count.div_ceil(LANES) * each];
        for (p, own) in rows.chunks_exact(each.max(1)).enumerate() {
            let group = &mut groups[p / LANES * each..][..each];
            group.iter_mut().zip(own).for_each(|(numbers, &a)| numbers[p % LANES] = a);
        }
        Self { rows, groups, each }
    }

    /// The expansions of a group of inputs.
    #[inline(always)]
    pub(crate) fn group(&self, group: usize) -> Many<'_> {
        Many(&self.groups[group * self.each..][..self.each])
    }

    /// That of an input on the left.
    #[inline(always)]
    pub(crate) fn row(&self, p: usize) -> &[f64] {
        &self.rows[p * self.each..][..self.each]
    }

    /// That of an input on the right.
    pub(crate) fn column(&self, p: usize) -> Vec<f64> {
        self.group(p / LANES).0.iter().map(|numbers| numbers[p % LANES]).collect()
    }

    /// Those of inputs `from..to` for one side of pairs.
    pub(crate) fn slice(&self, from: usize, to: usize, side: Half) -> Self {
        let rows = self.rows[from * self.each..to * self.each].to_vec();
        match side {
            Half::Left => Self { rows, groups: Vec::new(), each: self.each },
            Half::Right => Self { rows: Vec::new(), ..Self::new(rows, self.each) },
        }
    }
}

/// A side of pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    /// One input at a time.
    Left,
    /// Many side by side.
    Right,
}

/// The standard deviations of a side, in f64.
pub(crate) fn deviations<T: Real>(s: &[T]) -> Vec<f64> {
    s.iter().map(|s| s.f64()).collect()
}

#[cfg(test)]
mod tests {
    use overparam_tensor::random::Stream;

    use overparam_tensor::simd::Lanes as _;

    use super::{Expansions, Half, LANES, Numbers, One, STRIDE, power_series};

    /// Sums of every pair are those of the pair alone, bit for bit, and those of Horner's rule.
    #[test]
    fn series_side_by_side_are_series_alone() {
        let n = 5 * STRIDE + 3;
        let of = |key: u64, length: usize| -> Vec<f64> {
            Stream::root(key).normal_matrix::<f64>(length, 1, 1.0).as_slice().to_vec()
        };
        let x = of(99, 2 * n);
        let ys: Vec<Vec<f64>> = (0..LANES).map(|p| of(p as u64, 2 * n)).collect();
        let all = Expansions::new(ys.concat(), 2 * n);
        let terms: [usize; LANES] = std::array::from_fn(|p| if p % 6 == 5 { n } else { STRIDE * (p % 6) });
        let lanes = terms.map(|n| n as f64);
        let z: [f64; LANES] = std::array::from_fn(|p| (p as f64).sin());
        let starts = [[0, 0], [n, n]];
        let w = f64::wide(pulp::Scalar::new());
        let both = power_series(w, (&One(&x), &all.group(0)), starts, &lanes, &z);
        for (p, y) in ys.iter().enumerate() {
            assert_eq!((all.row(p), all.column(p)), (&y[..], y.clone()));
            let alone = power_series(w, (&One(&x), &One(y)), starts, &[lanes[p]; LANES], &[z[p]; LANES]);
            for part in 0..2 {
                assert_eq!(both[part][p].to_bits(), alone[part][0].to_bits());
                let from = part * n;
                let horner = (0..terms[p]).rev().fold(0.0, |sum, j| sum * z[p] + x[from + j] * y[from + j]);
                assert!((both[part][p] - horner).abs() < 1e-13 * n as f64);
            }
        }
    }

    #[test]
    fn a_slice_has_the_inputs_it_was_cut_for() {
        let all = Expansions::new((0..40).flat_map(|p| [p as f64, -1.0, 2.0 * p as f64]).collect(), 3);
        let slice = all.slice(7, 31, Half::Right);
        assert_eq!(all.slice(7, 31, Half::Left).row(4), all.row(11));
        assert_eq!(
            (0..24).map(|p| slice.column(p)[2] as usize).collect::<Vec<_>>(),
            (7..31).map(|p| 2 * p).collect::<Vec<_>>()
        );
        assert_eq!(slice.group(1).len(), 3);
        assert!(Expansions::default().slice(3, 9, Half::Right).groups.is_empty());
    }
}
