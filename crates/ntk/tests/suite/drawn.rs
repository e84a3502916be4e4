//! Drawn networks and inputs of all sizes against the recursion in numbers of 32 digits. Those are not enough for inputs above 1e6:
//! the determinant of parallel inputs, zero, is lost to rounding. `hard_cases.rs` has such inputs, at 60 digits.
//!
//! `cargo test --release -p overparam-ntk --test suite drawn -- --ignored --nocapture` draws 10,000 networks and prints the table of the
//! book's page on accuracy.

use std::collections::BTreeMap;

use crate::common::double::{Double, PI};
use nalgebra::DMatrix;
use overparam_ntk::{Architecture, Inputs, Kernel};
use overparam_tensor::linalg::Real;
use overparam_tensor::random::Stream;
use serde_json::{Value, json};

/// `(k, ntk)` of `x` with itself, `y` with itself, and both.
type State = [[Double; 2]; 3];

fn of(x: f64) -> Double {
    x.into()
}

/// `(kappa, kappa')` from `(q_x, q_y, k)`, as in the literature.
fn dual(layer: &Value, [a, b, k]: [Double; 3]) -> [Double; 2] {
    let (name, body) = match layer {
        Value::String(name) => (name.as_str(), &Value::Null),
        other => {
            other.as_object().and_then(|o| o.iter().next()).map(|(name, body)| (name.as_str(), body)).unwrap()
        }
    };
    let field = |name: &str, default: f64| body[name].as_f64().unwrap_or(default);
    let (one, two, zero) = (of(1.0), of(2.0), of(0.0));
    let positive = |x: Double| if x > zero { x } else { zero };
    let sine = positive(a * b - k * k).sqrt();
    let angle = || if a == zero || b == zero { PI / two } else { sine.atan2(k) };
    match name {
        "relu" | "leaky_relu" | "abs" => {
            let low = of(match name {
                "relu" => 0.0,
                "abs" => -1.0,
                _ => field("slope", 0.01),
            });
            let t = angle();
            let turn = (one - low) * (one - low) / (two * PI);
            let dot = (one + low * low) / two - turn * t;
            [turn * sine + dot * k, dot]
        }
        "erf" => {
            // (1 + 2a)(1 + 2b) - 4k^2.
            let root = (one + two * (a + b) + of(4.0) * sine * sine).sqrt();
            [two / PI * (two * k).atan2(root), of(4.0) / PI / root]
        }
        "gelu" => {
            let [p, q] = [one + a, one + b];
            let n = one + a + b + sine * sine;
            let root = n.sqrt();
            let both = of(0.25) + k.atan2(root) / (two * PI);
            let shrunk = one / p + one / q;
            let kappa = k * both + (sine * sine + k * k * shrunk) / (two * PI * root);
            [kappa, both + k * (shrunk + one / n) / (two * PI * root)]
        }
        "sin" | "cos" | "rbf" => {
            let rbf = 2.0 * field("gamma", 1.0);
            let (amplitude, rate, phase) = match name {
                "rbf" => (of(2.0), of(rbf), 0.0),
                _ => (
                    of(field("a", 1.0)) * of(field("a", 1.0)),
                    of(field("b", 1.0)) * of(field("b", 1.0)),
                    field("c", 0.0),
                ),
            };
            let mirror = match name {
                "rbf" => zero,
                "sin" if phase == 0.0 => one,
                "cos" if phase == 0.0 => -one,
                other => panic!("{other} with a phase"),
            };
            let half = (a + b) / two;
            // Exponentials less one: of small variances little else is left.
            let [near, far] = [(rate * (k - half)).exp_m1(), mirror * (-(rate * (k + half))).exp_m1()];
            let [less, more] = [one - mirror, one + mirror];
            [amplitude / two * (near - far + less), amplitude * rate / two * (near + far + more)]
        }
        "sign" => {
            let own = a == b && a == k;
            let present = if a == zero || b == zero { zero } else { one };
            [if own { present } else { present * (one - two * angle() / PI) }, zero]
        }
        other => panic!("{other}"),
    }
}

fn step(state: State, layer: &Value) -> State {
    if let Some(dense) = layer.get("dense") {
        let [w2, b2] = [&dense["w_std"], &dense["b_std"]].map(|std| of(std.as_f64().unwrap_or(0.0)));
        let [w2, b2] = [w2 * w2, b2 * b2];
        return state.map(|[k, t]| {
            let k = w2 * k + b2;
            [k, k + w2 * t]
        });
    }
    let [x, y, both] = state;
    [[x[0], x[0], x[0]], [y[0], y[0], y[0]], [x[0], y[0], both[0]]]
        .map(|q| dual(layer, q))
        .into_iter()
        .zip(state)
        .map(|([kappa, dot], [_, t])| [kappa, t * dot])
        .collect::<Vec<_>>()
        .try_into()
        .unwrap()
}

fn recursion(layers: &[Value], x: &DMatrix<f64>) -> State {
    let product = |i: usize, j: usize| {
        let sum = (0..x.ncols()).fold(of(0.0), |sum, c| sum + of(x[(i, c)]) * of(x[(j, c)]));
        [sum / of(x.ncols() as f64), of(0.0)]
    };
    layers.iter().fold([product(0, 0), product(1, 1), product(0, 1)], step)
}

/// One drawn network of two or three activations, and two inputs.
struct Case {
    layers: Vec<Value>,
    x: DMatrix<f64>,
}

impl Case {
    /// Inputs of scales from `10^least` to `10^most`, some nearly parallel or opposite, some exactly.
    fn draw(seed: u64, [least, most]: [f64; 2]) -> Self {
        let mut draws =
            Stream::root(seed).normal_vector::<f64>(64, 1.0).iter().copied().collect::<Vec<_>>().into_iter();
        let mut uniform = |from: f64, to: f64| {
            let share = 0.5 * libm::erfc(draws.next().unwrap() * std::f64::consts::FRAC_1_SQRT_2);
            from + (to - from) * share
        };
        let depth = uniform(2.0, 4.0) as usize;
        let mut layers = Vec::new();
        for i in 0..depth {
            let bias = if uniform(0.0, 1.0) < 0.4 { uniform(0.01, 1.0) } else { 0.0 };
            layers.push(json!({"dense": {"width": 1, "w_std": uniform(0.5, 1.5), "b_std": bias}}));
            let last = i + 1 == depth;
            layers.push(match uniform(0.0, if last { 9.0 } else { 8.0 }) as usize {
                0 => json!("relu"),
                1 => json!({"leaky_relu": {"slope": uniform(-0.5, 0.5)}}),
                2 => json!("abs"),
                3 => json!("erf"),
                4 => json!("gelu"),
                5 => json!({"sin": {"b": uniform(0.3, 2.0)}}),
                6 => json!({"cos": {"b": uniform(0.3, 2.0)}}),
                7 => json!({"rbf": {"gamma": uniform(0.1, 1.0)}}),
                // An error of an angle becomes its root: none comes after it.
                _ => json!("sign"),
            });
        }
        layers.push(json!({"dense": {"width": 1, "w_std": 1.0, "b_std": 0.0}}));
        let dimension = uniform(1.0, 4.0) as usize;
        let scale = uniform(least, most);
        // Half of the pairs of nearly one size.
        let apart = uniform(-8.0, 8.0) * f64::from(u8::from(uniform(0.0, 1.0) < 0.5));
        let other = (scale + apart).clamp(least, most);
        let turn = match uniform(0.0, 4.0) as usize {
            0 => 0.0,
            1 => 10f64.powf(uniform(-12.0, 0.0)),
            _ => 10.0,
        };
        let sign = if uniform(0.0, 1.0) < 0.3 { -1.0 } else { 1.0 };
        let first: Vec<f64> = (0..dimension).map(|_| uniform(-1.0, 1.0)).collect();
        let second: Vec<f64> = first.iter().map(|a| sign * a + turn * uniform(-1.0, 1.0)).collect();
        let stretch = uniform(0.5, 1.0) / (1.0 + turn);
        let x = DMatrix::from_fn(2, dimension, |i, j| {
            if i == 0 { first[j] * 10f64.powf(scale) } else { second[j] * stretch * 10f64.powf(other) }
        });
        Self { layers, x }
    }

    /// The largest error relative to what inputs have with themselves; `None` if the kernel is refused.
    fn error<T: Real>(&self) -> Option<f64> {
        let x = self.x.map(|x| T::of(x));
        let inputs = Inputs::from(x.clone());
        let net = Architecture::from_value(json!({ "layers": self.layers })).unwrap();
        let found = Kernel::<T>::new(&net, inputs.shape()).unwrap().both(&inputs, None).ok()?;
        let expected = recursion(&self.layers, &x.map(Real::f64));
        let error = |found: &DMatrix<T>, part: usize| {
            let [a, b, both] = expected.map(|entry| entry[part].0);
            [(found[(0, 0)], a, a), (found[(1, 1)], b, b), (found[(1, 0)], both, a.sqrt() * b.sqrt())]
                .map(|(found, expected, scale)| {
                    let difference = (found.f64() - expected).abs();
                    if difference == 0.0 { 0.0 } else { difference / scale }
                })
                .into_iter()
                .fold(0.0, |worst: f64, e| if e <= worst { worst } else { e })
        };
        let (nngp, ntk) = (error(&found.nngp, 0), error(&found.ntk, 1));
        Some(if nngp >= ntk { nngp } else { ntk })
    }

    /// Names of the activations.
    fn names(&self) -> Vec<String> {
        let name = |layer: &Value| match layer {
            Value::String(name) => name.clone(),
            other => other.as_object().and_then(|o| o.keys().next().cloned()).unwrap(),
        };
        self.layers.iter().map(name).filter(|name| name != "dense").collect()
    }
}

/// Draws networks; the worst error, and what was refused. Per activation, in the table.
fn run<T: Real>(count: u64, range: [f64; 2], tolerance: f64) -> Vec<String> {
    let (mut worst, mut wrong) = (BTreeMap::new(), Vec::new());
    let mut refused = 0;
    for seed in 0..count {
        let case = Case::draw(seed, range);
        let Some(error) = case.error::<T>() else {
            refused += 1;
            continue;
        };
        for name in case.names() {
            let entry = worst.entry(name).or_insert((0usize, 0.0f64, 0));
            entry.0 += 1;
            if error.is_nan() || error > entry.1 {
                (entry.1, entry.2) = (error, seed);
            }
        }
        if error.is_nan() || error >= tolerance {
            wrong.push(format!(
                "seed {seed}, error {error:.1e}: {} on {:?}",
                json!(case.layers),
                case.x.as_slice()
            ));
        }
    }
    println!("{}: {count} networks, inputs of 1e{} to 1e{}, {refused} refused", T::NAME, range[0], range[1]);
    println!("| activation | networks with it | largest error | at |\n|---|---|---|---|");
    for (name, (count, error, seed)) in worst {
        println!("| `{name}` | {count} | {error:.1e} | {seed} |");
    }
    wrong
}

#[test]
fn drawn_networks_have_their_digits() {
    let wrong = run::<f64>(600, [-12.0, 6.0], 1e-12);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn drawn_networks_have_theirs_in_single_precision() {
    let wrong = run::<f32>(600, [-6.0, 6.0], 1e-5);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// In f32 some networks are beyond 1e-5, which are listed.
#[test]
#[ignore = "the table of the book"]
fn ten_thousand_networks() {
    let wrong = run::<f64>(10_000, [-12.0, 6.0], 1e-12);
    let narrow = run::<f32>(10_000, [-6.0, 6.0], 1e-5);
    println!("{} in f32 are beyond 1e-5:\n{}", narrow.len(), narrow.join("\n"));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
