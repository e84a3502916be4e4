//! Which tiles a kernel has.

use std::cmp::Reverse;
use std::ops::Range;

/// A tile by its row and its column of tiles, counted from 0.
pub type Tile = (usize, usize);

/// A kernel cut into square tiles; those at the right and lower edge may be smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Rows and columns of the kernel.
    pub shape: [usize; 2],
    /// Rows and columns of a tile, at least 1.
    pub edge: usize,
    /// Of inputs with themselves: the kernel is its own transpose.
    pub symmetric: bool,
}

impl Grid {
    /// How many rows and columns of tiles there are.
    pub fn counts(&self) -> [usize; 2] {
        self.shape.map(|n| n.div_ceil(self.edge))
    }

    /// Rows and columns of a chunk: those of a tile, or of the kernel if it is smaller.
    pub fn chunk(&self) -> [usize; 2] {
        self.shape.map(|n| n.min(self.edge))
    }

    /// The rows of the kernel that row `i` of tiles has.
    pub fn rows(&self, i: usize) -> Range<usize> {
        range(i, self.edge, self.shape[0])
    }

    /// The columns of the kernel that column `j` of tiles has.
    pub fn columns(&self, j: usize) -> Range<usize> {
        range(j, self.edge, self.shape[1])
    }

    /// Whether there is such a tile.
    pub fn has(&self, (i, j): Tile) -> bool {
        let [rows, columns] = self.counts();
        i < rows && j < columns
    }

    /// The tile that is computed for this one: of a symmetric kernel the one on or below the diagonal.
    pub fn computed(&self, (i, j): Tile) -> Tile {
        if self.symmetric { (i.max(j), i.min(j)) } else { (i, j) }
    }

    /// Whether the tile is written a second time, transposed, above the diagonal.
    pub fn is_mirrored(&self, (i, j): Tile) -> bool {
        self.symmetric && i != j
    }

    /// Every tile that is to be computed, row by row.
    pub fn tiles(&self) -> Vec<Tile> {
        let [rows, columns] = self.counts();
        let end = |i: usize| if self.symmetric { i + 1 } else { columns };
        (0..rows).flat_map(|i| (0..end(i)).map(move |j| (i, j))).collect()
    }

    /// Pairs of inputs that are computed for a tile: on the diagonal of a symmetric kernel, each once.
    pub fn pairs(&self, (i, j): Tile) -> u64 {
        let (rows, columns) = (self.rows(i).len() as u64, self.columns(j).len() as u64);
        if self.symmetric && i == j { rows * (rows + 1) / 2 } else { rows * columns }
    }

    /// The tiles of shard `index` of `count`, `1 <= index <= count`: the largest first, dealt one after the other, so that no shard
    /// has more than a tile more than another. It depends on nothing but the grid: what is finished plays no part.
    pub fn shard(&self, index: u32, count: u32) -> Vec<Tile> {
        let mut tiles = self.tiles();
        // A stable sort: tiles of one size stay row by row.
        tiles.sort_by_key(|&tile| Reverse(self.pairs(tile)));
        let (index, count) = (index as usize, count as usize);
        tiles.into_iter().skip(index.saturating_sub(1)).step_by(count.max(1)).collect()
    }
}

fn range(i: usize, edge: usize, n: usize) -> Range<usize> {
    let start = i.saturating_mul(edge).min(n);
    start..start.saturating_add(edge).min(n)
}

#[cfg(test)]
mod properties {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::Grid;

    fn grids() -> impl Strategy<Value = Grid> {
        (1usize..40, 1usize..40, 1usize..50, any::<bool>()).prop_map(|(n, m, edge, symmetric)| Grid {
            shape: [n, if symmetric { n } else { m }],
            edge,
            symmetric,
        })
    }

    proptest! {
        /// Every entry is in exactly one tile, and its tile is computed as it is or as its mirror image.
        #[test]
        fn tiles_cover_the_kernel_once(grid in grids()) {
            let [n, m] = grid.shape;
            let mut seen = vec![0; n * m];
            let mut pairs = 0;
            for (i, j) in grid.tiles() {
                prop_assert_eq!(grid.computed((i, j)), (i, j));
                pairs += grid.pairs((i, j));
                for (r, c) in grid.rows(i).flat_map(|r| grid.columns(j).map(move |c| (r, c))) {
                    seen[r * m + c] += 1;
                    if grid.is_mirrored((i, j)) {
                        seen[c * m + r] += 1;
                    }
                }
            }
            prop_assert!(seen.iter().all(|&count| count == 1));
            prop_assert_eq!(pairs as usize, if grid.symmetric { n * (n + 1) / 2 } else { n * m });
        }

        #[test]
        fn every_tile_is_of_one_shard_and_shards_are_even(grid in grids(), count in 1u32..9) {
            let shards: Vec<_> = (1..=count).map(|k| grid.shard(k, count)).collect();
            let all: Vec<_> = shards.iter().flatten().copied().collect();
            prop_assert_eq!(all.len(), grid.tiles().len());
            prop_assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), grid.tiles().into_iter().collect());
            let loads: Vec<u64> = shards.iter().map(|s| s.iter().map(|&t| grid.pairs(t)).sum()).collect();
            let largest = grid.tiles().into_iter().map(|t| grid.pairs(t)).max().unwrap_or(0);
            prop_assert!(loads.iter().max().unwrap() - loads.iter().min().unwrap() <= largest);
        }
    }
}
