//! `defchain-app`: see the crate `defchain_node`.

use std::process::ExitCode;

/// Blocks make and drop many small values on several threads: the system's allocator costs a quarter of their time and
/// gives little back.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    defchain_node::main()
}
