//! Signals that ask the process to end. The first of each kind is noted, so that a training saves its checkpoint; the
//! second of a kind ends the process at once. A signal that the process was started to ignore stays ignored.

use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

/// The first signal received; 0 if none was.
static FIRST: AtomicI32 = AtomicI32::new(0);
/// One bit for each signal received.
static NOTED: AtomicU32 = AtomicU32::new(0);

/// The exit code for the first signal received since [`listen`], if there was one.
pub(super) fn asked_to_end() -> Option<u8> {
    let signal = FIRST.load(Ordering::SeqCst);
    (signal != 0).then(|| exit_code(signal) as u8)
}

/// The exit code that shells use for a signal: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP.
fn exit_code(signal: i32) -> i32 {
    128 + signal
}

/// Notes a signal; calls `end`, which ends the process, for the second of a kind.
fn note(signal: i32, end: impl FnOnce(i32)) {
    let _ = FIRST.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst);
    // A system that shuts a session down sends SIGTERM and SIGHUP together: only two of the same kind end the process.
    let bit = 1 << (signal & 31);
    if NOTED.fetch_or(bit, Ordering::SeqCst) & bit != 0 {
        end(exit_code(signal));
    }
}

/// Notes Ctrl-C, SIGTERM and SIGHUP from now on.
#[cfg(unix)]
pub(super) fn listen() {
    extern "C" fn handler(signal: libc::c_int) {
        // SAFETY: `_exit` is one of the functions that a signal handler may call.
        note(signal, |code| unsafe { libc::_exit(code) });
    }
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: both structures are plain data, for which zeros are valid; the handler accesses atomics only and may
        // run at any time. A call that fails changes nothing: the signal then ends the process.
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

/// Makes a write beyond the file size limit fail with an error instead of ending the process.
#[cfg(unix)]
pub(super) fn ignore_file_size_signal() {
    // SAFETY: no handler is installed: the signal is ignored.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Other systems have no such signal.
#[cfg(not(unix))]
pub(super) fn ignore_file_size_signal() {}
