//! The table of what Python can call.

use pyo3::pymodule;

/// Freed memory stays mapped, so that large results need not be faulted in anew by every call.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What `overparam` computes with; its functions are documented there.
#[pymodule]
mod _core {
    use numpy::{PyArray1, PyArrayMethods};
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::architecture::{activation_names, canonical, describe, layer_names, shapes};
    #[pymodule_export]
    use crate::claims::{claims, reproduce};
    #[pymodule_export]
    use crate::coordinates::coordinate_check;
    #[pymodule_export]
    use crate::deep_linear::{
        aligned_mode, balanced, deep_mode, depth_time, end_to_end_flow, measures, nuclear_norm_completion,
        train,
    };
    #[pymodule_export]
    use crate::feature_flow::{mean_field_descent, mean_field_optimum, neural_feature_flow};
    #[pymodule_export]
    use crate::finite::{apply, descend, empirical_ntk, expansion, init, parameter_shapes};
    #[pymodule_export]
    use crate::finite_width::{finite_width_relu, finite_width_relu_deep, finite_width_second_order};
    #[pymodule_export]
    use crate::kernel::kernel;
    #[pymodule_export]
    use crate::linearized::{hermite_coefficients, optimal_ridge, random_features, regression, spectrum};
    #[pymodule_export]
    use crate::predict::{Dynamics, KernelRidge, log_evidence, posterior};
    #[pymodule_export]
    use crate::program::main;
    #[pymodule_export]
    use crate::rich_limit::{deep_linear_limit, rich_limit};
    #[pymodule_export]
    use crate::staircase::staircase;

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    /// Finds NumPy's functions now: an interrupt while the first array looks for them would be taken for a bug.
    #[pymodule_init]
    fn find_numpy(module: &Bound<'_, PyModule>) -> PyResult<()> {
        PyArray1::<f64>::zeros(module.py(), 1, false).try_readonly().map(|_| ()).map_err(Into::into)
    }
}
