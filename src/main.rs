//! The process: takes the ambient world in and gives an exit status out. Without std's runtime; see
//! [`probeserver::sys::prepare_process`].
#![no_main]

use std::ffi::{c_char, c_int};

use probeserver::{commands, sys};

#[allow(unsafe_code)] // The C runtime calls it, and it trusts the C runtime.
#[unsafe(no_mangle)]
extern "C" fn main(count: c_int, arguments: *const *const c_char) -> c_int {
    sys::prepare_process();
    // SAFETY: these are the C runtime's own.
    let arguments = unsafe { sys::arguments(count, arguments) };
    sys::exit_now(commands::run(&arguments, &sys::environment))
}
