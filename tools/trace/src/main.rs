//! `cargo trace`: runs a program and shows, for each line that it prints, the
//! system calls, the packets and the states of the sockets that led to it.

#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "there, only its errors are of use")
)]
mod command_line;
mod drawing;
#[cfg(target_os = "linux")]
mod held;
#[cfg(target_os = "linux")]
mod inside;
#[cfg(target_os = "linux")]
mod record;
#[cfg(target_os = "linux")]
mod strace;
#[cfg(target_os = "linux")]
mod tables;
#[cfg(target_os = "linux")]
mod tap;
#[cfg(target_os = "linux")]
mod timeline;

use std::path::Path;
use std::process::ExitCode;

use command_line::Wish;

const USAGE: &str = include_str!("usage.txt");

fn main() -> ExitCode {
    let done = Wish::read(std::env::args_os()).and_then(|wish| match wish {
        Wish::Help => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        Wish::Draw(wanted) => draw(&wanted),
        #[cfg(target_os = "linux")]
        Wish::Trace(order) => inside::trace(order),
        #[cfg(not(target_os = "linux"))]
        Wish::Trace(_) => Err("cargo trace needs Linux: its namespaces, its \
                               packet sockets and strace (in a virtual \
                               machine or a container it works, too)"
            .to_owned()),
    });
    done.unwrap_or_else(|words| {
        eprintln!("{words}");
        ExitCode::from(2)
    })
}

/// Draws timelines that were kept in files: of each the whole, or `FILE//words`
/// and so on, only the lines of the transcript with these words.
fn draw(wanted: &[String]) -> Result<ExitCode, String> {
    for one in wanted {
        let mut parts = one.split("//").map(str::trim);
        let file = parts.next().unwrap_or_default();
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("cannot read {file}: {error}"))?;
        let name = Path::new(file).file_stem().unwrap_or_default();
        let words: Vec<&str> = parts.collect();
        print!("{}", drawing::svg(&name.to_string_lossy(), &text, &words)?);
    }
    Ok(ExitCode::SUCCESS)
}
