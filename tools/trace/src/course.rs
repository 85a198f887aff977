//! What this tool knows of the course, and of other projects in Rust: their examples have names,
//! and cargo builds them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Has cargo build the example, or the exercise, with this name. It belongs to the project in whose
/// folder this tool is run.
///
/// # Errors
/// In words, if there is none, or if it does not compile.
pub fn build(name: &str) -> Result<PathBuf, String> {
    let here = env::current_dir().map_err(|error| format!("this folder: {error}"))?;
    let exercise = name.strip_prefix("your_turn/").unwrap_or(name);
    let is_project = |top: &&Path| top.join("Cargo.toml").is_file();
    for top in here.ancestors().filter(is_project) {
        if top.join(format!("examples/{name}.rs")).is_file() && name == exercise {
            return cargo_build(top, name, &["--example", name]);
        }
        if top.join(format!("examples/your_turn/{exercise}.rs")).is_file() {
            return cargo_build(top, exercise, &["--package", "your-turn", "--bin", exercise]);
        }
    }
    let has_examples =
        |top: &Path| top.join("Cargo.toml").is_file() && top.join("examples").is_dir();
    Err(if here.ancestors().any(has_examples) {
        format!(
            "{name} is no example, no exercise and no program (ls examples; cargo trace --help)"
        )
    } else {
        format!(
            "there is no program {name} (an example has its name in a folder of its project only)"
        )
    })
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
