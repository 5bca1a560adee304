//! Remarks that are not errors. The library prints nothing: it sends them to a listener, if the program has set one.

use std::sync::OnceLock;

static LISTENER: OnceLock<fn(&str)> = OnceLock::new();

/// Sets the function that is called with every notice from now on, one line each. A listener that is already set stays.
pub fn listen(listener: fn(&str)) {
    let _ = LISTENER.set(listener);
}

/// Sends a notice to the listener, if there is one.
pub fn notice(text: &str) {
    if let Some(listener) = LISTENER.get() {
        listener(text);
    }
}
