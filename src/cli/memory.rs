//! How the command takes memory: where there is none left, and for the arrays of a training step.

use crate::reserve::is_asking;
use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator. Where it refuses, the process ends with one line and exit code 1, instead of a signal: files are
/// written beside those they replace, so none is left half-written.
#[derive(Clone, Copy, Debug)]
pub struct Allocator;

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        granted(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        granted(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller promises.
        granted(unsafe { System.realloc(pointer, layout, size) }, size)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[inline(always)]
fn granted(memory: *mut u8, bytes: usize) -> *mut u8 {
    if memory.is_null() {
        refused(bytes);
    }
    memory
}

/// Ends the process, unless the allocation's caller can do without.
#[cold]
fn refused(bytes: usize) {
    if is_asking() {
        return;
    }
    #[cfg(unix)]
    {
        let (mut line, mut end) = ([0; 64], 0);
        let mut append = |text: &[u8]| {
            line[end..end + text.len()].copy_from_slice(text);
            end += text.len();
        };
        append(b"error: out of memory: ");
        let (mut digits, mut first, mut rest) = ([0; 20], 20, bytes);
        while rest > 0 || first == 20 {
            first -= 1;
            digits[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        append(&digits[first..]);
        append(b" bytes more\n");
        // SAFETY: the line is as long as it says; neither call allocates.
        unsafe {
            libc::write(2, line.as_ptr().cast(), end);
            libc::_exit(1);
        }
    }
    #[cfg(not(unix))]
    let _ = bytes;
}

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
