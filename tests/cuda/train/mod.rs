mod adam;
mod objective;
mod projection;
mod trainer;
