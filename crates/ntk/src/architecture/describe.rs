//! A network in words, one line a layer.

use std::fmt::Write;

use super::Architecture;
use super::layer::{Combine, Layer, Padding};
use super::shape::Shape;
use crate::NtkError;

impl Architecture {
    /// One line a layer: number, name, settings, output shape; branches are indented.
    ///
    /// # Errors
    /// As [`Self::shapes`].
    pub fn describe(&self, input: Shape) -> Result<String, NtkError> {
        let mut text = format!("input: {}\n", words(input));
        let shapes = self.shapes(input)?;
        for (i, (layer, shape)) in self.layers.iter().zip(&shapes[1..]).enumerate() {
            line(&mut text, layer, i, 0);
            let _ = writeln!(text, " -> {}", words(*shape));
            branches(&mut text, layer, 1);
        }
        Ok(text)
    }
}

fn words(shape: Shape) -> String {
    match (shape.height, shape.width) {
        (1, 1) => format!("{}", shape.channels),
        (h, w) => format!("{h} x {w} x {}", shape.channels),
    }
}

fn line(text: &mut String, layer: &Layer, index: usize, depth: usize) {
    let _ =
        write!(text, "{:indent$}{}. {}{}", "", index + 1, layer.name(), settings(layer), indent = 2 * depth);
}

fn branches(text: &mut String, layer: &Layer, depth: usize) {
    let inner: &[Vec<Layer>] = match layer {
        Layer::Residual(branch) => std::slice::from_ref(branch),
        Layer::Parallel { branches, .. } => branches,
        _ => &[],
    };
    for (b, branch) in inner.iter().enumerate() {
        if inner.len() > 1 {
            let _ = writeln!(text, "{:indent$}branch {}:", "", b + 1, indent = 2 * depth);
        }
        for (i, layer) in branch.iter().enumerate() {
            line(text, layer, i, depth + 1);
            text.push('\n');
            branches(text, layer, depth + 2);
        }
    }
}

fn settings(layer: &Layer) -> String {
    let bias = |b: Option<f64>| b.map_or_else(String::new, |b| format!(", b_std {b}"));
    match layer {
        Layer::Dense(l) => format!(" w_std {}{}", l.w_std, bias(l.b_std)),
        Layer::Conv(l) => format!(
            " {}{}, w_std {}{}",
            window(l.filter, l.strides),
            padding(l.padding),
            l.w_std,
            bias(l.b_std)
        ),
        Layer::AvgPool(p) | Layer::SumPool(p) | Layer::MaxPool(p) => {
            format!(" {}{}", window(p.window, p.strides), padding(p.padding))
        }
        Layer::Dropout(l) => format!(" keeping {}", l.keep),
        Layer::Parallel { combine, .. } => match combine {
            Combine::Sum => " summed".into(),
            Combine::Concat => " concatenated".into(),
            Combine::Product => " multiplied".into(),
        },
        _ => String::new(),
    }
}

fn window(size: [usize; 2], strides: [usize; 2]) -> String {
    let stride =
        if strides == [1, 1] { String::new() } else { format!(" by {} x {}", strides[0], strides[1]) };
    format!("{} x {}{stride}", size[0], size[1])
}

fn padding(padding: Padding) -> &'static str {
    match padding {
        Padding::Valid => ", no padding",
        Padding::Same => ", zero padding",
        Padding::Circular => ", circular",
    }
}
