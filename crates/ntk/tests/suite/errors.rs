//! Every wrong input gets one message that says where and what.

use nalgebra::DMatrix;
use overparam_ntk::architecture::shape::Shape;
use overparam_ntk::{Architecture, Inputs, Kernel};

fn schema(layers: &str) -> String {
    Architecture::from_json(&format!(r#"{{"layers": [{layers}]}}"#)).unwrap_err().to_string()
}

#[test]
fn schema_errors_name_layer_and_field() {
    for (layers, message) in [
        (
            r#""relu", {"dense": {"width": 8, "wstd": 1.5}}"#,
            "layer 2 (dense): unknown field `wstd`; known fields are `width`, `w_std`, `b_std`",
        ),
        (r#"{"dense": {}}"#, "layer 1 (dense): field `width` is missing"),
        (r#"{"dropout": {"rate": 0.5}}"#, "layer 1 (dropout): field `keep` is missing; given are `rate`"),
        (
            r#"{"tanh": {"nodes": 501}}"#,
            "layer 1 (tanh), field `nodes`: expected an integer from 1 to 500, got 501",
        ),
        (r#"{"dense": {"width": -3}}"#, "layer 1 (dense), field `width`: expected an integer >= 1, got -3"),
        (
            r#"{"conv": {"channels": 3, "filter": [3]}}"#,
            "layer 1 (conv), field `filter`: expected two integers >= 1, got [3]",
        ),
        (
            r#"{"conv": {"channels": 3, "filter": [3, 3], "padding": "full"}}"#,
            "layer 1 (conv), field `padding`: expected one of \"valid\", \"same\", \"circular\", got \"full\"",
        ),
        (
            r#"{"residual": ["relu", "rleu"]}"#,
            "layer 1 (residual), layer 2: there is no layer or activation called \"rleu\"; names are in lower case, such as \
             \"relu\", \"leaky_relu\", \"dense\", \"global_avg_pool\"",
        ),
        (
            r#"{"parallel": {"branches": [["relu"], [{"dropout": {"keep": 2}}]]}}"#,
            "layer 1 (parallel), branch 2, layer 1 (dropout), field `keep`: expected a probability in (0, 1], got 2",
        ),
        (r#"3"#, "layer 1: expected a layer name or an object with one layer as its key, got 3"),
    ] {
        assert_eq!(schema(layers), message);
    }
    assert!(
        Architecture::from_json("{")
            .unwrap_err()
            .to_string()
            .starts_with("the architecture is not valid JSON: ")
    );
    // What a map or a number without NaN would forget.
    for (found, message) in [
        (
            Architecture::from_json(r#"{"layers": [{"dense": {"width": 8, "width": 9}}]}"#),
            "the architecture is not valid JSON: field `width` stands twice at line 1 column 42",
        ),
        (
            Architecture::from_toml("layers = [{dense = {width = 3, w_std = nan}}]"),
            "expected a finite number, got NaN",
        ),
    ] {
        let found = found.unwrap_err().to_string();
        assert!(found.contains(message), "{found}");
    }
}

#[test]
fn toml_mirrors_json() {
    let toml = "parameterization = \"standard\"\nlayers = [{ dense = { width = 4, w_std = 1.5 } }, \"relu\", { dense = { width = 1 } }]";
    let json = r#"{"parameterization": "standard", "layers": [{"dense": {"width": 4, "w_std": 1.5}}, "relu", {"dense": {"width": 1}}]}"#;
    assert_eq!(Architecture::from_toml(toml).unwrap(), Architecture::from_json(json).unwrap());
}

fn refused(layers: &str, shape: Shape) -> String {
    let net = Architecture::from_json(&format!(r#"{{"layers": [{layers}]}}"#)).unwrap();
    Kernel::<f64>::new(&net, shape).unwrap_err().to_string()
}

#[test]
fn layers_that_do_not_fit_or_have_no_limit_say_why() {
    let image = Shape { height: 4, width: 4, channels: 3 };
    let dense = r#"{"dense": {"width": 3}}"#;
    for (layers, message) in [
        (
            format!(r#"{dense}, "relu", {{"max_pool": {{"window": [2, 2]}}}}"#),
            "layer 3 (max_pool) has no infinite-width kernel: the covariance of a maximum",
        ),
        (
            r#"{"conv": {"channels": 3, "filter": [5, 5]}}"#.into(),
            "layer 1 (conv): the 5 x 5 window is larger than the 4 x 4 image",
        ),
        (
            format!(r#"{dense}, "relu", "relu", "flatten""#),
            "layer 3 (relu) has no infinite-width kernel: a nonlinearity needs Gaussian inputs",
        ),
        (
            format!(r#"{dense}, {{"parallel": {{"branches": [["relu"], ["erf"]]}}}}"#),
            "layer 2 (parallel) has no infinite-width kernel: more than one branch",
        ),
        (
            r#"{"conv": {"channels": 3, "filter": [10, 3], "padding": "circular"}}"#.into(),
            "layer 1 (conv): the 10 x 3 window with circular padding wraps more than once around the 4 x 4 image",
        ),
        (
            r#"{"conv": {"channels": 3, "filter": [1025, 3], "padding": "same"}}"#.into(),
            "layer 1 (conv): the 1025 x 3 window is larger than the 4 x 4 image",
        ),
        (
            // x and relu(x) are correlated.
            format!(r#"{dense}, {{"residual": ["relu"]}}, {dense}, "flatten""#),
            "layer 2 (residual) has no infinite-width kernel: more than one branch",
        ),
        (
            // x + x is 2 x: both branches are Gaussian, and not independent.
            format!(r#"{dense}, {{"parallel": {{"branches": [[], ["layer_norm"]]}}}}, {dense}, "flatten""#),
            "layer 2 (parallel) has no infinite-width kernel: more than one branch",
        ),
        (
            // The inner sum contains its input, so it has no mean zero given the other branch.
            format!(
                r#"{dense}, {{"residual": [{{"residual": ["relu", {dense}]}}, {{"dropout": {{"keep": 0.5}}}}]}}, "flatten""#
            ),
            "layer 2 (residual) has no infinite-width kernel: more than one branch",
        ),
        (
            format!(r#"{dense}, "flatten", "relu", {dense}"#),
            "layer 3 (relu) has no infinite-width kernel: after flatten, channels have different variances",
        ),
        (
            format!(r#"{dense}, "flatten", "layer_norm", {{"residual": [{dense}]}}, "erf", {dense}"#),
            "layer 5 (erf) has no infinite-width kernel: after flatten, channels have different variances",
        ),
        (
            format!(
                r#"{{"parallel": {{"combine": "product", "branches": [[{dense}, "flatten"], [{dense}, "flatten"]]}}}}"#
            ),
            "layer 1 (parallel) has no infinite-width kernel: in more than one branch channels have covariances of their own",
        ),
        (dense.into(), "layer 1 (the last): the output is still an image of 4 x 4 pixels"),
        (String::new(), "architecture: there are no layers"),
    ] {
        let refusal = refused(&layers, image);
        assert!(refusal.starts_with(message), "{refusal}");
    }
}

#[test]
fn branches_with_weights_of_their_own_may_be_summed() {
    let dense = r#"{"dense": {"width": 3}}"#;
    for layers in [
        format!(r#"{{"residual": [{dense}]}}"#),
        format!(r#"{dense}, {{"residual": ["relu", {dense}, {{"dropout": {{"keep": 0.5}}}}]}}, {dense}"#),
        format!(
            r#"{dense}, {{"parallel": {{"branches": [["abs"], ["relu", {dense}], [{dense}]]}}}}, {dense}"#
        ),
        format!(r#"{dense}, {{"residual": [{dense}, {{"residual": ["relu", {dense}]}}]}}, "relu", {dense}"#),
        format!(
            r#"{dense}, {{"residual": [{{"parallel": {{"branches": [["relu"], ["relu", {dense}]], "combine": "product"}}}}]}}, {dense}"#
        ),
    ] {
        let net = Architecture::from_json(&format!(r#"{{"layers": [{layers}]}}"#)).unwrap();
        Kernel::<f64>::new(&net, Shape::vector(3)).unwrap();
    }
}

/// The next layer's NTK counts the channels that come together; in NTK parameterisation widths are nominal.
#[test]
fn branches_of_unlike_width_have_no_sum_in_standard_parameterisation() {
    let layers = r#"{"dense": {"width": 4}}, {"parallel": {"branches": [["relu", {"dense": {"width": 3}}], ["erf", {"dense": {"width": 40}}]]}}, {"dense": {"width": 1}}"#;
    let net = |kind: &str| {
        let text = format!(r#"{{"parameterization": "{kind}", "layers": [{layers}]}}"#);
        Kernel::<f64>::new(&Architecture::from_json(&text).unwrap(), Shape::vector(3))
    };
    assert!(net("ntk").is_ok());
    let refusal = net("standard").unwrap_err().to_string();
    assert!(refusal.starts_with("layer 2 (parallel): branches end in 3 and 40 channels"), "{refusal}");
}

#[test]
fn inputs_that_do_not_fit_say_what_was_expected() {
    let net = Architecture::from_json(r#"{"layers": [{"dense": {"width": 3}}]}"#).unwrap();
    let kernel = Kernel::<f64>::new(&net, Shape::vector(2)).unwrap();
    let good = Inputs::from(DMatrix::from_element(1, 2, 1.0));
    for (x, message) in [
        (DMatrix::zeros(0, 2), "second inputs: the batch is empty"),
        (DMatrix::zeros(1, 3), "second inputs: expected vectors of 2 entries, got vectors of 3 entries"),
        (DMatrix::from_element(1, 2, f64::NAN), "second inputs: input 0, entry 0 is NaN"),
        (
            DMatrix::from_element(1, 2, 1e200),
            "second inputs: the squared norm of input 0 overflows f64: scale the inputs down",
        ),
    ] {
        assert_eq!(kernel.ntk(&good, Some(&x.into())).unwrap_err().to_string(), message);
    }
}

#[test]
fn a_description_has_a_line_a_layer() {
    let text = r#"{"layers": [{"conv": {"channels": 8, "filter": [3, 3], "padding": "same"}}, {"residual": ["relu", {"conv": {"channels": 8, "filter": [1, 1]}}]}, "global_avg_pool"]}"#;
    let net = Architecture::from_json(text).unwrap();
    let lines = net.describe(Shape { height: 4, width: 4, channels: 3 }).unwrap();
    assert_eq!(lines.lines().count(), 6);
    assert!(lines.ends_with("3. global_avg_pool -> 8\n"), "{lines}");
}

/// The schema takes any width; sums and products of widths stay within `usize`.
#[test]
fn channels_beyond_counting_are_errors() {
    let most = usize::MAX;
    let wide = format!(r#"[{{"dense": {{"width": {most}}}}}]"#);
    let branches = format!(r#"{{"parallel": {{"branches": [{wide}, {wide}], "combine": "concat"}}}}"#);
    let flatten = format!(r#"{{"conv": {{"channels": {most}, "filter": [1, 1]}}}}, "flatten""#);
    for (layers, place) in [(branches, "layer 1 (parallel)"), (flatten, "layer 2 (flatten)")] {
        let network = Architecture::from_json(&format!(r#"{{"layers": [{layers}]}}"#)).unwrap();
        let error = network.shapes(Shape { height: 2, width: 2, channels: 1 }).unwrap_err().to_string();
        assert!(error.starts_with(place) && error.contains("channels are more than"), "{error}");
    }
}
