//! Work that was interrupted goes on, and ends with the same bits.

use std::path::Path;

use nalgebra::DMatrix;
use overparam_solve::{
    Accuracy, BlockFn, Blocks, CgOptions, Dense, DirectOptions, Factor, FactorOptions, Progress, SolveError,
    cg, direct,
};

use crate::common::{geometric, labels, little_memory, tiles, with_spectrum};

const N: usize = 200;
const TILE: usize = 16;

/// `a`, as a kernel that stops the work from the `calls`-th block on.
fn stopping<'a>(a: &'a DMatrix<f64>, calls: usize, progress: &'a Progress) -> impl Blocks + 'a {
    let seen = std::sync::atomic::AtomicUsize::new(0);
    BlockFn::new(a.nrows(), move |rows, columns| {
        if seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= calls {
            progress.stop();
        }
        Ok(a.view((rows.start, columns.start), (rows.len(), columns.len())).into_owned())
    })
}

fn options(folder: &Path, memory: u64) -> DirectOptions {
    let factor =
        FactorOptions { memory, scratch: Some(folder.to_owned()), checkpoint: true, ..tiles(TILE, 0.0) };
    DirectOptions { factor, accuracy: Accuracy { tolerance: 1e-7, ..Accuracy::default() } }
}

fn only_file(folder: &Path) -> std::path::PathBuf {
    let mut files = std::fs::read_dir(folder).unwrap();
    let file = files.next().expect("a scratch file is left").unwrap().path();
    assert!(files.next().is_none(), "one file");
    file
}

/// Stopped at many moments, in memory and on disk, before and after a breakdown.
#[test]
fn a_factor_goes_on_after_its_last_column() {
    for condition in [1e3, 1e9] {
        let a = with_spectrum(4, &geometric(N, condition));
        let (b, kernel) = (labels(4, N, 2), Dense::new(&a).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let whole = direct(&kernel, &b, &options(folder.path(), 1 << 30), &Progress::default()).unwrap();
        assert_eq!(whole.report.breakdown.is_some(), condition > 1e8);
        let mut resumed = Vec::new();
        for memory in [1 << 30, little_memory(N, TILE)] {
            for calls in [0, 20, 60, 80, 95] {
                let progress = Progress::default();
                let result =
                    direct(&stopping(&a, calls, &progress), &b, &options(folder.path(), memory), &progress);
                let mut again = match result {
                    Err(SolveError::Stopped) => {
                        only_file(folder.path());
                        direct(&kernel, &b, &options(folder.path(), memory), &Progress::default()).unwrap()
                    }
                    other => panic!("{calls} calls: {other:?}"),
                };
                resumed.push(again.report.resumed);
                again.report.resumed = 0;
                assert_eq!(again, whole, "{calls} calls, {memory} bytes, condition {condition:e}");
            }
        }
        let partly = resumed.iter().filter(|&&columns| columns > 0 && columns < N.div_ceil(TILE)).count();
        assert!(partly >= 2, "some were stopped in the middle: {resumed:?}");
    }
}

/// Whatever happened to the file, the columns before it are used and the rest is computed again.
#[test]
fn a_damaged_scratch_file_is_computed_again() {
    let a = with_spectrum(5, &geometric(N, 1e3));
    let (b, kernel) = (labels(5, N, 2), Dense::new(&a).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path(), little_memory(N, TILE));
    let factor = Factor::new(&kernel, &options.factor, &Progress::default()).unwrap();
    let file = factor.scratch().unwrap().to_owned();
    let expected = factor.solve(&kernel, &b, options.accuracy, &Progress::default()).unwrap();
    drop(factor);
    let bytes = std::fs::read(&file).unwrap();
    let whole = bytes.clone();
    let count = N.div_ceil(TILE);
    let data = 64 * (1 + count);
    let damaged = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 4;
        bytes
    };
    let cases = [
        (bytes.clone(), count),
        (damaged(3), 0),
        (damaged(30), 0),
        (damaged(64 + 2 * 64 + 20), 2),
        (damaged(data), 0),
        (damaged(data + 4 * N * TILE), 1),
        (damaged(bytes.len() - 1), count - 1),
        (bytes[..bytes.len() - 1].to_vec(), count - 1),
        (bytes[..data + 10].to_vec(), 0),
        (bytes[..30].to_vec(), 0),
        (Vec::new(), 0),
    ];
    let in_memory = FactorOptions { memory: 1 << 30, ..options.factor.clone() };
    for (case, (bytes, good)) in cases.into_iter().enumerate() {
        for options_now in [&options.factor, &in_memory] {
            std::fs::write(&file, &bytes).unwrap();
            let factor = Factor::new(&kernel, options_now, &Progress::default()).unwrap();
            assert_eq!(factor.resumed(), good, "case {case}");
            let mut solution = factor.solve(&kernel, &b, options.accuracy, &Progress::default()).unwrap();
            solution.report.resumed = 0;
            assert_eq!(solution, expected, "case {case}");
            drop(factor);
            assert_eq!(std::fs::read(&file).unwrap(), whole, "case {case}: the file is whole again");
        }
    }
    // Damage behind the back of an open factor is noticed when the column is read.
    let factor = Factor::new(&kernel, &options.factor, &Progress::default()).unwrap();
    std::fs::write(&file, damaged(data + 4 * N * TILE)).unwrap();
    let error = factor.solve(&kernel, &b, options.accuracy, &Progress::default()).unwrap_err();
    assert!(matches!(error, SolveError::Corrupt { .. }) && error.to_string().contains("column 1"), "{error}");
}

/// A second process on the same file is refused; another system has a file of its own.
#[test]
fn one_factor_at_a_time() {
    let a = with_spectrum(6, &geometric(N, 1e3));
    let kernel = Dense::new(&a).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let first = options(folder.path(), 1 << 30).factor;
    let factor = Factor::new(&kernel, &first, &Progress::default()).unwrap();
    let again = Factor::new(&kernel, &first, &Progress::default()).unwrap_err();
    assert!(matches!(again, SolveError::InUse { .. }), "{again}");
    let other = Factor::new(&kernel, &FactorOptions { ridge: 0.5, ..first }, &Progress::default()).unwrap();
    assert_eq!(other.resumed(), 0);
    assert_ne!(other.scratch(), factor.scratch());
    factor.discard().unwrap();
    assert!(other.scratch().unwrap().exists());
}

#[test]
fn conjugate_gradients_go_on_after_their_last_iteration() {
    let a = with_spectrum(7, &geometric(N, 1e2));
    let b = labels(7, N, 2);
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let options = CgOptions { rank: 10, state: Some(state.clone()), save_every: 1, ..CgOptions::default() };
    let whole =
        cg(&Dense::new(&a).unwrap(), &b, &CgOptions { state: None, ..options.clone() }, &Progress::default())
            .unwrap();
    assert!(whole.report.iterations > 20);
    for calls in [30, 40, 60] {
        let progress = Progress::default();
        let stopped = cg(&stopping(&a, calls, &progress), &b, &options, &progress);
        assert!(matches!(stopped, Err(SolveError::Stopped)), "{stopped:?}");
        let again = cg(&Dense::new(&a).unwrap(), &b, &options, &Progress::default()).unwrap();
        assert!(again.report.resumed > 0, "{calls} calls");
        assert_eq!(again.report.iterations, whole.report.iterations);
        assert_eq!(again.coefficients, whole.coefficients, "{calls} calls");
        // Finished: certified again, nothing else.
        let finished = cg(&Dense::new(&a).unwrap(), &b, &options, &Progress::default()).unwrap();
        assert_eq!((finished.report.passes, &finished.coefficients), (1, &whole.coefficients));
        std::fs::remove_file(&state).unwrap();
    }
    cg(&Dense::new(&a).unwrap(), &b, &options, &Progress::default()).unwrap();
    let others = [
        (labels(8, N, 2), options.clone()),
        (b.clone(), CgOptions { ridge: 1e-3, ..options.clone() }),
        (b.clone(), CgOptions { rank: 11, ..options.clone() }),
    ];
    for (b, options) in others {
        let error = cg(&Dense::new(&a).unwrap(), &b, &options, &Progress::default()).unwrap_err();
        assert!(matches!(error, SolveError::Foreign { .. }), "{error}");
    }
    // More iterations and another tolerance are the same system.
    let accuracy = Accuracy { tolerance: 1e-11, max_iterations: 900 };
    let further =
        cg(&Dense::new(&a).unwrap(), &b, &CgOptions { accuracy, ..options }, &Progress::default()).unwrap();
    assert!(further.report.resumed > 0 && further.report.residuals.iter().all(|&r| r <= 1e-11));
}

/// A second process on one state is refused before it reads or writes it, even with another system.
#[test]
fn one_process_at_a_time_on_a_state_of_conjugate_gradients() {
    let a = with_spectrum(9, &geometric(N, 1e2));
    let b = labels(9, N, 2);
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let options = CgOptions { rank: 10, state: Some(state.clone()), save_every: 1, ..CgOptions::default() };
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let others = std::sync::Mutex::new(Vec::new());
    let kernel = BlockFn::new(N, |rows, columns| {
        // In the middle of it.
        if calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 40 {
            for ridge in [0.0, 1.0] {
                let options = CgOptions { ridge, ..options.clone() };
                let other = cg(&Dense::new(&a).unwrap(), &b, &options, &Progress::default());
                others.lock().unwrap().push(other.unwrap_err());
            }
        }
        Ok(a.view((rows.start, columns.start), (rows.len(), columns.len())).into_owned())
    });
    let first = cg(&kernel, &b, &options, &Progress::default()).unwrap();
    let others = others.into_inner().unwrap();
    assert_eq!(others.len(), 2);
    for error in others {
        assert!(matches!(&error, SolveError::InUse { path } if *path == state), "{error}");
    }
    let again = cg(&Dense::new(&a).unwrap(), &b, &options, &Progress::default()).unwrap();
    assert_eq!((again.report.passes, again.coefficients), (1, first.coefficients));
}
