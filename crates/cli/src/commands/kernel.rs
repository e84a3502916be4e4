//! `kernel`: the infinite-width kernels of an architecture between inputs from files.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, anyhow};
use clap::{Args, ValueEnum};
use overparam_ntk::Kernel;
use overparam_tensor::Array;
use overparam_tensor::linalg::Real;

use crate::evaluate::{Kind, evaluate};
use crate::files::{Batch, Layout, Output, architecture};
use crate::terminal::duration;

/// What to compute from which files.
#[derive(Args)]
pub struct KernelOptions {
    /// The architecture, .json or .toml; see docs/architectures.md
    #[arg(long, value_name = "FILE")]
    arch: PathBuf,
    /// First inputs, .npy, .npz, .npz:NAME or .csv: inputs x features, sequences x length x channels, or images x height x
    /// width x channels
    #[arg(long, value_name = "FILE")]
    x1: PathBuf,
    /// Second inputs of the same shape; without them, the first with themselves
    #[arg(long, value_name = "FILE")]
    x2: Option<PathBuf>,
    /// The order of the axes of images and sequences [default: nhwc]
    #[arg(long, value_enum)]
    layout: Option<Layout>,
    /// Result, .npz, with arrays named nngp and ntk, n1 x n2
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Which kernels
    #[arg(long, value_enum, default_value_t = Kind::Both)]
    kind: Kind,
    /// Of the computation and the result
    #[arg(long, value_enum, default_value_t = Precision::F64)]
    precision: Precision,
}

#[derive(Clone, Copy, ValueEnum)]
enum Precision {
    /// Single
    F32,
    /// Double
    F64,
}

/// Computes and writes the kernels.
pub(crate) fn kernel(options: &KernelOptions) -> Result<ExitCode> {
    match options.precision {
        Precision::F32 => run::<f32>(options),
        Precision::F64 => run::<f64>(options),
    }
}

fn run<T: Real>(options: &KernelOptions) -> Result<ExitCode> {
    let start = Instant::now();
    let mut inputs = vec![("arch", options.arch.as_path()), ("x1", &options.x1)];
    inputs.extend(options.x2.as_deref().map(|path| ("x2", path)));
    let output = Output::new("out", &options.out, "npz", &inputs)?;
    let network = architecture("arch", &options.arch)?;
    let x1 = Batch::<T>::read("x1", &options.x1, options.layout)?;
    x1.refuse_flat_images(&network)?;
    let x2 = options.x2.as_deref().map(|path| Batch::read("x2", path, options.layout)).transpose()?;
    if let Some(x2) = &x2 {
        x2.expect_shape_of(&x1)?;
    }
    let compiled = Kernel::<T>::new(&network, x1.shape())
        .map_err(|e| anyhow!("--arch {}: {e}", options.arch.display()))?;
    [Some(&x1), x2.as_ref()].into_iter().flatten().for_each(Batch::tell);
    let results = evaluate(&compiled, options.kind, (&x1, x2.as_ref()), "kernel")?;
    let arrays: Vec<(&str, Array<T>)> =
        results.into_iter().map(|(name, k)| (name, Array::from(&k))).collect();
    output.write_arrays(&arrays)?;
    let words: Vec<String> =
        arrays.iter().map(|(name, a)| format!("{name} {} x {}", a.shape()[0], a.shape()[1])).collect();
    let time = duration(start.elapsed().as_secs_f64());
    say!("{}: {} ({})  ({time})", output.path().display(), words.join(", "), T::NAME);
    Ok(ExitCode::SUCCESS)
}
