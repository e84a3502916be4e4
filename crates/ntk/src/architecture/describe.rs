//! A network in words, one line per layer.

use std::fmt::Write;

use super::Architecture;
use crate::NtkError;
use crate::layer::rule::{Rule, line};
use crate::shape::Shape;

impl Architecture {
    /// One line per layer: number, name, settings, output shape; branches are indented.
    ///
    /// # Errors
    /// As [`Self::shapes`].
    pub fn describe(&self, input: Shape) -> Result<String, NtkError> {
        let mut text = format!("input: {}\n", words(input));
        let shapes = self.shapes(input)?;
        for (i, (layer, shape)) in self.layers.iter().zip(&shapes[1..]).enumerate() {
            line(&mut text, layer, i, 0);
            let _ = writeln!(text, " -> {}", words(*shape));
            layer.describe_inside(&mut text, 1);
        }
        Ok(text)
    }

    /// One line per layer without shapes, for no input in particular: number, name, settings; branches are indented.
    ///
    /// ```
    /// use overparam_ntk::prelude::*;
    ///
    /// let net = serial![dense(512).w_std(1.5).b_std(0.1), relu(), dense(1)];
    /// assert_eq!(net.outline(), "1. dense w_std 1.5, b_std 0.1\n2. relu\n3. dense w_std 1\n");
    /// ```
    pub fn outline(&self) -> String {
        let mut text = String::new();
        for (i, layer) in self.layers.iter().enumerate() {
            line(&mut text, layer, i, 0);
            text.push('\n');
            layer.describe_inside(&mut text, 1);
        }
        text
    }
}

fn words(shape: Shape) -> String {
    match (shape.height, shape.width) {
        (1, 1) => format!("{}", shape.channels),
        (h, w) => format!("{h} x {w} x {}", shape.channels),
    }
}
