//! A function of a few signs, as a sum of monomials.

use crate::error::Error;

/// More coordinates than this are refused: all `2^P` patterns are kept.
const MOST: usize = 16;

/// `h(z) = sum_S c_S prod_(i in S) z_i` on `{-1, 1}^P`.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseTarget {
    coordinates: usize,
    /// Coefficient of each set, at the index whose bits are its members.
    fourier: Vec<f64>,
}

impl SparseTarget {
    /// A function of `coordinates` signs (1 to 16) with these terms `(c_S, S)`; the empty set is the constant.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a number of coordinates or a member out of range, a member or a set that stands twice, a coefficient
    /// that is not finite.
    pub fn new(coordinates: usize, terms: &[(f64, Vec<usize>)]) -> Result<Self, Error> {
        let wrong = |name, value: f64, expected| Err(Error::Parameter { name, value, expected });
        if coordinates == 0 || coordinates > MOST {
            return wrong("the number of coordinates", coordinates as f64, "1 to 16");
        }
        let mut fourier = vec![0.0; 1 << coordinates];
        let mut seen = vec![false; 1 << coordinates];
        for (coefficient, set) in terms {
            if !coefficient.is_finite() {
                return wrong("a coefficient", *coefficient, "finite");
            }
            let mut mask = 0;
            for &member in set {
                if member >= coordinates {
                    return wrong(
                        "a coordinate of a monomial",
                        member as f64,
                        "below the number of coordinates",
                    );
                }
                if mask >> member & 1 == 1 {
                    return wrong("a coordinate of a monomial", member as f64, "given once: its square is 1");
                }
                mask |= 1 << member;
            }
            if seen[mask] {
                return wrong("the coefficient of a monomial", *coefficient, "given once for each monomial");
            }
            (seen[mask], fourier[mask]) = (true, *coefficient);
        }
        Ok(Self { coordinates, fourier })
    }

    /// `P`.
    pub fn coordinates(&self) -> usize {
        self.coordinates
    }

    /// `c_S` at the index whose bit `i` says whether `S` has the coordinate `i`; `2^P` numbers.
    pub fn fourier(&self) -> &[f64] {
        &self.fourier
    }

    /// `h` on all patterns: `z_i = -1` where bit `i` of the index is set.
    pub fn values(&self) -> Vec<f64> {
        let mut values = self.fourier.clone();
        walsh(&mut values);
        values
    }

    /// The leap: the largest number of new coordinates that some monomial needs, in the best order. 0 for a constant.
    ///
    /// Taking the monomial with the fewest new coordinates next is best: it never makes another one need more.
    pub fn leap(&self) -> usize {
        let mut left: Vec<usize> = (0..self.fourier.len()).filter(|&set| self.fourier[set] != 0.0).collect();
        let (mut known, mut leap) = (0usize, 0);
        while let Some(next) = left.iter().copied().min_by_key(|set| (set & !known).count_ones()) {
            leap = leap.max((next & !known).count_ones() as usize);
            known |= next;
            left.retain(|set| set & !known != 0);
        }
        leap
    }

    /// The bits of the coordinates that the flow moves from zero: those of a monomial whose other coordinates move already. Without
    /// a bias, `odd`, the nonlinearity sees monomials of odd degree only.
    pub(super) fn moved(&self, odd: bool) -> usize {
        let mut moved = 0usize;
        loop {
            let before = moved;
            for (set, coefficient) in self.fourier.iter().enumerate() {
                let degree_counts = !odd || set.count_ones() % 2 == 1;
                if *coefficient != 0.0 && degree_counts && (set & !moved).count_ones() == 1 {
                    moved |= set;
                }
            }
            if moved == before {
                return moved;
            }
        }
    }
}

/// The Walsh-Hadamard transform in place: from coefficients to values on all patterns, and back up to a factor `2^P`.
pub(super) fn walsh(values: &mut [f64]) {
    let mut half = 1;
    while half < values.len() {
        for block in values.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::SparseTarget;

    fn target(terms: &[(f64, &[usize])]) -> SparseTarget {
        let terms: Vec<(f64, Vec<usize>)> = terms.iter().map(|(c, s)| (*c, s.to_vec())).collect();
        SparseTarget::new(4, &terms).unwrap()
    }

    #[test]
    fn leaps_are_those_of_the_best_order() {
        assert_eq!(target(&[(1.0, &[0, 1, 2]), (1.0, &[0, 1]), (1.0, &[0])]).leap(), 1);
        assert_eq!(target(&[(1.0, &[0]), (1.0, &[0, 1, 2])]).leap(), 2);
        assert_eq!(target(&[(1.0, &[0, 1, 2])]).leap(), 3);
        assert_eq!(target(&[(1.0, &[0, 1]), (1.0, &[2]), (2.0, &[0, 2])]).leap(), 1);
        assert_eq!(target(&[(1.0, &[0, 1]), (1.0, &[2, 3])]).leap(), 2);
        assert_eq!(target(&[(1.0, &[]), (0.0, &[0, 1])]).leap(), 0);
    }

    #[test]
    fn what_moves_is_what_can_be_reached() {
        assert_eq!(target(&[(1.0, &[0]), (1.0, &[0, 1]), (1.0, &[1, 2, 3])]).moved(false), 0b0011);
        assert_eq!(target(&[(1.0, &[0]), (1.0, &[0, 1])]).moved(true), 0b0001);
        assert_eq!(target(&[(1.0, &[0, 1])]).moved(false), 0);
    }

    #[test]
    fn values_are_sums_of_products() {
        let h = target(&[(0.5, &[]), (2.0, &[0]), (-1.0, &[1, 3])]);
        for (pattern, value) in h.values().iter().enumerate() {
            let z = |i: usize| if pattern >> i & 1 == 1 { -1.0 } else { 1.0 };
            assert!((value - (0.5 + 2.0 * z(0) - z(1) * z(3))).abs() < 1e-15);
        }
    }

    #[test]
    fn terms_that_make_no_sense_are_refused() {
        for (p, terms) in [
            (0, vec![]),
            (17, vec![]),
            (2, vec![(1.0, vec![2])]),
            (2, vec![(1.0, vec![1, 1])]),
            (2, vec![(1.0, vec![1]), (1.0, vec![1])]),
            (2, vec![(f64::NAN, vec![1])]),
        ] {
            assert!(SparseTarget::new(p, &terms).is_err(), "{p} {terms:?}");
        }
    }
}
