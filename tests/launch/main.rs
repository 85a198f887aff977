//! How the tests start a program: `launch PARENT SECONDS PROGRAM ARGUMENT...`
//! becomes that program, and
//!
//! - Ctrl-C, Ctrl-\, SIGTERM and SIGHUP end it, even if they are ignored here: a shell without job
//!   control does that to what it has in the background, and a program inherits it, but no handler;
//! - it is ended (by SIGALRM) after so many seconds, if they are not 0;
//! - on Linux it is terminated when the thread that started it ends, whatever ends that. (By
//!   SIGTERM: the grader and the tracer then end what they have started.)

#[cfg(unix)]
fn main() {
    use std::os::unix::process::{CommandExt as _, parent_id};
    use std::process::Command;
    use std::sync::Arc;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    use signal_hook::flag::register_conditional_shutdown;

    let mut arguments = std::env::args_os().skip(1);
    let number = |word: std::ffi::OsString| word.to_str().and_then(|word| word.parse().ok());
    let (parent, seconds) = (arguments.next().and_then(number), arguments.next().and_then(number));
    let program = arguments.next();
    let (Some(parent), Some(seconds), Some(program)) = (parent, seconds, program) else {
        eprintln!("usage: launch PARENT SECONDS PROGRAM ARGUMENT...");
        std::process::exit(2);
    };
    // A signal that has a handler gets its default back when another program takes over.
    for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
        register_conditional_shutdown(signal, 1, Arc::new(true.into())).expect("a handler");
    }
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::SIGTERM).expect("a signal");
    // Its parent may have ended before it asked for that.
    if parent_id() != parent {
        return;
    }
    if seconds > 0 {
        nix::unistd::alarm::set(seconds);
    }
    let error = Command::new(&program).args(arguments).exec();
    eprintln!("{} does not start: {error}", std::path::Path::new(&program).display());
    std::process::exit(127);
}

#[cfg(not(unix))]
fn main() {}
