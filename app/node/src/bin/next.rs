//! The program of the next release, for tests of upgrades: `defchain-app` with the feature `next-version`.

use std::process::ExitCode;

fn main() -> ExitCode {
    defchain_node::main()
}
