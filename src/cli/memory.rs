//! How the command's allocator treats the arrays of a training step.

/// Lets the allocator keep what is freed. Every step allocates what the one before it freed, but glibc maps arrays of 32 MiB and
/// more anew each time, returns the end of its heap to the system, and unmaps empty heaps, of which all threads but the first
/// have several: the pages are then faulted in and cleared again in each step, and each core interrupted to forget them.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn keep_between_steps() {
    // An empty heap stays while the one before it has less than this to spare; a heap is 64 MiB large.
    const TWO_HEAPS: i32 = 128 << 20;
    // SAFETY: no other thread runs yet, and the settings take any value.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
        libc::mallopt(libc::M_TOP_PAD, TWO_HEAPS);
    }
}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn keep_between_steps() {}
