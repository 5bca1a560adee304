//! The command `spikeslab`.

fn main() -> std::process::ExitCode {
    spikeslab::cli::main()
}
