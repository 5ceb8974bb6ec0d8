//! The program: parse arguments, call.

fn main() -> std::process::ExitCode {
    hookyard::cli::main()
}
