//! Properties, and comparisons with independent references.

mod first_stage;
mod risks;
mod second_stage;
mod tasks;

use overparam_tensor::random::Stream;

use super::{Setting, SharedRegression, Truth};

/// A truth and its source data.
fn drawn(setting: &Setting, stream: &Stream) -> (Truth, SharedRegression) {
    let truth = Truth::draw(setting, stream).unwrap();
    let data = truth.source_data(&stream.named("sources")).unwrap();
    (truth, data)
}

/// Mean and standard error of the mean.
fn mean_and_error(sample: &[f64]) -> (f64, f64) {
    let n = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / n;
    let variance = sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}
