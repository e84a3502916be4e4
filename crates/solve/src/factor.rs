//! The Cholesky factor in f32, in memory or on disk.

use std::borrow::Cow;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::SolveError;
use crate::blocks::{Blocks, fetch_diagonal};
use crate::column::{Column, Scale, load};
use crate::identity::Identity;
use crate::layout::Tiling;
use crate::progress::{Progress, Stage};
use crate::report::Breakdown;
use crate::scratch::Scratch;

/// How to factor `K + ridge I`.
#[derive(Debug, Clone, PartialEq)]
pub struct FactorOptions {
    /// Added to the diagonal; at least 0.
    pub ridge: f64,
    /// Bytes for the factor and its work. Right-hand sides and solutions, 8 bytes times `n` times their columns each (about
    /// ten of them during a solve), are beside.
    pub memory: u64,
    /// Where the factor goes if it does not fit in [`Self::memory`]. The file has half of `4 n^2` bytes.
    pub scratch: Option<PathBuf>,
    /// Whether to write every finished column to [`Self::scratch`] even if the factor fits in memory, so that a factor that
    /// was interrupted goes on.
    pub checkpoint: bool,
    /// Side of a tile, at least 1. It decides the order of sums, and so the last bits of the factor.
    pub tile: usize,
}

impl Default for FactorOptions {
    /// No ridge, 4 GiB, memory only, tiles of 512.
    fn default() -> Self {
        Self { ridge: 0.0, memory: 4 << 30, scratch: None, checkpoint: false, tile: 512 }
    }
}

/// What the largest entry of the diagonal must be between, so that products of the factor neither overflow nor underflow
/// in f32.
const SMALLEST: f64 = 1e-30;
const LARGEST: f64 = 1e30;

#[derive(Debug)]
enum Place {
    Memory(Vec<Column>, Option<Scratch>),
    Disk(Scratch),
}

/// `K + ridge I = L L^T`, with `L` in f32: fast to compute, good to about `1e-7` times the condition number. What it lacks,
/// [`Self::solve`] makes up for with residuals in f64.
///
/// The matrix is cut into tiles, and columns of tiles are gathered in panels that fit in memory. A panel is loaded, takes
/// the products with all finished columns to its left (from disk, if they are there), and is then factored column by
/// column, each applied to the rest of the panel at once. `n^3 / 3` operations; a factor on disk of `p` panels is read less than
/// `p` times.
#[derive(Debug)]
pub struct Factor {
    place: Place,
    tiling: Tiling,
    ridge: f64,
    resumed: usize,
    breakdown: Option<Breakdown>,
}

impl Factor {
    /// Factors `kernel` with a ridge.
    ///
    /// With a scratch file of the same system in the folder, left by a factor that was interrupted, it goes on after the
    /// last finished column.
    ///
    /// # Errors
    /// [`SolveError::Memory`] if the factor does not fit and has no scratch folder, or not even one column fits;
    /// [`SolveError::NotFinite`], [`SolveError::NotPositiveDefinite`], [`SolveError::Scale`], [`SolveError::File`], [`SolveError::InUse`],
    /// [`SolveError::BadOption`], [`SolveError::Stopped`], and those of the kernel.
    pub fn new(
        kernel: &dyn Blocks,
        options: &FactorOptions,
        progress: &Progress,
    ) -> Result<Self, SolveError> {
        let tiling = check(kernel, options)?;
        Self::build(kernel, options, tiling.fits(options.memory), progress)
    }

    /// The same for leaving one out: the factor stays in memory only if a panel of its inverse has room beside it.
    pub(crate) fn with_room(
        kernel: &dyn Blocks,
        options: &FactorOptions,
        progress: &Progress,
    ) -> Result<Self, SolveError> {
        let tiling = check(kernel, options)?;
        let fits = tiling.panel(0, options.memory.saturating_sub(tiling.triangle())).is_ok();
        Self::build(kernel, options, fits, progress)
    }

    /// The factor in memory, if it `fits`, or on disk.
    fn build(
        kernel: &dyn Blocks,
        options: &FactorOptions,
        fits: bool,
        progress: &Progress,
    ) -> Result<Self, SolveError> {
        let tiling = Tiling { n: kernel.len(), side: options.tile };
        let mut diagonal = fetch_diagonal(kernel)?;
        let digest = Identity::new(kernel, &diagonal, options.ridge)?.number(options.tile as u64).digest();
        diagonal.add_scalar_mut(options.ridge);
        let largest = diagonal.iter().copied().fold(0.0, f64::max);
        if largest != 0.0 && !(SMALLEST..=LARGEST).contains(&largest) {
            return Err(SolveError::Scale { largest });
        }
        let scratch = match &options.scratch {
            Some(folder) if options.checkpoint || !fits => Some(Scratch::open(folder, tiling, digest)?),
            None if !fits => return Err(does_not_fit(tiling, options.memory)),
            _ => None,
        };
        let noise = f64::from(f32::EPSILON) / 2.0 * (tiling.n as f64).sqrt();
        let work = Work {
            kernel,
            ridge: options.ridge,
            tiling,
            scale: Scale { diagonal: &diagonal, noise },
            progress,
        };
        progress.begin(Stage::Factoring, (0..tiling.count()).map(|k| work.cost(k)).sum());
        progress
            .advance((0..scratch.as_ref().map_or(0, |(_, finished)| *finished)).map(|k| work.cost(k)).sum());
        let mut breakdown = None;
        let (resumed, place) = match scratch {
            None => {
                let columns = work.panel(0..tiling.count(), None, 0, &mut breakdown)?;
                (0, Place::Memory(columns, None))
            }
            Some((scratch, finished)) if fits => {
                let columns = work.panel(0..tiling.count(), Some(&scratch), finished, &mut breakdown)?;
                (finished, Place::Memory(columns, Some(scratch)))
            }
            Some((scratch, finished)) => {
                let mut first = 0;
                while first < tiling.count() {
                    let end = tiling.panel(first, options.memory)?;
                    drop(work.panel(first..end, Some(&scratch), finished, &mut breakdown)?);
                    first = end;
                }
                (finished, Place::Disk(scratch))
            }
        };
        Ok(Self { place, tiling, ridge: options.ridge, resumed, breakdown })
    }

    /// Rows of the matrix.
    pub fn len(&self) -> usize {
        self.tiling.n
    }

    /// Whether the matrix has no rows.
    pub fn is_empty(&self) -> bool {
        self.tiling.n == 0
    }

    /// What was added to the kernel's diagonal.
    pub fn ridge(&self) -> f64 {
        self.ridge
    }

    /// Whether the factor broke down in f32, and how it was mended.
    pub fn breakdown(&self) -> Option<Breakdown> {
        self.breakdown
    }

    /// Columns of tiles that were found finished in the scratch file, out of `n` over the side of a tile.
    pub fn resumed(&self) -> usize {
        self.resumed
    }

    /// The scratch file, if there is one.
    pub fn scratch(&self) -> Option<&Path> {
        match &self.place {
            Place::Memory(_, scratch) => scratch.as_ref().map(Scratch::path),
            Place::Disk(scratch) => Some(scratch.path()),
        }
    }

    /// Removes the scratch file, which otherwise stays for the next [`Self::new`] of the same system.
    ///
    /// # Errors
    /// [`SolveError::File`].
    pub fn discard(self) -> Result<(), SolveError> {
        match self.place {
            Place::Memory(_, None) => Ok(()),
            Place::Memory(_, Some(scratch)) | Place::Disk(scratch) => scratch.remove(),
        }
    }

    /// Whether a column must be read from disk.
    pub(crate) fn on_disk(&self) -> bool {
        matches!(self.place, Place::Disk(_))
    }

    pub(crate) fn tiling(&self) -> Tiling {
        self.tiling
    }

    /// The column `k` of tiles of `L`.
    pub(crate) fn column(&self, k: usize) -> Result<Cow<'_, Column>, SolveError> {
        match &self.place {
            Place::Memory(columns, _) => Ok(Cow::Borrowed(&columns[k])),
            Place::Disk(scratch) => Ok(Cow::Owned(scratch.column(k)?)),
        }
    }
}

fn check(kernel: &dyn Blocks, options: &FactorOptions) -> Result<Tiling, SolveError> {
    check_ridge(options.ridge)?;
    if options.tile == 0 {
        return Err(SolveError::BadOption { name: "tile", value: "0".into(), expected: "at least 1" });
    }
    if options.checkpoint && options.scratch.is_none() {
        return Err(SolveError::BadOption {
            name: "checkpoint",
            value: "true, without a scratch folder".into(),
            expected: "a scratch folder to write to",
        });
    }
    Ok(Tiling { n: kernel.len(), side: options.tile })
}

/// Refuses a ridge that is negative or not a number.
pub(crate) fn check_ridge(ridge: f64) -> Result<(), SolveError> {
    if ridge >= 0.0 && ridge.is_finite() {
        return Ok(());
    }
    Err(SolveError::BadOption {
        name: "ridge",
        value: ridge.to_string(),
        expected: "a finite number of at least 0",
    })
}

fn does_not_fit(tiling: Tiling, memory: u64) -> SolveError {
    SolveError::Memory {
        given: memory,
        needed: tiling.in_memory(),
        what: "the factor in memory",
        advice: "; with a scratch folder it needs less, and conjugate gradients need least",
    }
}

/// What stays the same from panel to panel.
struct Work<'a> {
    kernel: &'a dyn Blocks,
    ridge: f64,
    tiling: Tiling,
    scale: Scale<'a>,
    progress: &'a Progress,
}

impl Work<'_> {
    /// Products of tiles that end in the column `k`, and one for each tile to be finished.
    fn cost(&self, k: usize) -> u64 {
        ((k + 1) * (self.tiling.count() - k)) as u64
    }

    /// The columns `range` of the factor. The first `finished` columns, and all those left of the range, are in the scratch
    /// file; the others are written to it, if there is one.
    fn panel(
        &self,
        range: Range<usize>,
        scratch: Option<&Scratch>,
        finished: usize,
        breakdown: &mut Option<Breakdown>,
    ) -> Result<Vec<Column>, SolveError> {
        let read = |k| match scratch {
            Some(scratch) => scratch.column(k),
            None => Ok(Column::default()),
        };
        let open = range.start.max(finished).min(range.end);
        let mut done = Vec::with_capacity(range.len());
        let mut panel = load(self.kernel, self.ridge, self.tiling, open..range.end, self.progress)?;
        let mut shift = 0.0;
        for k in 0..range.end {
            self.progress.check()?;
            let column = if k < open {
                if panel.is_empty() && k < range.start {
                    continue;
                }
                read(k)?
            } else {
                let mut column = panel.remove(0);
                column.finish(self.tiling.range(k).start, &self.scale, shift)?;
                if let Some(scratch) = scratch {
                    scratch.store(k, &column)?;
                }
                self.progress.advance((self.tiling.count() - k) as u64);
                column
            };
            shift = column.shift;
            note(breakdown, &column);
            if !panel.is_empty() {
                let first = range.end - panel.len();
                column.apply(k, &mut panel, first);
                self.progress.advance((first..range.end).map(|j| (self.tiling.count() - j) as u64).sum());
            }
            if k >= range.start {
                done.push(column);
            }
        }
        Ok(done)
    }
}

/// Keeps the first row that broke down and the largest shift.
fn note(breakdown: &mut Option<Breakdown>, column: &Column) {
    if column.shift > 0.0 {
        let row = breakdown.map_or(column.broke_at.unwrap_or(0), |seen| seen.row);
        *breakdown = Some(Breakdown { row, shift: column.shift });
    }
}
