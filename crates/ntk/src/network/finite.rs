//! A finite network with its parameters, to be trained and asked.

use nalgebra::DMatrix;
use overparam_tensor::optim::{Optimizer, Report, Stop, train};
use overparam_tensor::random::Stream;
use overparam_tensor::{Real, Tensor};

use super::{Batch, Network, Params};
use crate::NtkError;
use crate::architecture::Architecture;
use crate::data::Data;
use crate::inputs::Inputs;
use crate::shape::Shape;

/// A finite network at some parameters.
#[derive(Debug, Clone)]
pub struct Finite<T: Real> {
    /// The function of parameters and inputs.
    pub network: Network,
    /// Where it is.
    pub params: Params<T>,
}

impl Architecture {
    /// The finite network for inputs of this shape, at parameters drawn from `stream`.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn finite<T: Real>(&self, input: Shape, stream: &Stream) -> Result<Finite<T>, NtkError> {
        let network = Network::new(self, input)?;
        let params = network.init(stream);
        Ok(Finite { network, params })
    }
}

impl<T: Real> Finite<T> {
    /// Outputs, one row per input.
    ///
    /// # Errors
    /// [`NtkError::Input`] if the inputs do not fit the network.
    pub fn outputs(&self, inputs: &Inputs<T>) -> Result<DMatrix<T>, NtkError> {
        let batch = Batch::from(inputs);
        self.network.check_batch("inputs", &batch)?;
        let n = batch.count();
        Ok(self
            .network
            .apply_batch(&self.params, &batch)
            .reshape(&[n, self.network.outputs()])
            .array()
            .to_matrix())
    }

    /// Gradient descent on `||f - y||^2 / (2 n c)`.
    ///
    /// # Errors
    /// [`NtkError::Input`] if the examples do not fit the network, [`NtkError::Diverged`] if the loss stops being finite.
    pub fn descend(&mut self, data: &Data<T>, rate: f64, steps: usize) -> Result<Report, NtkError> {
        self.train(data, &mut Optimizer::descent(rate), Stop::after(steps))
    }

    /// Minimises `||f - y||^2 / (2 n c)` with any optimiser.
    ///
    /// # Errors
    /// As [`Self::descend`].
    pub fn train(
        &mut self,
        data: &Data<T>,
        optimizer: &mut Optimizer<T>,
        stop: Stop,
    ) -> Result<Report, NtkError> {
        let batch = Batch::from(data.inputs());
        self.network.check_batch("inputs", &batch)?;
        let (n, c) = data.targets().shape();
        if c != self.network.outputs() {
            let reason = format!("expected {} per example, got {c}", self.network.outputs());
            return Err(NtkError::input("targets", reason));
        }
        let targets = Tensor::from_fn(&[n, c], |i| data.targets()[(i[0], i[1])]);
        let network = &self.network;
        let loss = |_, params: &Params<T>| {
            let outputs = network.apply_batch(params, &batch).reshape(&[n, c]);
            (outputs - &targets).square().sum().scale(T::of(0.5 / (n * c) as f64))
        };
        Ok(train(&mut self.params, optimizer, stop, loss)?)
    }
}
