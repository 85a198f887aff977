//! `cargo trace`: runs a program and shows, for each line that it prints, the system calls, the
//! packets and the states of the sockets that led to it.

#[cfg(target_os = "linux")]
mod course;
#[cfg(target_os = "linux")]
mod helper;
#[cfg(target_os = "linux")]
mod json;
#[cfg(target_os = "linux")]
mod machines;
#[cfg(target_os = "linux")]
mod namespace;
#[cfg(target_os = "linux")]
mod net;
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only its errors are of use"))]
mod network;
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only its errors are of use"))]
mod order;
#[cfg(target_os = "linux")]
mod page;
#[cfg(target_os = "linux")]
mod pcap;
#[cfg(target_os = "linux")]
mod record;
#[cfg(target_os = "linux")]
mod running;
#[cfg(target_os = "linux")]
mod source;
#[cfg(target_os = "linux")]
mod strace;
#[cfg(target_os = "linux")]
mod tables;
#[cfg(target_os = "linux")]
mod tap;
#[cfg(target_os = "linux")]
mod tasks;
#[cfg(target_os = "linux")]
mod text;
#[cfg(target_os = "linux")]
mod trace;
#[cfg(target_os = "linux")]
mod tracee;

use std::env;
use std::io::{self, Write as _};
use std::process::ExitCode;

use order::Wish;

const USAGE: &str = include_str!("usage.txt");

const OF_THE_COURSE: &str =
    "    cargo trace 04_accept                     an example, or an exercise
    cargo trace 04_accept 127.0.0.1:8090      with its arguments
    cargo trace -- python3 server.py          any program
    cargo trace 07_chat_server --with 07_chat_client
                                              a second one, which starts when
                                              the first one waits
    cargo trace --pid 1234                    a program that runs already
";

const ANYWHERE: &str = "    socket-trace -- python3 server.py         any program
    socket-trace -- ./server 8080 --with ./client 8080
                                              a second one, which starts when
                                              the first one waits
    socket-trace --pid 1234                   a program that runs already
    socket-trace NAME                         an example of this project in
                                              Rust: cargo builds it
";

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    if let Some(code) = helper::help() {
        return code;
    }
    let result = Wish::read(env::args_os()).map_err(|error| error.to_string());
    let result = result.and_then(|wish| match wish {
        Wish::Help => {
            // Who reads may have seen enough.
            let _ = io::stdout().write_all(usage().as_bytes());
            Ok(ExitCode::SUCCESS)
        }
        Wish::Version => {
            let version = concat!(env!("CARGO_BIN_NAME"), " ", env!("CARGO_PKG_VERSION"));
            let _ = writeln!(io::stdout(), "{version}");
            Ok(ExitCode::SUCCESS)
        }
        #[cfg(target_os = "linux")]
        Wish::Trace(order) => trace::trace(*order),
        #[cfg(not(target_os = "linux"))]
        Wish::Trace(_) => Err("cargo trace needs Linux: its namespaces, its packet sockets and \
                               strace (in a virtual machine or a container it works, too)"
            .to_owned()),
    });
    match result {
        Ok(code) => code,
        Err(words) => {
            let _ = writeln!(io::stderr(), "{}", by_its_name(&words));
            ExitCode::from(2)
        }
    }
}

/// How to use it: with examples of the course where cargo runs it, and else without.
fn usage() -> String {
    let examples = if is_run_by_cargo() { OF_THE_COURSE } else { ANYWHERE };
    by_its_name(&USAGE.replace("EXAMPLES", examples))
}

/// Where it is installed, and not run by cargo, it has another name.
fn by_its_name(text: &str) -> String {
    let name = if is_run_by_cargo() { "cargo trace" } else { env!("CARGO_BIN_NAME") };
    text.replace("cargo trace", name)
}

fn is_run_by_cargo() -> bool {
    env::var_os("CARGO").is_some()
}
