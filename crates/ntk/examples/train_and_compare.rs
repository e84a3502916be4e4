//! Predict what a wide network says after training, train one, and compare: outputs along a line through the examples.
//!
//! `cargo run --release -p overparam-ntk --example train_and_compare [FOLDER]`

mod svg;

use overparam_ntk::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let net = serial![dense(512).w_std(1.5).b_std(0.3), erf(), dense(1)];
    let train = Data::from_rows(&[[-1.5], [-0.5], [0.4], [1.4]], &[[0.6], [-0.4], [0.5], [-0.2]])?;
    let line: Vec<[f64; 1]> = (0..=80).map(|i| [f64::from(i) / 20.0 - 2.0]).collect();
    let test = Inputs::from_rows(&line);

    let expected = net.infinite(&train)?.predict(Schedule::flow(200.0), &test)?;
    let mut finite = net.finite(test.shape(), &Stream::root(1))?;
    let report = finite.descend(&train, 1.0, 200)?;
    let found = finite.outputs(&test)?;
    println!("loss {:.2e} after {} steps", train.loss(&finite.outputs(train.inputs())?)?, report.steps);

    let band = |i: usize| 2.0 * expected.covariance[(i, i)].max(0.0).sqrt();
    let at = |i: usize| line[i][0];
    svg::Chart::new("after training: theory and one network of width 512", ["x", "f(x)"])
        .curve("infinite width", (0..line.len()).map(|i| [at(i), expected.mean[i]]).collect())
        .band(
            (0..line.len())
                .map(|i| [at(i), expected.mean[i] - band(i), expected.mean[i] + band(i)])
                .collect(),
        )
        .curve("width 512", (0..line.len()).map(|i| [at(i), found[i]]).collect())
        .save("train-and-compare.svg")?;
    Ok(())
}
