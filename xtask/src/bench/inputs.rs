//! Inputs that both sides compute by the same formula; `benches/peers/inputs.py` is this file in NumPy.

use nalgebra::DMatrix;
use overparam_tensor::linalg::Real;
use overparam_tensor::{Array, Tensor};

/// `sin(0.7 i + 1.3 j + 0.1 i j)`, rows from `first`.
pub(super) fn dense(n: usize, d: usize, first: usize) -> DMatrix<f64> {
    DMatrix::from_fn(n, d, |i, j| {
        let (i, j) = ((i + first) as f64, j as f64);
        (0.7 * i + 1.3 * j + 0.1 * i * j).sin()
    })
}

/// `n x size x size x 3`, row-major.
pub(super) fn images<T: Real>(n: usize, size: usize) -> Array<T> {
    Array::from_fn(&[n, size, size, 3], |at| {
        let [i, y, x, c] = [0, 1, 2, 3].map(|k| at[k] as f64);
        T::of((0.7 * i + 1.3 * y + 0.9 * x + 0.5 * c + 0.1 * i * y * x).sin())
    })
}

/// Uniform numbers of mean 0 and variance 1: the splitmix64 of `(seed, index)`, its top 53 bits.
pub(super) fn noise(seed: u32, count: usize) -> Vec<f64> {
    let number = |index: u64| {
        let mut z = ((u64::from(seed) << 32 | index) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let uniform = ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64;
        (2.0 * uniform - 1.0) * 3f64.sqrt()
    };
    (0..count as u64).map(number).collect()
}

/// Noise of standard deviation `std`, filled row by row.
pub(super) fn noise_matrix<T: Real>(seed: u32, rows: usize, columns: usize, std: f64) -> DMatrix<T> {
    let numbers: Vec<T> = noise(seed, rows * columns).into_iter().map(|x| T::of(std * x)).collect();
    DMatrix::from_row_slice(rows, columns, &numbers)
}

/// Noise of standard deviation `std`, row-major.
pub(super) fn noise_tensor(seed: u32, shape: &[usize], std: f64) -> Tensor<f32> {
    let numbers = noise(seed, shape.iter().product()).into_iter().map(|x| (std * x) as f32).collect();
    Tensor::from_vec(shape, numbers)
}

/// Sum and Euclidean norm, in double precision.
pub(super) fn moments<T: Real>(numbers: impl IntoIterator<Item = T>) -> [f64; 2] {
    let (sum, squares) = numbers.into_iter().fold((0.0, 0.0), |(sum, squares), x| {
        let x = x.f64();
        (sum + x, x.mul_add(x, squares))
    });
    [sum, squares.sqrt()]
}

#[cfg(test)]
mod tests {
    use super::{moments, noise};

    /// The generator's published first output for state 0 is 0xE220A8397B1DCDAF; ours begins there with seed 0.
    #[test]
    fn noise_is_splitmix() {
        let uniform = (0xE220_A839_7B1D_CDAFu64 >> 11) as f64 / (1u64 << 53) as f64;
        assert_eq!(noise(0, 1), [(2.0 * uniform - 1.0) * 3f64.sqrt()]);
    }

    #[test]
    fn noise_has_mean_zero_and_variance_one() {
        let [sum, norm] = moments(noise(3, 100_000));
        assert!(sum.abs() < 4.0 * 100_000f64.sqrt(), "{sum}");
        assert!((norm * norm / 100_000.0 - 1.0).abs() < 0.02, "{norm}");
    }
}
