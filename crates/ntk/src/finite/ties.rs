//! Which numbers of channels of a finite network must stay equal when its layers are widened.

/// A number of channels somewhere in a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Width(usize);

/// Numbers of channels, in classes of those that sums and products keep equal.
#[derive(Debug)]
pub(crate) struct Ties {
    /// Another number of the same class, or the number itself.
    leaders: Vec<usize>,
}

impl Ties {
    /// With the channels of the inputs, which belong to no layer.
    pub(crate) fn new() -> (Self, Width) {
        (Self { leaders: vec![0] }, Width(0))
    }

    /// The width of another layer; the `i`-th, counted from 1, is [`Ties::layer`] of `i`.
    pub(crate) fn own(&mut self) -> Width {
        self.leaders.push(self.leaders.len());
        Width(self.leaders.len() - 1)
    }

    /// The width of the `i`-th layer that has one of its own, counted from 1.
    pub(crate) fn layer(i: usize) -> Width {
        Width(i)
    }

    /// From now on they are one.
    pub(crate) fn equal(&mut self, a: Width, b: Width) -> Width {
        let (a, b) = (self.leader(a), self.leader(b));
        self.leaders[a.max(b)] = a.min(b);
        Width(a.min(b))
    }

    /// Whether they are one.
    pub(crate) fn are_equal(&self, a: Width, b: Width) -> bool {
        self.leader(a) == self.leader(b)
    }

    fn leader(&self, Width(mut i): Width) -> usize {
        while self.leaders[i] != i {
            i = self.leaders[i];
        }
        i
    }
}
