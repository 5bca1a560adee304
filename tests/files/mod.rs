mod dir;
mod held;
mod image;
mod lock;
mod notice;
mod numbers;
mod read;
mod write;
