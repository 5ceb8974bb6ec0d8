//! The program: parse arguments, call.

/// Events live and die by the thousand between a few threads, which the system's allocator pays for
/// with locks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    hookyard::cli::main()
}
