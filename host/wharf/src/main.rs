//! The `wharf` binary. What it does is in the library beside it.

/// Gives back what a thousand deleted connectors held, which the C library keeps: ARCHITECTURE.md has the figures.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    wharf_cli::main()
}
