mod dir;
mod held;
mod lock;
mod notice;
mod numbers;
mod read;
mod write;
