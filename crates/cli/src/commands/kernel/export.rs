//! `kernel export`: a stored kernel as one `.npy` file, a tile at a time in memory.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use clap::{Args, ValueEnum};
use overparam_jobs::tiles::{Element, Kind, Precision, TileStore};

use super::estimate::size;
use crate::files::{NpyMatrix, Output, label};
use overparam_jobs::files::free_bytes;

/// What to write where.
#[derive(Args)]
pub struct ExportOptions {
    /// The store, a folder
    #[arg(value_name = "K.zarr")]
    store: PathBuf,
    /// Result, .npy, n1 x n2
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Which kernel, if the store has both
    #[arg(long, value_enum)]
    kind: Option<KindOption>,
}

#[derive(Clone, Copy, ValueEnum)]
enum KindOption {
    /// Covariance of the outputs at initialisation
    Nngp,
    /// Neural tangent kernel
    Ntk,
}

/// Writes the file, whole or not at all.
pub(super) fn export(options: &ExportOptions) -> Result<ExitCode> {
    let store = TileStore::open(&options.store)?;
    let output = Output::new("out", &options.out, "npy", &[])?;
    let name = store.root().display();
    let kind = match (options.kind, store.spec().kinds.as_slice()) {
        (Some(KindOption::Nngp), _) => Kind::Nngp,
        (Some(KindOption::Ntk), _) => Kind::Ntk,
        (None, [kind]) => *kind,
        (None, _) => bail!("{name}: it has both kernels: choose one with --kind nngp or --kind ntk"),
    };
    let missing = store.missing().len();
    let all = store.grid().tiles().len();
    ensure!(
        missing == 0,
        "{name}: {missing} of {all} tiles are not computed yet; the `kernel` command that made the store computes them"
    );
    let [rows, columns] = store.shape();
    let bytes = (rows as u64) * (columns as u64) * store.spec().precision.bytes() as u64;
    if let Some(free) = free_bytes(options.out.parent().unwrap_or(&options.out)).filter(|&free| free < bytes)
    {
        bail!(
            "{}: {} are to be written, and {} are free on its disk",
            label("out", &options.out),
            size(bytes),
            size(free)
        );
    }
    match store.spec().precision {
        Precision::F32 => write::<f32>(&store, kind, output)?,
        Precision::F64 => write::<f64>(&store, kind, output)?,
    }
    say!("{}: {kind} {rows} x {columns} ({})", options.out.display(), store.spec().precision.name());
    Ok(ExitCode::SUCCESS)
}

/// Each tile at its place in the file.
fn write<T: Element>(store: &TileStore, kind: Kind, output: Output) -> Result<()> {
    let grid = store.grid();
    let mut matrix = NpyMatrix::create(output, store.shape())?;
    let [down, across] = grid.counts();
    for (i, j) in (0..down).flat_map(|i| (0..across).map(move |j| (i, j))) {
        matrix.put([grid.rows(i).start, grid.columns(j).start], &store.read_tile::<T>(kind, i, j)?)?;
    }
    matrix.finish()
}
