//! The `wharf` binary. What it does is in the library beside it.

fn main() -> std::process::ExitCode {
    wharf_cli::main()
}
