//! Threads of the pool that are kept awake during a training step, or while a single image goes through a network: to wake
//! one takes longer than most layers do.

use rayon::Yield;
use std::cell::Cell;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Multiplications that occupy a thread for long enough to be worth waking it.
const WORTH_WAKING: usize = 1 << 20;
/// Multiplications that are worth handing to a thread that is awake.
const WORTH_HANDING_OVER: usize = 1 << 16;
/// Multiplications that a thread does until another has begun with what it is handed.
const HEAD_START: usize = 1 << 16;

thread_local! {
    /// Whether a lead is under way on this thread.
    static LEADING: Cell<bool> = const { Cell::new(false) };
}

/// The number of threads in a team for `multiplications`, at most one a core: threads that wait keep a core busy.
pub(crate) fn size(multiplications: usize) -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    let cores = *CORES.get_or_init(|| std::thread::available_parallelism().map_or(usize::MAX, usize::from));
    rayon::current_num_threads().min(cores).min(multiplications / WORTH_WAKING).max(1)
}

/// Pieces of a parallel loop that a thread is given at least: all of them where there is less to do than `few`, and it is done
/// sooner than another would come to help.
pub(crate) fn min_len(to_do: usize, few: usize) -> usize {
    if to_do < few { usize::MAX } else { 1 }
}

/// How many of a team's `size` threads share `multiplications`.
pub(crate) fn share(multiplications: usize, size: usize) -> usize {
    (multiplications / WORTH_HANDING_OVER).clamp(1, size)
}

/// The part of `count` pieces, of `multiplications` in all, that thread number `thread` of `threads` takes. Thread 0 hands the
/// pieces out and begins first, so it takes more: what it computes before the others begin.
pub(crate) fn part(thread: usize, threads: usize, count: usize, multiplications: usize) -> Range<usize> {
    let shared = 1.0 - HEAD_START as f64 / multiplications.max(HEAD_START) as f64;
    let of_each_other = ((count as f64 * shared / threads as f64).round() as usize).min(count / threads);
    let end = count - (threads - 1 - thread) * of_each_other;
    if thread == 0 { 0..end } else { end - of_each_other..end }
}

/// Does `work`, on a thread of the pool, while the other threads of a team of `size` wait for what it shares out.
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

/// Ends with its work, even by a panic.
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

/// Does what others share out until `working` ends.
fn help(working: &AtomicBool) {
    // While a lead waits for its parts, its thread may be given another's help to do: two could wait for each other's end.
    if LEADING.get() {
        return;
    }
    let mut idle = 0;
    while working.load(Ordering::Acquire) {
        match rayon::yield_now() {
            Some(Yield::Executed) => idle = 0,
            _ => idle += 1,
        }
        // A processor that has more threads than cores has something else to do.
        if idle > 100 { std::thread::yield_now() } else { std::hint::spin_loop() }
    }
}
