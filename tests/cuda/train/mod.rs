mod adam;
mod objective;
mod projection;
