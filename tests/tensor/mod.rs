mod aligned;
mod fresh;
mod im2col;
mod noise;
mod product;
mod statistics;
mod sum;
mod tiles;
