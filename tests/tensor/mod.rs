mod aligned;
mod fresh;
mod im2col;
mod matmul;
mod noise;
mod sum;
mod tiles;
