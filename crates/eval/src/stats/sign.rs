//! Fair coins: the binomial tail behind the sign test and the median's interval.

/// `P(Bin(n, 1/2) <= k)`, for `k < n`.
///
/// Terms are kept as logarithms: `2^-n` itself leaves `f64` beyond `n = 1074`.
pub(super) fn lower_tail(n: usize, k: usize) -> f64 {
    let mut log_term = -(n as f64) * std::f64::consts::LN_2;
    let mut sum = log_term.exp();
    for i in 0..k {
        log_term += ((n - i) as f64 / (i + 1) as f64).ln();
        sum += log_term.exp();
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::lower_tail;

    /// `scipy.stats.binom.cdf(k, n, 0.5)`.
    #[test]
    fn tails_agree_with_scipy() {
        let golden = [
            (1, 0, 0.5),
            (5, 0, 0.03125),
            (5, 2, 0.5),
            (10, 4, 0.376953125),
            (40, 11, 0.003213288047845708),
            (1000, 470, 0.031011597549181716),
            (3000, 1400, 0.00013928198051961683),
        ];
        for (n, k, p) in golden {
            assert_relative_eq!(lower_tail(n, k), p, max_relative = 1e-11);
        }
    }
}
