mod circle;
mod dawson;
mod gaussian_kl;
mod ln_unit;
mod real;
mod spike_kl;
mod vector;
mod weight_kl;
