//! Wide random networks, drawn and averaged: the kernel is what they converge to. Weights as the infinite network's: dense and
//! convolutional layers in NTK parameterisation; the estimate is the mean over outputs and networks of `f_c(x) f_c(y)`.

use nalgebra::DMatrix;
use overparam_ntk::architecture::shape::Shape;
use overparam_ntk::{Architecture, Images, Kernel};
use overparam_tensor::linalg::matmul;
use overparam_tensor::random::Stream;
use serde_json::Value;

const SIDE: usize = 3;
const WIDTH: usize = 200;
const NETWORKS: u64 = 40;

/// Activations of all pixels: `channels x pixels` for each input.
type Maps = Vec<DMatrix<f64>>;

fn affine(maps: &Maps, taps: &[(isize, isize)], body: &Value, stream: Stream) -> Maps {
    let (w, b) = (body["w_std"].as_f64().unwrap(), body["b_std"].as_f64().unwrap_or(0.0));
    let fan_in = maps[0].nrows();
    let bias = stream.named("bias").normal_vector::<f64>(WIDTH, b);
    let mut out: Maps = maps.iter().map(|m| DMatrix::from_fn(WIDTH, m.ncols(), |i, _| bias[i])).collect();
    let side = (maps[0].ncols() as f64).sqrt() as isize;
    for (t, &(dy, dx)) in taps.iter().enumerate() {
        let std = w / ((fan_in * taps.len()) as f64).sqrt();
        let weights: DMatrix<f64> = stream.indexed(t as u64).normal_matrix(WIDTH, fan_in, std);
        for (out, map) in out.iter_mut().zip(maps) {
            let product = matmul(&weights, map);
            for p in 0..map.ncols() as isize {
                let (y, x) = (p / side + dy, p % side + dx);
                if (0..side).contains(&y) && (0..side).contains(&x) {
                    let mut column = out.column_mut(p as usize);
                    column += product.column((y * side + x) as usize);
                }
            }
        }
    }
    out
}

fn layer(maps: &Maps, layer: &Value, stream: Stream) -> Maps {
    let pointwise = |f: fn(f64) -> f64| maps.iter().map(|m| m.map(f)).collect();
    match layer.as_str() {
        Some("relu") => return pointwise(|x| x.max(0.0)),
        Some("abs") => return pointwise(f64::abs),
        Some("sin") => return pointwise(f64::sin),
        Some("tanh") => return pointwise(f64::tanh),
        Some("global_avg_pool") => {
            return maps
                .iter()
                .map(|m| DMatrix::from_column_slice(m.nrows(), 1, m.column_mean().as_slice()))
                .collect();
        }
        Some("flatten") => {
            return maps.iter().map(|m| DMatrix::from_column_slice(m.len(), 1, m.as_slice())).collect();
        }
        _ => {}
    }
    if let Some(body) = layer.get("dense") {
        return affine(maps, &[(0, 0)], body, stream);
    }
    if let Some(body) = layer.get("conv") {
        let taps: Vec<_> = (-1..=1).flat_map(|y| (-1..=1).map(move |x| (y, x))).collect();
        return affine(maps, &taps, body, stream);
    }
    if layer.get("layer_norm").is_some() {
        let normal = |m: &DMatrix<f64>| {
            let mut m = m.clone();
            for mut column in m.column_iter_mut() {
                let (mean, std) = (column.mean(), column.variance().sqrt());
                column.iter_mut().for_each(|x| *x = (*x - mean) / std);
            }
            m
        };
        return maps.iter().map(normal).collect();
    }
    if let Some(branch) = layer.get("residual") {
        let end = apply(maps, branch, stream);
        return maps.iter().zip(&end).map(|(a, b)| a + b).collect();
    }
    let parallel = &layer["parallel"];
    let branches = parallel["branches"].as_array().unwrap().iter().enumerate();
    let ends: Vec<Maps> =
        branches.map(|(i, b)| apply(maps, b, stream.named("branch").indexed(i as u64))).collect();
    let merge = |i: usize| match parallel["combine"].as_str() {
        Some("product") => ends[0][i].component_mul(&ends[1][i]),
        Some("concat") => {
            DMatrix::from_fn(2 * WIDTH, ends[0][i].ncols(), |r, c| ends[r / WIDTH][i][(r % WIDTH, c)])
        }
        _ => &ends[0][i] + &ends[1][i],
    };
    (0..maps.len()).map(merge).collect()
}

fn apply(maps: &Maps, layers: &Value, stream: Stream) -> Maps {
    let each = layers.as_array().unwrap().iter().enumerate();
    each.fold(maps.clone(), |maps, (i, l)| layer(&maps, l, stream.indexed(i as u64)))
}

#[test]
fn networks_of_every_layer_converge_to_their_kernel() {
    let dense = r#"{"dense": {"width": 200, "w_std": 1.3, "b_std": 0.3}}"#;
    let conv =
        r#"{"conv": {"channels": 200, "filter": [3, 3], "padding": "same", "w_std": 1.3, "b_std": 0.3}}"#;
    let middle = [
        "\"relu\"".to_owned(),
        format!("\"abs\", {conv}, \"sin\""),
        format!("{{\"layer_norm\": {{}}}}, \"tanh\", {dense}, \"relu\""),
        format!("{{\"residual\": [\"relu\", {conv}]}}, \"relu\""),
        format!(
            "{{\"parallel\": {{\"branches\": [[\"relu\", {dense}], [\"sin\", {conv}]], \"combine\": \"concat\"}}}}, {dense}, \"relu\""
        ),
        format!(
            "{{\"parallel\": {{\"branches\": [[\"relu\", {dense}], [\"sin\", {conv}]], \"combine\": \"product\"}}}}"
        ),
        format!("{{\"parallel\": {{\"branches\": [[\"relu\", {dense}], [\"sin\", {conv}]]}}}}, \"abs\""),
    ];
    let shape = Shape { height: SIDE, width: SIDE, channels: 2 };
    let x = Stream::root(3).normal_vector::<f64>(3 * SIDE * SIDE * 2, 1.0);
    let inputs = Images::new(3, shape, x.as_slice().to_vec()).unwrap().into();
    let maps: Maps = x
        .as_slice()
        .chunks(shape.pixels() * 2)
        .map(|m| DMatrix::from_column_slice(2, shape.pixels(), m))
        .collect();
    let (mut inside, mut entries) = (0, 0);
    for (n, middle) in middle.iter().enumerate() {
        for head in ["flatten", "global_avg_pool"] {
            let text = format!(r#"{{"layers": [{conv}, {middle}, "{head}", {dense}]}}"#);
            let net = Architecture::from_json(&text).unwrap();
            let exact = Kernel::new(&net, shape).unwrap().nngp(&inputs, None).unwrap();
            let layers = &serde_json::from_str::<Value>(&text).unwrap()["layers"];
            let (mut sum, mut square) = (DMatrix::<f64>::zeros(3, 3), DMatrix::<f64>::zeros(3, 3));
            for network in 0..NETWORKS {
                let out = apply(&maps, layers, Stream::root(n as u64).named(head).indexed(network));
                let estimate = DMatrix::from_fn(3, 3, |i, j| out[i].dot(&out[j]) / WIDTH as f64);
                square += estimate.component_mul(&estimate);
                sum += estimate;
            }
            let count = NETWORKS as f64;
            for i in 0..9 {
                let mean = sum[i] / count;
                let error = ((square[i] / count - mean * mean) / (count - 1.0)).sqrt();
                entries += 1;
                inside += usize::from((mean - exact[i]).abs() < 4.0 * error + 0.01 * exact.amax());
                assert!(
                    (mean - exact[i]).abs() < 8.0 * error + 0.02 * exact.amax(),
                    "{text}: {mean} +- {error} {}",
                    exact[i]
                );
            }
        }
    }
    assert!(inside * 100 >= entries * 99, "{inside} of {entries} within four standard errors");
}
