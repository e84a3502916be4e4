//! Minibatches without replacement.

use crate::random::Stream;

/// The examples of each step of stochastic descent: every epoch is a new uniformly random order of all examples, cut into
/// batches. The last batch of an epoch is short if the size does not divide their number.
///
/// A step's batch depends on the stream and the step alone.
///
/// ```
/// use overparam_tensor::{optim::Minibatches, random::Stream};
///
/// let batches = Minibatches::new(10, 4, Stream::root(0));
/// let mut epoch: Vec<usize> = (0..3).flat_map(|step| batches.at(step)).collect();
/// epoch.sort();
/// assert_eq!(epoch, (0..10).collect::<Vec<_>>());
/// ```
#[derive(Debug, Clone)]
pub struct Minibatches {
    examples: usize,
    size: usize,
    stream: Stream,
}

impl Minibatches {
    /// Batches of `size` of `examples` examples.
    ///
    /// # Panics
    /// If `size` is 0.
    pub fn new(examples: usize, size: usize, stream: Stream) -> Self {
        assert!(size > 0, "Minibatches::new: batches of size 0");
        Self { examples, size, stream }
    }

    /// Batches in an epoch.
    pub fn per_epoch(&self) -> usize {
        self.examples.div_ceil(self.size).max(1)
    }

    /// The examples of a step, to be passed to [`Tensor::gather`](crate::Tensor::gather).
    pub fn at(&self, step: usize) -> Vec<usize> {
        let (epoch, batch) = (step / self.per_epoch(), step % self.per_epoch());
        let order = self.stream.indexed(epoch as u64).permutation(self.examples);
        order.chunks(self.size).nth(batch).unwrap_or(&[]).to_vec()
    }
}
