//! Random expression graphs over all primitives, broadcasting and views included.

use overparam_tensor::random::{Rng, Stream};
use overparam_tensor::{Padding, Tensor, Tree};
use rand::RngExt;

/// One operation on earlier values of a program.
#[derive(Debug, Clone, Copy)]
struct Step {
    operation: usize,
    a: usize,
    b: usize,
}

/// A function of five leaves: their shapes broadcast, multiply, convolve.
#[derive(Debug)]
struct Program {
    steps: Vec<Step>,
}

type Leaves = Vec<Tensor<f64>>;

const SHAPES: [&[usize]; 5] = [&[2, 3], &[3], &[2, 1, 3], &[1, 4, 4, 2], &[3, 3, 2, 2]];
const OPERATIONS: usize = 52;

fn leaves(stream: &Stream) -> Leaves {
    SHAPES.iter().enumerate().map(|(i, s)| Tensor::normal(&stream.indexed(i as u64), s, 1.0)).collect()
}

impl Program {
    /// Up to 12 operations. Those with kinks are only taken where their arguments keep a distance from them, so that finite
    /// differences see a smooth function.
    fn random(rng: &mut Rng, at: &Leaves) -> Self {
        let mut values = at.clone();
        let mut steps = Vec::new();
        let depth = rng.random_range(1..=12);
        while steps.len() < depth {
            let pick = |rng: &mut Rng| {
                // Prefer recent values: depth instead of breadth.
                let recent = values.len().saturating_sub(if rng.random_bool(0.6) { 3 } else { values.len() });
                rng.random_range(recent..values.len())
            };
            let step = Step { operation: rng.random_range(0..OPERATIONS), a: pick(rng), b: pick(rng) };
            let smooth = smooth_enough(step.operation, &values[step.a], &values[step.b]);
            if let Some(value) =
                smooth.then(|| operate(step.operation, &values[step.a], &values[step.b])).flatten()
                && value.len() <= 150
                && value.rank() <= 6
                && value.array().elements().iter().all(|x| x.abs() < 8.0)
            {
                values.push(value);
                steps.push(step);
            }
        }
        Self { steps }
    }

    fn evaluate(&self, leaves: &Leaves) -> Tensor<f64> {
        let mut values = leaves.clone();
        for step in &self.steps {
            let value = operate(step.operation, &values[step.a], &values[step.b]);
            values.push(value.expect("shapes do not depend on numbers"));
        }
        let weighted = values.iter().skip(SHAPES.len()).enumerate().map(|(i, value)| {
            let weights =
                Tensor::from_fn(value.shape(), |at| (at.iter().sum::<usize>() as f64 + i as f64).cos());
            (value * weights).mean()
        });
        weighted.reduce(|a, b| a + b).expect("a program has a step")
    }
}

fn distance(x: &Tensor<f64>) -> f64 {
    x.array().elements().iter().fold(f64::INFINITY, |d, x| d.min(x.abs()))
}

fn smooth_enough(operation: usize, a: &Tensor<f64>, b: &Tensor<f64>) -> bool {
    let safe = 0.1;
    match operation {
        4 | 5 => broadcasts(a.shape(), b.shape()) && distance(&(a - b)) > safe,
        6 => distance(b) > safe,
        22..=26 => distance(a) > safe,
        // Maxima: any two elements of a window differ.
        30 | 43 => {
            let mut sorted = a.array().to_vec();
            sorted.sort_by(f64::total_cmp);
            sorted.windows(2).all(|w| w[1] - w[0] > 0.02)
        }
        _ => true,
    }
}

fn broadcasts(a: &[usize], b: &[usize]) -> bool {
    a.iter().rev().zip(b.iter().rev()).all(|(m, n)| m == n || *m == 1 || *n == 1)
}

/// The operation with this number, if the shapes allow it.
fn operate(operation: usize, a: &Tensor<f64>, b: &Tensor<f64>) -> Option<Tensor<f64>> {
    let broadcast = broadcasts(a.shape(), b.shape());
    let (rank, last) = (a.rank(), a.rank().wrapping_sub(1));
    let positive = |x: &Tensor<f64>| x.square() + 0.5;
    let image = rank == 4 && a.shape()[1] >= 3 && a.shape()[2] >= 3;
    let filter =
        image && b.rank() == 4 && b.shape()[2] == a.shape()[3] && b.shape()[0] <= 3 && b.shape()[1] <= 3;
    Some(match operation {
        0 if broadcast => a + b,
        1 if broadcast => a - b,
        2 if broadcast => a * b,
        3 if broadcast => a / positive(b),
        4 if broadcast => a.maximum(b),
        5 if broadcast => a.minimum(b),
        6 if broadcast => a.gate(b),
        7 => -a,
        8 => a.affine(-0.7, 0.3),
        9 => a.tanh().exp(),
        10 => positive(a).ln(),
        11 => positive(a).sqrt(),
        12 => positive(a).recip(),
        13 => a.sin().square(),
        14 => a.sin().powi(3),
        15 => positive(a).powf(0.7),
        16 => a.tanh(),
        17 => a.sigmoid(),
        18 => a.softplus(),
        19 => a.erf(),
        20 => a.sin(),
        21 => a.cos(),
        22 => a.relu(),
        23 => a.leaky_relu(0.2),
        24 => a.abs(),
        25 => a.sign() * a,
        26 => a.step() * a,
        27 => a.gelu(),
        28 if rank > 0 => a.sum_axes(&[0]) * 0.3,
        29 if rank > 1 => a.mean_axes(&[0, last]),
        30 if rank > 0 => a.max_axes(&[last]),
        31 if rank > 0 => a.flatten(),
        32 if rank > 1 => a.transpose(0, last),
        33 if rank > 0 && a.shape()[last] > 1 => a.slice_step(last, 0..a.shape()[last], 2),
        34 if rank < 5 => a.broadcast_to(&[&[2], a.shape()].concat()),
        35 if rank < 5 => a.unsqueeze(rank / 2),
        36 if rank > 0 && a.shape() == b.shape() => Tensor::concatenate(&[a, b, a], last),
        37 if a.shape() == b.shape() => Tensor::stack(&[a, b], 0),
        38 if rank > 0 && a.shape()[0] > 1 => a.gather(0, &[1, 0, 1]),
        39 if rank > 1 => a.matmul(&a.transpose(rank - 1, rank - 2)) * 0.3,
        40 if rank > 1 && b.rank() == 2 && a.shape()[last] == b.shape()[0] => a.matmul(b) * 0.5,
        41 if image => a.sum_pool([2, 2], [1, 2], Padding::Same) * 0.3,
        42 if image => a.avg_pool([3, 2], [2, 1], Padding::Circular),
        43 if image => a.max_pool([2, 2], [2, 2], Padding::Valid),
        44 if rank > 0 => a.log_sum_exp(last),
        45 if rank > 0 => a.softmax(0),
        46 if rank > 0 => a.log_softmax(last),
        47 if rank > 0 => a.variance_keeping(&[0]),
        48 if filter => a.conv2d(b, [1, 1], Padding::Same) * 0.2,
        49 if filter => a.conv2d(b, [2, 1], Padding::Circular) * 0.2,
        50 if filter => a.conv2d(b, [1, 2], Padding::Valid) * 0.2,
        51 if rank > 1 => a.permute(&(0..rank).rev().collect::<Vec<_>>()).silu(),
        _ => return None,
    })
}

mod properties {
    use overparam_tensor::{grad, hvp, jvp, linearize, taylor, value_and_grad, vmap};
    use proptest::prelude::*;

    use super::*;

    fn moved(at: &Leaves, along: &Leaves, t: f64) -> Leaves {
        at.zip_map(along, &mut |x, v| x + v * t)
    }

    /// The derivative of `f` at 0 by central differences of fourth order.
    fn difference(f: impl Fn(f64) -> f64) -> f64 {
        let h = 5e-4;
        (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h)
    }

    fn close(a: f64, b: f64, tolerance: f64) -> bool {
        (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1.0)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1200))]

        #[test]
        fn derivatives_of_random_programs(seed in any::<u64>()) {
            let stream = Stream::root(seed);
            let x = leaves(&stream.named("point"));
            let v: Leaves = leaves(&stream.named("direction")).map(&mut |leaf| leaf * 0.3);
            let w: Leaves = leaves(&stream.named("other direction")).map(&mut |leaf| leaf * 0.3);
            let program = Program::random(&mut stream.named("program").rng(), &x);
            let f = |x: &Leaves| program.evaluate(x);
            let value_at = |t: f64| f(&moved(&x, &v, t)).item();

            // First derivatives: reverse against differences, forward against reverse, replayed against recorded.
            let (value, gradient) = value_and_grad(f, &x);
            prop_assert_eq!(value.item().to_bits(), f(&x).item().to_bits());
            let slope = gradient.dot(&v).item();
            let measured = difference(value_at);
            prop_assert!(close(slope, measured, 1e-7), "gradient {slope}, differences {measured}");
            let (forward_value, forward) = jvp(f, &x, &v);
            prop_assert_eq!(forward_value.item().to_bits(), value.item().to_bits());
            prop_assert!(close(forward.item(), slope, 1e-12), "forward {}, reverse {slope}", forward.item());
            let (_, linear) = linearize(f, &x);
            prop_assert!(close(linear.jvp(&v).item(), slope, 1e-12));
            prop_assert!(close(linear.vjp(&Tensor::scalar(1.0)).dot(&v).item(), slope, 1e-12));

            // Second derivatives: four ways, and differences of the gradient.
            let curvature = hvp(f, &x, &v).dot(&w).item();
            let measured = difference(|t| grad(f, &moved(&x, &v, t)).dot(&w).item());
            prop_assert!(close(curvature, measured, 1e-7), "hvp {curvature}, differences {measured}");
            let reverse_over_forward = grad(|x: &Leaves| jvp(f, x, &v).1, &x).dot(&w).item();
            prop_assert!(close(reverse_over_forward, curvature, 1e-11), "{reverse_over_forward}, {curvature}");
            let reverse_over_reverse = grad(|x: &Leaves| grad(f, x).dot(&v), &x).dot(&w).item();
            prop_assert!(close(reverse_over_reverse, curvature, 1e-11), "{reverse_over_reverse}, {curvature}");
            let twice = taylor(&f, &x, &v, 2);
            let along = hvp(f, &x, &v).dot(&v).item();
            prop_assert!(close(twice[2].item() * 2.0, along, 1e-11));
        }

        /// Batching needs no rules of its own; so every primitive must act on leading axes item by item.
        #[test]
        fn batches_are_their_items(seed in any::<u64>(), shared in 0usize..6) {
            let stream = Stream::root(seed);
            let x = leaves(&stream.named("point"));
            let y: Leaves = x.zip_map(&leaves(&stream.named("direction")), &mut |x, v| x + v * 1e-3);
            let program = Program::random(&mut stream.named("program").rng(), &x);
            // Some leaves are batched, one may be shared by all items.
            let with = |batch: &Leaves| -> Leaves {
                let mut batch = batch.iter();
                (0..x.len()).map(|i| if i == shared { x[i].clone() } else { batch.next().unwrap().clone() }).collect()
            };
            let own = |point: &Leaves| -> Leaves { (0..x.len()).filter(|&i| i != shared).map(|i| point[i].clone()).collect() };
            let stacked: Leaves = own(&x).iter().zip(&own(&y)).map(|(a, b)| Tensor::stack(&[a, b], 0)).collect();
            let each = |batch: &Leaves| value_and_grad(|p: &Leaves| program.evaluate(p), &with(batch));
            let (values, gradients) = vmap(each, &stacked);
            for (i, item) in [own(&x), own(&y)].iter().enumerate() {
                let (value, gradient) = each(item);
                prop_assert!(close(values.array().at(&[i]), value.item(), 1e-12));
                let of_item: Leaves = gradients.map(&mut |g| g.slice(0, i..i + 1).squeeze(0));
                for (a, b) in of_item.iter().zip(&gradient) {
                    let worst = (a - b).abs().max_axes(&(0..a.rank()).collect::<Vec<_>>()).item();
                    prop_assert!(worst <= 1e-11, "item {i}: {a:?} against {b:?}");
                }
            }
            // And derivatives of the batched function, which see the leading axes.
            let total = |batch: &Leaves| vmap(|b: &Leaves| program.evaluate(&with(b)), batch).sum();
            let whole = grad(total, &stacked);
            for (k, leaf) in whole.iter().enumerate() {
                let index = (0..x.len()).filter(|&i| i != shared).nth(k).unwrap();
                let worst = (leaf - &gradients[index]).abs().max_axes(&(0..leaf.rank()).collect::<Vec<_>>()).item();
                prop_assert!(worst <= 1e-11);
            }
        }
    }
}
