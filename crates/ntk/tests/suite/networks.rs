//! Finite networks and their empirical kernels: properties, for whatever the tables of layers and activations have, and for a zoo of
//! combinations.

use nalgebra::DMatrix;
use overparam_ntk::Architecture;
use overparam_ntk::activation::{self, Activation, Monomial, Numerical};
use overparam_ntk::architecture::shape::Shape;
use overparam_ntk::architecture::{
    AvgPool, Combine, GlobalSelfAttention, Layer, LayerNorm, MaxPool, Padding, Pool, SumPool, conv, dense,
    dropout, erf, flatten, gelu, global_avg_pool, global_sum_pool, parallel, relu, residual,
};
use overparam_ntk::empirical::{Costs, EmpiricalNtk, Method, drift};
use overparam_ntk::layer;
use overparam_ntk::linearize::taylor;
use overparam_ntk::network::{Batch, Network, Params};
use overparam_tensor::{Array, Tensor, Tree, grad, jvp, random::Stream, vmap};

const IMAGE: Shape = Shape { height: 5, width: 4, channels: 2 };

fn pool(padding: Padding) -> Pool {
    Pool { window: [2, 2], strides: [2, 1], padding }
}

fn attention(channels: usize) -> Layer {
    let [w_query_std, w_key_std, w_value_std, w_out_std] = [1.1, 0.9, 1.2, 0.8];
    GlobalSelfAttention { channels, w_query_std, w_key_std, w_value_std, w_out_std, b_std: Some(0.2) }.into()
}

fn norm() -> Layer {
    LayerNorm { eps: 1e-3 }.into()
}

fn filter(channels: usize, padding: Padding) -> Layer {
    conv(channels, [2, 3]).padding(padding).b_std(0.3).into()
}

/// Every layer, on vectors and on images, with outputs that are vectors, numbers and images.
fn zoo() -> Vec<(Architecture, Shape)> {
    let branches = |combine| {
        parallel([vec![erf(), dense(3).into()], vec![], vec![gelu(), filter(3, Padding::Same)]], combine)
    };
    let deep =
        vec![dense(7).w_std(1.4).b_std(0.2).into(), relu(), norm(), dense(6).into(), erf(), dense(3).into()];
    vec![
        (Architecture::new(deep.clone()), Shape::vector(4)),
        (Architecture::new(deep).standard(), Shape::vector(4)),
        (Architecture::new([dense(5).into(), attention(4), erf(), dense(1).into()]), Shape::vector(3)),
        (
            Architecture::new([
                filter(3, Padding::Same),
                MaxPool(pool(Padding::Same)).into(),
                filter(4, Padding::Circular),
                erf(),
                dense(3).b_std(0.1).into(),
                AvgPool(pool(Padding::Circular)).into(),
                global_sum_pool(),
                dense(2).into(),
            ]),
            IMAGE,
        ),
        (
            Architecture::new([
                conv(3, [2, 2]).strides([2, 1]).b_std(0.1).into(),
                residual([relu(), filter(3, Padding::Same)]),
                branches(Combine::Sum),
                branches(Combine::Product),
                dropout(0.6),
                attention(3),
                branches(Combine::Concat),
                SumPool(pool(Padding::Valid)).into(),
                flatten(),
                dense(2).b_std(0.5).into(),
            ])
            .standard(),
            IMAGE,
        ),
        (Architecture::new([filter(3, Padding::Valid), gelu(), attention(2)]), IMAGE),
        (Architecture::new([dropout(0.5), filter(3, Padding::Valid), erf(), global_avg_pool()]), IMAGE),
    ]
}

/// Whatever the table of layers has, each between two layers with weights.
fn table() -> impl Iterator<Item = (Architecture, Shape)> {
    let layers = layer::TABLE.iter().flat_map(|entry| (entry.examples)(3));
    layers.map(|layer| {
        (Architecture::new([filter(3, Padding::Same), layer, dense(2).b_std(0.4).into()]), IMAGE)
    })
}

/// Whatever the table of activations has, and a function of a user with all its derivatives.
fn activations() -> Vec<Activation> {
    let square =
        Numerical::new("square", |x| x * x, |x| 2.0 * x, 10).and_derivative(|_| 2.0).and_derivative(|_| 0.0);
    let table = activation::TABLE.iter().flat_map(|entry| (entry.examples)());
    table.chain([Activation::Numerical(square)]).collect()
}

fn setting(net: &Architecture, shape: Shape, n: usize) -> (Network, Params<f64>, Batch<f64>) {
    let net = Network::new(net, shape).unwrap();
    let stream = Stream::root(7);
    let x = Tensor::normal(&stream.named("x"), &[n, shape.height, shape.width, shape.channels], 1.0);
    let batch = net.with_masks(&stream.named("masks"), x);
    let params = net.init(&stream);
    (net, params, batch)
}

fn assert_equal(what: &str, a: &DMatrix<f64>, b: &DMatrix<f64>) {
    assert_eq!(a.shape(), b.shape(), "{what}");
    let error = (a - b).amax() / b.amax();
    assert!(error < 1e-12, "{what}: {error:e}");
}

#[test]
fn all_methods_agree_for_every_layer() {
    for (i, (net, shape)) in zoo().into_iter().chain(table()).enumerate() {
        let (net, params, x1) = setting(&net, shape, 4);
        let x2 = x1.map(&mut |leaf| leaf.slice(0, 1..3));
        let ntk = EmpiricalNtk::new(&net, &params).unwrap();
        let (own, cross) = (ntk.by(Method::Jacobian).matrix(&x1, None).unwrap(), {
            ntk.by(Method::Jacobian).matrix(&x1, Some(&x2)).unwrap()
        });
        assert_eq!(own, own.transpose(), "network {i} is not symmetric");
        let k = net.outputs();
        let mean = |full: &DMatrix<f64>| {
            DMatrix::from_fn(full.nrows() / k, full.ncols() / k, |i, j| {
                full.view((i * k, j * k), (k, k)).trace() / k as f64
            })
        };
        for method in [Method::Auto, Method::Jacobian, Method::Products, Method::Structured] {
            let what = |part: &str| format!("network {i}, {method:?}, {part}");
            let ntk = ntk.by(method);
            assert_equal(&what("own"), &ntk.matrix(&x1, None).unwrap(), &own);
            assert_equal(&what("cross"), &ntk.matrix(&x1, Some(&x2)).unwrap(), &cross);
            assert_equal(&what("trace"), &ntk.trace(&x1, None).unwrap(), &mean(&own));
            assert_equal(&what("cross trace"), &ntk.trace(&x1, Some(&x2)).unwrap(), &mean(&cross));
        }
        let operator = ntk.operator(&x1, Some(&x2)).unwrap();
        let vector = |name: &str, n: usize| Tensor::<f64>::normal(&Stream::root(1).named(name), &[n, k], 1.0);
        let column = |x: &Tensor<f64>| x.reshape(&[x.len(), 1]).array().to_matrix();
        let (u, v) = (vector("u", 4), vector("v", 2));
        assert_equal("product", &column(&operator.apply(&v).unwrap()), &(&cross * column(&v)));
        let transposed = operator.apply_transposed(&u).unwrap();
        assert_equal("transposed", &column(&transposed), &(cross.transpose() * column(&u)));
        let own_operator = ntk.operator(&x1, None).unwrap();
        assert_equal("own product", &column(&own_operator.apply(&u).unwrap()), &(&own * column(&u)));
    }
}

/// Many blocks, several outputs, both forms of a layer; one thread and many.
#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let wide = Architecture::new([dense(33).into(), relu(), dense(20).into(), erf(), dense(3).into()]);
    let image = zoo()[3].0.clone();
    for (net, shape, n) in [(wide, Shape::vector(5), 150), (image, IMAGE, 140)] {
        let (net, params, x) = setting(&net, shape, n);
        let compute = || {
            let ntk = EmpiricalNtk::new(&net, &params).unwrap();
            let jacobians = ntk.by(Method::Jacobian).trace(&x, None).unwrap();
            (ntk.by(Method::Structured).matrix(&x, None).unwrap(), jacobians)
        };
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (one, jacobians) = pool(1).install(compute);
        assert_eq!(one, pool(5).install(compute).0);
        assert_eq!(one, one.transpose());
        let k = net.outputs();
        let mean = DMatrix::from_fn(n, n, |i, j| one.view((i * k, j * k), (k, k)).trace() / k as f64);
        assert_equal("blocks", &mean, &jacobians);
    }
}

/// Wide enough for threads to share the examples: what a group computes is what the examples alone give, masks included.
#[test]
fn groups_of_examples_are_their_examples() {
    let layers = [dense(900).into(), relu(), dropout(0.8), dense(900).into(), relu(), dense(2).into()];
    let (net, params, x) = setting(&Architecture::new(layers), Shape::vector(5), 130);
    let ntk = EmpiricalNtk::new(&net, &params).unwrap().by(Method::Structured);
    let compute = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| ntk.matrix(&x, None).unwrap())
    };
    let all = compute(1);
    assert_eq!(all, compute(5));
    for (from, to) in [(0, 7), (20, 31), (90, 130)] {
        let some = x.map(&mut |leaf| leaf.slice(0, from..to));
        let columns = all.columns(2 * from, 2 * (to - from)).into_owned();
        assert_equal("groups", &ntk.matrix(&x, Some(&some)).unwrap(), &columns);
    }
}

#[test]
fn the_cheapest_method_is_the_structured_one_for_wide_nets_and_products_for_many_outputs() {
    let net = |width, outputs| {
        let layers = [dense(width).into(), relu(), dense(width).into(), relu(), dense(outputs).into()];
        Network::new(&Architecture::new(layers), Shape::vector(10)).unwrap()
    };
    assert_eq!(Costs::full(&net(512, 10), 200, None).cheapest(), Method::Structured);
    // n^2 k^2 width against n^2 k width^2.
    assert_eq!(Costs::full(&net(8, 500), 200, None).cheapest(), Method::Products);
}

#[test]
fn a_batch_is_its_examples() {
    for (net, shape) in zoo().into_iter().chain(table()) {
        let (net, params, batch) = setting(&net, shape, 3);
        let together = net.apply_batch(&params, &batch);
        let each = vmap(
            |one: &Batch<f64>| net.apply_batch(&params, &one.map(&mut |leaf| leaf.unsqueeze(0))).squeeze(0),
            &batch,
        );
        assert!((&together - &each).array().to_vec().iter().all(|x| x.abs() < 1e-13));
        // The layout of vectors is free: [n, d] or [n, 1, 1, d].
        if shape.pixels() == 1 {
            let flat = Batch { x: batch.x.flatten(), ..batch.clone() };
            assert_eq!(net.apply_batch(&params, &flat).array().to_vec(), together.array().to_vec());
        }
    }
}

/// Gradients by reverse and forward mode against central differences, for every layer and activation.
#[test]
fn derivatives_are_those_of_differences() {
    let shallow = activations().into_iter().map(|phi| {
        let layers = [dense(5).b_std(0.4).into(), phi.into(), dense(2).into()];
        (Architecture::new(layers), Shape::vector(3))
    });
    for (i, (net, shape)) in zoo().into_iter().chain(table()).chain(shallow).enumerate() {
        let (net, params, x) = setting(&net, shape, 3);
        let f = |p: &Params<f64>| net.apply_batch(p, &x).sin().sum();
        let direction: Params<f64> = net.init(&Stream::root(8));
        let by_reverse = grad(f, &params).dot(&direction).item();
        let by_forward = jvp(f, &params, &direction).1.item();
        let h = 1e-5;
        let at = |t: f64| f(&params.zip_map(&direction, &mut |p, d| p + d * t)).item();
        let difference = (at(h) - at(-h)) / (2.0 * h);
        let scale = 1.0 + difference.abs();
        assert!((by_reverse - by_forward).abs() < 1e-11 * scale, "network {i}");
        assert!((by_reverse - difference).abs() < 1e-6 * scale, "network {i}: {by_reverse} {difference}");
    }
}

/// A network of one dense layer is linear in its parameters, one with a square on top quadratic.
#[test]
fn expansions_end_where_the_network_does() {
    let square = Activation::Monomial(Monomial { degree: 2 });
    for (layers, order) in
        [(vec![dense(3).b_std(0.2).into()], 1), (vec![dense(3).b_std(0.2).into(), square.into()], 2)]
    {
        let (net, params, x) = setting(&Architecture::new(layers), Shape::vector(4), 5);
        let moved = params.map(&mut |leaf| leaf.affine(1.3, 0.2));
        let exact = net.apply_batch(&moved, &x);
        let error =
            |order| (taylor(&net, &params, &moved, &x, order).unwrap() - &exact).square().sum().item().sqrt();
        assert!(error(order) < 1e-12, "{:e}", error(order));
        assert!(error(order - 1) > 1e-3);
    }
    // The kernel of a network linear in its parameters does not move.
    let (net, params, x) = setting(&Architecture::new([dense(3).into()]), Shape::vector(4), 5);
    let moved = params.map(&mut |leaf| leaf.affine(1.3, 0.2));
    assert_eq!(drift(&net, &params, &moved, &x).unwrap(), 0.0);
}

/// f32 and f64 draw the same numbers and agree to single precision.
#[test]
fn single_precision_follows_double() {
    for (net, shape) in zoo().into_iter().chain(table()) {
        let (net, params, x) = setting(&net, shape, 3);
        let stream = Stream::root(7);
        let small: Params<f32> = net.init(&stream);
        let narrow = |t: &Tensor<f64>| {
            let numbers = t.array().to_vec().iter().map(|&x| x as f32).collect();
            Tensor::from_vec(t.shape(), numbers)
        };
        let batch = Batch { x: narrow(&x.x), masks: x.masks.iter().map(narrow).collect() };
        let wide = EmpiricalNtk::new(&net, &params).unwrap().matrix(&x, None).unwrap();
        let single = EmpiricalNtk::new(&net, &small).unwrap().matrix(&batch, None).unwrap().map(f64::from);
        assert!((&wide - single).amax() < 1e-4 * wide.amax());
    }
}

#[test]
fn masks_are_those_of_dropout() {
    let net = Network::new(&Architecture::new([dropout(0.25), dense(1).into()]), Shape::vector(400)).unwrap();
    let x = Tensor::<f64>::full(&[50, 400], 1.0);
    let batch = net.with_masks(&Stream::root(0), &x);
    let mask: Array<f64> = batch.masks[0].array().clone();
    assert!(mask.to_vec().iter().all(|&m| m == 0.0 || m == 4.0));
    // 20,000 units: 5 standard errors of the mean, sqrt(3/20000) each.
    let mean = mask.to_vec().iter().sum::<f64>() / 20_000.0;
    assert!((mean - 1.0).abs() < 5.0 * (3.0f64 / 20_000.0).sqrt(), "{mean}");
    let evaluation = Network::new(&Architecture::new([dense(1).into()]), Shape::vector(400)).unwrap();
    let params: Params<f64> = evaluation.init(&Stream::root(1).indexed(0));
    let leaves = params.leaves().into_iter().cloned().collect();
    let same = net.params_from(leaves).unwrap();
    assert_eq!(net.apply(&same, &x).array().to_vec(), evaluation.apply(&params, &x).array().to_vec());
}

#[test]
fn what_does_not_fit_is_refused() {
    let refuse = |layers: Vec<Layer>, shape: Shape| {
        Network::new(&Architecture::new(layers), shape).unwrap_err().to_string()
    };
    let widths = refuse(vec![dense(4).into(), residual([relu(), dense(5).into()])], Shape::vector(2));
    assert_eq!(
        widths,
        "layer 2 (residual): branches end in 1 x 1 pixels of 4 channels and 1 x 1 pixels of 5 channels: in a finite network \
         they must fit"
    );
    assert_eq!(
        refuse(vec![dense(0).into()], Shape::vector(2)),
        "layer 1 (dense): width = 0: a finite network needs at least 1"
    );
    let large = refuse(vec![relu(), conv(1, [6, 6]).into()], IMAGE);
    assert_eq!(large, "layer 2 (conv): the 6 x 6 window is larger than the 5 x 4 image");
    assert_eq!(refuse(vec![], IMAGE), "architecture: there are no layers");
    assert_eq!(
        refuse(vec![dropout(0.0)], IMAGE),
        "layer 1 (dropout): keep = 0: expected a probability in (0, 1]"
    );

    let (net, params, x) = setting(&Architecture::new([dense(3).into()]), Shape::vector(4), 2);
    let other = setting(&Architecture::new([dense(2).into()]), Shape::vector(4), 2);
    let error = EmpiricalNtk::new(&net, &other.1).unwrap_err().to_string();
    assert_eq!(error, "parameters: tensor 0 should have shape [4, 3], got [4, 2]");
    let deeper = setting(&Architecture::new([dense(2).b_std(0.1).into()]), Shape::vector(4), 2);
    let error = EmpiricalNtk::new(&net, &deeper.1).unwrap_err().to_string();
    assert_eq!(error, "parameters: expected 1 tensors in the network's own tree, got 2");
    let ntk = EmpiricalNtk::new(&net, &params).unwrap();
    let empty = x.map(&mut |leaf| leaf.slice(0, 0..0));
    assert_eq!(ntk.full(&empty, None).unwrap_err().to_string(), "first inputs: the batch is empty");
    let wrong = Batch::from(Tensor::zeros(&[2, 3]));
    let error = ntk.trace(&x, Some(&wrong)).unwrap_err().to_string();
    assert_eq!(error, "second inputs: expected [2, 4], got [2, 3]");
    let infinite = Batch::from(Tensor::full(&[2, 4], f64::NAN));
    assert_eq!(
        ntk.full(&infinite, None).unwrap_err().to_string(),
        "first inputs: there is an entry that is not finite"
    );
    let error = ntk.operator(&x, None).unwrap().apply(&Tensor::zeros(&[3, 3])).unwrap_err().to_string();
    assert_eq!(error, "vector: expected [2, 3], got [3, 3]");
    let masked = Batch { x: x.x.clone(), masks: vec![Tensor::zeros(&[2, 4])] };
    let error = ntk.full(&masked, None).unwrap_err().to_string();
    assert_eq!(error, "first inputs: the dropout masks should have shapes []");
}

#[test]
#[should_panic(expected = "activation cube: derivative 2 was not given; see Numerical::and_derivative")]
fn a_missing_derivative_is_named() {
    let cube = Numerical::new("cube", |x| x * x * x, |x| 3.0 * x * x, 10);
    let layers = [dense(3).into(), Activation::Numerical(cube).into()];
    let (net, params, x) = setting(&Architecture::new(layers), Shape::vector(2), 2);
    let _ = taylor(&net, &params, &params, &x, 2);
}
