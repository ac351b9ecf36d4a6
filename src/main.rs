//! The process: takes the ambient world in and gives an exit status out.

use std::os::unix::ffi::OsStringExt;

fn main() {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let lookup = |name: &str| std::env::var_os(name).map(OsStringExt::into_vec);
    probeserver::sys::exit_now(probeserver::commands::run(&arguments, &lookup))
}
