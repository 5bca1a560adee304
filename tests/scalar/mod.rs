mod dawson;
mod gaussian_kl;
mod real;
mod spike_kl;
mod weight_kl;
