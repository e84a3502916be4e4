//! A training step after the first asks the system for no large memory.

use std::alloc::System;

use overparam_tensor::optim::{Method, Optimizer};
use overparam_tensor::random::Stream;
use overparam_tensor::{Padding, Tensor, loss, value_and_grad};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Most that a step after the first may allocate: every activation of the net below is larger.
const ALLOWED: usize = 1 << 16;

/// Bytes that each of `steps` training steps asks for on `threads` threads.
fn allocated(threads: usize, steps: usize) -> Vec<usize> {
    let stream = Stream::root(0);
    let x = Tensor::<f32>::normal(&stream.named("x"), &[16, 8, 8, 16], 1.0);
    let y = Tensor::normal(&stream.named("y"), &[16, 2], 1.0);
    let mut p = vec![
        Tensor::<f32>::normal(&stream.named("1"), &[3, 3, 16, 32], 0.1),
        Tensor::normal(&stream.named("2"), &[2048, 256], 0.02),
        Tensor::normal(&stream.named("3"), &[256, 2], 0.1),
    ];
    let mut optimizer = Optimizer::new(Method::ADAM, 1e-3);
    let mut step = || {
        let region = Region::new(ALLOCATOR);
        let (_, gradient) = value_and_grad(
            |p: &Vec<Tensor<f32>>| {
                let h = x.conv2d(&p[0], [1, 1], Padding::Same).relu().flatten();
                loss::squared(&h.matmul(&p[1]).tanh().matmul(&p[2]), &y)
            },
            &p,
        );
        optimizer.step(&mut p, &gradient);
        drop(gradient);
        region.change().bytes_allocated
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| (0..steps).map(|_| step()).collect())
}

/// One test, as the allocator counts for the whole process. On one thread no step after the first allocates. On several, it
/// depends on the schedule when a thread needs scratch memory for the first time: all of that, whenever it is, stays below
/// what the threads would need for a step each, while steps that did not recycle would take a hundred times the first.
#[test]
fn steps_after_the_first_recycle_their_buffers() {
    let bytes = allocated(1, 5);
    assert!(bytes[0] > 100 * ALLOWED, "the first step allocates {} bytes", bytes[0]);
    for (i, &bytes) in bytes.iter().enumerate().skip(1) {
        assert!(bytes < ALLOWED, "step {i} allocates {bytes} bytes");
    }
    let (threads, bytes) = (4, allocated(4, 100));
    let later: usize = bytes.iter().skip(1).sum();
    assert!(later < threads * bytes[0] + 100 * ALLOWED, "{later} bytes after the first step's {}", bytes[0]);
}
