//! Kernels against the recursion as it stands in the literature ([`crate::common::recursion`]): sizes, windows, layers.

use crate::common::recursion::reference;
use nalgebra::DMatrix;
use overparam_ntk::architecture::shape::Shape;
use overparam_ntk::{Architecture, Images, Inputs, Kernel};
use overparam_tensor::linalg::Real;
use overparam_tensor::random::Stream;
use serde_json::{Value, json};

/// Some images of random numbers.
fn random(count: usize, shape: Shape) -> Vec<Vec<f64>> {
    let size = shape.pixels() * shape.channels;
    (0..count)
        .map(|i| Stream::root(10).indexed(i as u64).normal_vector::<f64>(size, 1.0).as_slice().to_vec())
        .collect()
}

fn batch<T: Real>(images: &[Vec<f64>], shape: Shape) -> Inputs<T> {
    let data: Vec<T> = images.iter().flatten().map(|&x| T::of(x)).collect();
    if shape.pixels() == 1 {
        return DMatrix::from_row_slice(images.len(), shape.channels, &data).into();
    }
    Images::new(images.len(), shape, data).unwrap().into()
}

fn compare<T: Real>(shape: Shape, layers: &Value, standard: bool, tolerance: f64) {
    let images = random(2, shape);
    let [(own, own_ntk), (cross, cross_ntk)] = reference(&images[0], &images[1], shape, layers, standard);
    let parameterization = if standard { "standard" } else { "ntk" };
    let tree = json!({"parameterization": parameterization, "layers": layers});
    let kernel = Kernel::<T>::new(&Architecture::from_value(tree).unwrap(), shape).unwrap();
    let found = kernel.both(&batch(&images, shape), None).unwrap();
    let each = [
        (own, &found.nngp, 0),
        (cross, &found.nngp, 1),
        (own_ntk, &found.ntk, 0),
        (cross_ntk, &found.ntk, 1),
    ];
    for (expected, found, at) in each {
        let scale = if at == 0 { expected.abs() } else { (found[(0, 0)] * found[(1, 1)]).f64().sqrt() };
        let error = (found[(0, at)].f64() - expected).abs() / scale;
        assert!(
            error < tolerance,
            "{shape:?} {layers} (0, {at}): {} is not {expected}",
            found[(0, at)].f64()
        );
    }
}

fn check(shape: Shape, layers: &Value) {
    for standard in [false, true] {
        // Attention in standard parameterisation has a convention of its own.
        if standard && layers.to_string().contains("attention") {
            continue;
        }
        compare::<f64>(shape, layers, standard, 1e-11);
        compare::<f32>(shape, layers, standard, 1e-4);
    }
}

fn conv(channels: usize, filter: [usize; 2], padding: &str) -> Value {
    json!({"conv": {"channels": channels, "filter": filter, "padding": padding, "w_std": 1.3, "b_std": 0.2}})
}

fn dense(width: usize) -> Value {
    json!({"dense": {"width": width, "w_std": 1.4, "b_std": 0.3}})
}

/// Widths below, at and above the length of a vector, and numbers of channels with loops of their own.
#[test]
fn images_of_many_sizes() {
    let sizes = [(3, 4, 1), (2, 8, 3), (2, 16, 1), (3, 5, 3), (2, 8, 2), (1, 9, 1), (4, 1, 2), (2, 17, 3)];
    for (height, width, channels) in sizes {
        let shape = Shape { height, width, channels };
        for end in ["flatten", "global_avg_pool"] {
            let body = [conv(4, [3, 3], "same"), json!("relu"), conv(5, [1, 3], "same"), json!("relu")];
            let layers: Vec<Value> = body.into_iter().chain([json!(end), dense(3)]).collect();
            check(shape, &json!(layers));
        }
    }
}

#[test]
fn windows_of_every_kind() {
    let shape = Shape { height: 5, width: 6, channels: 2 };
    for padding in ["valid", "same", "circular"] {
        for (filter, strides) in [([3, 2], [1, 1]), ([2, 3], [2, 1]), ([1, 1], [1, 2]), ([4, 5], [1, 1])] {
            let mut first = conv(3, filter, padding);
            first["conv"]["strides"] = json!(strides);
            for end in ["flatten", "global_sum_pool"] {
                check(shape, &json!([first, "relu", conv(2, [2, 2], padding), "erf", end, dense(2)]));
            }
            for (pool, end) in [("avg_pool", "flatten"), ("sum_pool", "global_avg_pool")] {
                let pool = json!({pool: {"window": filter, "strides": strides, "padding": padding}});
                let (before, after) = (conv(3, [3, 3], "same"), conv(2, [1, 2], "valid"));
                check(shape, &json!([before, "relu", pool, after, "relu", end]));
            }
        }
    }
}

#[test]
fn layers_that_mix_and_branch() {
    let attention = json!({"global_self_attention": {"channels": 4, "w_query_std": 0.8, "w_key_std": 0.7, "w_value_std": 1.2, "w_out_std": 0.9, "b_std": 0.1}});
    let bare = json!({"dense": {"width": 3, "w_std": 1.1}});
    let square = json!({"monomial": {"degree": 2}});
    let parallel = |combine: &str, channels: usize| {
        let branches =
            [json!(["relu", conv(channels, [3, 3], "same")]), json!(["erf", conv(3, [1, 3], "same")])];
        json!({"parallel": {"branches": branches, "combine": combine}})
    };
    let pooled = |pool: &str| json!({pool: {"window": [2, 2], "padding": "same"}});
    let bodies = [
        json!([{"residual": ["relu", conv(3, [3, 3], "same")]}, "relu"]),
        json!([attention, "relu"]),
        json!([{"residual": ["relu", conv(3, [3, 3], "same"), attention]}, "relu"]),
        json!([square, bare, {"layer_norm": {"eps": 0.1}}, "relu"]),
        json!(["relu", {"dropout": {"keep": 0.7}}, conv(3, [3, 2], "circular"), "erf"]),
        json!(["relu", {"avg_pool": {"window": [2, 2], "padding": "circular"}}, conv(3, [1, 1], "same")]),
        json!(["relu", {"dropout": {"keep": 0.6}}, {"avg_pool": {"window": [2, 2], "padding": "same"}}, conv(3, [1, 3], "same"), "relu"]),
        json!([{"dropout": {"keep": 0.6}}, attention, "relu"]),
        json!([parallel("concat", 2), bare, "relu"]),
        json!([parallel("product", 3), bare, "relu"]),
        json!([{"residual": ["relu", {"conv": {"channels": 3, "filter": [2, 2], "padding": "same"}}]}, "layer_norm", "erf"]),
        // Nothing that goes slab by slab before the end; pooling in branches alone; weights that are all but one zero.
        json!(["relu", {"conv": {"channels": 3, "filter": [2, 2], "strides": [2, 1], "padding": "same"}}]),
        json!([{"parallel": {"branches": [["relu", pooled("avg_pool"), bare], ["erf", pooled("sum_pool"), bare]]}}, "relu"]),
        json!([{"global_self_attention": {"channels": 4, "w_query_std": 20, "w_key_std": 20}}, "relu"]),
    ];
    for (height, width) in [(3, 4), (1, 1), (2, 8)] {
        for body in &bodies {
            for end in ["flatten", "global_avg_pool"] {
                let mut layers = vec![conv(3, [3, 3], "same")];
                layers.extend(body.as_array().unwrap().iter().cloned());
                layers.extend([json!(end), dense(2)]);
                check(Shape { height, width, channels: 3 }, &json!(layers));
            }
        }
    }
}

/// An input meets its own mask: the variances after pooling say so.
#[test]
fn dropout_before_pooling() {
    for pool in ["global_avg_pool", "global_sum_pool"] {
        let layers = json!([conv(3, [3, 3], "same"), "relu", {"dropout": {"keep": 0.5}}, pool, dense(3), "relu", dense(2)]);
        check(Shape { height: 2, width: 8, channels: 3 }, &layers);
        check(Shape { height: 3, width: 2, channels: 1 }, &layers);
    }
}

/// More vectors than two tiles hold, and a part of one, alone and against fewer: each entry is that of the pair by itself.
#[test]
fn vectors_beyond_a_tile() {
    let shape = Shape { height: 1, width: 1, channels: 3 };
    let layers = json!([dense(3), "relu", {"dropout": {"keep": 0.8}}, dense(3)]);
    let net = Architecture::from_value(json!({"layers": layers})).unwrap();
    let vectors = random(401, shape);
    let (some, rest) = vectors.split_at(195);
    let kernel = Kernel::<f64>::new(&net, shape).unwrap();
    let all = kernel.both(&batch(&vectors, shape), None).unwrap();
    let cross = kernel.both(&batch(rest, shape), Some(&batch(some, shape))).unwrap();
    for (i, x) in vectors.iter().enumerate() {
        for (j, y) in vectors.iter().enumerate() {
            let found = (all.nngp[(i, j)], all.ntk[(i, j)]);
            if i >= 195 && j < 195 {
                assert_eq!((cross.nngp[(i - 195, j)], cross.ntk[(i - 195, j)]), found, "{i} {j}");
            }
            // Every pair would take a second: those around seams, and some others.
            if i != j && i % 192 > 1 && j % 192 < 190 && (i + 3 * j) % 61 > 0 {
                continue;
            }
            let [own, both] = reference(x, y, shape, &layers, false);
            let (k, t) = if i == j { own } else { both };
            assert!(
                (found.0 - k).abs() < 1e-6 && (found.1 - t).abs() < 1e-6,
                "{i} {j}: {found:?}, not {k} {t}"
            );
        }
    }
    let one = kernel.both(&batch(&vectors[..1], shape), None).unwrap();
    assert_eq!((one.nngp[(0, 0)], one.ntk[(0, 0)]), (all.nngp[(0, 0)], all.ntk[(0, 0)]));
    assert_eq!(kernel.nngp(&batch(&vectors, shape), None).unwrap(), all.nngp);
    assert_eq!(kernel.ntk(&batch(&vectors, shape), None).unwrap(), all.ntk);
}
