//! How every part of the program reads and writes files: a file is read up to a limit, and written as a whole or not at
//! all.
//!
//! [`mod@read`] reads a file. [`mod@write`] replaces a file in an open [`dir`], under a [`mod@lock`]. [`mod@notice`]
//! sends remarks to a listener. [`held`] is a directory that one process at a time works in. [`mod@image`] reads the
//! pixels of an image.

pub mod dir;
pub mod held;
pub mod image;
pub mod lock;
pub mod notice;
pub mod npy;
pub mod numbers;
pub mod read;
pub mod write;
