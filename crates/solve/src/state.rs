//! Conjugate gradients on disk: the state after an iteration, written beside its place and renamed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use nalgebra::DMatrix;

use crate::SolveError;
use crate::conjugate::State;
use crate::lock::open_locked;

const MAGIC: &[u8; 8] = b"OPCG0001";

/// Where a state is kept, and of which system; no other process has it as long as this one does.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    digest: [u8; 32],
    /// Of a file beside it that stays: the state itself is replaced at every save, and a lock would be on the old one.
    _lock: File,
}

impl StateFile {
    /// # Errors
    /// [`SolveError::InUse`] if another process works on it; [`SolveError::File`].
    pub(crate) fn new(path: &Path, digest: [u8; 32]) -> Result<Self, SolveError> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".lock");
        let lock = open_locked(&PathBuf::from(beside), path)?;
        Ok(Self { path: path.to_owned(), digest, _lock: lock })
    }

    /// Replaces what the file holds.
    pub(crate) fn save(&self, state: &State) -> Result<(), SolveError> {
        let (rows, columns) = state.x.shape();
        let mut bytes = Vec::with_capacity(128 + 8 * columns * (3 * rows + 2));
        bytes.extend(MAGIC);
        bytes.extend(self.digest);
        for number in [rows, columns, state.iterations, usize::from(state.fresh)] {
            bytes.extend((number as u64).to_le_bytes());
        }
        for numbers in [state.x.as_slice(), state.r.as_slice(), state.p.as_slice(), &state.rz, &state.last] {
            bytes.extend(numbers.iter().flat_map(|x| x.to_le_bytes()));
        }
        let sum = blake3::hash(&bytes);
        bytes.extend(sum.as_bytes());
        let mut beside = self.path.clone().into_os_string();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let write = |path: &Path| -> io::Result<()> {
            let mut file = File::create(path)?;
            file.write_all(&bytes)?;
            file.sync_data()
        };
        write(&beside).map_err(SolveError::file("writing", &beside))?;
        fs::rename(&beside, &self.path).map_err(SolveError::file("replacing", &self.path))
    }

    /// The state of the last iteration saved; `None` without a file.
    ///
    /// # Errors
    /// [`SolveError::Foreign`] if it is of another system, or no such file at all; [`SolveError::Corrupt`] if its bytes were
    /// changed.
    pub(crate) fn load(&self) -> Result<Option<State>, SolveError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SolveError::file("reading", &self.path)(error)),
        };
        if !bytes.starts_with(MAGIC) {
            return Err(self.foreign("something that is not a state of conjugate gradients"));
        }
        let damaged = || SolveError::Corrupt {
            path: self.path.clone(),
            what: "the state of conjugate gradients was truncated or changed; remove the file to begin again"
                .into(),
        };
        let (body, sum) = bytes.split_last_chunk::<32>().ok_or_else(damaged)?;
        if blake3::hash(body).as_bytes() != sum {
            return Err(damaged());
        }
        let (digest, rest) = body[MAGIC.len()..].split_first_chunk::<32>().ok_or_else(damaged)?;
        if *digest != self.digest {
            return Err(self.foreign("another system: another kernel, ridge, rank or right-hand side"));
        }
        let mut words = rest.chunks_exact(8).filter_map(|chunk| <[u8; 8]>::try_from(chunk).ok());
        let mut number = || words.next().map(u64::from_le_bytes).and_then(|x| usize::try_from(x).ok());
        let header = (number(), number(), number(), number());
        let (Some(rows), Some(columns), Some(iterations), Some(fresh)) = header else {
            return Err(damaged());
        };
        let entries = rows.checked_mul(columns).ok_or_else(damaged)?;
        let mut take = |count: usize| -> Result<Vec<f64>, SolveError> {
            let numbers: Vec<f64> = words.by_ref().take(count).map(f64::from_le_bytes).collect();
            if numbers.len() == count { Ok(numbers) } else { Err(damaged()) }
        };
        let [x, r, p] = [take(entries)?, take(entries)?, take(entries)?];
        let matrix = |numbers| DMatrix::from_vec(rows, columns, numbers);
        Ok(Some(State {
            x: matrix(x),
            r: matrix(r),
            p: matrix(p),
            rz: take(columns)?,
            last: take(columns)?,
            iterations,
            fresh: fresh != 0,
        }))
    }

    fn foreign(&self, what: &str) -> SolveError {
        SolveError::Foreign { path: self.path.clone(), what: what.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;

    use super::StateFile;
    use crate::SolveError;
    use crate::conjugate::State;

    #[test]
    fn what_is_saved_is_loaded_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let file = StateFile::new(&path, [7; 32]).unwrap();
        assert_eq!(file.load().unwrap(), None);
        let mut state =
            State::begin(DMatrix::from_fn(5, 2, |i, j| i as f64 - j as f64), DMatrix::identity(5, 2));
        state.iterations = 3;
        file.save(&state).unwrap();
        assert_eq!(file.load().unwrap(), Some(state));

        let busy = StateFile::new(&path, [8; 32]).map(|_| ());
        assert!(matches!(busy, Err(SolveError::InUse { .. })), "{busy:?}");
        drop(file);
        let other = StateFile::new(&path, [8; 32]).unwrap().load();
        assert!(matches!(other, Err(SolveError::Foreign { .. })), "{other:?}");
        let file = StateFile::new(&path, [7; 32]).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for length in [9, 60, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(matches!(file.load(), Err(SolveError::Corrupt { .. })), "{length} bytes");
        }
        for at in [20, 50, bytes.len() - 1] {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            std::fs::write(&path, &flipped).unwrap();
            assert!(matches!(file.load(), Err(SolveError::Corrupt { .. })), "byte {at} flipped");
        }
        std::fs::write(&path, "a text of somebody").unwrap();
        assert!(matches!(file.load(), Err(SolveError::Foreign { .. })));
    }
}
