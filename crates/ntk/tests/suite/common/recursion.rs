//! The recursion as it stands in the literature, written without regard to speed or cancellation: all pairs of pixels of three
//! pairs of inputs (each with itself, and both), layer by layer, in f64.

use nalgebra::DMatrix;
use overparam_ntk::architecture::shape::Shape;
use serde_json::Value;
use std::f64::consts::PI;

/// Covariance and NTK of every pixel `p` of one input with every pixel `r` of the other, at `p * pixels + r`.
#[derive(Clone)]
struct Pairs {
    height: usize,
    width: usize,
    k: Vec<f64>,
    t: Vec<f64>,
}

impl Pairs {
    fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// `f(p, r, k, t)` in the place of `k` and `t`.
    fn map(&self, f: impl Fn(usize, usize, f64, f64) -> (f64, f64)) -> Self {
        let n = self.pixels();
        let (k, t) = (0..n * n).map(|i| f(i / n, i % n, self.k[i], self.t[i])).unzip();
        Self { k, t, ..*self }
    }

    /// `out[p, r] = sum over pairs of pixels (a, b) that meet(p, a, r, b)`, `p` and `r` pixels of an image of the new size.
    fn gather(
        &self,
        [height, width]: [usize; 2],
        meet: &dyn Fn(usize, usize) -> Vec<(usize, usize)>,
    ) -> Self {
        let (n, m) = (self.pixels(), height * width);
        let sum = |v: &[f64]| {
            (0..m * m).map(|i| meet(i / m, i % m).into_iter().map(|(a, b)| v[a * n + b]).sum()).collect()
        };
        Self { height, width, k: sum(&self.k), t: sum(&self.t) }
    }
}

/// `x` with itself, `y` with itself, `x` with `y`.
type State = [Pairs; 3];

/// Where a window of `size` in steps of `stride` looks: for every position its taps, `None` in the padding.
fn taps(length: usize, size: usize, stride: usize, padding: &str) -> Vec<Vec<Option<usize>>> {
    let (count, before) = match padding {
        "valid" => ((length - size) / stride + 1, 0),
        _ => {
            let count = length.div_ceil(stride);
            (count, ((count - 1) * stride + size).saturating_sub(length) / 2)
        }
    };
    let tap = |at: isize| match padding {
        "circular" => Some(at.rem_euclid(length as isize) as usize),
        _ => usize::try_from(at).ok().filter(|&at| at < length),
    };
    let start = |i: usize| (i * stride) as isize - before as isize;
    (0..count).map(|i| (0..size).map(|d| tap(start(i) + d as isize)).collect()).collect()
}

/// The size after a window, and for each pixel after it the pixel of each tap.
fn window(pairs: &Pairs, body: &Value, name: &str) -> ([usize; 2], Vec<Vec<Option<usize>>>) {
    let padding = body["padding"].as_str().unwrap_or("valid");
    let [rows, columns] = [(0, pairs.height), (1, pairs.width)].map(|(axis, length)| {
        let of = |field: &str| body[field][axis].as_u64().unwrap_or(1) as usize;
        taps(length, of(name), of("strides"), padding)
    });
    let each = |y: usize, x: usize| -> Vec<Option<usize>> {
        let row = |a: &Option<usize>| -> Vec<Option<usize>> {
            columns[x].iter().map(|b| a.zip(*b).map(|(a, b)| a * pairs.width + b)).collect()
        };
        rows[y].iter().flat_map(row).collect()
    };
    let size = [rows.len(), columns.len()];
    (size, (0..size[0] * size[1]).map(|i| each(i / size[1], i % size[1])).collect())
}

fn number(body: &Value, field: &str, default: f64) -> f64 {
    body[field].as_f64().unwrap_or(default)
}

/// `k' = w2 k + b^2` and `t' = c k + d + w2 t`: derivatives by the weights and the bias, then by all before.
fn affine(state: State, body: &Value, w2: f64, fan_in: Option<f64>) -> State {
    let b2 = number(body, "b_std", 0.0).powi(2);
    let (c, d) = match fan_in {
        None => (w2, b2),
        Some(channels) => (channels, if body["b_std"].is_null() { 0.0 } else { 1.0 }),
    };
    state.map(|pairs| pairs.map(|_, _, k, t| (w2 * k + b2, c * k + d + w2 * t)))
}

/// `f(q_x, q_y, k)` gives `E phi(u) phi(v)` and `E phi'(u) phi'(v)`.
fn activation(state: &State, f: impl Fn(f64, f64, f64) -> (f64, f64)) -> State {
    let n = state[0].pixels();
    let variance = |i: usize, p: usize| state[i].k[p * n + p];
    [(0, [0, 0]), (1, [1, 1]), (2, [0, 1])].map(|(i, [x, y])| {
        state[i].map(|p, r, k, t| {
            let (kappa, dot) = f(variance(x, p), variance(y, r), k);
            (kappa, dot * t)
        })
    })
}

fn relu(qx: f64, qy: f64, k: f64) -> (f64, f64) {
    let g = (qx * qy).sqrt();
    let angle = (k / g).clamp(-1.0, 1.0).acos();
    (g / (2.0 * PI) * (angle.sin() + (PI - angle) * angle.cos()), (PI - angle) / (2.0 * PI))
}

fn erf(qx: f64, qy: f64, k: f64) -> (f64, f64) {
    let scale = (1.0 + 2.0 * qx) * (1.0 + 2.0 * qy);
    (2.0 / PI * (2.0 * k / scale.sqrt()).asin(), 4.0 / PI / (scale - 4.0 * k * k).sqrt())
}

fn square(qx: f64, qy: f64, k: f64) -> (f64, f64) {
    (qx * qy + 2.0 * k * k, 4.0 * k)
}

/// `G_x K G_y^T` with `G = softmax(w_q w_k k)` of each side.
fn attend(state: &State, body: &Value) -> [Pairs; 3] {
    let n = state[0].pixels();
    let logit = number(body, "w_query_std", 1.0) * number(body, "w_key_std", 1.0);
    let weights = |own: &Pairs| {
        let mut g = DMatrix::from_fn(n, n, |p, r| logit * own.k[p * n + r]);
        g.row_iter_mut().for_each(|mut row| {
            let top = row.max();
            row.apply(|x| *x = (*x - top).exp());
            row /= row.sum();
        });
        g
    };
    let (x, y) = (weights(&state[0]), weights(&state[1]));
    [(0, &x, &x), (1, &y, &y), (2, &x, &y)].map(|(i, left, right)| {
        let mix = |v: &[f64]| {
            let mixed = left * DMatrix::from_row_slice(n, n, v) * right.transpose();
            mixed.transpose().as_slice().to_vec()
        };
        Pairs { k: mix(&state[i].k), t: mix(&state[i].t), ..state[i] }
    })
}

/// One layer; `channels` before it and after it.
fn step(state: State, layer: &Value, standard: bool, channels: &mut usize) -> State {
    let (name, body) = match layer.as_str() {
        Some(name) => (name, &Value::Null),
        None => layer.as_object().unwrap().iter().next().map(|(name, body)| (name.as_str(), body)).unwrap(),
    };
    let fan_in = standard.then_some(*channels as f64);
    let n = state[0].pixels();
    let w2 = number(body, "w_std", 1.0).powi(2);
    match name {
        "dense" => {
            *channels = body["width"].as_u64().unwrap() as usize;
            affine(state, body, w2, fan_in)
        }
        "conv" => {
            *channels = body["channels"].as_u64().unwrap() as usize;
            let (size, at) = window(&state[0], body, "filter");
            let both = |p: usize, r: usize| at[p].iter().zip(&at[r]).filter_map(|(a, b)| a.zip(*b)).collect();
            let sums = state.map(|pairs| pairs.gather(size, &both));
            affine(sums, body, w2 / at[0].len() as f64, fan_in)
        }
        "avg_pool" | "sum_pool" => {
            let (size, at) = window(&state[0], body, "window");
            let each = |p: usize, r: usize| {
                let inside = |r: usize| at[r].iter().flatten().copied();
                inside(p).flat_map(|a| inside(r).map(move |b| (a, b))).collect()
            };
            let area = if name == "avg_pool" { at[0].len() as f64 } else { 1.0 };
            state.map(|pairs| pairs.gather(size, &each).map(|_, _, k, t| (k / area / area, t / area / area)))
        }
        "global_avg_pool" | "global_sum_pool" => {
            let all = |_: usize, _: usize| (0..n * n).map(|i| (i / n, i % n)).collect();
            let area = if name == "global_avg_pool" { n as f64 } else { 1.0 };
            state.map(|pairs| pairs.gather([1, 1], &all).map(|_, _, k, t| (k / area / area, t / area / area)))
        }
        "flatten" => {
            *channels *= n;
            let same = |_: usize, _: usize| (0..n).map(|p| (p, p)).collect();
            let share = n as f64;
            state.map(|pairs| pairs.gather([1, 1], &same).map(|_, _, k, t| (k / share, t / share)))
        }
        "layer_norm" => {
            let eps = number(body, "eps", 1e-12);
            let own = [0, 1].map(|i| (0..n).map(|p| state[i].k[p * n + p] + eps).collect::<Vec<f64>>());
            [(0, [0, 0]), (1, [1, 1]), (2, [0, 1])].map(|(i, [x, y])| {
                state[i].map(|p, r, k, t| {
                    let factor = 1.0 / (own[x][p] * own[y][r]).sqrt();
                    (k * factor, t * factor)
                })
            })
        }
        "dropout" => {
            // The same mask on an input with itself, pixel by pixel; independent ones elsewhere.
            let gain = 1.0 / number(body, "keep", 1.0);
            let hit = |p: usize, r: usize, k: f64, t: f64| if p == r { (k * gain, t * gain) } else { (k, t) };
            let [x, y, both] = state;
            [x.map(hit), y.map(hit), both]
        }
        "global_self_attention" => {
            let product = number(body, "w_value_std", 1.0) * number(body, "w_out_std", 1.0);
            let (w2, b2) = (product * product, number(body, "b_std", 0.0).powi(2));
            attend(&state, body)
                .map(|pairs| pairs.map(|_, _, k, t| (w2 * k + b2, 2.0 * w2 * k + b2 + w2 * t)))
        }
        "relu" => activation(&state, relu),
        "erf" => activation(&state, erf),
        "monomial" => activation(&state, square),
        "residual" => {
            let branch = run(state.clone(), body, standard, &mut channels.clone());
            combine([state, branch], |[k, t], [l, u]| (k + l, t + u))
        }
        "parallel" => {
            let before = *channels;
            let branches: Vec<(f64, State)> = body["branches"]
                .as_array()
                .unwrap()
                .iter()
                .map(|branch| {
                    *channels = before;
                    let end = run(state.clone(), branch, standard, channels);
                    (*channels as f64, end)
                })
                .collect();
            let [(a, x), (b, y)] = <[_; 2]>::try_from(branches).ok().unwrap();
            match body["combine"].as_str() {
                Some("product") => return combine([x, y], |[k, t], [l, u]| (k * l, t * l + k * u)),
                Some("concat") => {}
                _ => return combine([x, y], |[k, t], [l, u]| (k + l, t + u)),
            }
            *channels = (a + b) as usize;
            combine([x, y], |[k, t], [l, u]| ((a * k + b * l) / (a + b), (a * t + b * u) / (a + b)))
        }
        other => panic!("{other}"),
    }
}

fn combine([a, b]: [State; 2], f: impl Fn([f64; 2], [f64; 2]) -> (f64, f64)) -> State {
    let merge = |i: usize| {
        let n = a[i].pixels();
        a[i].map(|p, r, k, t| f([k, t], [b[i].k[p * n + r], b[i].t[p * n + r]]))
    };
    [0, 1, 2].map(merge)
}

fn run(start: State, layers: &Value, standard: bool, channels: &mut usize) -> State {
    layers.as_array().unwrap().iter().fold(start, |state, layer| step(state, layer, standard, channels))
}

/// `(k, ntk)` of `x` with itself and with `y`.
pub(crate) fn reference(
    x: &[f64],
    y: &[f64],
    shape: Shape,
    layers: &Value,
    standard: bool,
) -> [(f64, f64); 2] {
    let c = shape.channels;
    let product = |x: &[f64], y: &[f64]| {
        let pixel = |p: &[f64], r: &[f64]| p.iter().zip(r).map(|(a, b)| a * b).sum::<f64>() / c as f64;
        let k: Vec<f64> = x.chunks(c).flat_map(|p| y.chunks(c).map(move |r| pixel(p, r))).collect();
        Pairs { height: shape.height, width: shape.width, t: vec![0.0; k.len()], k }
    };
    let end = run([product(x, x), product(y, y), product(x, y)], layers, standard, &mut c.clone());
    [0, 2].map(|i| (end[i].k[0], end[i].t[0]))
}
