//! Tails of the binomial distribution, behind counts of draws inside a bound, the sign test and the median's interval.

/// `P(Bin(n, p) <= k)`; 1 for `k >= n`. `p` lies in `[0, 1]`.
///
/// Terms are kept as logarithms: `p^n` itself leaves `f64` for large `n`. Where more than half of the mass is below, the
/// sum runs over the complement, so that both tails keep their relative accuracy down to 1e-300.
pub fn lower_tail(n: usize, k: usize, p: f64) -> f64 {
    if k >= n {
        return 1.0;
    }
    if (k as f64) < n as f64 * p { sum(n, k, p) } else { 1.0 - sum(n, n - k - 1, 1.0 - p) }
}

/// `P(Bin(n, p) >= k)`; 1 for `k = 0`, 0 for `k > n`.
pub fn upper_tail(n: usize, k: usize, p: f64) -> f64 {
    if k > n { 0.0 } else { lower_tail(n, n - k, 1.0 - p) }
}

/// The `p` at which `P(Bin(n, p) >= k)` is `level`: the lower confidence limit, at confidence `1 - level`, of a probability
/// of which `k` in `n` trials came out (Clopper and Pearson 1934). 0 for `k = 0`.
pub fn lower_limit(n: usize, k: usize, level: f64) -> f64 {
    if k == 0 {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    // Bisection to the last bit: the tail increases with p.
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if upper_tail(n, k, middle) < level {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// `sum_(i <= k) C(n, i) p^i (1 - p)^(n - i)`, for `k < n`.
fn sum(n: usize, k: usize, p: f64) -> f64 {
    if p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return 0.0;
    }
    let odds = p.ln() - (-p).ln_1p();
    let mut log_term = n as f64 * (-p).ln_1p();
    let mut sum = log_term.exp();
    for i in 0..k {
        log_term += ((n - i) as f64 / (i + 1) as f64).ln() + odds;
        sum += log_term.exp();
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::{lower_limit, lower_tail, upper_tail};

    /// `scipy.stats.binom.cdf(k, n, p)`.
    #[test]
    fn tails_agree_with_scipy() {
        let golden = [
            (1, 0, 0.5, 0.5),
            (5, 0, 0.5, 0.03125),
            (5, 2, 0.5, 0.5),
            (10, 4, 0.5, 0.376953125),
            (40, 11, 0.5, 0.003213288047845708),
            (1000, 470, 0.5, 0.031011597549181716),
            (3000, 1400, 0.5, 0.00013928198051961683),
            (32, 20, 0.75, 0.0804304137294009),
            (16, 15, 0.9, 0.814697981114816),
            (7, 3, 0.2, 0.966656),
        ];
        for (n, k, p, tail) in golden {
            assert_relative_eq!(lower_tail(n, k, p), tail, max_relative = 1e-11);
            assert_relative_eq!(upper_tail(n, k + 1, p), 1.0 - tail, max_relative = 1e-11, epsilon = 1e-15);
        }
        assert_eq!((lower_tail(3, 3, 0.5), upper_tail(3, 0, 0.5), upper_tail(3, 4, 0.5)), (1.0, 1.0, 0.0));
        assert_eq!((lower_tail(3, 1, 0.0), lower_tail(3, 1, 1.0)), (1.0, 0.0));
    }

    /// All of eight: `p^8 = 0.01`.
    #[test]
    fn the_lower_limit_of_all_successes_is_a_root_of_the_level() {
        assert_relative_eq!(lower_limit(8, 8, 0.01), 0.01f64.powf(0.125), max_relative = 1e-12);
        assert_relative_eq!(lower_limit(32, 32, 0.01), 0.01f64.powf(1.0 / 32.0), max_relative = 1e-12);
        assert_relative_eq!(upper_tail(20, 13, lower_limit(20, 13, 0.01)), 0.01, max_relative = 1e-9);
        assert_eq!(lower_limit(8, 0, 0.01), 0.0);
    }
}
