//! Kernels between batches, some rows at a time, so that a person sees how far it is.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use clap::ValueEnum;
use nalgebra::DMatrix;
use overparam_ntk::{Inputs, Kernel, NtkError};
use overparam_tensor::linalg::Real;

use crate::files::Batch;
use crate::meter::Meter;

/// Which kernels.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Covariance of the outputs at initialisation
    Nngp,
    /// Neural tangent kernel
    Ntk,
    /// Both of them
    Both,
}

/// Results by name (`nngp`, `ntk`), each `n1 x n2`.
pub(crate) type Named<T> = Vec<(&'static str, DMatrix<T>)>;

/// The kernels between `x1` and `x2`, or of `x1` with itself. `task` names the work while it lasts.
pub(crate) fn evaluate<T: Real>(
    kernel: &Kernel<T>,
    kind: Kind,
    (x1, x2): (&Batch<T>, Option<&Batch<T>>),
    task: &'static str,
) -> Result<Named<T>> {
    let (n1, n2) = (x1.count(), x2.unwrap_or(x1).count());
    let mut results = Vec::new();
    for (name, other) in [("nngp", Kind::Ntk), ("ntk", Kind::Nngp)] {
        if kind != other {
            results.push((name, zeros(n1, n2)?));
        }
    }
    let second = x2.map(|x2| x2.inputs(0..n2)).transpose()?;
    let mut meter = Meter::new(task, if x2.is_some() { n1 * n2 } else { n1 * (n1 + 1) / 2 });
    let mut rows = Rows::of(n1, x1.shape().pixels());
    let mut end = 0;
    while end < n1 {
        let begun = Instant::now();
        let start = end;
        end = n1.min(start + rows.now);
        let block = x1.inputs(start..end)?;
        let mut put = |column: usize, symmetric: bool, parts: Vec<DMatrix<T>>| {
            for ((_, result), part) in results.iter_mut().zip(parts) {
                result.view_mut((start, column), part.shape()).copy_from(&part);
                if symmetric {
                    let mirrored = part.transpose();
                    result.view_mut((column, start), mirrored.shape()).copy_from(&mirrored);
                }
            }
        };
        let compute = |second: Option<&Inputs<T>>| -> Result<Vec<DMatrix<T>>> {
            let parts = one(kernel, kind, &block, second).map_err(|e| {
                let e = counted_from([start, 0], e);
                anyhow!("{}: {e}", x1.label())
            })?;
            expect_finite(x1.label(), &parts)?;
            Ok(parts)
        };
        if let Some(second) = &second {
            put(0, false, compute(Some(second))?);
            meter.advance((end - start) * n2);
        } else {
            if start > 0 {
                put(0, true, compute(Some(&x1.inputs(0..start)?))?);
            }
            put(start, false, compute(None)?);
            meter.advance((end - start) * (start + end + 1) / 2);
        }
        rows.took(begun.elapsed());
    }
    Ok(results)
}

/// The number of an input in its batch, of which the rows from `starts` on were passed: of the first inputs, and of the second.
pub(crate) fn counted_from(starts: [usize; 2], error: NtkError) -> NtkError {
    let start = |which: &str| starts[usize::from(which != "first inputs")];
    match error {
        NtkError::Overflow { which, input, scalar } => {
            NtkError::Overflow { which, input: start(which) + input, scalar }
        }
        NtkError::Underflow { which, input, scalar } => {
            NtkError::Underflow { which, input: start(which) + input, scalar }
        }
        NtkError::Unresolved { which, input } => NtkError::Unresolved { which, input: start(which) + input },
        other => other,
    }
}

/// Refuses a kernel that has grown beyond the numbers of `T`.
pub(crate) fn expect_finite<T: Real>(label: &str, parts: &[DMatrix<T>]) -> Result<()> {
    if parts.iter().flatten().any(|x| !x.f64().is_finite()) {
        bail!(
            "{label}: the kernel has an entry beyond the numbers of {}; make the inputs or the weights smaller",
            T::NAME
        );
    }
    Ok(())
}

fn one<T: Real>(
    kernel: &Kernel<T>,
    kind: Kind,
    x1: &Inputs<T>,
    x2: Option<&Inputs<T>>,
) -> Result<Vec<DMatrix<T>>, NtkError> {
    Ok(match kind {
        Kind::Nngp => vec![kernel.nngp(x1, x2)?],
        Kind::Ntk => vec![kernel.ntk(x1, x2)?],
        Kind::Both => {
            let both = kernel.both(x1, x2)?;
            vec![both.nngp, both.ntk]
        }
    })
}

/// How many rows are computed at a time. The results do not depend on it.
struct Rows {
    now: usize,
    /// Large enough that what is done once an input does not count, small enough for some thirty signs of life.
    most: usize,
}

impl Rows {
    /// Few at first, so that there soon is a speed to tell the time left by.
    fn of(n: usize, pixels: usize) -> Self {
        let (least, enough) = if pixels > 1 { (1, 16) } else { (64, 512) };
        Self { now: least, most: n.div_ceil(32).max(enough) }
    }

    fn took(&mut self, time: Duration) {
        const SHORT: Duration = Duration::from_millis(250);
        if time < SHORT {
            self.now = self.most.min(2 * self.now);
        }
    }
}

fn zeros<T: Real>(rows: usize, columns: usize) -> Result<DMatrix<T>> {
    let mut elements = Vec::new();
    let size = rows.checked_mul(columns).filter(|&size| elements.try_reserve_exact(size).is_ok());
    let Some(size) = size else {
        bail!("a kernel of {rows} x {columns} numbers does not fit in memory: pass fewer inputs");
    };
    elements.resize(size, T::ZERO);
    Ok(DMatrix::from_vec(rows, columns, elements))
}
