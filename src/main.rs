//! The process: takes the ambient world in and gives an exit status out.

use std::env;
use std::os::unix::ffi::OsStringExt;

use probeserver::{commands, sys, text};

fn main() {
    let mut arguments = Vec::new();
    for word in env::args_os().skip(1) {
        arguments.push(text::lossy(&word.into_vec()));
    }
    let lookup = |name: &str| env::var_os(name).map(OsStringExt::into_vec);
    // Not by returning: what is at work on other threads does not hold the end up.
    sys::exit_now(commands::run(&arguments, &lookup))
}
