//! `wharf-chaos`: the same program with the points of `wharf-faults` compiled in, for the chaos tests. A binary of its own,
//! so that the two are never taken for each other.

fn main() -> std::process::ExitCode {
    wharf_cli::main()
}
