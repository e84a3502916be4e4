//! Infinite-width tangent kernels of three-layer ReLU networks, fully connected and convolutional.

use anyhow::Result;
use nalgebra::DMatrix;
use overparam_ntk::architecture::shape::Shape;
use overparam_ntk::{Architecture, Images, Inputs, Kernel};
use overparam_tensor::linalg::Real;

use super::super::case::{Case, Cost, Precision, Threads, Workload, job};
use super::super::inputs::{dense, images, moments};

pub(super) const PACKAGES: &[&str] = &["neural-tangents", "jax"];
const LAYERS: f64 = 3.0;

fn three(layer: &str, head: &str) -> Result<Architecture> {
    let last = r#"{"dense": {"width": 1, "w_std": 1.4142135623730951, "b_std": 0.1}}"#;
    let hidden = format!("{layer}, \"relu\", ").repeat(3);
    Ok(Architecture::from_json(&format!(r#"{{"layers": [{hidden}{head}{last}]}}"#))?)
}

/// Three hidden layers of ReLU.
pub(in crate::bench) fn fully_connected() -> Result<Architecture> {
    three(r#"{"dense": {"width": 1, "w_std": 1.4142135623730951, "b_std": 0.1}}"#, "")
}

/// Three convolutions of 3 x 3 with ReLU, then `head`.
pub(in crate::bench) fn convolutional(head: &str) -> Result<Architecture> {
    let layer = r#"{"conv": {"channels": 1, "filter": [3, 3], "padding": "same", "w_std": 1.4142135623730951, "b_std": 0.1}}"#;
    three(layer, &format!("\"{head}\", "))
}

/// `n` images of `size x size` with three channels.
pub(in crate::bench) fn pictures<T: Real>(n: usize, size: usize) -> Result<Inputs<T>> {
    let shape = Shape { height: size, width: size, channels: 3 };
    Ok(Images::new(n, shape, images::<T>(n, size).to_vec())?.into())
}

/// The sum, the norm and one entry of a kernel.
pub(in crate::bench) fn summary<T: Real>(kernel: &DMatrix<T>) -> Vec<f64> {
    let [sum, norm] = moments(kernel.iter().copied());
    vec![sum, norm, kernel[(0, 1)].f64()]
}

/// The tangent kernel of a batch with itself, again and again.
pub(super) fn ntk<T: Real>(network: &Architecture, x: Inputs<T>) -> Result<Box<dyn Workload>> {
    let kernel = Kernel::<T>::new(network, x.shape())?;
    let run = move |result: &mut Option<DMatrix<T>>| {
        // The last result's memory goes first, as in the peer.
        *result = None;
        *result = Some(kernel.ntk(&x, None)?);
        Ok(())
    };
    Ok(job(None, run, |result: &Option<DMatrix<T>>| Ok(result.as_ref().map_or_else(Vec::new, summary))))
}

/// Operations of one arc-cosine pair (both moments and the margin): 30 and a polynomial of 20 or 9 multiply-adds.
fn map_operations(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 48.0,
        Precision::F64 => 70.0,
    }
}

fn dense_case(precision: Precision) -> Case {
    const N: usize = 4000;
    const D: usize = 784;
    let (n, d) = (N as f64, D as f64);
    let pairs = n * (n + 1.0) / 2.0;
    let prepare = move || {
        let (network, x) = (fully_connected()?, dense(N, D, 0));
        match precision {
            Precision::F32 => ntk::<f32>(&network, x.map(|x| x as f32).into()),
            Precision::F64 => ntk::<f64>(&network, x.into()),
        }
    };
    Case {
        name: format!("ntk-dense-4000-{}", precision.name()),
        work: format!(
            "NTK of a fully connected ReLU network, 3 hidden layers, 4,000 inputs of dimension 784, {}",
            precision.name()
        ),
        packages: PACKAGES,
        target: 6.0,
        precision,
        threads: Threads::All,
        cost: Cost {
            flops: pairs * (2.0 * d + LAYERS * (map_operations(precision) + 6.0)),
            bytes: precision.bytes() * (n * d + n * n),
            counted: "half of the Gram product; on half of the pairs and each layer 70 operations (f32: 48) of the arc-cosine \
                      maps and 6 of the affine layer",
        },
        tolerance: if precision == Precision::F32 { 1e-4 } else { 1e-10 },
        rounds: 5,
        prepare: Box::new(prepare),
    }
}

/// A convolutional kernel; `target` and `rounds` by how slow the peer is.
fn image_case(
    (head, words): (&'static str, &str),
    (n, size): (usize, usize),
    precision: Precision,
    (target, rounds): (f64, usize),
) -> Case {
    let pooled = head == "global_avg_pool";
    let pixels = (size * size) as f64;
    let pairs = (n * (n + 1)) as f64 / 2.0 * if pooled { pixels * pixels } else { pixels };
    let prepare = move || {
        let network = convolutional(head)?;
        match precision {
            Precision::F32 => ntk::<f32>(&network, pictures(n, size)?),
            Precision::F64 => ntk::<f64>(&network, pictures(n, size)?),
        }
    };
    let name = if pooled { "pool" } else { "flatten" };
    Case {
        name: format!("ntk-conv-{name}-{size}x{size}-{}", precision.name()),
        work: format!(
            "NTK of 3 convolutions of 3 x 3 with ReLU and {words}, {n} images of {size} x {size} x 3, {}",
            precision.name()
        ),
        packages: PACKAGES,
        target,
        precision,
        threads: Threads::All,
        cost: Cost {
            flops: pairs * (6.0 + LAYERS * (map_operations(precision) + 12.0)),
            bytes: precision.bytes() * (n as f64 * pixels * 3.0 + (n * n) as f64),
            counted: "on half of the image pairs, each pair of pixels (flatten: equal pixels) and each layer 70 operations (f32: \
                      48) of the arc-cosine maps and 12 of the filter's sums; 6 of the inputs' products",
        },
        tolerance: if precision == Precision::F32 { 1e-4 } else { 1e-10 },
        rounds,
        prepare: Box::new(prepare),
    }
}

/// The first six rows of the table.
pub(super) fn cases() -> Vec<Case> {
    let pool = ("global_avg_pool", "global average pooling");
    vec![
        dense_case(Precision::F64),
        dense_case(Precision::F32),
        image_case(pool, (64, 8), Precision::F64, (30.0, 3)),
        image_case(pool, (32, 16), Precision::F32, (60.0, 1)),
        image_case(pool, (8, 32), Precision::F32, (60.0, 1)),
        image_case(("flatten", "a dense layer on all pixels"), (64, 32), Precision::F32, (4.0, 5)),
    ]
}
