mod im2col;
mod matmul;
mod noise;
mod noise_blocks;
