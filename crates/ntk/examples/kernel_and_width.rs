//! How fast the tangent kernel of a finite network approaches its limit: the relative distance against the width.
//!
//! `cargo run --release -p overparam-ntk --example kernel_and_width [FOLDER]`

mod svg;

use overparam_ntk::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let inputs = Inputs::from_rows(&[[1.0, 0.3, -0.2], [0.2, -1.1, 0.5], [-0.7, 0.4, 0.9]]);
    let mut points = Vec::new();
    for width in [16, 32, 64, 128, 256, 512, 1024] {
        let net = serial![
            dense(width).w_std(2f64.sqrt()),
            relu(),
            dense(width).w_std(2f64.sqrt()),
            relu(),
            dense(1)
        ];
        let limit = Kernel::new(&net, inputs.shape())?.ntk(&inputs, None)?;
        let mut distance = 0.0f64;
        for seed in 0..5 {
            let finite = net.finite(inputs.shape(), &Stream::root(seed))?;
            let found =
                EmpiricalNtk::new(&finite.network, &finite.params)?.trace(&Batch::from(&inputs), None)?;
            distance += (found - &limit).norm() / limit.norm() / 5.0;
        }
        println!("width {width:>4}: {distance:.4}");
        points.push([(width as f64).log2(), distance.log2()]);
    }
    let (first, n) = (points[0], points.len());
    svg::Chart::new(
        "empirical NTK of a ReLU network of two hidden layers",
        ["log2 width", "log2 distance from the limit"],
    )
    .curve("mean of 5 networks", points.clone())
    .curve("slope -1/2", (0..n).map(|i| [points[i][0], first[1] - 0.5 * (points[i][0] - first[0])]).collect())
    .save("kernel-and-width.svg")?;
    Ok(())
}
