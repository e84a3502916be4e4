//! Floating-point operations of each method, and the form of each layer.

use super::method::{Form, Method, Reduction, multiplications};
use crate::network::Network;

/// Operations (a multiply-add is two) of each method on some batches; elementwise work is not counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Costs {
    /// [`Method::Jacobian`].
    pub jacobian: f64,
    /// [`Method::Products`].
    pub products: f64,
    /// [`Method::Structured`].
    pub structured: f64,
    /// The form each affine map takes there.
    pub(super) forms: Vec<Form>,
}

impl Costs {
    /// For the full kernel between `n1` and `n2` inputs, or of `n1` inputs with themselves.
    pub fn full(network: &Network, n1: usize, n2: Option<usize>) -> Self {
        Self::new(network, (n1, n2), Reduction::Full)
    }

    /// For the mean over outputs.
    pub fn trace(network: &Network, n1: usize, n2: Option<usize>) -> Self {
        Self::new(network, (n1, n2), Reduction::Trace)
    }

    pub(super) fn new(network: &Network, (n1, n2): (usize, Option<usize>), reduction: Reduction) -> Self {
        let k = network.outputs() as f64;
        let (n1, n2) = (n1 as f64, n2.map(|n| n as f64));
        let examples = n1 + n2.unwrap_or(0.0);
        // Only half of a symmetric kernel is computed, except column by column.
        let pairs = n2.map_or(n1 * (n1 + 1.0) / 2.0, |n2| n1 * n2);
        // Products of gradients that end up in one entry are as many as entries in the full kernel: k^2, or k.
        let products = match reduction {
            Reduction::Full => k * k,
            Reduction::Trace => k,
        };
        let forward: f64 = network.affine_maps().iter().map(|map| 2.0 * multiplications(map)).sum();
        let mut structured = examples * (1.0 + k) * forward;
        let forms = network.affine_maps().iter().map(|map| {
            let (fan_in, fan_out) = (map.fan_in() as f64, map.output.channels as f64);
            let pixels = (map.output.pixels() as f64).powi(2);
            let gram = 2.0 * pairs * pixels * (fan_in + products * (fan_out + 1.0));
            let flat = 2.0 * pairs * products * fan_in * fan_out + examples * k * 2.0 * multiplications(map);
            structured += gram.min(flat);
            if gram <= flat { Form::Gram } else { Form::Flat }
        });
        let forms = forms.collect();
        Self {
            jacobian: examples * (1.0 + 2.0 * k) * forward
                + 2.0 * pairs * products * network.parameter_count() as f64,
            products: (n1 + n2.unwrap_or(n1)) * forward + 2.0 * n2.unwrap_or(n1) * k * (1.0 + n1) * forward,
            structured,
            forms,
        }
    }

    /// The method with the fewest operations.
    pub fn cheapest(&self) -> Method {
        let candidates = [
            (self.structured, Method::Structured),
            (self.jacobian, Method::Jacobian),
            (self.products, Method::Products),
        ];
        candidates
            .into_iter()
            .reduce(|a, b| if b.0 < a.0 { b } else { a })
            .map_or(Method::Structured, |c| c.1)
    }
}
