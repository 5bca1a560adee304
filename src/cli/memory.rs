//! How the command allocates memory: what it does when no memory is left, and how it keeps the memory of one training
//! step for the next.

use crate::reserve::is_asking;
use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator. If an allocation fails, the process ends with a one-line message and exit code 1, not with a
/// signal. Files are written beside those that they replace, so no file is left incomplete.
#[derive(Clone, Copy, Debug)]
pub struct Allocator;

// SAFETY: every call is passed to the system's allocator with its arguments unchanged.
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

/// Ends the process, unless the caller of the allocation handles its failure.
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
        // SAFETY: the first `end` bytes of `line` are written; neither call allocates.
        unsafe {
            libc::write(2, line.as_ptr().cast(), end);
            libc::_exit(1);
        }
    }
    #[cfg(not(unix))]
    let _ = bytes;
}

/// Makes glibc's allocator keep freed memory. Every step allocates the sizes that the step before it freed. But glibc
/// maps each array of 32 MiB or more with a new system call, returns the free end of its heap to the system, and unmaps
/// empty heaps, of which each thread but the first has several. The system then clears and maps the pages again in
/// every step, and interrupts every core to remove them from its address cache.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn keep_between_steps() {
    // An empty heap is kept while the heap before it has less free space than this; a heap is 64 MiB large.
    const TWO_HEAPS: i32 = 128 << 20;
    // SAFETY: no other thread runs yet, and the settings take any value.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
        libc::mallopt(libc::M_TOP_PAD, TWO_HEAPS);
    }
}

/// Does nothing to other allocators.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn keep_between_steps() {}
