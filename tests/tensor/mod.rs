mod aligned;
mod fresh;
mod im2col;
mod matmul;
mod noise;
mod statistics;
mod sum;
mod tiles;
