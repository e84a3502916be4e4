//! Small kernels, each run once in a function whose instructions callgrind counts (`tests/callgrind/run`).

use std::hint::black_box;

use anyhow::{Result, bail};
use nalgebra::DMatrix;
use overparam_linearized::activation::Standard;
use overparam_linearized::asymptotics::{Energies, predict};
use overparam_linearized::hermite::Profile;
use overparam_ntk::architecture::{Layer, dense as dense_layer, erf, relu};
use overparam_ntk::{Architecture, Inputs, Kernel};
use overparam_tensor::linalg::{Real, gemm};

use super::inputs::{dense, noise_matrix, noise_tensor};
use super::workloads::{descent, features, kernels, networks};

type Run = Box<dyn FnMut() -> Result<()>>;
type Prepare = fn() -> Result<Run>;

/// Names and what they run.
const KERNELS: [(&str, Prepare); 12] = [
    ("arc-cosine-tile-f64", || ntk_tile::<f64>(relu())),
    ("arc-cosine-tile-f32", || ntk_tile::<f32>(relu())),
    ("erf-tile-f64", || ntk_tile::<f64>(erf())),
    ("exp-map-f32", exp_map),
    ("dense-ntk-row-f64", dense_row),
    ("conv-ntk-pair-f32", conv_pair),
    ("product-64-f64", product::<f64>),
    ("product-64-f32", product::<f32>),
    ("deep-linear-step-f32", || Ok(infallible(descent::one_step::<f32>(3)?))),
    ("mlp-step-f32", || Ok(infallible(networks::one_step()))),
    ("random-features-path-f64", || Ok(Box::new(features::one_width()))),
    ("asymptotic-prediction-f64", prediction),
];

/// Every kernel's name.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    KERNELS.into_iter().map(|(name, _)| name)
}

/// Runs a kernel once to warm up and once to be counted.
pub(crate) fn run(name: &str) -> Result<()> {
    let Some((_, prepare)) = KERNELS.into_iter().find(|(known, _)| *known == name) else {
        bail!("--kernel {name}: not one of {}", names().collect::<Vec<_>>().join(", "));
    };
    // On a worker, so that with one thread all work is done by the thread that counts.
    rayon::scope(|_| {
        let mut kernel = prepare()?;
        kernel()?;
        counted_kernel(&mut *kernel)
    })
}

/// What callgrind looks for, by this name.
#[inline(never)]
fn counted_kernel(kernel: &mut dyn FnMut() -> Result<()>) -> Result<()> {
    black_box(kernel())
}

fn infallible(mut run: impl FnMut() + 'static) -> Run {
    Box::new(move || {
        run();
        Ok(())
    })
}

fn ntk<T: Real>(network: &Architecture, x: Inputs<T>, z: Option<Inputs<T>>) -> Result<Run> {
    let kernel = Kernel::<T>::new(network, x.shape())?;
    Ok(Box::new(move || {
        black_box(kernel.ntk(&x, z.as_ref())?);
        Ok(())
    }))
}

/// Inputs of dimension two: nearly all of a tile's work is the maps.
fn ntk_tile<T: Real>(activation: Layer) -> Result<Run> {
    let network = Architecture::new([dense_layer(1).into(), activation, dense_layer(1).into()]);
    ntk::<T>(&network, dense(192, 2, 0).map(T::of).into(), Some(dense(192, 2, 500).map(T::of).into()))
}

fn dense_row() -> Result<Run> {
    ntk::<f64>(&kernels::fully_connected()?, dense(8, 784, 0).into(), Some(dense(192, 784, 500).into()))
}

fn conv_pair() -> Result<Run> {
    ntk::<f32>(&kernels::convolutional("global_avg_pool")?, kernels::pictures(2, 16)?, None)
}

fn exp_map() -> Result<Run> {
    let x = noise_tensor(1, &[192, 192], 1.0);
    Ok(infallible(move || {
        black_box(x.exp());
    }))
}

fn product<T: Real>() -> Result<Run> {
    let a = noise_matrix::<T>(1, 64, 64, 1.0);
    let mut c = DMatrix::zeros(64, 64);
    Ok(infallible(move || gemm(T::ONE, &a, &a, T::ZERO, black_box(&mut c))))
}

fn prediction() -> Result<Run> {
    let relu = Profile::of(&Standard::Relu)?;
    let energies = Energies { linear: 1.0, nonlinear: 0.1, noise: 0.2 };
    Ok(Box::new(move || {
        for psi in [0.5, 1.0, 2.0, 4.0] {
            black_box(predict(black_box(psi), 3.0, &relu, 0.01, energies)?);
        }
        Ok(())
    }))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_kernel_runs() {
        for name in super::names() {
            super::run(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        assert!(super::run("nonsense").is_err());
    }
}
