//! How a matrix is cut into tiles, and how many of them the memory holds.

use std::ops::Range;

use crate::SolveError;

/// Rows and columns `0..n` in tiles of `side`, the last one smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tiling {
    pub(crate) n: usize,
    pub(crate) side: usize,
}

impl Tiling {
    /// Tiles along a side.
    pub(crate) fn count(self) -> usize {
        self.n.div_ceil(self.side)
    }

    /// Rows of the tile `i`.
    pub(crate) fn range(self, i: usize) -> Range<usize> {
        i * self.side..((i + 1) * self.side).min(self.n)
    }

    /// Entries of the tiles on and below the diagonal in the column `k` of tiles.
    pub(crate) fn entries(self, k: usize) -> usize {
        (self.n - k * self.side) * self.range(k).len()
    }

    /// Bytes of those tiles in f32.
    pub(crate) fn bytes(self, k: usize) -> u64 {
        4 * self.entries(k) as u64
    }

    /// Bytes of all tiles on and below the diagonal in f32.
    pub(crate) fn triangle(self) -> u64 {
        (0..self.count()).map(|k| self.bytes(k)).sum()
    }

    /// What is needed beside a panel: a column of tiles read from disk as bytes and as tiles, its transposes, and a few
    /// tiles in f64 for every thread.
    fn beside(self) -> u64 {
        let column = 4 * (self.n * self.side.min(self.n)) as u64;
        let tile = (self.side.min(self.n) as u64).pow(2);
        3 * column + 16 * tile * rayon::current_num_threads() as u64
    }

    /// What is needed beside a factor that stays in memory: no column is read.
    fn beside_in_memory(self) -> u64 {
        let tile = (self.side.min(self.n) as u64).pow(2);
        4 * (self.n * self.side.min(self.n)) as u64 + 16 * tile * rayon::current_num_threads() as u64
    }

    /// Bytes with which the whole factor stays in memory.
    pub(crate) fn in_memory(self) -> u64 {
        self.triangle() + self.beside_in_memory()
    }

    /// Whether the whole factor fits in `memory` bytes.
    pub(crate) fn fits(self, memory: u64) -> bool {
        self.in_memory() <= memory
    }

    /// The end of the panel of tile columns that begins at `first`, as wide as `memory` bytes allow.
    ///
    /// # Errors
    /// [`SolveError::Memory`] if not even one column fits.
    pub(crate) fn panel(self, first: usize, memory: u64) -> Result<usize, SolveError> {
        let (mut end, mut needed) = (first, self.beside());
        while end < self.count() && needed + self.bytes(end) <= memory {
            needed += self.bytes(end);
            end += 1;
        }
        if end > first || first == self.count() {
            return Ok(end);
        }
        Err(SolveError::Memory {
            given: memory,
            needed: self.beside() + self.bytes(first),
            what: "a panel of one column of tiles",
            advice: "; smaller tiles need less",
        })
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::Tiling;
    use crate::SolveError;

    proptest! {
        #[test]
        fn tiles_cover_every_row_once(n in 1usize..500, side in 1usize..80) {
            let tiling = Tiling { n, side };
            let mut next = 0;
            for i in 0..tiling.count() {
                let range = tiling.range(i);
                prop_assert_eq!(range.start, next);
                prop_assert!(!range.is_empty() && range.len() <= side);
                next = range.end;
            }
            prop_assert_eq!(next, n);
            prop_assert!(tiling.triangle() >= 2 * (n * (n + 1)) as u64);
        }

        #[test]
        fn panels_follow_each_other_within_the_memory(n in 1usize..500, side in 1usize..80, memory in 0u64..4_000_000) {
            let tiling = Tiling { n, side };
            let mut first = 0;
            while first < tiling.count() {
                match tiling.panel(first, memory) {
                    Ok(end) => {
                        let bytes: u64 = (first..end).map(|k| tiling.bytes(k)).sum();
                        prop_assert!(end > first && bytes + tiling.beside() <= memory);
                        first = end;
                    }
                    Err(SolveError::Memory { given, needed, .. }) => {
                        prop_assert!(given < needed);
                        prop_assert!(first == 0, "what fits the first panel fits all");
                        prop_assert!(tiling.panel(0, needed).is_ok());
                        break;
                    }
                    Err(error) => prop_assert!(false, "{}", error),
                }
            }
        }
    }
}
