//! What must hold of every kernel: symmetry, positivity, bits that depend on the two inputs alone, no NaN at the edges.

use nalgebra::DMatrix;
use overparam_ntk::architecture::shape::Shape;
use overparam_ntk::{Architecture, Images, Inputs, Kernel};
use overparam_tensor::linalg::{Real, symmetric_eigen};
use overparam_tensor::random::Stream;

const DENSE: &str = r#"{"dense": {"width": 3, "w_std": 1.4, "b_std": 0.2}}"#;
const CONV: &str =
    r#"{"conv": {"channels": 3, "filter": [3, 3], "padding": "same", "w_std": 1.4, "b_std": 0.2}}"#;

fn net(layers: &[&str]) -> Architecture {
    Architecture::from_json(&format!(r#"{{"layers": [{}]}}"#, layers.join(","))).unwrap()
}

fn vector_nets() -> Vec<Architecture> {
    let activations = [
        r#""relu""#,
        r#"{"leaky_relu": {"slope": 0.1}}"#,
        r#""abs""#,
        r#""erf""#,
        r#""gelu""#,
        r#""sin""#,
        r#""cos""#,
        r#""rbf""#,
        r#"{"exp": {"b": 0.3}}"#,
        r#""sign""#,
        r#"{"monomial": {"degree": 2}}"#,
        r#"{"rectified_monomial": {"degree": 2}}"#,
        r#""tanh""#,
    ];
    let mut nets: Vec<_> = activations.iter().map(|a| net(&[DENSE, a, DENSE, a, DENSE])).collect();
    let branch = format!(r#"{{"residual": ["relu", {DENSE}]}}"#);
    nets.push(net(&[DENSE, &branch, r#""layer_norm""#, r#""relu""#, DENSE]));
    for combine in ["concat", "product"] {
        let parallel = format!(
            r#"{{"parallel": {{"branches": [["relu", {DENSE}], ["erf", {DENSE}]], "combine": "{combine}"}}}}"#
        );
        nets.push(net(&[DENSE, &parallel, DENSE, r#""relu""#, DENSE]));
    }
    nets
}

fn image_nets() -> Vec<Architecture> {
    let strided = r#"{"conv": {"channels": 3, "filter": [3, 2], "strides": [2, 1], "padding": "circular", "w_std": 1.4}}"#;
    let valid = r#"{"conv": {"channels": 3, "filter": [2, 2], "w_std": 1.4, "b_std": 0.1}}"#;
    let pool = r#"{"avg_pool": {"window": [2, 2], "strides": [2, 2]}}"#;
    let attention = r#"{"global_self_attention": {"channels": 3, "b_std": 0.1}}"#;
    let branch = format!(r#"{{"residual": ["relu", {CONV}]}}"#);
    vec![
        net(&[CONV, r#""relu""#, CONV, r#""relu""#, r#""flatten""#, DENSE]),
        net(&[CONV, r#""relu""#, strided, r#""erf""#, r#""global_avg_pool""#, DENSE]),
        net(&[valid, r#""relu""#, CONV, r#""relu""#, r#""global_sum_pool""#, DENSE, r#""relu""#, DENSE]),
        net(&[CONV, r#""relu""#, pool, CONV, r#""relu""#, r#""flatten""#, DENSE]),
        net(&[CONV, &branch, r#""layer_norm""#, r#""relu""#, attention, r#""relu""#, r#""flatten""#, DENSE]),
        net(&[r#""flatten""#, DENSE, r#""relu""#, DENSE]),
    ]
}

const SHAPE: Shape = Shape { height: 4, width: 5, channels: 2 };

/// The same random inputs as a batch of any choice of them.
fn batch<T: Real>(image: bool, which: &[usize]) -> Inputs<T> {
    let input =
        |i: usize| Stream::root(5).indexed(i as u64).normal_vector::<T>(if image { 40 } else { 13 }, 1.0);
    if image {
        let data = which.iter().flat_map(|&i| input(i).as_slice().to_vec()).collect();
        return Images::new(which.len(), SHAPE, data).unwrap().into();
    }
    DMatrix::from_fn(which.len(), 13, |r, c| input(which[r])[c]).into()
}

fn all_nets() -> Vec<(bool, Architecture, usize)> {
    let vectors = vector_nets().into_iter().map(|net| (false, net, 70));
    vectors.chain(image_nets().into_iter().map(|net| (true, net, 5))).collect()
}

fn bits_depend_on_the_pair_alone<T: Real>() {
    for (image, net, n) in all_nets() {
        let order: Vec<usize> = (0..n).collect();
        let all = batch::<T>(image, &order);
        let kernel = Kernel::<T>::new(&net, all.shape()).unwrap();
        let full = kernel.both(&all, None).unwrap();
        assert_eq!(full.ntk, full.ntk.transpose());
        let shuffled = Stream::root(1).permutation(n);
        let other = kernel.both(&batch(image, &shuffled), None).unwrap();
        let (some, rest) = shuffled.split_at(n / 3);
        let part = kernel.both(&batch(image, some), Some(&batch(image, rest))).unwrap();
        for (i, &a) in shuffled.iter().enumerate() {
            for (j, &b) in shuffled.iter().enumerate() {
                assert_eq!(other.ntk[(i, j)], full.ntk[(a, b)], "{net:?}");
                assert_eq!(other.nngp[(i, j)], full.nngp[(a, b)], "{net:?}");
                if i < some.len() && j >= some.len() {
                    assert_eq!(part.ntk[(i, j - some.len())], full.ntk[(a, b)], "{net:?}");
                }
            }
        }
    }
}

#[test]
fn bits_depend_on_the_pair_alone_in_f64() {
    bits_depend_on_the_pair_alone::<f64>();
}

#[test]
fn bits_depend_on_the_pair_alone_in_f32() {
    bits_depend_on_the_pair_alone::<f32>();
}

#[test]
fn kernels_are_positive_and_single_precision_follows() {
    for (image, net, n) in all_nets() {
        let which: Vec<usize> = (0..n).collect();
        let x = batch::<f64>(image, &which);
        let wide = Kernel::new(&net, x.shape()).unwrap().both(&x, None).unwrap();
        for kernel in [&wide.nngp, &wide.ntk] {
            let values = symmetric_eigen(kernel).unwrap().values;
            assert!(values.min() > -1e-12 * values.max(), "{net:?}: {}", values.min());
        }
        let narrow =
            Kernel::<f32>::new(&net, x.shape()).unwrap().both(&crate::common::narrow(&x), None).unwrap();
        for (wide, narrow) in [(&wide.nngp, &narrow.nngp), (&wide.ntk, &narrow.ntk)] {
            let error = crate::common::scaled_difference(&narrow.map(f64::from), wide);
            assert!(error < 1e-5, "{net:?}: {error:e}");
        }
    }
}

#[test]
fn duplicates_share_the_bits_of_the_diagonal() {
    for (image, net, _) in all_nets() {
        let x = batch::<f64>(image, &[0, 1, 0, 2]);
        let k = Kernel::new(&net, x.shape()).unwrap().both(&x, None).unwrap();
        for k in [&k.nngp, &k.ntk] {
            assert_eq!((k[(0, 0)], k[(0, 0)], k[(0, 1)]), (k[(0, 2)], k[(2, 2)], k[(2, 1)]), "{net:?}");
        }
    }
}

#[test]
fn zero_antipodal_huge_and_tiny_inputs_give_no_nan() {
    // A square of 1e-200 would be 0 in f64, which is refused: see limits.rs.
    let rows: [f64; 7] = [0.0, 1.0, -1.0, 1.0 + 1e-13, 1e-140, 1e100, -1e100];
    let batch = |n: usize| Inputs::from(DMatrix::from_fn(n, 13, |i, j| rows[i] * (1.0 + j as f64).sin()));
    let (all, small, moderate) = (batch(7), batch(5), batch(4));
    for net in vector_nets() {
        let text = net.to_json();
        let has = |names: &[&str]| names.iter().any(|name| text.contains(name));
        let grows = has(&["exp", "monomial", "product"]).then_some("5 grows");
        let falls = has(&["monomial", "product"]).then_some("4 falls");
        let bias_free = text.replace("\"b_std\": 0.2", "\"b_std\": 0.0");
        for net in [net, Architecture::from_json(&bias_free).unwrap()] {
            let kernel = Kernel::new(&net, all.shape()).unwrap();
            let unless = |x: &Inputs<f64>, reasons: [Option<&str>; 2]| match kernel.both(x, None) {
                Ok(k) => Some(k),
                Err(error) => {
                    let message = error.to_string();
                    let why = message.strip_prefix("first inputs: a variance of input ").unwrap_or_default();
                    assert!(reasons.iter().flatten().any(|reason| why.starts_with(reason)), "{message}");
                    None
                }
            };
            let k = unless(&all, [grows, falls])
                .or_else(|| unless(&small, [falls, None]))
                .unwrap_or_else(|| kernel.both(&moderate, None).unwrap());
            assert!(k.nngp.iter().chain(&k.ntk).all(|x| x.is_finite()), "{net:?}");
        }
    }
}

/// A variance that overflows is an error even where what follows would make a finite number of it.
#[test]
fn overflow_is_an_error_on_both_sides() {
    let net = net(&[DENSE, r#"{"exp": {"b": 6}}"#, DENSE, r#"{"layer_norm": {}}"#, r#""sign""#, DENSE]);
    let small = Inputs::from(DMatrix::from_row_slice(1, 2, &[0.1, 0.2]));
    let large = Inputs::from(DMatrix::from_row_slice(2, 2, &[0.1, 0.0, 30.0, 40.0]));
    let kernel = Kernel::new(&net, small.shape()).unwrap();
    let refusal = kernel.ntk(&small, Some(&large)).unwrap_err().to_string();
    assert!(
        refusal.starts_with("second inputs: a variance of input 1 grows beyond the numbers of f64"),
        "{refusal}"
    );
    let image = |scale: f64| {
        let shape = Shape { height: 1, width: 2, channels: 1 };
        Inputs::from(Images::new(1, shape, vec![scale, 0.5 * scale]).unwrap())
    };
    let net = Architecture::from_json(
        r#"{"layers": [{"conv": {"channels": 1, "filter": [1, 1]}}, {"exp": {"b": 6}}, "global_avg_pool"]}"#,
    )
    .unwrap();
    let kernel = Kernel::new(&net, image(1.0).shape()).unwrap();
    assert!(kernel.nngp(&image(0.1), None).is_ok());
    assert!(kernel.nngp(&image(50.0), None).is_err());
}

/// Dropout: an input with itself meets the same mask, two inputs never do.
#[test]
fn dropout_doubles_the_diagonal_alone() {
    let plain = net(&[DENSE, r#""relu""#, DENSE]);
    let dropped = net(&[DENSE, r#""relu""#, r#"{"dropout": {"keep": 0.5}}"#, DENSE]);
    let x = batch::<f64>(false, &[0, 1, 2]);
    let k = |net| Kernel::new(net, x.shape()).unwrap().nngp(&x, None).unwrap();
    let (plain, dropped) = (k(&plain), k(&dropped));
    assert_eq!(plain[(0, 1)], dropped[(0, 1)]);
    let signal = plain[(0, 0)] - 0.04;
    assert!((dropped[(0, 0)] - 0.04 - 2.0 * signal).abs() < 1e-14);
}

/// What a cosine makes of inputs that are equal, or nearly: the variance `q = (1 + exp(-2 x^2/d))/2` is known in closed form, and
/// with it the NTK after a ReLU, `tau / 2 + q / 2`, `tau = q + (1 - exp(-2 x^2/d))/2 x^2/d`.
#[test]
fn waves_keep_the_angle_of_equal_inputs() {
    let plain = r#"{"dense": {"width": 8}}"#;
    let net = net(&[plain, r#""cos""#, plain, r#""relu""#, plain]);
    let x = DMatrix::from_fn(200, 3, |i, j| 2.0 * (1.7 * i as f64 + 0.9 * (j * j) as f64 + 0.3).sin());
    let inputs = Inputs::from(x.clone());
    let kernel = Kernel::new(&net, inputs.shape()).unwrap();
    let (own, again) = (kernel.ntk(&inputs, None).unwrap(), kernel.ntk(&inputs, Some(&inputs)).unwrap());
    // As far apart as f64 can tell: the angle is 1e-9, where a difference of covariances would say 1e-8 or zero.
    let moved = Inputs::from(x.map(|x| x * (1.0 + 1e-9)));
    let near = kernel.ntk(&inputs, Some(&moved)).unwrap();
    for i in 0..200 {
        let square = x.row(i).norm_squared() / 3.0;
        let decay = (-2.0 * square).exp();
        let q = f64::midpoint(1.0, decay);
        let expected = f64::midpoint(q + f64::midpoint(1.0, -decay) * square, q);
        assert!((own[(i, i)] / expected - 1.0).abs() < 1e-14, "{i}: {} for {expected}", own[(i, i)]);
        assert!((again[(i, i)] / expected - 1.0).abs() < 1e-14, "{i}: {}", again[(i, i)]);
        // The angle enters linearly, 1e-9 at most here, and so do the lengths.
        assert!((near[(i, i)] / expected - 1.0).abs() < 1e-8, "{i}: {}", near[(i, i)]);
    }
}

#[test]
fn a_batch_with_itself_is_the_batch_alone() {
    let net = &vector_nets()[0];
    let x = batch::<f64>(false, &[0, 1, 2]);
    let kernel = Kernel::new(net, x.shape()).unwrap();
    assert_eq!(kernel.ntk(&x, None).unwrap(), kernel.ntk(&x, Some(&x)).unwrap());
}
