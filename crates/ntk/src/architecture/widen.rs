//! A network made wider.

use super::Architecture;
use crate::NtkError;
use crate::finite::ties::Ties;
use crate::layer::rule::{tie, visit_widths};

impl Architecture {
    /// The network with hidden widths times `width/base_width`. The channels of inputs and outputs stay, and with them the widths that sums,
    /// products or concatenations join to them; all others are hidden.
    ///
    /// # Errors
    /// [`NtkError::Parameter`] if `width` or `base_width` is 0 or no width is hidden; [`NtkError::Layer`], with its place, if the new width of a layer is
    /// not a whole number.
    ///
    /// ```
    /// use overparam_ntk::prelude::*;
    ///
    /// let net = serial![dense(32), relu(), residual(serial![dense(64), relu(), dense(32)]), dense(10)];
    /// let wide = serial![dense(96), relu(), residual(serial![dense(192), relu(), dense(96)]), dense(10)];
    /// assert_eq!(net.widened(96, 32)?, wide);
    /// # Ok::<(), NtkError>(())
    /// ```
    pub fn widened(&self, width: usize, base_width: usize) -> Result<Self, NtkError> {
        for (name, value) in [("width", width), ("base width", base_width)] {
            if value == 0 {
                return Err(NtkError::parameter(name, &value, "at least 1"));
            }
        }
        let (mut ties, inputs) = Ties::new();
        let outputs = tie(&self.layers, &mut ties, inputs);
        let mut wide = self.clone();
        let (mut layer, mut hidden, mut wrong) = (0, 0, None);
        visit_widths(&mut wide.layers, "", &mut |at, own| {
            layer += 1;
            let here = Ties::layer(layer);
            if ties.are_equal(here, inputs) || ties.are_equal(here, outputs) {
                return;
            }
            hidden += 1;
            match own.checked_mul(width) {
                Some(product) if product % base_width == 0 => *own = product / base_width,
                _ => {
                    let reason = format!(
                        "its width {own} times {width}/{base_width} is not a whole number: choose a width that makes it one"
                    );
                    wrong.get_or_insert(NtkError::Layer { at: at.to_owned(), reason });
                }
            }
        });
        match wrong {
            Some(error) => Err(error),
            None if hidden == 0 => Err(NtkError::parameter(
                "hidden widths",
                &hidden,
                "at least one layer whose width is not that of inputs or outputs",
            )),
            None => Ok(wide),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::architecture::{
        Architecture, Combine, conv, dense, global_avg_pool, parallel, relu, residual,
    };
    use crate::layer::TABLE;
    use crate::network::Network;
    use crate::shape::Shape;

    /// What is joined to inputs or outputs stays, whatever its place.
    #[test]
    fn ends_stay() {
        let block = |n: usize| residual([dense(2 * n).into(), relu(), dense(8).into()]);
        let end = |n: usize| {
            let both = [vec![dense(3).into()], vec![conv(n, [1, 1]).into(), relu(), dense(3).into()]];
            parallel(both, Combine::Sum)
        };
        let net =
            |n: usize| Architecture::new([block(n), dense(n).into(), end(n), global_avg_pool(), relu()]);
        assert_eq!(net(4).widened(6, 2), Ok(net(12)));
        assert_eq!(net(4).widened(4, 4), Ok(net(4)));
        let error = net(4).widened(5, 8).unwrap_err().to_string();
        assert!(error.starts_with("layer 2 (dense): its width 4 times 5/8"), "{error}");
        assert!(Architecture::new([dense(3).into()]).widened(2, 1).is_err());
        assert!(net(4).widened(0, 1).is_err() && net(4).widened(1, 0).is_err());
    }

    /// Every layer of the table, in front of a dense one: the wide net is a net, with the same outputs and three times the channels inside.
    #[test]
    fn every_layer_can_be_widened() {
        for layer in TABLE.iter().flat_map(|entry| (entry.examples)(4)) {
            let net = Architecture::new([conv(4, [2, 2]).into(), layer, dense(2).into()]);
            let wide = net.widened(3, 1).unwrap();
            let shape = Shape { height: 6, width: 6, channels: 2 };
            let counts = [&net, &wide].map(|net| {
                let network = Network::new(net, shape).unwrap();
                assert_eq!(network.output().channels, 2);
                network.parameter_count()
            });
            assert!(counts[1] > 2 * counts[0], "{net:?}: {counts:?}");
        }
    }
}
