//! `kernel export`: a stored kernel as one `.npy` file, a tile at a time in memory.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use clap::{Args, ValueEnum};
use overparam_jobs::tiles::{Element, Kind, Precision, TileStore};

use super::estimate::size;
use crate::files::{Output, label};
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
        Precision::F32 => output.write(|file| write::<f32>(&store, kind, file.get_mut()))?,
        Precision::F64 => output.write(|file| write::<f64>(&store, kind, file.get_mut()))?,
    }
    say!("{}: {kind} {rows} x {columns} ({})", output.path().display(), store.spec().precision.name());
    Ok(ExitCode::SUCCESS)
}

/// Each row of each tile at its place in the file.
fn write<T: Element>(store: &TileStore, kind: Kind, file: &mut File) -> Result<()> {
    let ([n1, n2], width) = (store.shape(), size_of::<T>());
    let header = header(T::PRECISION, n1, n2);
    file.write_all(&header)?;
    let (grid, begin) = (store.grid(), header.len() as u64);
    let [across, down] = grid.counts();
    for (i, j) in (0..across).flat_map(|i| (0..down).map(move |j| (i, j))) {
        let tile = store.read_tile::<T>(kind, i, j)?;
        let (row0, column0) = (grid.rows(i).start, grid.columns(j).start);
        // Its columns are now the rows of the tile, one after the other.
        let turned = tile.transpose();
        let mut bytes = vec![0; turned.nrows() * width];
        for (r, row) in turned.as_slice().chunks_exact(turned.nrows()).enumerate() {
            bytes.chunks_exact_mut(width).zip(row).for_each(|(place, &x)| x.put(place));
            let at = (row0 + r) as u64 * n2 as u64 + column0 as u64;
            file.seek(SeekFrom::Start(begin + at * width as u64))?;
            file.write_all(&bytes)?;
        }
    }
    Ok(())
}

/// Of NumPy's format 1.0: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.
fn header(precision: Precision, rows: usize, columns: usize) -> Vec<u8> {
    let width = precision.bytes();
    let mut text =
        format!("{{'descr': '<f{width}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    const PREFIX: usize = 10;
    // Spaces up to a multiple of 64, so that the numbers are aligned, and an end of line.
    let length = (PREFIX + text.len() + 1).next_multiple_of(64) - PREFIX;
    text += &" ".repeat(length - 1 - text.len());
    text.push('\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    // Two whole numbers take at most forty digits: far below what two bytes hold.
    header.extend((length as u16).to_le_bytes());
    header.extend(text.as_bytes());
    header
}
