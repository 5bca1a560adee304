mod im2col;
mod matmul;
mod noise;
