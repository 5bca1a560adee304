#!/usr/bin/env bash
# Builds the emulator into a directory, for the command that follows:
#   dir=target/cuda-emulator; tests/cuda/emulator/build.sh $dir
#   LD_LIBRARY_PATH=$PWD/$dir REQUIRE_CUDA=1 cargo test --features cuda cuda::
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
g++ -std=c++17 -O2 -Wall -Wno-return-type-c-linkage -fPIC -shared -DEMULATOR_DIRECTORY="\"$here\"" \
    -o "$1/libcuda.so" "$here/emulator.cpp" -ldl
ln -sf libcuda.so "$1/libnvrtc.so"
ln -sf libcuda.so "$1/libcublas.so"
