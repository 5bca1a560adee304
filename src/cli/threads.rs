//! `--threads`, and the thread pool that every command runs in.

use super::Outcome;
use super::output::note;
use clap::Args;
use rayon::{ThreadBuilder, ThreadPoolBuilder};
use std::io;
use std::sync::mpsc::{Sender, channel};
use std::thread;

/// The option of the commands that compute for long.
#[derive(Debug, Default, Args)]
pub(super) struct Threads {
    /// Number of threads, at most one per core [default: one per core]; the results do not depend on it
    #[arg(
        long, value_name = "T",
        value_parser = clap::value_parser!(u16).range(1..=1024), allow_negative_numbers = true
    )]
    threads: Option<u16>,
}

impl Threads {
    /// Runs a command in a thread pool of this size, on the main thread as one of the pool's threads: a loop that is
    /// started from outside the pool first has to wake its threads. The main thread's heap, unlike that of other
    /// threads, can grow without limit.
    pub(super) fn run(&self, command: impl FnOnce() -> Outcome + Send) -> Outcome {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let wanted = self.threads.map_or(cores, usize::from).min(cores);
        if let Some(asked) = self.threads.filter(|asked| usize::from(*asked) > wanted) {
            note(&format!("--threads {asked}: {wanted}, one a core; more would wait for each other"));
        }
        let helpers = helpers(wanted - 1);
        if helpers.len() + 1 < wanted {
            note(&format!("{} of {wanted} threads could be started: slower, to the same results", helpers.len() + 1));
        }
        let builder = ThreadPoolBuilder::new().num_threads(helpers.len() + 1).use_current_thread();
        let mut helpers = helpers.into_iter();
        let hand_over = |work: ThreadBuilder| {
            let helper = helpers.next().ok_or_else(|| io::Error::other("one thread more than there are"))?;
            helper.send(work).map_err(|_| io::Error::other("a thread that ended"))
        };
        // This fails only if there is a global pool already, and nothing has used one yet.
        let _ = builder.spawn_handler(hand_over).build_global();
        rayon::scope(|_| command())
    }
}

/// Starts up to `wanted` threads that wait for their work, until one cannot be started. They are started before the
/// pool is built, since a pool whose threads cannot all be started can neither be made smaller nor built again.
fn helpers(wanted: usize) -> Vec<Sender<ThreadBuilder>> {
    let start = |_| {
        let (hand_over, work) = channel::<ThreadBuilder>();
        let wait = move || {
            if let Ok(work) = work.recv() {
                work.run();
            }
        };
        thread::Builder::new().spawn(wait).ok().map(|_| hand_over)
    };
    (0..wanted).map_while(start).collect()
}
