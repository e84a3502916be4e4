//! Sobol's points, scrambled, as normals.

use std::f64::consts::SQRT_2;

use overparam_tensor::random::Stream;
use rand_distr::{Distribution, StandardNormal, StandardUniform};

/// Degree, coefficients and first direction numbers of the dimensions after the first (Joe and Kuo 2008, `new-joe-kuo-6`).
const DIRECTIONS: [(u32, u32, &[u32]); 20] = [
    (1, 0, &[1]),
    (2, 1, &[1, 3]),
    (3, 1, &[1, 3, 1]),
    (3, 2, &[1, 1, 1]),
    (4, 1, &[1, 1, 3, 3]),
    (4, 4, &[1, 3, 5, 13]),
    (5, 2, &[1, 1, 5, 5, 17]),
    (5, 4, &[1, 1, 5, 5, 5]),
    (5, 7, &[1, 1, 7, 11, 19]),
    (5, 11, &[1, 1, 5, 1, 1]),
    (5, 13, &[1, 1, 1, 3, 11]),
    (5, 14, &[1, 3, 5, 5, 31]),
    (6, 1, &[1, 3, 3, 9, 7, 49]),
    (6, 13, &[1, 1, 1, 15, 21, 21]),
    (6, 16, &[1, 3, 1, 13, 27, 49]),
    (6, 19, &[1, 1, 1, 15, 7, 5]),
    (6, 22, &[1, 3, 1, 15, 13, 25]),
    (6, 25, &[1, 1, 5, 5, 19, 61]),
    (7, 1, &[1, 3, 7, 11, 23, 15, 103]),
    (7, 4, &[1, 3, 7, 13, 13, 15, 69]),
];

/// As many dimensions are Sobol's; further ones are independent random numbers.
pub(super) const DIMENSIONS: usize = DIRECTIONS.len() + 1;

/// `count` points (a power of two is best) in `dimensions`, standard normal: Sobol's with Owen's nested uniform scrambling, so that each
/// is `N(0, I)` and a mean over them has an error that falls faster than `count^(-1/2)`.
pub(super) fn normals(count: usize, dimensions: usize, stream: &Stream) -> Vec<Vec<f64>> {
    let mut points = vec![Vec::with_capacity(dimensions); count];
    for dimension in 0..dimensions {
        let own = stream.indexed(dimension as u64);
        let mut rng = own.rng();
        if dimension >= DIMENSIONS {
            for point in &mut points {
                point.push(StandardNormal.sample(&mut rng));
            }
            continue;
        }
        let directions = directions(dimension);
        let seed: u64 = StandardUniform.sample(&mut rng);
        let mut x = 0u32;
        for (i, point) in points.iter_mut().enumerate() {
            let fine: u32 = StandardUniform.sample(&mut rng);
            let bits = f64::from(scrambled(x, seed)) + (f64::from(fine) + 0.5) / 4_294_967_296.0;
            point.push(quantile(bits / 4_294_967_296.0));
            // The next point in Gray-code order.
            x ^= directions[(i + 1).trailing_zeros().min(31) as usize];
        }
    }
    points
}

/// The 32 direction numbers of a dimension, the first bit highest.
fn directions(dimension: usize) -> [u32; 32] {
    let mut v = [0u32; 32];
    if dimension == 0 {
        for (i, v) in v.iter_mut().enumerate() {
            *v = 1 << (31 - i);
        }
        return v;
    }
    let (degree, coefficients, first) = DIRECTIONS[dimension - 1];
    let degree = degree as usize;
    for i in 0..32 {
        v[i] = if i < degree {
            first[i] << (31 - i)
        } else {
            let mut next = v[i - degree] ^ (v[i - degree] >> degree);
            for k in 1..degree {
                if (coefficients >> (degree - 1 - k)) & 1 == 1 {
                    next ^= v[i - k];
                }
            }
            next
        };
    }
    v
}

/// Owen's scrambling: each bit is flipped by a random bit that depends on all bits above it.
fn scrambled(x: u32, seed: u64) -> u32 {
    let mut result = 0;
    for bit in (0..32).rev() {
        // The bits above, with a leading 1 so that prefixes of different length differ.
        let prefix = (1u64 << (31 - bit)) | (u64::from(x) >> (bit + 1));
        let flip = (mix(seed ^ mix(prefix)) & 1) as u32;
        result |= (((x >> bit) & 1) ^ flip) << bit;
    }
    result
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The standard normal's quantile at `u` in `(0, 1)`: Abramowitz and Stegun 26.2.23, refined by Halley's method.
pub(super) fn quantile(u: f64) -> f64 {
    let p = u.min(1.0 - u);
    let t = (-2.0 * p.ln()).sqrt();
    let mut x = (2.515_517 + t * (0.802_853 + t * 0.010_328))
        / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)))
        - t;
    for _ in 0..2 {
        let excess = 0.5 * libm::erfc(-x / SQRT_2) - p;
        let newton = excess * (0.5 * x * x).exp() * (2.0 * std::f64::consts::PI).sqrt();
        x -= newton / (1.0 + 0.5 * x * newton);
    }
    if u < 0.5 { x } else { -x }
}

#[cfg(test)]
mod properties {
    use std::collections::HashSet;

    use overparam_tensor::random::Stream;

    use super::{DIMENSIONS, directions, normals, quantile, scrambled};

    #[test]
    fn quantiles_are() {
        for (u, x) in [(0.975, 1.959_963_984_540_054), (0.5, 0.0), (1e-10, -6.361_340_902_404_056)] {
            assert!((quantile(u) - x).abs() < 1e-12, "{u}: {}", quantile(u));
            assert!((quantile(1.0 - u) + x).abs() < 1e-6);
        }
    }

    /// Every dimension is a van der Corput sequence in some order: of 2^k points one lies in each interval of length 2^-k.
    /// The first pairs of dimensions are (0, 2)-sequences: one point in each elementary rectangle.
    #[test]
    fn points_are_stratified_scrambled_or_not() {
        for seed in [None, Some(5)] {
            let bits = |dimension: usize| -> Vec<u32> {
                let v = directions(dimension);
                let mut x = 0;
                (0..256u32)
                    .map(|i| {
                        let now = x;
                        x ^= v[(i + 1).trailing_zeros() as usize];
                        seed.map_or(now, |s| scrambled(now, s + dimension as u64))
                    })
                    .collect()
            };
            for dimension in 0..DIMENSIONS {
                let cells: HashSet<u32> = bits(dimension).iter().map(|x| x >> 24).collect();
                assert_eq!(cells.len(), 256, "dimension {dimension}");
            }
            for k in 0..=8 {
                let cells: HashSet<(u32, u32)> = bits(0)
                    .iter()
                    .zip(bits(1))
                    .map(|(x, y)| (x.checked_shr(32 - k).unwrap_or(0), y.checked_shr(24 + k).unwrap_or(0)))
                    .collect();
                assert_eq!(cells.len(), 256);
            }
        }
    }

    #[test]
    fn moments_are_those_of_a_normal() {
        let points = normals(4096, 6, &Stream::root(1));
        let mean = |f: &dyn Fn(&[f64]) -> f64| points.iter().map(|p| f(p)).sum::<f64>() / 4096.0;
        for i in 0..6 {
            assert!(mean(&|p| p[i]).abs() < 1e-3 && (mean(&|p| p[i] * p[i]) - 1.0).abs() < 1e-2);
            for j in 0..i {
                assert!(mean(&|p| p[i] * p[j]).abs() < 1e-2, "{i} {j}");
            }
        }
    }
}
