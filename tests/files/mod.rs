mod dir;
mod held;
mod lock;
mod notice;
mod read;
mod write;
