//! `defchain-app`: see the crate `defchain_node`.

use std::process::ExitCode;

fn main() -> ExitCode {
    defchain_node::main()
}
