//! Elementary functions that vectorise.

/// Functions of one number beyond those of `num_traits`.
pub trait Elementary {
    /// `e^x`.
    fn fast_exp(self) -> Self;
    /// Hyperbolic tangent.
    fn fast_tanh(self) -> Self;
    /// The error function.
    fn erf(self) -> Self;
}

impl Elementary for f64 {
    #[inline(always)]
    fn fast_exp(self) -> Self {
        self.exp()
    }

    #[inline(always)]
    fn fast_tanh(self) -> Self {
        self.tanh()
    }

    fn erf(self) -> Self {
        libm::erf(self)
    }
}

impl Elementary for f32 {
    #[inline(always)]
    fn fast_exp(self) -> Self {
        self.exp()
    }

    #[inline(always)]
    fn fast_tanh(self) -> Self {
        self.tanh()
    }

    fn erf(self) -> Self {
        libm::erff(self)
    }
}
