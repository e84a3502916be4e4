//! What a kernel learns first: the eigenvalues of tangent kernels on the sphere, degree by degree.
//!
//! `cargo run --release -p overparam-ntk --example spectrum [FOLDER]`

mod svg;

use overparam_ntk::prelude::*;
use overparam_ntk::theory::sphere::spectrum;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dimension = 10;
    let mut chart = svg::Chart::new("NTK on the sphere in 10 dimensions", ["degree", "log10 eigenvalue"]);
    for depth in [1, 2, 4, 8] {
        let hidden = || [Layer::from(dense(1).w_std(2f64.sqrt()).b_std(0.1)), relu()];
        let net = Architecture::new((0..depth).flat_map(|_| hidden()).chain([dense(1).into()]));
        // Inputs of the plane at every angle: the kernel depends on their inner product alone. Rows have norm sqrt(2).
        let kernel = Kernel::new(&net, Shape::vector(2))?;
        let value = |t: f64| -> Result<f64, NtkError> {
            let scale = 2f64.sqrt();
            let pair = Inputs::from_rows(&[[scale, 0.0], [scale * t, scale * (1.0 - t * t).max(0.0).sqrt()]]);
            Ok(kernel.ntk(&pair, None)?[(0, 1)])
        };
        value(0.0)?;
        let harmonics = spectrum(|t| value(t).unwrap_or(f64::NAN), dimension, 8)?;
        let points = harmonics.iter().filter(|h| h.eigenvalue > 1e-14);
        let points: Vec<[f64; 2]> = points.map(|h| [h.degree as f64, h.eigenvalue.log10()]).collect();
        println!(
            "{depth} hidden layers: {}",
            harmonics.iter().map(|h| format!("{:.1e}", h.eigenvalue)).collect::<Vec<_>>().join(" ")
        );
        chart = chart.curve(&format!("{depth} hidden layers"), points);
    }
    chart.save("spectrum.svg")?;
    Ok(())
}
