//! `cargo grade` as its readers use it: what it says to whom, and what becomes
//! of programs that hang, flood or leave others behind.

use std::fs;
use std::io::{self, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use super::solutions::new_address;
use super::{VERDICTS, grader, graders, joined, text};
use crate::machine::{LANGUAGE, cargo, has, launch, quiet, side_by_side, spawn, succeeds, tool};
use crate::support::{
    Terminal, assert_snapshot, connect, expect, numbered, regex, top, within_limit,
};

/// A reader's copy of this crate, in which exercises can be written.
struct Copy(PathBuf);

impl Copy {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("copy");
        fs::create_dir_all(&folder).expect("a folder");
        // (The page of a check has the player of the book.)
        fs::create_dir_all(folder.join("book")).expect("a folder");
        for (files, to) in [
            (&["Cargo.toml", "Cargo.lock", ".cargo", "examples", "src", "tests", "tools"][..], ""),
            (&["book/look"], "book"),
        ] {
            let mut copy = Command::new("cp");
            copy.current_dir(top()).arg("-r").args(files).arg(folder.join(to));
            succeeds(&mut copy);
        }
        let _ = fs::remove_file(folder.join("examples/your_turn/.progress"));
        Self(folder)
    }

    /// Writes an exercise.
    fn write(&self, exercise: &str, text: &str) {
        let file = format!("examples/your_turn/{exercise}.rs");
        fs::write(self.0.join(file), text).expect("written");
    }

    /// Writes it as it should be.
    fn solve(&self, exercise: &str) {
        let solution = graders().join(format!("solutions/{exercise}.rs"));
        self.write(exercise, &fs::read_to_string(solution).expect("a file"));
    }

    /// The command, as it is typed.
    fn grade(&self, arguments: &[&str]) -> (i32, String, String) {
        self.grade_in("", "../copy.target", arguments)
    }

    /// The same with this status and no errors; gives what is shown.
    fn shows(&self, status: i32, arguments: &[&str]) -> String {
        let (actual, shown, errors) = self.grade(arguments);
        assert_eq!((actual, errors.as_str()), (status, ""), "{shown}");
        shown
    }

    /// The same in a folder of it, with a target folder that begins there.
    fn grade_in(&self, folder: &str, target: &str, arguments: &[&str]) -> (i32, String, String) {
        let mut grade = cargo();
        grade.current_dir(self.0.join(folder)).arg("grade").args(arguments);
        grade.env("CARGO_TARGET_DIR", target).env("CARGO_NET_OFFLINE", "1");
        LANGUAGE.iter().for_each(|name| {
            grade.env_remove(name);
        });
        outcome(grade.output())
    }
}

/// Status, standard output, standard error.
pub fn outcome(output: io::Result<Output>) -> (i32, String, String) {
    let output = output.expect("it starts");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().expect("a status"), text(&output), errors)
}

/// The status, what is shown, and how long it took; on a machine that is too busy for a verdict,
/// once more.
pub fn judged(grade: &mut assert_cmd::Command) -> (i32, String, Duration) {
    let mut again = 0..3;
    loop {
        let start = Instant::now();
        let (status, shown, _) = outcome(grade.output());
        if status != 3 || again.next().is_none() {
            return (status, shown, start.elapsed());
        }
    }
}

#[test]
#[ignore = "builds the grader once more"]
fn grade_goes_with_its_reader() {
    let copy = Copy::new();
    let shown = copy.shows(0, &[]);
    let _quiet = quiet();
    assert!(shown.starts_with("Your turn: 0 of "), "{shown}");
    assert!(shown.contains("  next  02_free_port "), "{shown}");

    // The compiler's own words, and nothing else.
    copy.write("05_echo", "fn main() {\n    let x: u8 = \"no\";\n}\n");
    let (status, shown, errors) = copy.grade(&["05_echo"]);
    assert_eq!((status, shown.as_str()), (1, ""), "{errors}");
    assert!(errors.starts_with("error[E0308]: mismatched types"), "{errors}");
    assert!(errors.contains("examples/your_turn/05_echo.rs:2:"), "{errors}");
    // It stops none of the others.
    copy.solve("02_free_port");
    let shown = copy.shows(0, &["02_free_port"]);
    assert!(shown.ends_with("  Next: cargo grade 04_doorman\n"), "{shown}");

    // In a folder of it, the program is the one that cargo has just built.
    copy.solve("05_echo");
    let (folder, target) = ("examples/your_turn", "../../../copy.target");
    let (status, shown, errors) = copy.grade_in(folder, target, &["05_echo"]);
    assert_eq!((status, errors.as_str()), (0, ""), "{shown}");
    copy.write("05_echo", "fn main() {}\n");
    let (status, shown, errors) = copy.grade_in(folder, target, &["05_echo"]);
    assert_eq!((status, errors.as_str()), (1, ""), "{shown}");

    // What is done is known the next time.
    copy.solve("05_echo");
    let path = "examples/your_turn/05_echo.rs";
    copy.shows(0, &[path]);
    let shown = copy.shows(0, &[]);
    assert_snapshot(VERDICTS, "list", &shown);
    let shown = copy.shows(0, &["--lang=zh"]);
    assert_snapshot(VERDICTS, "list.zh", &shown);

    // By hand, with the command that both texts have.
    let by_hand = "cargo run -q -p your-turn --bin 05_echo -- ";
    for text in ["book/src/your-turn.md", "examples/your_turn/README.md"] {
        let text = fs::read_to_string(top().join(text)).expect("a file");
        assert!(text.contains(&format!("\n{by_hand}127.0.0.1:8090\n")), "{text}");
    }
    let (mut run, at) = (cargo(), new_address());
    run.current_dir(&copy.0).env("CARGO_TARGET_DIR", "../copy.target");
    run.env("CARGO_NET_OFFLINE", "1").args(by_hand.split_whitespace().skip(1));
    let mut terminal = Terminal::open(run.arg(at.to_string()));
    terminal.wait_for("ready");
    let mut client = connect(at);
    client.write_all(b"hello").expect("sent");
    expect(&client, "hello");

    // All of them, for a teacher.
    copy.write("06_half_close", "not Rust");
    let shown = copy.shows(1, &["--all", "--seed=1"]);
    assert_snapshot(VERDICTS, "all", &shown);
    let shown = copy.shows(1, &["--all", "--seed=1", "--lang=zh"]);
    assert_snapshot(VERDICTS, "all.zh", &shown);
    let shown = copy.shows(1, &["--all", "--json", "--seed=1"]);
    let seconds = regex(r#""seconds":[0-9.]+"#);
    let shown = seconds.replace_all(&shown, r#""seconds":0.1"#);
    let shown = regex("none for [0-9.]+ seconds").replace_all(&shown, "none for 3 seconds");
    assert_snapshot(VERDICTS, "all_json", &numbered(&shown));
}

#[test]
#[ignore = "with the other tests of the grader"]
fn grade_says_what_is_wrong_with_its_arguments() {
    let notes = tempfile::tempdir().expect("a folder");
    let grade = |arguments: &[&str]| {
        let mut grade = grader(&notes.path().join("notes"));
        let output = grade.args(arguments).output().expect("it starts");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(text(&output), "", "{arguments:?}");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        errors
    };
    let unknown = grade(&["05_ecko"]);
    assert!(
        unknown.starts_with("There is no exercise 05_ecko. Do you mean 05_echo?\n\n"),
        "{unknown}"
    );
    assert!(unknown.contains("  16_group_chat "), "{unknown}");
    let unknown = grade(&["xx"]);
    assert!(unknown.starts_with("There is no exercise xx.\n\n"), "{unknown}");
    assert_eq!(grade(&["4"]), "4: 04_doorman or 04_own_address_udp?\n");
    for (arguments, words) in [
        (&["05_echo", "--seed", "x"][..], "--seed takes a number"),
        (&["05_echo", "--"], "after --, a command"),
        (&["05_echo", "--fast"], "invalid option '--fast'"),
        (&["05_echo", "06_half_close"], "unexpected argument"),
        (&["--hint"], "which exercise?"),
        (&["--json", "--hint"], "which exercise?"),
        (&["05_echo", "--json", "--hint"], "--json gives verdicts, or the list"),
        (&["05_echo", "--hint", "--solution"], "one of --hint, --solution and --task"),
        (&["05_echo", "--task", "--", "python3"], "there is no program to check (after --)"),
        (&["--seed=7"], "--seed goes with a check of programs"),
        (&["05_echo", "--all"], "--all, or one exercise"),
        (&["--all", "--", "python3"], "--all builds its programs itself"),
        (&["--all", "--task"], "--all gives verdicts alone"),
    ] {
        let errors = grade(arguments);
        assert!(errors.contains(words), "{arguments:?}: {errors}");
    }
}

/// What can only be one exercise is that one, and it is said which.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_knows_an_exercise_by_its_number_or_its_word() {
    let notes = tempfile::tempdir().expect("a folder");
    for typed in ["5", "05", "echo", "5_echo", "examples/your_turn/05_echo.rs"] {
        let mut grade = grader(&notes.path().join("notes"));
        let (status, shown, errors) = outcome(grade.args([typed, "--task"]).output());
        assert!(shown.starts_with("Your turn, step 5: an echo server.\n"), "{shown}");
        let is_path = typed.ends_with(".rs");
        let told = if is_path { String::new() } else { format!("{typed}: that is 05_echo.\n") };
        assert_eq!((status, errors), (0, told));
    }
}

/// A program that does not exist is not a wrong one: no check is run.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_says_what_is_wrong_with_the_command() {
    if !has(&["python3"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text, mode) in [
        ("my_echo.py", ECHO, 0o644),
        ("runs.py", "#!/usr/bin/env python3\n", 0o755),
        ("my_echo.c", "int main() {}\n", 0o644),
        ("a.out", "\x7fELF\0", 0o755),
        ("b.out", "\x7fELF\0", 0o644),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
    }
    fs::create_dir(folder.path().join("sub")).expect("a folder");
    let grade = |typed: &str| {
        let mut grade = grader(&folder.path().join("notes"));
        grade.current_dir(&folder).args(["05_echo", "--"]).args(typed.split(' '));
        let (status, shown, errors) = outcome(grade.output());
        assert_eq!((status, shown.as_str()), (2, ""), "{typed}: {errors}");
        errors
    };
    for (typed, words) in [
        ("python3 my_ecko.py", "There is no file my_ecko.py in this folder ("),
        ("python3 my_ecko.py", "). Do you mean my_echo.py?"),
        ("python3 -u ./my_ecko.py", "Do you mean ./my_echo.py?"),
        ("python3 src/my_echo.py", "There is no file src/my_echo.py: there is no folder src."),
        ("python3 sub", "sub is a folder, and no program."),
        ("python3", "python3 is to run your program, so its name comes next"),
        ("pyton3 my_echo.py", "There is no program pyton3, neither installed"),
        ("pyton3 my_echo.py", "Do you mean grade 05_echo -- python3?"),
        ("my_echo.py", "my_echo.py is run by python3: grade 05_echo -- python3 my_echo.py"),
        ("./my_echo.py", "is run by python3: grade 05_echo -- python3 ./my_echo.py"),
        ("runs.py", "runs.py is in this folder, so say that: grade 05_echo -- ./runs.py"),
        ("my_ecko.py", "There is no file my_ecko.py in this folder"),
        ("./my_echo.c", "is to be compiled first: cc ./my_echo.c -o my_echo\nThen: grade"),
        ("a.out", "a.out is in this folder, so say that: grade 05_echo -- ./a.out"),
        ("./b.out", "./b.out is not executable. If it is a program: chmod +x ./b.out"),
        ("./c.out", "There is no file ./c.out in this folder"),
        ("./sub", "./sub is a folder, and no program."),
        ("C:\\me\\my_echo.py", "Paths have / here and not \\, and no letters of drives"),
        ("python3 .\\my_echo.py", "Paths have / here and not \\: perhaps ./my_echo.py"),
    ] {
        let errors = grade(typed).replace("cargo grade", "grade");
        assert!(errors.contains(words), "{typed}: {errors}");
    }
}

/// Where nobody reads, and where the disk is full: no panic, and no verdict.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_ends_quietly_where_it_cannot_print() {
    if !has(&["python3", "sh"]) {
        return;
    }
    let _quiet = quiet();
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("my_echo.py"), ECHO).expect("written");
    let grade = |shell: &str| {
        let mut sh = crate::machine::command("sh");
        sh.args(["-c", shell]).arg(tool("grade")).current_dir(&folder);
        outcome(sh.env("GRADE_PROGRESS", folder.path().join("notes")).output())
    };
    let grades = "05_echo -- python3 my_echo.py";
    for arguments in ["", "--json", "--help", "05_echo --task", grades] {
        let command = format!("\"$0\" {arguments}");
        let (_, shown, errors) = grade(&format!("{{ {command}; echo $? >&2; }} | head -n 1"));
        let is_one_line = shown.ends_with('\n') && shown.lines().count() == 1;
        // (What is printed at once may be gone ahead of its reader.)
        let is_quiet = errors == "141\n" || (errors == "0\n" && arguments != grades);
        assert!(is_one_line && is_quiet, "{command}: {shown}{errors}");

        let (status, _, errors) = grade(&format!("{command} > /dev/full"));
        let words = "cannot write to standard output: No space left on device";
        assert!(errors.starts_with(words) && errors.lines().count() == 1, "{errors}");
        assert_eq!(status, 4, "{command}");
        // Nor where nobody can be told.
        assert_eq!(grade(&format!("{command} > /dev/full 2> /dev/full")).0, 4, "{command}");
    }
}

/// The list, for a program.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_lists_as_json() {
    let notes = tempfile::tempdir().expect("a folder");
    let notes = notes.path().join("notes");
    fs::write(&notes, "done 05_echo\n").expect("written");
    let (status, shown, errors) = outcome(grader(&notes).arg("--json").output());
    assert_eq!((status, errors.as_str()), (0, ""), "{shown}");
    let line = r#"{"exercise":"05_echo","title":"an echo server","step":5,"done":true}"#;
    assert!(shown.lines().any(|one| one == line), "{shown}");
    for line in shown.lines() {
        let exercise: serde_json::Value = serde_json::from_str(line).expect("an object");
        assert_eq!(exercise["done"] == true, exercise["exercise"] == "05_echo", "{line}");
    }
}

/// In a terminal there are colours, and where something takes long, a line that redraws itself: but
/// not in every terminal.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_has_colours_where_they_are_wanted() {
    const IN_A_TERMINAL: &str = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";
    if !has(&["python3"]) {
        return;
    }
    let _quiet = quiet();
    let folder = tempfile::tempdir().expect("a folder");
    // It takes longer than a second.
    let waits = format!("import time; time.sleep(1.5)\n{ECHO}").replace("sendall(data)", "close()");
    fs::write(folder.path().join("waits.py"), waits).expect("written");
    for (is_terminal, set, has_colours, redraws) in [
        (true, ("TERM", "xterm"), true, true),
        (true, ("TERM", "dumb"), false, false),
        (true, ("NO_COLOR", "1"), false, true),
        (true, ("NO_COLOR", ""), true, true),
        (false, ("TERM", "xterm"), false, false),
        (false, ("CLICOLOR_FORCE", "1"), true, false),
        (false, ("CLICOLOR_FORCE", "0"), false, false),
    ] {
        let mut run = match is_terminal {
            true => crate::machine::command("python3"),
            false => crate::machine::command(tool("grade")),
        };
        if is_terminal {
            run.args(["-c", IN_A_TERMINAL]).arg(tool("grade"));
        }
        run.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").env("TERM", "xterm");
        run.env("GRADE_PROGRESS", folder.path().join("notes")).env(set.0, set.1);
        run.args(["05_echo", "--", "python3", "waits.py"]).current_dir(&folder);
        let (status, shown, _) = outcome(run.output());
        assert_eq!((status, shown.contains("FAIL")), (1, true), "{set:?}: {shown}");
        assert_eq!(shown.contains("\x1b[31;1m"), has_colours, "{set:?}: {shown:?}");
        assert_eq!(shown.contains("\r  ..    "), redraws, "{set:?}: {shown:?}");
    }
}

#[test]
#[ignore = "with the other tests of the grader"]
fn grade_gives_hints_one_at_a_time() {
    let notes = tempfile::tempdir().expect("a folder");
    let grade = |option: &str, typed: &str| {
        let mut grade = grader(&notes.path().join("notes"));
        grade.args(["05_echo", option]).write_stdin(typed);
        let output = grade.output().expect("it starts");
        (output.status.code(), joined(&text(&output)))
    };
    let (status, asked) = grade("--solution", "\n");
    assert_eq!(status, Some(1), "{asked}");
    assert!(asked.contains("You have read 0 of 4 hints"), "{asked}");
    assert!(!asked.contains("solutions/"), "{asked}");
    let mut hints = Vec::new();
    for number in 1..=4 {
        let (status, hint) = grade("--hint", "");
        assert_eq!(status, Some(0));
        let start = format!("Hint {number} of 4: ");
        hints.push(hint.strip_prefix(&start).expect(&hint).to_owned());
    }
    let (_, all) = grade("--hint", "");
    assert!(all.contains(&hints.join(" ")), "{all}");
    let (status, shown) = grade("--solution", "y\n");
    assert_eq!(status, Some(0), "{shown}");
    let path = shown.rsplit(' ').next().expect("a path");
    assert!(top().join(path).is_file(), "{shown}");
}

/// Grades the echo server that this script in Python is: with this status. Gives what is shown,
/// and how long it takes.
fn python(script: &str, status: i32) -> (String, Duration) {
    let (actual, shown, time) = graded(script);
    assert_eq!(actual, status, "{shown}");
    (shown, time)
}

/// The same, with any status.
fn graded(script: &str) -> (i32, String, Duration) {
    let notes = tempfile::tempdir().expect("a folder");
    let file = notes.path().join("echo.py");
    fs::write(&file, script).expect("written");
    let mut grade = grader(&notes.path().join("notes"));
    grade.args(["05_echo", "--", "python3"]).arg(&file);
    judged(&mut grade)
}

pub const ECHO: &str = "
import socket, sys
host, port = sys.argv[-1].split(':')
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((host, int(port)))
listener.listen(100)
print('ready')
while True:
    client, _ = listener.accept()
    with client:
        try:
            while data := client.recv(1024):
                client.sendall(data)
        except OSError as error:
            print(error, file=sys.stderr)
";

#[test]
#[ignore = "with the other tests of the grader"]
fn grade_judges_another_language() {
    if !has(&["python3"]) {
        return;
    }
    let _quiet = quiet();
    python(ECHO, 0);
    let (shown, _) = python(&ECHO.replace("sendall(data)", "sendall(b'x')"), 1);
    assert!(shown.contains("got        1 byte: \"x\""), "{shown}");
    let (shown, _) = python(&ECHO.replace("import socket", "import soket"), 1);
    let words = "ModuleNotFoundError: No module named 'soket'";
    assert!(shown.contains(words), "{shown}");
}

/// A program that gets hardly any processor beside another one, and needs some: it has neither
/// passed nor failed. One that computes all the while has its time.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_gives_no_verdict_on_a_machine_that_is_too_busy() {
    if !has(&["python3", "taskset", "chrt"]) {
        return;
    }
    let notes = tempfile::tempdir().expect("a folder");
    let file = notes.path().join("slow.py");
    let grade = |script: &str, command: &[&str]| {
        fs::write(&file, script).expect("written");
        let mut grade = grader(&notes.path().join("notes"));
        grade.args(["05_echo", "--"]).args(command).arg(&file);
        outcome(grade.output())
    };
    let computes =
        |time: f32| format!("import time\nwhile time.process_time() < {time}: pass\n{ECHO}");
    // On the first processor, and only if nobody else wants it.
    let idle = ["taskset", "-c", "0", "chrt", "-i", "0", "python3"];
    let _quiet = quiet();
    let mut busy = spawn(launch("taskset").args(["-c", "0", "sh", "-c", "while :; do :; done"]));
    let (status, shown, errors) = grade(&computes(3.0), &idle);
    busy.kill().expect("it runs");
    busy.wait().expect("a status");
    assert_eq!((status, errors.as_str()), (3, ""), "{shown}");
    assert!(shown.contains("This machine is too busy: run it again."), "{shown}");
    assert!(!shown.contains("FAIL") && !shown.contains("hint"), "{shown}");
}

/// A program that works has 10 seconds until it is ready; one that sleeps, 4.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_waits_for_a_program_that_works() {
    if !has(&["python3"]) {
        return;
    }
    let _quiet = quiet();
    // As long as this, the first time that it is started, or each time.
    let after = |once: bool, work: &str| {
        let notes = tempfile::tempdir().expect("a folder");
        let is_done = notes.path().join("is_done");
        let script = format!(
            "import os, subprocess, sys, time\nif not os.path.exists({is_done:?}):\n    \
             if {once}: open({is_done:?}, 'w')\n    start = time.monotonic()\n    {work}\n{ECHO}",
            once = u8::from(once)
        );
        graded(&script)
    };
    let computes = "while time.monotonic() - start < 4.5: pass";
    // What ends soon, and another one, as a build does it.
    let starts = "while time.monotonic() - start < 4.5: \
                  subprocess.run([sys.executable, '-c', 'sum(range(10**7))'])";
    let both = "time.sleep(3.2)\n    while time.monotonic() - start < 6: pass";
    // Most of the time it waits for something that is slow.
    let now_and_then = "while time.monotonic() - start < 6:\n        time.sleep(0.05)\n        \
                        end = time.process_time() + 0.01\n        \
                        while time.process_time() < end: pass";
    // To ask again and again is no work.
    let asks = "while True: time.sleep(0.01)";
    let (waits, works) =
        ("a call ahead of that line waits", "The program was at work all the while");
    let cases = vec![
        (computes, None),
        (starts, None),
        (both, None),
        (now_and_then, None),
        ("time.sleep(1000)", Some(waits)),
        (asks, Some(waits)),
        ("while True: pass", Some(works)),
    ];
    let failed = side_by_side(cases, 4, |(work, fails)| {
        let (status, shown, _) = after(fails.is_none(), work);
        match fails {
            None => assert_eq!(status, 0, "{work}:\n{shown}"),
            // To compute for ten seconds is more than some machines give.
            Some(_) if status == 3 => {}
            Some(words) => {
                assert_eq!(status, 1, "{work}:\n{shown}");
                assert!(joined(&shown).contains(words), "{work}:\n{shown}");
            }
        }
    });
    assert!(failed.is_empty(), "{failed:?}");
}

/// Each answer comes, and late: when time is up, it is not blamed for the one that was awaited.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_blames_nobody_when_time_is_up() {
    if !has(&["python3"]) {
        return;
    }
    let _quiet = quiet();
    // (Who sleeps ahead of each answer is told so; here the first one of each client is late.)
    let late = "    import time; time.sleep(2.3)\n    with client:";
    let (shown, _) = python(&ECHO.replace("    with client:", late), 1);
    assert!(shown.contains("Not run on this machine: time was up."), "{shown}");
    assert!(!shown.contains("FAIL"), "{shown}");
}

/// The port was free, and is taken when the program comes to bind it.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_tries_another_port() {
    if !has(&["python3"]) {
        return;
    }
    let _quiet = quiet();
    let notes = tempfile::tempdir().expect("a folder");
    let taken = notes.path().join("taken");
    let taker = format!(
        "
import os, socket, sys, time
if not os.path.exists({taken:?}):
    open({taken:?}, 'w').close()
    host, port = sys.argv[-1].split(':')
    taker = socket.socket()
    taker.bind((host, int(port)))
    taker.listen()
    if os.fork() == 0:
        os.setsid()
        os.closerange(0, 3)
        time.sleep(1000)
    os._exit(1)
"
    );
    python(&(taker + ECHO), 0);
}

/// Programs that wait, in sessions of their own, one of them without its environment: whatever
/// signal ends the grader, or its whole group, and when the test dies that has the grader grade.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_ends_with_what_it_has_started() {
    const WAITS: &str = "
import os, sys, time
folder = os.path.dirname(__file__)
def waits(name):
    with open(f'{folder}/{name}', 'w') as file:
        file.write(f'{os.getpid()} ')
    time.sleep(1000)
if sys.argv[1] == 'bare':
    waits('bare')
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        waits('orphan')
    os._exit(0)
if os.fork() == 0:
    os.setsid()
    os.execve(sys.executable, [sys.executable, __file__, 'bare'], {})
waits('program')
";
    if !has(&["python3"]) {
        return;
    }
    let _quiet = quiet();
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("waits.py");
    fs::write(&script, WAITS).expect("written");
    let names = ["program", "orphan", "bare"].map(|name| folder.path().join(name));
    let shown = folder.path().join("shown");
    let start = || {
        names.iter().for_each(|name| drop(fs::remove_file(name)));
        let mut grade = launch("sh");
        grade.args(["-c", "ulimit -c 0; exec \"$0\" \"$@\""]).arg(tool("grade"));
        grade.env("GRADE_PROGRESS", folder.path().join("notes"));
        grade.args(["05_echo", "--", "python3"]).arg(&script).process_group(0);
        let shown = fs::File::create(&shown).expect("created");
        let grade = spawn(grade.stdout(shown));
        let processes = names.each_ref().map(|name| {
            let number = within_limit(|| {
                let number = fs::read_to_string(name).ok()?;
                Some(number.strip_suffix(' ')?.to_owned())
            });
            PathBuf::from(format!("/proc/{}", number.expect("a number")))
        });
        (grade, processes)
    };
    let is_ended = |mut grade: Child, processes: [PathBuf; 3]| {
        let since = Instant::now();
        let status = grade.wait().expect("a status");
        // (One that has ended is there until somebody asks how.)
        let is_gone = |process: &PathBuf| {
            let status = fs::read_to_string(process.join("status"));
            status.is_ok_and(|status| status.contains("State:\tZ")) || !process.exists()
        };
        let gone = within_limit(|| processes.iter().all(is_gone).then_some(()));
        gone.expect("their end");
        // What hangs is ended after 4 seconds in any case.
        assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
        // It has not ended by itself, so there is no verdict.
        let shown = fs::read_to_string(&shown).expect("a file");
        assert!(!shown.contains("FAIL"), "{shown}");
        status
    };
    for (signal, number) in [("INT", 2), ("TERM", 15), ("HUP", 1), ("QUIT", 3), ("KILL", 9)] {
        for group in ["", "-"] {
            let (grade, processes) = start();
            let id = format!("{group}{}", grade.id());
            succeeds(Command::new("kill").args(["-s", signal, "--", &id]));
            let status = is_ended(grade, processes);
            match ["INT", "TERM", "HUP"].contains(&signal) {
                true => assert_eq!(status.code(), Some(130), "{signal}"),
                false => assert_eq!(status.signal(), Some(number), "{signal}"),
            }
        }
    }
    // The death of a test is that of its thread.
    let (grade, processes) = thread::scope(|scope| scope.spawn(start).join()).expect("a start");
    assert_eq!(is_ended(grade, processes).code(), Some(130));
}

#[test]
#[ignore = "with the other tests of the grader"]
fn grade_ends_what_does_not_end() {
    if !has(&["python3"]) {
        return;
    }
    let _quiet = quiet();
    // One that hangs, and says nothing.
    let (shown, time) = python("import time\ntime.sleep(1000)\n", 1);
    // (A busy machine makes some more of the 4 seconds; what the program computes is not its wait.)
    assert!(regex(r"nothing, for [4-9](\.\d)? seconds").is_match(&shown), "{shown}");
    assert!(joined(&shown).contains("a call ahead of that line waits"), "{shown}");
    assert!(time < Duration::from_secs(20), "{time:?}");

    // One that floods its output, and one that floods the wire. (One that computes has 10 seconds.)
    let (shown, time) = python("while True: print('x' * 1000)\n", 1);
    assert!(shown.contains("It prints without end."), "{shown}");
    assert!(time < Duration::from_secs(40), "{time:?}");
    // Who prints much to find a mistake does not wait for the grader.
    let chatty = "sendall(data); print(data * 9, file=sys.stderr)";
    python(&ECHO.replace("sendall(data)", chatty), 0);
    let flood = ECHO.replace("sendall(data)", "sendall(b'x' * 10**9)");
    let (_, time) = python(&flood, 1);
    assert!(time < Duration::from_secs(20), "{time:?}");

    // One that leaves others behind, in a session of their own, with its
    // listener: all of them end, and the port is free.
    let notes = tempfile::tempdir().expect("a folder");
    let given = notes.path().join("given");
    let forks = ECHO.replace(
        "print('ready')",
        &format!(
            "
import os
open({given:?}, 'w').write(sys.argv[-1])
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            import time
            time.sleep(1000)
        os._exit(0)
print('ready')"
        ),
    );
    let (_, shown, time) = graded(&forks);
    assert!(time < Duration::from_secs(22), "{time:?}");
    let given = fs::read_to_string(given).expect("an address");
    assert!(TcpListener::bind(&given).is_ok(), "{given}:\n{shown}");
}
