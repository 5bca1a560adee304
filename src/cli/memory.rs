//! How the command's allocator treats the arrays of a training step.

/// Lets the allocator keep what is freed. Every step allocates what the one before it freed, but glibc maps arrays of 32 MiB and
/// more anew each time and returns the end of its heap to the system: the pages are then faulted in and cleared again in each
/// step.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn keep_between_steps() {
    // SAFETY: no other thread runs yet, and the settings take any value.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn keep_between_steps() {}
