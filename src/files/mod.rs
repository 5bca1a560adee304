//! Files as every part of the program reads and writes them: read up to a limit, written as a whole or not at all.
//!
//! [`mod@read`] reads a file; [`mod@write`] replaces one, in an open [`dir`], under a [`mod@lock`]. [`mod@notice`] tells whoever
//! listens what is unusual about it. [`held`] is a directory in which one process works at a time.
//! [`mod@image`] is the pixels of an image in a file.

pub mod dir;
pub mod held;
pub mod image;
pub mod lock;
pub mod notice;
pub mod npy;
pub mod numbers;
pub mod read;
pub mod write;
