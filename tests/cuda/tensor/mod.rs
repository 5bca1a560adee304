mod noise;
mod sum;
