//! How far a long evaluation is, and stopping it from another thread.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::NtkError;

/// Shared between the thread that waits for a kernel and those that compute it.
///
/// ```
/// use nalgebra::DMatrix;
/// use overparam_ntk::architecture::{Architecture, dense};
/// use overparam_ntk::kernel::{Progress, Wanted};
/// use overparam_ntk::{Inputs, Kernel, NtkError};
///
/// let net = Architecture::new([dense(1).into()]);
/// let x = Inputs::from(DMatrix::<f64>::identity(3, 3));
/// let kernel = Kernel::new(&net, x.shape())?;
/// let progress = Progress::default();
/// let result = kernel.evaluate(&x, None, Wanted::NTK, &progress)?;
/// assert_eq!((result.ntk.shape(), progress.done()), ((3, 3), 6)); // the lower half, with the diagonal
///
/// progress.stop();
/// assert_eq!(kernel.evaluate(&x, None, Wanted::NTK, &progress), Err(NtkError::Stopped));
/// # Ok::<(), NtkError>(())
/// ```
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    stopped: AtomicBool,
}

impl Progress {
    /// Pairs of inputs computed so far. Of `n` inputs with themselves there are `n (n + 1) / 2`.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Ends the evaluation at the next opportunity with [`NtkError::Stopped`].
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Counts finished pairs.
    pub(super) fn advance(&self, pairs: usize) {
        self.done.fetch_add(pairs as u64, Ordering::Relaxed);
    }

    /// Refuses to go on once [`Self::stop`] was called.
    pub(super) fn check(&self) -> Result<(), NtkError> {
        if self.stopped.load(Ordering::Relaxed) { Err(NtkError::Stopped) } else { Ok(()) }
    }
}
