//! `cargo grade` as its readers use it: what it says to whom, and what becomes
//! of programs that hang, flood or leave others behind.

use std::fs;
use std::io::{self, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::solutions::new_address;
use super::{VERDICTS, grader, graders, joined, text};
use crate::machine::{cargo, has, launch, quiet, spawn, succeeds, tool};
use crate::support::{Terminal, assert_snapshot, connect, expect, regex, top, within_limit};

/// A reader's copy of this crate, in which exercises can be written.
struct Copy(PathBuf);

impl Copy {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("copy");
        fs::create_dir_all(&folder).expect("a folder");
        let mut copy = Command::new("cp");
        copy.current_dir(top()).arg("-r");
        let files = ["Cargo.toml", "Cargo.lock", ".cargo", "examples", "src", "tests", "tools"];
        succeeds(copy.args(files).arg(&folder));
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
        outcome(grade.output())
    }
}

/// Status, standard output, standard error.
pub fn outcome(output: io::Result<Output>) -> (i32, String, String) {
    let output = output.expect("it starts");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().expect("a status"), text(&output), errors)
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
    let shown = copy.shows(1, &["--all", "--json", "--seed=1"]);
    let seconds = regex(r#""seconds":[0-9.]+"#);
    let shown = seconds.replace_all(&shown, r#""seconds":0.1"#);
    assert_snapshot(VERDICTS, "all_json", &shown);
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
    for (arguments, words) in [
        (&["05_echo", "--seed", "x"][..], "--seed takes a number"),
        (&["05_echo", "--"], "after --, a command"),
        (&["05_echo", "--fast"], "invalid option '--fast'"),
        (&["05_echo", "06_half_close"], "unexpected argument"),
        (&["--hint"], "which exercise?"),
        (&["05_echo", "--all"], "--all, or one exercise"),
    ] {
        let errors = grade(arguments);
        assert!(errors.contains(words), "{arguments:?}: {errors}");
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
    let start = Instant::now();
    let (actual, shown, _) = outcome(grade.output());
    (actual, shown, start.elapsed())
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

    // It takes long to be ready, and does something meanwhile: the first check passes.
    let once = notes.path().join("once");
    let first =
        format!("import os\nif not os.path.exists({once:?}):\n  open({once:?}, 'w')\n  while");
    let script = computes(4.5).replacen("while", &first, 1);
    let (status, shown, _) = grade(&script, &["python3"]);
    assert_eq!(status, 0, "{shown}");
}

/// Each answer comes, and late: when time is up, it is not blamed for the one that was awaited.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_blames_nobody_when_time_is_up() {
    if !has(&["python3"]) {
        return;
    }
    let _quiet = quiet();
    let late = "import time; time.sleep(2.3); client.sendall(data)";
    let (shown, _) = python(&ECHO.replace("client.sendall(data)", late), 1);
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

/// A program that waits, in a session of its own: when Ctrl-C is typed, and when the test dies
/// that has the grader grade it.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_ends_with_what_it_has_started() {
    if !has(&["python3"]) {
        return;
    }
    let _quiet = quiet();
    let notes = tempfile::tempdir().expect("a folder");
    let [script, process] = ["waits.py", "process"].map(|name| notes.path().join(name));
    let waits = format!(
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    \
         open({process:?}, 'w').write(f'{{os.getpid()}} ')\ntime.sleep(1000)\n"
    );
    fs::write(&script, waits).expect("written");
    let start = || {
        let _ = fs::remove_file(&process);
        let mut grade = launch(tool("grade"));
        grade.env("GRADE_PROGRESS", notes.path().join("notes"));
        grade.args(["05_echo", "--", "python3"]).arg(&script);
        let grade = spawn(grade.stdout(Stdio::null()));
        let number = within_limit(|| {
            let number = fs::read_to_string(&process).ok()?;
            Some(number.strip_suffix(' ')?.to_owned())
        });
        (grade, PathBuf::from(format!("/proc/{}", number.expect("a number"))))
    };
    let is_ended = |mut grade: Child, process: PathBuf| {
        let since = Instant::now();
        assert_eq!(grade.wait().expect("a status").code(), Some(130));
        within_limit(|| (!process.exists()).then_some(())).expect("its end");
        // What hangs is ended after 4 seconds in any case.
        assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
    };
    let (grade, process) = start();
    succeeds(Command::new("kill").args(["-INT", &grade.id().to_string()]));
    is_ended(grade, process);
    // The death of a test is that of its thread.
    let (grade, process) = thread::scope(|scope| scope.spawn(start).join()).expect("a start");
    is_ended(grade, process);
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
    assert!(joined(&shown).contains("a call ahead of it waits"), "{shown}");
    assert!(time < Duration::from_secs(10), "{time:?}");

    // One that floods its output, and one that floods the wire. (One that computes has 10 seconds.)
    let (shown, time) = python("while True: print('x' * 1000)\n", 1);
    assert!(shown.contains("It prints without end."), "{shown}");
    assert!(time < Duration::from_secs(20), "{time:?}");
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
