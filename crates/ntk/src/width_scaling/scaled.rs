//! Any architecture at any width, with the start and the rates of its parameterisation.

use overparam_tensor::optim::{Method, Optimizer};
use overparam_tensor::random::Stream;
use overparam_tensor::{Real, Tree};

use super::{Role, Rule, Scaling, WidthScaling};
use crate::network::{Network, Params};
use crate::shape::Shape;
use crate::{Architecture, NtkError};

/// A finite network with the start and the learning rates of its parameterisation.
#[derive(Debug, Clone)]
pub struct ScaledNetwork {
    network: Network,
    rule: Rule,
    /// Of the affine maps in the order in which they run.
    roles: Vec<Option<Role>>,
    /// Of each leaf: what its draw and its learning rate are multiplied with.
    leaves: Vec<Leaf>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Leaf {
    std: f64,
    rate: f64,
}

impl WidthScaling {
    /// The network of an architecture, whose widths are those at the base width, at another width, for inputs of this shape
    /// ([`Architecture::widened`]). The parameterisation is this one: the architecture's own does not matter.
    ///
    /// # Errors
    /// Those of [`Architecture::widened`] and [`Network::new`].
    ///
    /// ```
    /// use overparam_ntk::prelude::*;
    /// use overparam_ntk::width_scaling::{Rule, Scaling, WidthScaling};
    ///
    /// let net = serial![dense(64).w_std(1.4), relu(), dense(64).w_std(1.4), relu(), dense(1)];
    /// let mup = WidthScaling::new(Scaling::MaximalUpdate, Rule::Sgd, 64)?;
    /// let wide = mup.network(&net, 256, Shape::vector(8))?;
    /// assert_eq!(wide.rates(), [4.0, 1.0, 0.25]);
    /// let params = wide.init::<f64>(&Stream::root(0));
    /// assert_eq!(params.leaf("layers[2].weight").map(|w| w.shape()), Some(&[256, 256][..]));
    /// # Ok::<(), NtkError>(())
    /// ```
    pub fn network(
        &self,
        architecture: &Architecture,
        width: usize,
        input: Shape,
    ) -> Result<ScaledNetwork, NtkError> {
        let wide = |width: usize| -> Result<Network, NtkError> {
            let wide = architecture.widened(width, self.base_width)?;
            Network::new(&if self.scaling == Scaling::Ntk { ntk(wide) } else { wide.standard() }, input)
        };
        let network = wide(width)?;
        // What grows shows in a net of another width.
        let other = wide(if width == self.base_width { width.saturating_mul(2) } else { self.base_width })?;
        let (mut roles, mut maps) = (Vec::new(), Vec::new());
        for (map, other) in network.affine_maps().iter().zip(other.affine_maps()) {
            let fan_in = map.input.channels != other.input.channels;
            let fan_out = map.output.channels != other.output.channels;
            let role = match (fan_in, fan_out) {
                (false, true) => Some(Role::Input),
                (true, true) => Some(Role::Hidden),
                (true, false) => Some(Role::Output),
                (false, false) => None,
            };
            let natural = (map.fan_in() as f64).recip();
            let weight = match role.filter(|_| self.scaling != Scaling::Ntk) {
                Some(role) => {
                    let own = self.multipliers(role, map.fan_in(), width, 1.0)?;
                    Leaf { std: (own.variance / natural).sqrt(), rate: own.rate }
                }
                None => Leaf { std: 1.0, rate: 1.0 },
            };
            roles.push(role);
            maps.push((weight, Leaf { std: 1.0, rate: self.bias_rate(fan_out, width) }));
        }
        // Maps run in the order in which their weights stand; a bias belongs to the last weight before it.
        let mut weights = maps.iter();
        let mut bias = Leaf { std: 1.0, rate: 1.0 };
        let names = network.zeros::<f32>().names();
        let leaves = names.iter().map(|name| match weights.as_slice() {
            [(weight, own), ..] if !name.ends_with(".bias") => {
                weights.next();
                bias = *own;
                *weight
            }
            _ => bias,
        });
        let leaves = leaves.collect();
        Ok(ScaledNetwork { network, rule: self.rule, roles, leaves })
    }
}

fn ntk(architecture: Architecture) -> Architecture {
    Architecture::new(architecture.layers)
}

impl ScaledNetwork {
    /// The function of parameters and inputs.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Random parameters; every tensor has a stream of its own below `stream`.
    pub fn init<T: Real>(&self, stream: &Stream) -> Params<T> {
        let mut leaves = self.leaves.iter();
        self.network.init::<T>(stream).map(&mut |leaf| match leaves.next() {
            Some(own) if own.std != 1.0 => leaf.scale(T::of(own.std)),
            _ => leaf.clone(),
        })
    }

    /// What the learning rate of each leaf of the parameters is multiplied with, in their order.
    pub fn rates(&self) -> Vec<f64> {
        self.leaves.iter().map(|leaf| leaf.rate).collect()
    }

    /// The optimiser with these rates; `rate` is that at the base width. Adam's epsilon is negligible.
    pub fn optimizer<T: Real>(&self, rate: f64) -> Optimizer<T> {
        let method = match self.rule {
            Rule::Sgd => Method::Descent,
            Rule::Adam => Method::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-30, decoupled: false },
        };
        Optimizer::new(method, rate).with_multipliers(self.rates())
    }

    /// Names of the affine maps in the order in which they run, and what they lead between; `None` is a map whose sides do not grow.
    pub(super) fn maps(&self) -> Vec<(String, Option<Role>)> {
        let names = self.network.zeros::<f32>().names();
        let weights = names.iter().filter(|name| !name.ends_with(".bias"));
        let plain = |name: &String| name.trim_end_matches(".weight").to_owned();
        weights.map(plain).zip(self.roles.iter().copied()).collect()
    }
}
