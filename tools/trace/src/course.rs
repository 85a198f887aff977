//! What this tool knows of the course, and of other projects in Rust: their examples have names,
//! and cargo builds them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Has cargo build the example, or the exercise, with this name. It belongs to the project in whose
/// folder this tool is run. `None`: there is none.
pub fn build(name: &str) -> Result<Option<PathBuf>, String> {
    let exercise = name.strip_prefix("your_turn/").unwrap_or(name);
    for top in &projects() {
        if top.join(format!("examples/{name}.rs")).is_file() && name == exercise {
            return cargo_build(top, name, &["--example", name]).map(Some);
        }
        if top.join(format!("examples/your_turn/{exercise}.rs")).is_file() {
            let what = ["--package", "your-turn", "--bin", exercise];
            return cargo_build(top, exercise, &what).map(Some);
        }
    }
    Ok(None)
}

/// The project of this folder, and those around it.
fn projects() -> Vec<PathBuf> {
    let here = env::current_dir().unwrap_or_default();
    let all = here.ancestors().filter(|top| top.join("Cargo.toml").is_file());
    all.map(Path::to_owned).collect()
}

/// What to say of a name that is nothing.
pub fn is_nothing(name: &str) -> String {
    if projects().iter().any(|top| top.join("examples").is_dir()) {
        format!(
            "{name} is no example, no exercise and no program (ls examples; cargo trace --help)"
        )
    } else if has_a_number(name) {
        format!(
            "{name} is an example of a course, socket-steps, and this folder is not in it. Any \
             program: cargo trace -- python3 server.py"
        )
    } else {
        format!(
            "there is no program {name}, and no example: those have their names in a folder of \
             their project only. Any program: cargo trace -- python3 server.py"
        )
    }
}

/// The course's examples and exercises are numbered: `04_accept`, `your_turn/05_echo`.
fn has_a_number(name: &str) -> bool {
    let name = name.strip_prefix("your_turn/").unwrap_or(name).as_bytes();
    matches!(name, [a, b, b'_', _, ..] if a.is_ascii_digit() && b.is_ascii_digit())
}

/// Has cargo build it, and say where it is.
fn cargo_build(top: &Path, name: &str, what: &[&str]) -> Result<PathBuf, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--message-format", "json-render-diagnostics"])
        .arg("--manifest-path")
        .arg(top.join("Cargo.toml"))
        .args(what)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !output.status.success() {
        return Err("it does not compile (see above)".to_owned());
    }
    let messages = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    let program = |message: Value| match message["target"]["name"] == name {
        true => message["executable"].as_str().map(PathBuf::from),
        false => None,
    };
    messages
        .flatten()
        .find_map(program)
        .ok_or_else(|| format!("cargo does not say where {name} is"))
}
