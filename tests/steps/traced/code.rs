//! `cargo trace --code` and programs that are no lessons: what has debug information has lines of
//! code, what has none is said to have none, and a line is never another one.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::tempdir;

use super::python;
use crate::machine::{has, launch, spawn, succeeds, tool};
use crate::support::regex;
use crate::timelines::{trace, without_code};

/// Each line that makes a call, or prints, says which: in a comment at its end.
const SERVER: &str = r#"#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sockaddr_in at = { .sin_family = AF_INET };

static int begin(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0); // socket
    at.sin_port = htons(8090);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener, (void *)&at, sizeof at); // bind
    listen(listener, 5); // listen
    return listener;
}

static int with_client(void) {
    int own = socket(AF_INET, SOCK_STREAM, 0); // socket
    connect(own, (void *)&at, sizeof at); // connect
    return own;
}

static void *thread(void *own) {
    send(*(int *)own, "hello", 5, 0); // sendto
    close(*(int *)own); // close
    return NULL;
}

int main(void) {
    char text[100];
    int listener = begin(), own = with_client();
    int served = accept(listener, NULL, NULL); // accept
    pthread_t other;
    pthread_create(&other, NULL, thread, &own);
    pthread_join(other, NULL);
    if (fork() == 0) {
        ssize_t length = recv(served, text, sizeof text, 0); // recvfrom
        printf("%zd bytes, ", length);
        fflush(stdout);
        printf("in a child\n"); // prints
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    close(served); // close
    puts("the end"); // prints
}
"#;

/// Compiles it with these options. `None`: there is no compiler.
fn compiled(folder: &Path, options: &[&str]) -> Option<String> {
    if !has(&["cc"]) {
        return None;
    }
    let (source, file) = (folder.join("server.c"), folder.join("server"));
    fs::write(&source, SERVER).expect("a file");
    succeeds(Command::new("cc").args(options).args(["-pthread", "-o"]).arg(&file).arg(&source));
    Some(file.to_str().expect("UTF-8").to_owned())
}

/// Asserts that each line of code has the call that it is said to have, or what stands there prints.
/// Gives how many there were.
fn are_right(timeline: &str) -> usize {
    let code = regex(
        r"(?m)^  (?:(prints)|(?:call  |result)  (?:server(?: \[2\])?: )?(\w+).*)  \[server\.c:(\d+)\]$",
    );
    let lines: Vec<&str> = SERVER.lines().collect();
    let all = code.captures_iter(timeline).map(|parts| {
        let what = parts.get(1).or(parts.get(2)).expect("one of them").as_str();
        let number: usize = parts[3].parse().expect("a number");
        let line = lines[number - 1];
        assert!(line.ends_with(&format!("// {what}")), "{what}: {number}: {line}\n{timeline}");
    });
    all.count()
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_program_in_c_has_its_lines_in_each_thread_and_process() {
    let folder = tempdir().expect("a folder");
    for options in [&["-g"][..], &["-g", "-O2"]] {
        let Some(server) = compiled(folder.path(), options) else { return };
        let Some(timeline) = trace(&["--code", "--", &server], "") else { return };
        // The results of four calls have lines of their own; so do two lines that were printed.
        assert_eq!(are_right(&timeline), 16, "{options:?}: {timeline}");
        let without = trace(&["--", &server], "").expect("as before");
        assert_eq!(without_code(&timeline), without);
    }
}

/// In a program without the table that says how to get from a call to its caller, only functions with
/// frame pointers are found. Those in between are not to be taken for what calls.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn where_callers_are_missing_no_line_is_said() {
    let folder = tempdir().expect("a folder");
    let options = ["-g", "-static", "-Wl,--no-eh-frame-hdr"];
    let Some(server) = compiled(folder.path(), &options) else { return };
    let Some(timeline) = trace(&["--code", "--", &server], "") else { return };
    are_right(&timeline);
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn where_there_is_no_line_of_code_a_note_says_why() {
    let folder = tempdir().expect("a folder");
    if let Some(server) = compiled(folder.path(), &[]) {
        let Some(timeline) = trace(&["--code", "--", &server], "") else { return };
        let end = "\n(no lines of code: server has no debug information)\n";
        assert!(timeline.ends_with(end), "{timeline}");
        assert_eq!(without_code(&timeline), timeline);
    }
    let Some(python) = python() else { return };
    // (The system's has none. One with debug information takes long for each stack.)
    let systems = "/usr/bin/python3";
    let python = if Path::new(systems).is_file() { systems } else { python };
    let program = "import socket; socket.create_server(('127.0.0.1', 0)); print('there')";
    let Some(timeline) = trace(&["--code", "--", python, "-c", program], "") else { return };
    assert!(timeline.contains("\nthere\n"), "{timeline}");
    // Where somebody has built it, there may be some; the code is not there all the same.
    let notes = ["has no debug information)", "has its code elsewhere)"];
    let ends = |note: &&str| timeline.trim_end().ends_with(*note);
    assert!(timeline.contains("\n(no lines of code: python"), "{timeline}");
    assert!(notes.iter().any(ends), "{timeline}");
    assert_eq!(without_code(&timeline), timeline);
    // Nobody has asked.
    let timeline = trace(&["--", python, "-c", program], "").expect("as before");
    assert!(!timeline.contains("lines of code"), "{timeline}");
}

/// Its files are found where it has them.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_program_that_runs_already_has_lines_of_code() {
    const WAITS: &str = "#include <stdio.h>\n#include <unistd.h>\n#include <arpa/inet.h>\n\
                         int main(void) {\n  char byte;\n  puts(\"there\"); fflush(stdout);\n  \
                         while (read(0, &byte, 1) == 1) {\n    \
                         close(socket(AF_INET, SOCK_STREAM, 0)); // here\n  }\n}\n";
    let folder = tempdir().expect("a folder");
    if !has(&["cc"]) || trace(&["--", "true"], "").is_none() {
        return;
    }
    let (source, file) = (folder.path().join("waits.c"), folder.path().join("waits"));
    fs::write(&source, WAITS).expect("a file");
    succeeds(Command::new("cc").args(["-g", "-o"]).arg(&file).arg(&source));
    let mut program = launch(&file);
    let mut program = spawn(program.stdin(Stdio::piped()).stdout(Stdio::null()));
    let pid = program.id().to_string();
    let mut tool = launch(tool("trace"));
    let tool = tool.args(["--code", "--wait", "3", "--pid", &pid]).stdout(Stdio::piped());
    let tool = spawn(tool);
    std::thread::sleep(std::time::Duration::from_secs(1));
    {
        use std::io::Write as _;
        let mut input = program.stdin.take().expect("piped");
        input.write_all(b"x").expect("it reads");
        let timeline = tool.wait_with_output().expect("it ends");
        let timeline = String::from_utf8(timeline.stdout).expect("UTF-8");
        let number = WAITS.lines().position(|line| line.ends_with("// here")).expect("it") + 1;
        let call = format!("close(FD1) = 0  [waits.c:{number}]\n");
        assert!(timeline.contains(&call), "{call}{timeline}");
    }
    program.wait().expect("it ends");
}
