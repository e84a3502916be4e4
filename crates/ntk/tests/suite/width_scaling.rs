//! Parameterisations by width: the exponents of an independent program, a net written by hand, and the promises of every kind of layer.

use nalgebra::DVector;
use overparam_ntk::layer::TABLE;
use overparam_ntk::prelude::*;
use overparam_ntk::width_scaling::{CoordinateCheck, Promise, Role, Rule, Scaling, WidthScaling};
use proptest::prelude::*;
use serde_json::Value;

const SCALINGS: [(Scaling, &str); 3] =
    [(Scaling::Standard, "sp"), (Scaling::Ntk, "ntp"), (Scaling::MaximalUpdate, "mup")];
const RULES: [(Rule, &str); 2] = [(Rule::Sgd, "sgd"), (Rule::Adam, "adam")];

fn tanh() -> Layer {
    Layer::Activation(overparam_ntk::activation::Activation::numerical("tanh", None).unwrap())
}

#[test]
fn one_step_has_the_exponents_of_the_parameterization() {
    let all: Value = serde_json::from_str(include_str!("../data/finite_width.json")).unwrap();
    let golden = &all["one_step_exponents"];
    let stream = Stream::root(2);
    let x = stream.named("x").normal_matrix(64, 8, 1.0).into();
    let y: DMatrix<f64> = stream.named("y").normal_matrix(64, 1, 1.0);
    for (scaling, name) in SCALINGS {
        for (rule, prefix) in RULES {
            let check = CoordinateCheck {
                architecture: Architecture::new([
                    dense(64).into(),
                    tanh(),
                    dense(64).into(),
                    tanh(),
                    dense(64).into(),
                    tanh(),
                    dense(1).into(),
                ]),
                scaling: WidthScaling::new(scaling, rule, 64).unwrap(),
                widths: vec![128, 256, 512, 1024],
                rate: 1e-5,
                steps: 1,
                seeds: 3,
            };
            let found = check.run(&x, &y, &stream.named("nets")).unwrap();
            let exponents: Vec<f64> = found.coordinates.iter().map(|c| c.change_exponent.unwrap()).collect();
            let expected: Vec<f64> = golden[format!("{prefix}_{name}").as_str()]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| e.as_f64().unwrap())
                .collect();
            println!("{prefix} {name}: {exponents:.3?} {expected:?}");
            for (ours, theirs) in exponents.iter().zip(&expected) {
                assert!((ours - theirs).abs() < 0.1, "{prefix} {name}: {exponents:?} {expected:?}");
            }
            assert!((exponents[4] - exponents[3]).abs() < 1e-12);
            assert!(found.is_as_promised(0.1), "{prefix} {name}: {found:?}");
            // The promises of muP are not those of the others.
            let others =
                found.coordinates.iter().all(|c| Promise::Exactly(0.0).is_kept(c.change_exponent, 0.1));
            assert_eq!(others, scaling == Scaling::MaximalUpdate);
        }
    }
}

/// Three layers of tanh with biases, forwards, backwards and one step by hand.
#[test]
fn a_net_by_hand_moves_by_the_same() {
    let (width, base, d, p, rate) = (12, 4, 3, 5, 1e-2);
    let stream = Stream::root(8);
    let x: DMatrix<f64> = stream.named("x").normal_matrix(p, d, 1.0);
    let y: DVector<f64> = stream.named("y").normal_vector(p, 1.0);
    let net = Architecture::new([
        dense(base).w_std(1.3).b_std(0.4).into(),
        tanh(),
        dense(base).w_std(1.1).b_std(0.2).into(),
        tanh(),
        dense(1).w_std(0.9).b_std(0.3).into(),
    ]);
    let stds: [(f64, f64); 3] = [(1.3, 0.4), (1.1, 0.2), (0.9, 0.3)];
    for (scaling, name) in SCALINGS {
        for (rule, prefix) in RULES {
            let own = WidthScaling::new(scaling, rule, base).unwrap();
            let start: Params<f64> = own
                .network(&net, width, Shape::vector(d))
                .unwrap()
                .init(&stream.indexed(width as u64).indexed(0));
            let matrix = |leaf: &str| start.leaf(leaf).unwrap().array().to_matrix();
            let weights: Vec<DMatrix<f64>> =
                [0, 2, 4].map(|l| matrix(&format!("layers[{l}].weight"))).to_vec();
            let biases: Vec<Vec<f64>> = [0, 2, 4]
                .map(|l| start.leaf(&format!("layers[{l}].bias")).unwrap().array().to_vec())
                .to_vec();
            // The table of the module, typed again.
            let r = width as f64 / base as f64;
            let ntk = scaling == Scaling::Ntk;
            let factor = |l: usize| if ntk { stds[l].0 / (weights[l].nrows() as f64).sqrt() } else { 1.0 };
            let bias_factor = |l: usize| if ntk { stds[l].1 } else { 1.0 };
            let (rates, bias_rates) = match (scaling, rule) {
                (Scaling::MaximalUpdate, Rule::Sgd) => ([r, 1.0, 1.0 / r], [r, r, 1.0]),
                (Scaling::MaximalUpdate, Rule::Adam) => ([1.0, 1.0 / r, 1.0 / r], [1.0; 3]),
                _ => ([1.0; 3], [1.0; 3]),
            };
            let forward = |weights: &[DMatrix<f64>], biases: &[Vec<f64>]| {
                let mut all: Vec<DMatrix<f64>> = Vec::new();
                for l in 0..3 {
                    let below = if l == 0 { x.clone() } else { all[l - 1].map(f64::tanh) };
                    let mut h = below * &weights[l] * factor(l);
                    for (mut column, b) in h.column_iter_mut().zip(&biases[l]) {
                        column.add_scalar_mut(b * bias_factor(l));
                    }
                    all.push(h);
                }
                all
            };
            let before = forward(&weights, &biases);
            let mut signal = DMatrix::from_fn(p, 1, |i, _| -y[i] / p as f64);
            let (mut moved, mut moved_biases) = (weights.clone(), biases.clone());
            let step = |g: f64| if rule == Rule::Sgd { g } else { g.signum() };
            for l in (0..3).rev() {
                let below = if l == 0 { x.clone() } else { before[l - 1].map(f64::tanh) };
                moved[l] -= (below.transpose() * &signal * factor(l)).map(step) * (rate * rates[l]);
                for (b, column) in moved_biases[l].iter_mut().zip(signal.column_iter()) {
                    *b -= rate * bias_rates[l] * step(column.sum() * bias_factor(l));
                }
                if l > 0 {
                    signal = (&signal * weights[l].transpose() * factor(l))
                        .zip_map(&before[l - 1], |s, h| s * (1.0 - h.tanh().powi(2)));
                }
            }
            let after = forward(&moved, &moved_biases);
            let check = CoordinateCheck {
                architecture: net.clone(),
                scaling: own,
                widths: vec![width, 2 * width],
                rate,
                steps: 1,
                seeds: 1,
            };
            let found = check
                .run(&x.clone().into(), &DMatrix::from_column_slice(p, 1, y.as_slice()), &stream)
                .unwrap();
            for (l, coordinate) in found.coordinates[..3].iter().enumerate() {
                let rms = |m: &DMatrix<f64>| (m.norm_squared() / m.len() as f64).sqrt();
                let (size, change) = (rms(&before[l]), rms(&(&after[l] - &before[l])));
                assert!((coordinate.sizes[0] / size - 1.0).abs() < 1e-11, "{prefix} {name} {l}");
                assert!((coordinate.changes[0] / change - 1.0).abs() < 1e-9, "{prefix} {name} {l}");
            }
        }
    }
}

fn images() -> Inputs<f64> {
    let shape = Shape { height: 4, width: 4, channels: 3 };
    let data: DVector<f64> = Stream::root(5).normal_vector(6 * 48, 1.0);
    Images::new(6, shape, data.as_slice().to_vec()).unwrap().into()
}

fn checked(architecture: Architecture, scaling: Scaling, rule: Rule, outputs: usize) {
    let check = CoordinateCheck {
        scaling: WidthScaling::new(scaling, rule, 16).unwrap(),
        architecture,
        widths: vec![32, 64, 128, 256],
        rate: 1e-6,
        steps: 1,
        seeds: 3,
    };
    let y: DMatrix<f64> = Stream::root(6).normal_matrix(6, outputs, 1.0);
    let found = check.run(&images(), &y, &Stream::root(7)).unwrap();
    for c in &found.coordinates {
        println!("{scaling:?} {rule:?} {}: {:.2?} {:.2?}", c.name, c.size_exponent, c.change_exponent);
    }
    // Half the distance between exponents, which are multiples of 1/2.
    assert!(found.is_as_promised(0.25), "{found:#?}");
    assert!(found.coordinates.iter().any(|c| c.promised_change.is_some()));
}

/// Residual, parallel, convolutional and normalised nets keep every promise under both rules.
#[test]
fn architectures_keep_their_promises() {
    let filter = |n: usize| conv(n, [3, 3]).padding(Padding::Same).w_std(1.4);
    let nets = [
        Architecture::new([
            filter(16).into(),
            relu(),
            residual([filter(16).b_std(0.1).into(), relu(), filter(16).into()]),
            layer_norm(),
            relu(),
            global_avg_pool(),
            dense(2).into(),
        ]),
        Architecture::new([
            filter(16).into(),
            tanh(),
            avg_pool(Pool::tiling([2, 2])),
            flatten(),
            parallel(
                [vec![dense(8).into(), relu()], vec![dense(8).w_std(0.8).into(), tanh()]],
                Combine::Concat,
            ),
            dense(16).into(),
            tanh(),
            dense(2).into(),
        ]),
    ];
    for net in nets {
        for (scaling, _) in SCALINGS {
            for (rule, _) in RULES {
                checked(net.clone(), scaling, rule, 2);
            }
        }
    }
}

/// Every kind of layer between two matrices, under muP.
#[test]
fn every_layer_keeps_the_promise_of_mup() {
    for entry in TABLE {
        for layer in (entry.examples)(16) {
            println!("{layer:?}");
            let net = Architecture::new([
                conv(16, [1, 1]).w_std(1.2).into(),
                layer,
                dense(16).into(),
                tanh(),
                global_avg_pool(),
                dense(2).into(),
            ]);
            checked(net, Scaling::MaximalUpdate, Rule::Sgd, 2);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// The start has the variances of the table and the rates its powers, at every width, for every rule.
    #[test]
    fn networks_have_the_multipliers_of_the_table(r in 1usize..6, base in 1usize..9, which in 0usize..3, adam: bool, w in 0.5f64..2.0) {
        let rule = if adam { Rule::Adam } else { Rule::Sgd };
        let own = WidthScaling::new(SCALINGS[which].0, rule, base).unwrap();
        let net = Architecture::new([dense(base).into(), relu(), dense(base).into(), relu(), dense(2).w_std(w).into()]);
        let width = r * base;
        let wide = own.network(&net, width, Shape::vector(3)).unwrap();
        let rates: Vec<f64> = [(Role::Input, 3), (Role::Hidden, width), (Role::Output, width)]
            .map(|(role, fan_in)| own.multipliers(role, fan_in, width, 1.0).unwrap().rate)
            .to_vec();
        prop_assert_eq!(wide.rates(), rates);
        let (params, plain): (Params<f64>, Params<f64>) = (
            wide.init(&Stream::root(1)),
            wide.network().init(&Stream::root(1)),
        );
        let ratio = |leaf: &str| {
            let [a, b] = [&params, &plain].map(|p| p.leaf(leaf).unwrap().array().to_vec());
            a[0] / b[0]
        };
        let output = if SCALINGS[which].0 == Scaling::MaximalUpdate { (r as f64).sqrt().recip() } else { 1.0 };
        prop_assert!((ratio("layers[4].weight") - output).abs() < 1e-12);
        prop_assert!((ratio("layers[2].weight") - 1.0).abs() < 1e-12);
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let check = CoordinateCheck {
        architecture: Architecture::new([dense(6).into(), relu(), dense(2).into()]),
        scaling: WidthScaling::new(Scaling::MaximalUpdate, Rule::Sgd, 6).unwrap(),
        widths: vec![6, 12],
        rate: 1e-5,
        steps: 1,
        seeds: 1,
    };
    let x: Inputs<f64> = Stream::root(0).normal_matrix(4, 3, 1.0).into();
    let y = DMatrix::from_element(4, 2, 1.0);
    let run = |check: CoordinateCheck, y: &DMatrix<f64>| {
        check.run(&x, y, &Stream::root(0)).map_err(|e| e.to_string())
    };
    assert!(run(check.clone(), &y).is_ok());
    for (check, part) in [
        (CoordinateCheck { widths: vec![6], ..check.clone() }, "widths"),
        (CoordinateCheck { widths: vec![12, 6], ..check.clone() }, "widths"),
        (
            CoordinateCheck {
                widths: vec![6, 7, 8],
                architecture: Architecture::new([dense(5).into(), dense(2).into()]),
                ..check.clone()
            },
            "layer 1 (dense): its width 5 times 7/6",
        ),
        (CoordinateCheck { rate: 0.0, ..check.clone() }, "rate"),
        (CoordinateCheck { rate: f64::MAX, ..check.clone() }, "rate"),
        (CoordinateCheck { steps: 0, ..check.clone() }, "steps"),
        (CoordinateCheck { seeds: 0, ..check.clone() }, "seeds"),
        (
            CoordinateCheck { architecture: Architecture::new([dense(2).into()]), ..check.clone() },
            "hidden widths",
        ),
    ] {
        let message = run(check, &y).unwrap_err();
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(run(check.clone(), &DMatrix::from_element(4, 1, 1.0)).unwrap_err().contains("(4, 2)"));
    assert!(run(check, &DMatrix::from_element(4, 2, f64::NAN)).is_err());
}

/// At its base width muP is the standard parameterisation.
#[test]
fn the_base_width_is_standard() {
    for rule in [Rule::Sgd, Rule::Adam] {
        let at = |scaling, role| {
            WidthScaling::new(scaling, rule, 48).unwrap().multipliers(role, 48, 48, 2.0).unwrap()
        };
        for role in [Role::Input, Role::Hidden, Role::Output] {
            assert_eq!(at(Scaling::MaximalUpdate, role), at(Scaling::Standard, role));
        }
    }
    assert!(WidthScaling::new(Scaling::Ntk, Rule::Sgd, 0).is_err());
    let ok = WidthScaling::new(Scaling::Ntk, Rule::Sgd, 1).unwrap();
    assert!(
        ok.multipliers(Role::Hidden, 0, 4, 1.0).is_err() && ok.multipliers(Role::Hidden, 4, 4, -1.0).is_err()
    );
}
