//! Order or chaos at initialisation: the correlation of two inputs through the layers of a deep network.
//!
//! `cargo run --release -p overparam-ntk --example order_and_chaos [FOLDER]`

mod svg;

use overparam_ntk::activation::Erf;
use overparam_ntk::prelude::*;
use overparam_ntk::theory::phase::depth_limit;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut chart = svg::Chart::new(
        "correlation of two inputs through a network of erf layers",
        ["layer", "correlation"],
    );
    for w_std in [0.7, 0.9, 1.2, 1.6, 2.5] {
        let limit = depth_limit(&Erf.into(), w_std, 0.1)?;
        println!(
            "w_std {w_std}: chi = {:.3}, {:?}, correlation {:.3}",
            limit.chi, limit.phase, limit.correlation
        );
        let inputs = Inputs::from_rows(&[[1.0, 0.0], [0.6, 0.8]]);
        let mut points = vec![[0.0, 0.6]];
        for depth in 1..=30 {
            let layer = || [Layer::from(dense(1).w_std(w_std).b_std(0.1)), erf()];
            let net = Architecture::new((0..depth).flat_map(|_| layer()).chain([dense(1).into()]));
            let k = Kernel::<f64>::new(&net, inputs.shape())?.nngp(&inputs, None)?;
            points.push([f64::from(depth), k[(0, 1)] / (k[(0, 0)] * k[(1, 1)]).sqrt()]);
        }
        chart = chart.curve(&format!("w_std = {w_std}"), points);
    }
    chart.save("order-and-chaos.svg")?;
    Ok(())
}
