//! What is to be computed: an architecture, inputs, and the tiles between them.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use nalgebra::DMatrix;
use overparam_jobs::tiles::{self, Element, Grid, Input, Spec, Tile};
use overparam_ntk::kernel::{Progress, Wanted};
use overparam_ntk::{Architecture, Kernel, NtkError};
use overparam_tensor::linalg::Real;
use serde_json::Value;

use super::ComputeOptions;
use crate::evaluate::{Kind, counted_from, expect_finite};
use crate::files::{Batch, Layout, architecture};

/// An architecture and the inputs that it is evaluated on.
pub(super) struct Task<T: Real> {
    pub(super) architecture: Architecture,
    pub(super) kernel: Kernel<T>,
    pub(super) x1: Batch<T>,
    pub(super) x2: Option<Batch<T>>,
    files: Files,
    wanted: Wanted,
    kinds: Vec<tiles::Kind>,
}

/// Where the inputs are.
pub(super) struct Files {
    pub(super) x1: PathBuf,
    pub(super) x2: Option<PathBuf>,
    pub(super) layout: Option<Layout>,
}

/// Why a tile has no result.
pub(super) enum TileFailure {
    /// It was told to stop.
    Stopped,
    /// For a person to read.
    Error(anyhow::Error),
}

impl<T: Real> Task<T> {
    /// Reads what the options name.
    pub(super) fn read(options: &ComputeOptions) -> Result<Self> {
        let network = architecture("arch", &options.arch)?;
        let (x1, x2) = (options.x1.clone(), options.x2.clone());
        let files = Files { x1, x2, layout: options.layout };
        let label = format!("--arch {}", options.arch.display());
        Self::new(network, &label, files, options.kind)
    }

    /// Of an architecture that comes from `label`.
    pub(super) fn new(architecture: Architecture, label: &str, files: Files, kind: Kind) -> Result<Self> {
        let x1 = Batch::<T>::read("x1", &files.x1, files.layout)?;
        x1.refuse_flat_images(&architecture)?;
        let x2 = files.x2.as_deref().map(|path| Batch::read("x2", path, files.layout)).transpose()?;
        if let Some(x2) = &x2 {
            x2.expect_shape_of(&x1)?;
        }
        let kernel = Kernel::<T>::new(&architecture, x1.shape()).map_err(|e| anyhow!("{label}: {e}"))?;
        let (wanted, kinds) = match kind {
            Kind::Nngp => (Wanted::NNGP, vec![tiles::Kind::Nngp]),
            Kind::Ntk => (Wanted::NTK, vec![tiles::Kind::Ntk]),
            Kind::Both => (Wanted::BOTH, vec![tiles::Kind::Nngp, tiles::Kind::Ntk]),
        };
        Ok(Self { architecture, kernel, x1, x2, files, wanted, kinds })
    }

    /// Says what was read, and what may not be meant.
    pub(super) fn tell(&self) {
        [Some(&self.x1), self.x2.as_ref()].into_iter().flatten().for_each(Batch::tell);
    }

    /// Results in the order of the kinds.
    fn evaluate(
        &self,
        grid: Grid,
        (i, j): Tile,
        progress: &Progress,
    ) -> Result<Result<Vec<DMatrix<T>>, NtkError>> {
        let (rows, columns) = (grid.rows(i), grid.columns(j));
        let starts = [rows.start, columns.start];
        let first = self.x1.inputs(rows)?;
        // On the diagonal an input meets itself; elsewhere no input of the rows is one of the columns.
        let itself = grid.symmetric && i == j;
        let second = if itself { None } else { Some(self.x2.as_ref().unwrap_or(&self.x1).inputs(columns)?) };
        let results = self.kernel.evaluate(&first, second.as_ref(), self.wanted, progress);
        Ok(results.map_err(|e| counted_from(starts, e)).map(|results| {
            let both = [(tiles::Kind::Nngp, results.nngp), (tiles::Kind::Ntk, results.ntk)];
            both.into_iter().filter(|(kind, _)| self.kinds.contains(kind)).map(|(_, result)| result).collect()
        }))
    }

    /// The results of a tile, in the order of the kinds.
    pub(super) fn compute(
        &self,
        grid: Grid,
        tile: Tile,
        progress: &Progress,
    ) -> Result<Vec<DMatrix<T>>, TileFailure> {
        let label = self.x1.label();
        match self.evaluate(grid, tile, progress).map_err(TileFailure::Error)? {
            Ok(results) => {
                expect_finite(label, &results).map_err(TileFailure::Error)?;
                Ok(results)
            }
            Err(NtkError::Stopped) => Err(TileFailure::Stopped),
            Err(error) => Err(TileFailure::Error(anyhow!("{label}: {error}"))),
        }
    }
}

impl<T: Real + Element> Task<T> {
    /// What the kernel is of, cut into tiles of this edge.
    pub(super) fn spec(&self, tile: usize) -> Result<Spec> {
        let input = |batch: &Batch<T>, path: &Path| {
            let (blake3, shape) = batch.fingerprint::<T>();
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            let layout = self.files.layout.map(|layout| layout.name().to_owned());
            Input { blake3, shape, path: path.display().to_string(), layout }
        };
        let architecture: Value = serde_json::from_str(&self.architecture.to_json())?;
        Ok(Spec {
            architecture,
            x1: input(&self.x1, &self.files.x1),
            x2: self.x2.as_ref().zip(self.files.x2.as_deref()).map(|(batch, path)| input(batch, path)),
            precision: T::PRECISION,
            kinds: self.kinds.clone(),
            tile,
        })
    }
}
