//! The command of the program that is graded, as it was typed. It is looked at ahead of the first
//! check: a name that is not right says nothing about the program.

use std::fs;
use std::path::{MAIN_SEPARATOR, Path};

use crate::words::{Words, text};

/// How programs of a language are run, by the end of the file's name.
const RUN: [(&str, &str); 13] = [
    ("py", "python3"),
    ("js", "node"),
    ("mjs", "node"),
    ("cjs", "node"),
    ("ts", "node"),
    ("pl", "perl"),
    ("rb", "ruby"),
    ("php", "php"),
    ("lua", "lua"),
    ("sh", "sh"),
    ("java", "java"),
    ("jar", "java -jar"),
    ("go", "go run"),
];
/// How others are compiled.
const COMPILE: [(&str, &str); 6] = [
    ("c", "cc FILE -o NAME"),
    ("cc", "c++ FILE -o NAME"),
    ("cpp", "c++ FILE -o NAME"),
    ("cxx", "c++ FILE -o NAME"),
    ("rs", "rustc FILE"),
    ("zig", "zig build-exe FILE"),
];
/// Those that are told the name of a file, and run it.
const INTERPRETERS: [&str; 10] =
    ["python", "pypy", "node", "nodejs", "perl", "ruby", "php", "lua", "sh", "bash"];
/// A name is like another one from here on.
const LIKE: f64 = 0.6;

/// Whether this command can be run at all; `call`: what comes ahead of it. Where that is not
/// certain, it is run.
pub fn look_at(command: &[String], call: &str) -> Result<(), Words> {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    look_at_program(program, call)?;
    look_at_script(program, arguments, call)
}

/// How a file is run that was named alone, as far as its name tells that.
pub fn as_command(word: &str) -> String {
    let path = Path::new(word);
    match how(path, RUN) {
        Some(run) => format!("{run} {word}"),
        None => word.to_owned(),
    }
}

fn look_at_program(program: &str, call: &str) -> Result<(), Words> {
    let path = Path::new(program);
    if let Some((first, _)) = program.split_once(' ').filter(|_| !path.exists()) {
        if is_installed(first) {
            return Err(text!(
                "A command stands without quotes: {call} {program}",
                call = call.to_owned(),
                program = program.to_owned()
            ));
        }
    }
    let has_folder = path.components().count() > 1 || program.starts_with('.');
    if !has_folder && is_installed(program) {
        return Ok(());
    }
    if !path.exists() {
        let is_source = has_folder || how(path, RUN).or_else(|| how(path, COMPILE)).is_some();
        return match is_source {
            _ if cfg!(windows) && !is_source => Ok(()),
            true => Err(no_file(program)),
            false if program.contains('\\') => Err(no_file(program)),
            false => Err(no_program(program, call)),
        };
    }
    if path.is_dir() {
        return Err(text!("{program} is a folder, and no program.", program = program.to_owned()));
    }
    let is_executable = is_executable(path);
    // A script that says itself who runs it, or what was compiled.
    let runs_itself = is_executable && !is_plain_text(path);
    if let Some(run) = how(path, RUN).filter(|_| !runs_itself) {
        return Err(text!(
            "{program} is run by {run}: {call} {run} {program}",
            program = program.to_owned(),
            run,
            call = call.to_owned()
        ));
    }
    if let Some(compile) = how(path, COMPILE).filter(|_| !runs_itself) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let compile = compile.replace("FILE", program).replace("NAME", &name);
        return Err(text!(
            "{program} is to be compiled first: {compile}\nThen: {call} .{slash}{name}",
            program = program.to_owned(),
            compile,
            call = call.to_owned(),
            slash = MAIN_SEPARATOR,
            name = name.into_owned()
        ));
    }
    if !is_executable {
        return Err(text!(
            "{program} is not executable. If it is a program: chmod +x {program}\nIf another \
             program runs it, that comes first: {call} python3 {program}",
            program = program.to_owned(),
            call = call.to_owned()
        ));
    }
    if !has_folder && cfg!(unix) {
        return Err(text!(
            "{program} is in this folder, so say that: {call} ./{program}",
            program = program.to_owned(),
            call = call.to_owned()
        ));
    }
    Ok(())
}

/// What an interpreter is to run. If an option is ahead of it, that can mean anything.
fn look_at_script(program: &str, arguments: &[String], call: &str) -> Result<(), Words> {
    let name = Path::new(program).file_stem().unwrap_or_default().to_string_lossy();
    // python3, and python3.13 (of which the end is gone already)
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let arguments = match arguments {
        [first, rest @ ..] if name == "python" && first == "-u" => rest,
        all => all,
    };
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let script = match (name, &words[..]) {
        ("java", ["-jar", script, ..]) => script,
        ("java", [script, ..]) | ("go", ["run", script, ..]) if script.contains('.') => script,
        (_, []) if INTERPRETERS.contains(&name) => {
            return Err(text!(
                "{program} is to run your program, so its name comes next: {call} {program} \
                 my_program.py",
                program = program.to_owned(),
                call = call.to_owned()
            ));
        }
        (_, [script, ..]) if INTERPRETERS.contains(&name) => script,
        _ => return Ok(()),
    };
    let path = Path::new(script);
    // Else it is a class of Java's, or what a shell or Node finds by itself.
    let is_file = how(path, RUN).or_else(|| how(path, COMPILE)).is_some();
    if script.starts_with('-') || (!is_file && name != "python") {
        return Ok(());
    }
    if !path.exists() {
        return Err(no_file(script));
    }
    if path.is_dir() && !path.join("__main__.py").exists() {
        return Err(text!("{script} is a folder, and no program.", script = script.to_string()));
    }
    Ok(())
}

fn how<const N: usize>(path: &Path, list: [(&str, &'static str); N]) -> Option<&'static str> {
    let end = path.extension()?.to_str()?.to_lowercase();
    list.iter().find(|(other, _)| *other == end).map(|(_, how)| *how)
}

fn no_file(name: &str) -> Words {
    let path = Path::new(name);
    if cfg!(unix) && name.contains('\\') {
        let here = name.replace('\\', "/");
        let drive = here.get(1..3) == Some(":/");
        let here = if drive { here[3..].to_owned() } else { here };
        let but = if drive { ", and no letters of drives" } else { "" };
        return text!(
            "There is no file {name}. Paths have / here and not \\{but}: perhaps {here}",
            name = name.to_owned(),
            but,
            here
        );
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return text!(
            "There is no file {name}: there is no folder {path}.",
            name = name.to_owned(),
            path = folder.display().to_string()
        );
    }
    let here = std::env::current_dir().unwrap_or_default();
    let words = match folder == Path::new(".") {
        true => {
            let path = here.display().to_string();
            text!("There is no file {name} in this folder ({path}).", name = name.to_owned(), path)
        }
        false => text!("There is no file {name}.", name = name.to_owned()),
    };
    let Some(file) = like(path, folder) else { return words };
    let file = if name.contains('/') { folder.join(file) } else { file.into() };
    words.followed_by(text!("Do you mean {path}?", path = file.display().to_string()))
}

/// A file in there that has nearly this name.
fn like(path: &Path, folder: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let files = fs::read_dir(folder).ok()?.flatten();
    let files = files.filter(|file| file.path().is_file());
    let files = files.filter_map(|file| file.file_name().into_string().ok());
    let files = files.filter(|file| Path::new(file).extension() == path.extension());
    let files = files.map(|file| (strsim::normalized_damerau_levenshtein(name, &file), file));
    let best = files.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(&a.1)));
    best.filter(|(likeness, _)| *likeness >= LIKE).map(|(_, file)| file)
}

fn no_program(name: &str, call: &str) -> Words {
    let common = RUN.iter().map(|(_, run)| run.split(' ').next().unwrap_or(run));
    let common = common.filter(|run| is_installed(run));
    let common = common.map(|run| (strsim::normalized_damerau_levenshtein(name, run), run));
    let common = common.max_by(|a, b| a.0.total_cmp(&b.0));
    let meant = common.filter(|(likeness, _)| *likeness >= LIKE).map(|(_, run)| run.to_owned());
    let meant = meant.or_else(|| Some(format!("./{}", like(Path::new(name), Path::new("."))?)));
    let words = text!(
        "There is no program {name}, neither installed (in a folder of PATH) nor in this folder.",
        name = name.to_owned()
    );
    match meant {
        Some(meant) => {
            words.followed_by(text!("Do you mean {call} {meant}?", call = call.to_owned(), meant))
        }
        None => words,
    }
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path);
    folders.any(|folder| {
        let file = folder.join(program);
        file.is_file() && is_executable(&file)
    })
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;

    path.metadata().is_ok_and(|file| file.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_: &Path) -> bool {
    true
}

/// It begins neither as a script that names its interpreter nor as what was compiled.
fn is_plain_text(path: &Path) -> bool {
    use std::io::Read as _;

    let mut start = [0; 64];
    let read = fs::File::open(path).and_then(|mut file| file.read(&mut start));
    let start = &start[..read.unwrap_or(0)];
    !start.is_empty()
        && !start.starts_with(b"#!")
        && std::str::from_utf8(start).is_ok()
        && !start.contains(&0)
}
