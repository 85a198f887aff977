//! A checkout of the course around the current folder: there the exercises have their files, and
//! are built by cargo. Everything else works without one.

use std::fs::read_to_string;
use std::io::stderr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::report;
#[cfg(target_os = "linux")]
use crate::say;
use crate::words::Words;

pub struct Course {
    top: PathBuf,
}

impl Course {
    /// Looks for it from the current folder upwards.
    pub fn find() -> Option<Self> {
        let here = std::env::current_dir().ok()?;
        let is_top = |top: &&std::path::Path| top.join("examples/your_turn/Cargo.toml").is_file();
        here.ancestors().find(is_top).map(|top| Self { top: top.to_owned() })
    }

    /// Where the reader's progress is kept.
    pub fn progress(&self) -> PathBuf {
        self.top.join("examples/your_turn/.progress")
    }

    /// The name of its folder.
    pub fn name(&self) -> String {
        self.top.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The reader's file.
    pub fn file(&self, exercise: &str) -> PathBuf {
        self.top.join("examples/your_turn").join(exercise).with_extension("rs")
    }

    /// What the exercise is to do: the text at the top of its file.
    pub fn task(&self, exercise: &str) -> Option<String> {
        Some(task_in(&read_to_string(self.file(exercise)).ok()?)).filter(|text| !text.is_empty())
    }

    /// The same in Chinese: the exercise's page in the book, if there is one.
    pub fn chinese_task(&self, exercise: &str) -> Option<String> {
        let page = self.top.join("book/zh/your_turn").join(exercise).with_extension("md");
        let page = read_to_string(page).ok()?;
        // (A comment says which English it follows.)
        let parts = page.trim().split("\n\n").filter(|part| !part.starts_with("<!--"));
        let parts = parts.map(|part| match part.strip_prefix("# ") {
            Some(title) => title.to_owned(),
            None if part.starts_with("    ") => part.to_owned(),
            None => report::wrap(Words::data(part), ""),
        });
        Some(parts.collect::<Vec<_>>().join("\n\n"))
    }

    /// The reader's file as a program; `None`: it does not compile. Gives what the compiler says
    /// as well. Cargo runs in the current folder, where a relative target folder begins, and names
    /// the program that it has built.
    pub fn build(&self, exercise: &str) -> (Option<String>, Vec<u8>) {
        self.cargo(["--package", "your-turn", "--bin", exercise])
    }

    /// A program of another package of the course.
    #[cfg(target_os = "linux")]
    pub fn build_tool(&self, package: &str, program: &str) -> Option<PathBuf> {
        let (program, words) = self.cargo(["--package", package, "--bin", program]);
        if program.is_none() {
            say::print_error(String::from_utf8_lossy(&words));
        }
        program.map(PathBuf::from)
    }

    fn cargo(&self, what: [&str; 4]) -> (Option<String>, Vec<u8>) {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--message-format=json-render-diagnostics"]);
        build.arg("--manifest-path").arg(self.top.join("Cargo.toml"));
        build.args(what);
        if report::has_colours(&stderr()) {
            build.env("CARGO_TERM_COLOR", "always");
        }
        match build.output() {
            Ok(output) if output.status.success() => {
                let messages = String::from_utf8_lossy(&output.stdout);
                (messages.lines().find_map(executable), output.stderr)
            }
            Ok(output) => (None, output.stderr),
            Err(error) => (None, format!("cannot start cargo: {error}\n").into_bytes()),
        }
    }
}

/// The comment at the top of a task's file, without the command that checks it: that comes last.
pub fn task_in(file: &str) -> String {
    let lines = file.lines().map_while(|line| line.strip_prefix("//!"));
    let lines = lines.filter(|line| !line.trim_start().starts_with("cargo grade"));
    let lines: Vec<_> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    lines.join("\n").trim().to_owned()
}

/// The path of the program, if this is what the message tells.
fn executable(message: &str) -> Option<String> {
    let message: Value = serde_json::from_str(message).ok()?;
    Some(message["executable"].as_str()?.to_owned())
}
