mod dir;
mod held;
mod image;
mod lock;
mod notice;
mod read;
mod write;
