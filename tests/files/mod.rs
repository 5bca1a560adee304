mod dir;
mod lock;
mod notice;
mod read;
mod write;
