mod golden;
mod graph;
mod network;
mod parameters;
mod presets;
mod schedule;
mod text;
