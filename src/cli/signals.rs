//! Signals that ask the process to end: the first of a kind is noted, so that a training saves its checkpoint, and the
//! second ends the process at once. What the process that started this one had it ignore stays ignored.

use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

/// The signal that came first; 0 as long as none has.
static FIRST: AtomicI32 = AtomicI32::new(0);
/// All that came, a bit each.
static NOTED: AtomicU32 = AtomicU32::new(0);

/// The exit code for the signal that asked this process to end, if one did since [`listen`].
pub(super) fn asked_to_end() -> Option<u8> {
    let signal = FIRST.load(Ordering::SeqCst);
    (signal != 0).then(|| exit_code(signal) as u8)
}

/// As shells have it: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP.
fn exit_code(signal: i32) -> i32 {
    128 + signal
}

/// Notes a signal; `end` ends the process.
fn note(signal: i32, end: impl FnOnce(i32)) {
    let _ = FIRST.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst);
    // Whoever shuts a session down sends SIGTERM and SIGHUP in one breath: only two of a kind are impatience.
    let bit = 1 << (signal & 31);
    if NOTED.fetch_or(bit, Ordering::SeqCst) & bit != 0 {
        end(exit_code(signal));
    }
}

/// Notes Ctrl-C, SIGTERM and SIGHUP from now on.
#[cfg(unix)]
pub(super) fn listen() {
    extern "C" fn handler(signal: libc::c_int) {
        // SAFETY: one of the functions that a signal handler may call.
        note(signal, |code| unsafe { libc::_exit(code) });
    }
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: both structures are plain data, for which zeros are valid; the handler touches atomics only and may run at
        // any time. A call that fails leaves everything as it was: the signal then ends the process.
        unsafe {
            let mut before: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(signal, std::ptr::null(), &mut before) != 0 || before.sa_sigaction == libc::SIG_IGN {
                continue;
            }
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as extern "C" fn(libc::c_int) as libc::sighandler_t;
            action.sa_flags = libc::SA_RESTART;
            libc::sigemptyset(&mut action.sa_mask);
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }
}

/// Notes Ctrl-C from now on.
#[cfg(not(unix))]
pub(super) fn listen() {
    const CTRL_C: i32 = 2;
    // Without a handler Ctrl-C ends the process, and the run goes on from its last checkpoint.
    let _ = ctrlc::set_handler(|| note(CTRL_C, |code| std::process::exit(code)));
}

/// Has a write beyond the largest file allowed fail with an error instead of ending the process.
#[cfg(unix)]
pub(super) fn outlive_large_files() {
    // SAFETY: no handler is installed: the signal is ignored.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// The other systems have no such signal.
#[cfg(not(unix))]
pub(super) fn outlive_large_files() {}
