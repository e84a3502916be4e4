//! Infinite-width kernels.

use std::sync::Arc;

use numpy::PyReadonlyArrayDyn;
use overparam_ntk::Kernel;
use overparam_ntk::kernel::{Progress, Wanted};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyAny;

use crate::arrays::{self, Any, Number};
use crate::wait::watched;
use crate::{architecture, errors};

/// NNGP and NTK, those that are wanted.
type Wished<'py> = (Option<Bound<'py, PyAny>>, Option<Bound<'py, PyAny>>);

/// `(nngp, ntk)` between `x1` and `x2`, or of `x1` with itself; `None` for one that is not wanted.
///
/// `progress` is called with the number of pairs done, about twenty times per second.
#[pyfunction]
#[pyo3(signature = (json, x1, x2, nngp, ntk, progress=None))]
pub(crate) fn kernel<'py>(
    py: Python<'py>,
    json: &str,
    x1: Any<'py>,
    x2: Option<Any<'py>>,
    nngp: bool,
    ntk: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<Wished<'py>> {
    let wanted = match (nngp, ntk) {
        (true, false) => Wanted::NNGP,
        (false, true) => Wanted::NTK,
        _ => Wanted::BOTH,
    };
    match (&x1, &x2) {
        (Any::Double(x1), None) => compute(py, json, x1, None, wanted, progress),
        (Any::Double(x1), Some(Any::Double(x2))) => compute(py, json, x1, Some(x2), wanted, progress),
        (Any::Single(x1), None) => compute(py, json, x1, None, wanted, progress),
        (Any::Single(x1), Some(Any::Single(x2))) => compute(py, json, x1, Some(x2), wanted, progress),
        _ => Err(PyTypeError::new_err("x1 and x2 have different precisions")),
    }
}

fn compute<'py, T: Number>(
    py: Python<'py>,
    json: &str,
    x1: &PyReadonlyArrayDyn<'py, T>,
    x2: Option<&PyReadonlyArrayDyn<'py, T>>,
    wanted: Wanted,
    told: Option<Py<PyAny>>,
) -> PyResult<Wished<'py>> {
    let architecture = architecture::read(json)?;
    let x1 = arrays::inputs("x1", x1)?;
    let x2 = x2.map(|x2| arrays::inputs("x2", x2)).transpose()?;
    // A result is written column after column; that of x2 with x1 is, read row after row, the one of x1 with x2.
    let (first, second, names) = match x2 {
        None => (x1, None, ["x1", "x1"]),
        Some(x2) => (x2, Some(x1), ["x2", "x1"]),
    };
    let shape = second.as_ref().unwrap_or(&first).shape();
    let compiled = Kernel::<T>::new(&architecture, shape).map_err(errors::ntk)?;
    let (n, m) = (first.count(), second.as_ref().unwrap_or(&first).count());
    arrays::reserve::<T>(n, m, if wanted == Wanted::BOTH { 2 } else { 1 })?;
    let progress = Arc::new(Progress::default());
    let (seen, stopped) = (Arc::clone(&progress), Arc::clone(&progress));
    let work = move || {
        let kernels = compiled.evaluate(&first, second.as_ref(), wanted, &progress)?;
        let finite = [&kernels.nngp, &kernels.ntk].iter().all(|k| k.iter().all(|x| x.f64().is_finite()));
        Ok((kernels, finite))
    };
    let tick = move |py: Python<'_>| match &told {
        Some(told) => told.call1(py, (seen.done(),)).map(|_| ()),
        None => Ok(()),
    };
    let result = watched(py, work, tick, move || stopped.stop())?;
    let (kernels, finite) = result.map_err(|e| errors::of_inputs(e, names))?;
    if !finite {
        return Err(errors::value(format!(
            "the kernel has an entry beyond the numbers of {}; make the inputs or the weights smaller",
            T::NAME
        )));
    }
    let array = |wanted: bool, kernel| -> PyResult<Option<Bound<'py, PyAny>>> {
        wanted.then(|| Ok(arrays::from_transposed(py, kernel)?.into_any())).transpose()
    };
    Ok((array(wanted != Wanted::NTK, kernels.nngp)?, array(wanted != Wanted::NNGP, kernels.ntk)?))
}
