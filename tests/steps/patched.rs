//! Programs that are another one with a change: read from patches, built all
//! at once, run side by side.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::machine::cargo;
use crate::support::top;

/// The names of a folder's files that end so, without that.
pub fn titles(folder: &Path, end: &str) -> Vec<String> {
    let files = fs::read_dir(folder).expect("a folder");
    let names = files.map(|file| file.expect("a file").file_name());
    let names = names.map(|name| name.into_string().expect("UTF-8"));
    let mut titles: Vec<_> =
        names.filter_map(|name| Some(name.strip_suffix(end)?.to_owned())).collect();
    titles.sort();
    titles
}

/// The lines ahead of a patch, and the old text with the patch applied.
pub fn patched(path: &Path, old: &str) -> Result<(Vec<String>, String), String> {
    let all = fs::read_to_string(path).expect("a patch");
    let (header, diff) = first_file(&all);
    let header = header.lines().map(str::to_owned).collect();
    let name = path.file_name().expect("a file").to_string_lossy();
    let patch = diffy::Patch::from_str(diff).expect(&name);
    let text = diffy::apply(old, &patch).map_err(|error| {
        format!(
            "\n{name} does not fit any more: {error}. Make the change in the \
             file that it names, put `git diff -U1` in the place of the old \
             patch, and undo it."
        )
    })?;
    Ok((header, text))
}

/// What stands ahead of a patch, and what it changes in the first file that it names.
fn first_file(patch: &str) -> (&str, &str) {
    let (header, diff) = patch.split_at(patch.find("--- a/").unwrap_or(patch.len()));
    let end = diff.find("\n--- a/").map_or(diff.len(), |end| end + 1);
    (header, &diff[..end])
}

/// A program of a package that is made for a test. Its title is that of its patch,
/// `ORIGINAL.NAME`, or `ORIGINAL`.
pub struct Program {
    pub title: String,
    pub text: String,
}

/// The example or the exercise of which it is another version.
pub fn original(title: &str) -> &str {
    title.split('.').next().unwrap_or(title)
}

/// The name of such a program: cargo allows no dot there.
pub fn program_name(title: &str) -> String {
    title.replace('.', "-")
}

/// Whether programs know their lines of code. (It makes each of them larger by 4 MB.)
#[derive(Clone, Copy)]
pub enum Lines {
    Known,
    Unknown,
}

/// A package of programs, built: where they are, and what the compiler says.
pub fn build_all(
    package: &str,
    needs: &str,
    lines: Lines,
    programs: &[Program],
) -> (PathBuf, String) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(package);
    let debug = match lines {
        Lines::Known => "\"line-tables-only\"",
        Lines::Unknown => "false",
    };
    let mut manifest = format!(
        "[package]\nname = \"{package}\"\nedition = \"2024\"\n\
         autobins = false\n\n[workspace]\n\n\
         [profile.dev]\ndebug = {debug}\nincremental = false\n\n\
         [dependencies]\n{needs}",
    );
    for Program { title, text } in programs {
        let name = program_name(title);
        let path = format!("{name}/{}.rs", original(title));
        writeln!(manifest, "\n[[bin]]\nname = \"{name}\"\npath = \"{path}\"").expect("a text");
        write(&folder.join(path), text);
    }
    write(&folder.join("Cargo.toml"), &manifest);
    let lock = fs::read_to_string(top().join("Cargo.lock"));
    write(&folder.join("Cargo.lock"), &lock.expect("the versions"));

    let target = folder.join("target");
    let built = cargo()
        .args(["build", "--offline", "--keep-going"])
        .args(["--message-format=short", "--color=never", "--quiet"])
        .arg("--manifest-path")
        .arg(folder.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        // With the flags of the examples: see .cargo/config.toml.
        .current_dir(top())
        .output()
        .expect("cargo runs");
    let words = String::from_utf8(built.stderr).expect("UTF-8");
    assert!(built.status.success(), "{words}");
    (target.join("debug"), words)
}

/// Writes a file unless it is like that: then cargo need not compile it again.
pub fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return;
    }
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, text).expect("written");
}

/// The numbers of lines in a patch are those of the text: the book shows them, and `diffy::apply`
/// finds what stands elsewhere, too.
pub fn numbers_fit(path: &Path, old: &str) -> Result<(), String> {
    let all = fs::read_to_string(path).expect("a patch");
    let patch = diffy::Patch::from_str(first_file(&all).1).expect("a patch");
    let lines: Vec<&str> = old.lines().collect();
    for hunk in patch.hunks() {
        let first = hunk.old_range().start();
        let there = hunk.lines().iter().filter_map(|line| match line {
            diffy::Line::Context(text) | diffy::Line::Delete(text) => Some(text.trim_end()),
            diffy::Line::Insert(_) => None,
        });
        for (number, text) in (first..).zip(there) {
            if lines.get(number - 1).map(|line| line.trim_end()) != Some(text) {
                return Err(format!("{}: this is not line {number}: {text}", path.display()));
            }
        }
    }
    Ok(())
}
