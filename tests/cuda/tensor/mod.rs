mod matmul;
mod noise;
mod sum;
