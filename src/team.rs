//! Keeps threads of the pool awake during a training step, or during the prediction of a single image: waking a thread
//! takes longer than computing most layers.

use rayon::Yield;
use std::cell::Cell;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The number of multiplications for each thread of a team: with fewer, waking the thread takes longer than it saves.
const FOR_EACH_WOKEN: usize = 1 << 20;
/// The number of multiplications for each thread that shares a task, where the threads are awake already.
const FOR_EACH_AWAKE: usize = 1 << 16;
/// The number of multiplications that thread 0 computes before the other threads have started.
const HEAD_START: usize = 1 << 16;

thread_local! {
    /// Whether this thread is in [`lead`].
    static LEADING: Cell<bool> = const { Cell::new(false) };
}

/// The number of threads in a team for `multiplications`, at most one per core, since waiting threads keep cores busy.
pub(crate) fn size(multiplications: usize) -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    let cores = *CORES.get_or_init(|| std::thread::available_parallelism().map_or(usize::MAX, usize::from));
    rayon::current_num_threads().min(cores).min(multiplications / FOR_EACH_WOKEN).max(1)
}

/// The argument of rayon's `with_min_len` for a parallel loop. If the loop has less than `few` to compute (`to_do`),
/// one thread computes all items, because it would finish before a second thread could start; otherwise rayon may
/// divide them as it likes.
pub(crate) fn min_len(to_do: usize, few: usize) -> usize {
    if to_do < few { usize::MAX } else { 1 }
}

/// The number of threads of a team of `size` that share `multiplications`.
pub(crate) fn share(multiplications: usize, size: usize) -> usize {
    (multiplications / FOR_EACH_AWAKE).clamp(1, size)
}

/// The range of the `count` items, with `multiplications` in all, that thread number `thread` of `threads` computes.
/// Thread 0 hands out the items and starts earlier than the others, so it gets more items, to make up for their later
/// start.
pub(crate) fn range_of(thread: usize, threads: usize, count: usize, multiplications: usize) -> Range<usize> {
    let shared = 1.0 - HEAD_START as f64 / multiplications.max(HEAD_START) as f64;
    let of_each_other = ((count as f64 * shared / threads as f64).round() as usize).min(count / threads);
    let end = count - (threads - 1 - thread) * of_each_other;
    if thread == 0 { 0..end } else { end - of_each_other..end }
}

/// Calls `work` on a thread of the pool, while the other `size` − 1 threads of a team wait awake for the tasks that it
/// spawns.
pub(crate) fn lead<R: Send>(size: usize, work: impl FnOnce() -> R + Send) -> R {
    let working = AtomicBool::new(true);
    rayon::scope(|scope| {
        for _ in 1..size {
            scope.spawn(|_| help(&working));
        }
        let _lead = Lead { working: &working, before: LEADING.replace(true) };
        work()
    })
}

/// Ends the team's waiting when it is dropped, also after a panic of `work`.
struct Lead<'a> {
    working: &'a AtomicBool,
    before: bool,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.working.store(false, Ordering::Release);
        LEADING.set(self.before);
    }
}

/// Executes tasks that other threads spawn, until `working` is false.
fn help(working: &AtomicBool) {
    // While a thread in `lead` waits for its tasks, it may be given the `help` of another `lead`. If it waited there,
    // two threads could wait for each other's end.
    if LEADING.get() {
        return;
    }
    let mut idle = 0;
    while working.load(Ordering::Acquire) {
        match rayon::yield_now() {
            Some(Yield::Executed) => idle = 0,
            _ => idle += 1,
        }
        // If there are more threads than cores, another thread can run meanwhile.
        if idle > 100 { std::thread::yield_now() } else { std::hint::spin_loop() }
    }
}
