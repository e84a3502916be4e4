//! Images that nearly agree. A convolution followed by a ReLU is a ReLU on patches: with `u_p` the entries under the filter at
//! `p`, times `w / sqrt(area channels)`, and the bias as one entry more,
//!
//! `k = mean |u| |v| (sin t + (pi - t) cos t) / (2 pi)`,  `ntk = k + mean u.v (pi - t) / (2 pi)`,  `t` the angle of `u` and `v`,
//!
//! which has all its digits if `t` is taken from `u/|u| - v/|v|`, where its cosine has lost half of them.

use overparam_ntk::architecture::shape::Shape;
use overparam_ntk::{Architecture, Images, Inputs, Kernel};
use overparam_tensor::linalg::Real;
use overparam_tensor::random::Stream;
use serde_json::json;
use std::f64::consts::PI;

const SHAPE: Shape = Shape { height: 3, width: 5, channels: 2 };

/// The patch of filter `[h, w]` whose first entry is pixel `(y, x)`; zeros outside the image.
fn patch(image: &[f64], [h, w]: [usize; 2], (y, x): (isize, isize), weight: f64, bias: f64) -> Vec<f64> {
    let Shape { height, width, channels } = SHAPE;
    let scale = weight / ((h * w * channels) as f64).sqrt();
    let mut entries = vec![bias];
    for i in (0..h * w).map(|i| (y + (i / w) as isize, x + (i % w) as isize)) {
        let inside = (0..height as isize).contains(&i.0) && (0..width as isize).contains(&i.1);
        let at = if inside { (i.0 as usize * width + i.1 as usize) * channels } else { 0 };
        entries.extend((0..channels).map(|c| if inside { scale * image[at + c] } else { 0.0 }));
    }
    entries
}

/// `(E relu relu, u.v E relu' relu')` of two patches.
fn relu(u: &[f64], v: &[f64]) -> (f64, f64) {
    let norm = |u: &[f64]| u.iter().map(|x| x * x).sum::<f64>().sqrt();
    let (a, b) = (norm(u), norm(v));
    let apart = |sign: f64| norm(&u.iter().zip(v).map(|(x, y)| x / a + sign * y / b).collect::<Vec<_>>());
    let t = 2.0 * apart(-1.0).atan2(apart(1.0));
    let share = (PI - t) / (2.0 * PI);
    (a * b * (t.sin() / (2.0 * PI) + share * t.cos()), a * b * t.cos() * share)
}

fn check<T: Real>(apart: f64, tolerance: f64) {
    let size = SHAPE.pixels() * SHAPE.channels;
    let noise = |i: u64| Stream::root(3).indexed(i).normal_vector::<f64>(size, 1.0);
    let mut x = noise(0);
    // A pixel that is small enough to point elsewhere.
    x.rows_mut(0, 2).copy_from(&(noise(2).rows(0, 2) * apart));
    let mut y = &x + noise(1) * apart;
    y.rows_mut(0, 2).copy_from(&(-1.5 * x.rows(0, 2)));
    let images = [x, y].map(|image| image.iter().map(|&x| T::of(x).f64()).collect::<Vec<f64>>());
    let data = images.iter().flatten().map(|&x| T::of(x)).collect();
    let batch: Inputs<T> = Images::new(2, SHAPE, data).unwrap().into();
    let filters = [([3, 3], "same", 1), ([2, 2], "valid", 0), ([1, 1], "same", 0)];
    for ((filter, padding, before), bias) in filters.into_iter().flat_map(|f| [(f, 0.0), (f, 0.4)]) {
        let places: Vec<(isize, isize)> = {
            let [h, w] = if padding == "same" { [1, 1] } else { filter };
            let columns = (SHAPE.width + 1 - w) as isize;
            (0..(SHAPE.height + 1 - h) as isize)
                .flat_map(|y| (0..columns).map(move |x| (y - before, x - before)))
                .collect()
        };
        let [u, v] = [0, 1].map(|i: usize| {
            places.iter().map(|&p| patch(&images[i], filter, p, 1.3, bias)).collect::<Vec<_>>()
        });
        let n = places.len();
        for end in ["flatten", "global_avg_pool"] {
            let pairs: Vec<(usize, usize)> = match end {
                "flatten" => (0..n).map(|p| (p, p)).collect(),
                _ => (0..n * n).map(|i| (i / n, i % n)).collect(),
            };
            let count = pairs.len() as f64;
            let (k, through) = pairs.into_iter().fold((0.0, 0.0), |(k, t), (p, r)| {
                let (more, through) = relu(&u[p], &v[r]);
                (k + more / count, t + through / count)
            });
            let conv = json!({"conv": {"channels": 3, "filter": filter, "padding": padding, "w_std": 1.3, "b_std": bias}});
            let net = json!({"layers": [conv, "relu", end, {"dense": {"width": 1}}]});
            let kernel = Kernel::<T>::new(&Architecture::from_value(net).unwrap(), SHAPE).unwrap();
            let found = kernel.both(&batch, None).unwrap();
            for (name, found, expected) in [("nngp", &found.nngp, k), ("ntk", &found.ntk, k + through)] {
                let error = (found[(0, 1)].f64() - expected).abs() / found[(0, 0)].f64();
                assert!(error < tolerance, "{filter:?} {padding} {bias} {end} {name}: {error:e}");
            }
        }
    }
}

/// Patches `1e-7` apart, where a cosine in f64 knows the angle to one digit, and `1e-3`, where one in f32 does.
#[test]
fn angles_of_patches_keep_their_digits() {
    check::<f64>(1e-7, 1e-14);
    check::<f32>(1e-3, 1e-6);
}
