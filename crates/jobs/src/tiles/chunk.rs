//! A tile as the bytes of a Zarr chunk and back: row by row, little-endian, filled up with NaN.

use nalgebra::{DMatrix, Scalar};

use super::spec::Precision;

/// The numbers of a tile: `f32` or `f64`.
pub trait Element: Scalar + Copy + Send + Sync + sealed::Sealed {
    /// Which of the two.
    const PRECISION: Precision;
    /// What a chunk is filled up with, always of the same bits.
    const NAN: Self;
    /// Writes its bytes, the lowest first.
    fn put(self, bytes: &mut [u8]);
    /// The number of these bytes, of which there are [`Precision::bytes`].
    fn get(bytes: &[u8]) -> Self;
}

mod sealed {
    /// The store's formats are those of two types.
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

macro_rules! element {
    ($type:ty, $precision:expr) => {
        impl Element for $type {
            const PRECISION: Precision = $precision;
            const NAN: Self = <$type>::NAN;

            #[inline(always)]
            fn put(self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_le_bytes());
            }

            #[inline(always)]
            fn get(bytes: &[u8]) -> Self {
                let mut own = [0; size_of::<$type>()];
                own.copy_from_slice(bytes);
                Self::from_le_bytes(own)
            }
        }
    };
}

element!(f32, Precision::F32);
element!(f64, Precision::F64);

/// Rows and columns that are turned together, so that both sides stay in cache.
const SQUARE: usize = 32;

/// The chunk of a tile, `chunk[0] x chunk[1]`; of its transpose if `mirrored`.
pub(super) fn pack<T: Element>(tile: &DMatrix<T>, chunk: [usize; 2], mirrored: bool) -> Vec<u8> {
    let width = size_of::<T>();
    let [rows, columns] = chunk;
    let mut bytes = vec![0; rows * columns * width];
    let (there, across) = if mirrored { (tile.ncols(), tile.nrows()) } else { tile.shape() };
    // Only chunks at the edge have anything to fill up.
    for (r, row) in bytes.chunks_exact_mut(columns * width).enumerate() {
        let from = if r < there { across } else { 0 };
        row[from * width..].chunks_exact_mut(width).for_each(|place| T::NAN.put(place));
    }
    let stored = tile.as_slice();
    let height = tile.nrows();
    if mirrored {
        // A column of the tile is a row of the chunk.
        for (column, row) in stored.chunks_exact(height).zip(bytes.chunks_exact_mut(columns * width)) {
            row.chunks_exact_mut(width).zip(column).for_each(|(place, &x)| x.put(place));
        }
        return bytes;
    }
    for r0 in (0..there).step_by(SQUARE) {
        for c0 in (0..across).step_by(SQUARE) {
            let (r1, c1) = ((r0 + SQUARE).min(there), (c0 + SQUARE).min(across));
            for r in r0..r1 {
                let row = &mut bytes[(r * columns + c0) * width..(r * columns + c1) * width];
                for (c, place) in (c0..c1).zip(row.chunks_exact_mut(width)) {
                    stored[c * height + r].put(place);
                }
            }
        }
    }
    bytes
}

/// The tile of `rows x columns` numbers in a chunk.
pub(super) fn unpack<T: Element>(bytes: &[u8], chunk: [usize; 2], rows: usize, columns: usize) -> DMatrix<T> {
    let width = size_of::<T>();
    let mut tile = DMatrix::from_element(rows, columns, T::NAN);
    let stored = tile.as_mut_slice();
    for r0 in (0..rows).step_by(SQUARE) {
        for c0 in (0..columns).step_by(SQUARE) {
            let (r1, c1) = ((r0 + SQUARE).min(rows), (c0 + SQUARE).min(columns));
            for r in r0..r1 {
                let row = &bytes[(r * chunk[1] + c0) * width..(r * chunk[1] + c1) * width];
                for (c, place) in (c0..c1).zip(row.chunks_exact(width)) {
                    stored[c * rows + r] = T::get(place);
                }
            }
        }
    }
    tile
}

#[cfg(test)]
mod properties {
    use nalgebra::DMatrix;
    use proptest::prelude::*;

    use super::{Element, pack, unpack};

    fn check<T: Element>(tile: &DMatrix<T>, more: [usize; 2]) -> Result<(), TestCaseError> {
        let bits = |x: T| {
            let mut bytes = vec![0; size_of::<T>()];
            x.put(&mut bytes);
            bytes
        };
        for mirrored in [false, true] {
            let expected = if mirrored { tile.transpose() } else { tile.clone() };
            let (rows, columns) = expected.shape();
            let chunk = [rows + more[0], columns + more[1]];
            let bytes = pack(tile, chunk, mirrored);
            // By the definition: row by row, whatever is beyond the tile is NaN.
            let number = |i: usize| {
                let (r, c) = (i / chunk[1], i % chunk[1]);
                if r < rows && c < columns { expected[(r, c)] } else { T::NAN }
            };
            let definition: Vec<u8> = (0..chunk[0] * chunk[1]).flat_map(|i| bits(number(i))).collect();
            prop_assert_eq!(&bytes, &definition);
            let back = unpack::<T>(&bytes, chunk, rows, columns);
            prop_assert!(back.iter().zip(&expected).all(|(&a, &b)| bits(a) == bits(b)));
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn a_chunk_is_its_tile_row_by_row(
            rows in 1usize..70, columns in 1usize..70, down in 0usize..3, right in 0usize..3, seed in any::<u64>(),
        ) {
            // All bits, so that no number is special.
            let noise = |i: usize, j: usize| (seed ^ ((i * 71 + j) as u64)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            check(&DMatrix::from_fn(rows, columns, |i, j| f64::from_bits(noise(i, j))), [down, right])?;
            check(&DMatrix::from_fn(rows, columns, |i, j| f32::from_bits(noise(i, j) as u32)), [down, right])?;
        }
    }
}
