//! The process: takes the ambient world in and gives an exit status out.

use std::env;
use std::os::unix::ffi::OsStringExt;

use probeserver::{commands, sys, text};

fn main() {
    let arguments: Vec<String> = env::args_os().skip(1).map(|word| text::lossy(&word.into_vec())).collect();
    let lookup = |name: &str| env::var_os(name).map(OsStringExt::into_vec);
    // Not by returning: what is at work on other threads does not hold the end up.
    sys::exit_now(commands::run(&arguments, &lookup))
}
