//! What somebody should know although nothing is wrong. A library prints nothing: whoever uses it may listen.

use std::sync::OnceLock;

static LISTENER: OnceLock<fn(&str)> = OnceLock::new();

/// Has `listener` told of every notice from now on, a line each; the first listener stays.
pub fn listen(listener: fn(&str)) {
    let _ = LISTENER.set(listener);
}

/// Tells the listener, if there is one.
pub fn notice(text: &str) {
    if let Some(listener) = LISTENER.get() {
        listener(text);
    }
}
