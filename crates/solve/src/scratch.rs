//! A factor on disk: a file to which columns of tiles are written as they are finished.
//!
//! | bytes | what |
//! |---|---|
//! | 0..64 | `OPFACT01`, n, side of a tile (u64), digest of the system (32 bytes), checksum of these (8 bytes) |
//! | 64 each | of every column: shift (f64), row that broke down (u64, all ones if none), BLAKE3 of its tiles' BLAKE3 (32), checksum of these (16) |
//! | the rest | columns one after another, each its tiles from the diagonal down, by columns, f32 |
//!
//! Numbers are little-endian. A column counts once its entry stands, and the entry is written after the bytes. Whatever
//! does not agree with its checksum is not there, and is computed again. Nothing waits for the disk: a process may be killed at
//! any moment, and after a loss of power the checksums tell what had been written.

use std::fs::{File, create_dir_all};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use crate::SolveError;
use crate::column::Column;
use crate::layout::Tiling;
use crate::lock::open_locked;
use crate::tile::Tile;

const MAGIC: &[u8; 8] = b"OPFACT01";
const HEADER: usize = 64;
const ENTRY: usize = 64;
const UNBROKEN: u64 = u64::MAX;

/// The file of one factor, locked against other processes while it is open.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    file: Mutex<File>,
    tiling: Tiling,
}

impl Scratch {
    /// Opens the factor of the system `digest` in `folder`, or begins it; returns how many of its columns are finished.
    pub(crate) fn open(folder: &Path, tiling: Tiling, digest: [u8; 32]) -> Result<(Self, usize), SolveError> {
        create_dir_all(folder).map_err(SolveError::file("creating the folder", folder))?;
        let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let path = folder.join(format!("factor-{name}.scratch"));
        let file = open_locked(&path, &path)?;
        let scratch = Self { path, file: Mutex::new(file), tiling };
        let header = scratch.header(digest);
        if scratch.read(0, HEADER)? != Some(header.to_vec()) {
            let clear = scratch.file().set_len(0);
            clear.map_err(SolveError::file("emptying", &scratch.path))?;
            scratch.write(0, &header)?;
            return Ok((scratch, 0));
        }
        let mut finished = 0;
        while finished < tiling.count() && scratch.load(finished)?.is_some() {
            finished += 1;
        }
        Ok((scratch, finished))
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the finished column `k`.
    pub(crate) fn store(&self, k: usize, column: &Column) -> Result<(), SolveError> {
        let mut bytes = vec![0; 4 * self.tiling.entries(k)];
        let places = bytes.par_chunks_mut(self.tile_bytes(k)).zip(&column.tiles);
        let sums: Vec<blake3::Hash> = places
            .map(|(place, tile)| {
                let numbers = place.as_chunks_mut::<4>().0.iter_mut().zip(tile.as_slice());
                numbers.for_each(|(bytes, x)| *bytes = x.to_le_bytes());
                blake3::hash(place)
            })
            .collect();
        self.write(self.column_at(k), &bytes)?;
        let mut entry = Vec::with_capacity(ENTRY);
        entry.extend(column.shift.to_le_bytes());
        entry.extend(column.broke_at.map_or(UNBROKEN, |row| row as u64).to_le_bytes());
        entry.extend(digest(&sums).as_bytes());
        entry.extend(checksum::<16>(&entry, k));
        self.write(self.entry_at(k), &entry)
    }

    /// The finished column `k`.
    ///
    /// # Errors
    /// [`SolveError::Corrupt`] if it is not there as it was written.
    pub(crate) fn column(&self, k: usize) -> Result<Column, SolveError> {
        self.load(k)?.ok_or_else(|| SolveError::Corrupt {
            path: self.path.clone(),
            what: format!(
                "column {k} of {} is not what was written; run again, and it is computed again",
                self.tiling.count()
            ),
        })
    }

    /// Removes the file.
    pub(crate) fn remove(self) -> Result<(), SolveError> {
        std::fs::remove_file(&self.path).map_err(SolveError::file("removing", &self.path))
    }

    /// The column `k` if its bytes agree with its entry.
    fn load(&self, k: usize) -> Result<Option<Column>, SolveError> {
        let Some(entry) = self.read(self.entry_at(k), ENTRY)? else { return Ok(None) };
        let (facts, sum) = entry.split_at(ENTRY - 16);
        if sum != checksum::<16>(facts, k) {
            return Ok(None);
        }
        let Some(bytes) = self.read(self.column_at(k), 4 * self.tiling.entries(k))? else { return Ok(None) };
        let columns = self.tiling.range(k).len();
        let (tiles, sums): (Vec<Tile>, Vec<blake3::Hash>) = bytes
            .par_chunks(self.tile_bytes(k))
            .map(|bytes| {
                let numbers = bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
                (Tile::from_vec(bytes.len() / (4 * columns), columns, numbers.collect()), blake3::hash(bytes))
            })
            .unzip();
        if digest(&sums).as_bytes() != &facts[16..48] {
            return Ok(None);
        }
        let broke = u64::from_le_bytes(part(facts, 8));
        let shift = f64::from_le_bytes(part(facts, 0));
        Ok(Some(Column { tiles, shift, broke_at: (broke != UNBROKEN).then_some(broke as usize) }))
    }

    fn header(&self, digest: [u8; 32]) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(MAGIC);
        header[8..16].copy_from_slice(&(self.tiling.n as u64).to_le_bytes());
        header[16..24].copy_from_slice(&(self.tiling.side as u64).to_le_bytes());
        header[24..56].copy_from_slice(&digest);
        let sum = checksum::<8>(&header[..56], 0);
        header[56..].copy_from_slice(&sum);
        header
    }

    /// Bytes of a tile of the column `k`; only the last one has fewer.
    fn tile_bytes(&self, k: usize) -> usize {
        4 * self.tiling.side * self.tiling.range(k).len()
    }

    fn entry_at(&self, k: usize) -> u64 {
        (HEADER + ENTRY * k) as u64
    }

    fn column_at(&self, k: usize) -> u64 {
        self.entry_at(self.tiling.count()) + (0..k).map(|before| self.tiling.bytes(before)).sum::<u64>()
    }

    fn file(&self) -> MutexGuard<'_, File> {
        // A panic elsewhere leaves no state in the handle that the next seek would not replace.
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `length` bytes; `None` if the file ends before.
    fn read(&self, at: u64, length: usize) -> Result<Option<Vec<u8>>, SolveError> {
        let mut file = self.file();
        let end = file.metadata().map_err(SolveError::file("reading", &self.path))?.len();
        if end < at + length as u64 {
            return Ok(None);
        }
        let mut bytes = vec![0; length];
        file.seek(SeekFrom::Start(at))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(SolveError::file("reading", &self.path))?;
        Ok(Some(bytes))
    }

    fn write(&self, at: u64, bytes: &[u8]) -> Result<(), SolveError> {
        let mut file = self.file();
        file.seek(SeekFrom::Start(at))
            .and_then(|_| file.write_all(bytes))
            .map_err(SolveError::file("writing", &self.path))
    }
}

/// One digest of the digests of a column's tiles, which are computed side by side.
fn digest(tiles: &[blake3::Hash]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    tiles.iter().for_each(|tile| {
        hasher.update(tile.as_bytes());
    });
    hasher.finalize()
}

/// The first bytes of the digest of `bytes`, bound to their place.
fn checksum<const N: usize>(bytes: &[u8], place: usize) -> [u8; N] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(bytes).update(&(place as u64).to_le_bytes());
    part(hasher.finalize().as_bytes(), 0)
}

/// `N` bytes from `at` on, of a slice that has them.
fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}
