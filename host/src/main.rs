//! The program: parse arguments, call.

/// A few threads allocate and free events by the thousand, for which the system's allocator takes
/// locks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    hookyard::cli::main()
}
