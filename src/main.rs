//! The command `spikeslab`.

#[global_allocator]
static ALLOCATOR: spikeslab::cli::Allocator = spikeslab::cli::Allocator;

fn main() -> std::process::ExitCode {
    spikeslab::cli::main()
}
