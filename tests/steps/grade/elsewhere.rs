//! The grader away from the course, and on machines that do not allow every check.

use std::fs;

use super::command_line::{ECHO, judged, outcome};
use super::{graders, joined};
use crate::machine::{PYTHON, command, has, quiet, tool};
use crate::support::top;

/// The grader, installed: away from any checkout, with notes where programs keep them.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_needs_no_checkout() {
    let folder = tempfile::tempdir().expect("a folder");
    if !has(&[PYTHON]) {
        return;
    }
    let _quiet = quiet();
    let grade = |arguments: &[&str]| {
        let mut grade = command(tool("grade"));
        grade.current_dir(&folder).env("XDG_STATE_HOME", folder.path()).args(arguments);
        outcome(grade.output())
    };
    fs::write(folder.path().join("echo.py"), ECHO).expect("written");
    let (status, shown, errors) = grade(&["05_echo", "--", "python3", "echo.py"]);
    assert_eq!((status, errors.as_str()), (0, ""), "{shown}");
    assert!(shown.ends_with("  Next: grade 02_free_port\n"), "{shown}");
    let (_, shown, _) = grade(&[]);
    assert!(shown.contains("  done  05_echo "), "{shown}");
    let (status, shown, _) = grade(&["05_echo", "--solution"]);
    let solution = fs::read_to_string(graders().join("solutions/05_echo.rs"));
    assert_eq!((status, shown), (0, solution.expect("a file")));
    // What it is to do, as in the course; and how to get that.
    let (status, task, _) = grade(&["05_echo", "--task"]);
    let file = fs::read_to_string(top().join("examples/your_turn/05_echo.rs")).expect("a file");
    for line in file.lines().map_while(|line| line.strip_prefix("//!")) {
        assert!(task.contains(line.trim()) != line.contains("cargo grade"), "{line}:\n{task}");
    }
    assert_eq!(status, 0, "{task}");
    assert!(!task.contains("//!"), "{task}");
    let how = "grade 02_free_port --task";
    let (_, shown, _) = grade(&[]);
    assert!(shown.contains(how), "{shown}");
    for arguments in [&["05_echo"][..], &["--all"]] {
        let (status, shown, errors) = grade(arguments);
        assert_eq!((status, shown.as_str()), (2, ""), "{errors}");
        let words = "or say how yours is started: grade 05_echo -- python3 my_program.py";
        assert!(errors.contains(words), "{errors}");
        assert!(errors.contains("What it is to do: grade 05_echo --task"), "{errors}");
    }
}

/// What the machine does not allow is neither passed nor failed.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_blames_the_machine_for_its_limits() {
    let notes = tempfile::tempdir().expect("a folder");
    let file = notes.path().join("echo.py");
    fs::write(&file, ECHO).expect("written");
    let set = |file: &str, value: &str| {
        let set = format!("ip link set lo up; echo '{value}' > /proc/sys/net/{file}; exec \"$@\"");
        ["unshare", "-Urn", "sh", "-c", &set, "sh"].map(str::to_owned).to_vec()
    };
    let queue = |length: &str| set("core/somaxconn", length);
    let words = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
    if !has(&["prlimit", "unshare", "ip", PYTHON]) {
        return;
    }
    let _quiet = quiet();
    for (limit, exercise, passed, words) in [
        (words("prlimit --nofile=30"), "05_echo", 0, "may have 30 open files here, and"),
        (words("prlimit --nofile=64"), "05_echo", 7, "and this check needs 72"),
        (words("unshare -Urn"), "05_echo", 0, "127.0.0.1 cannot be reached"),
        (queue("5"), "05_echo", 7, "(net.core.somaxconn), whatever listen"),
        (queue("1"), "05_echo", 0, "and this check needs 5."),
        (
            set("ipv4/ip_local_port_range", "40000 40030"),
            "05_echo",
            7,
            "No port is free for one more connection.",
        ),
    ] {
        let mut grade = command(&limit[0]);
        grade.args(&limit[1..]).arg(tool("grade")).args([exercise, "--", "python3"]);
        let (status, shown, _) =
            judged(grade.arg(&file).env("GRADE_PROGRESS", notes.path().join("notes")));
        let shown = joined(&shown);
        assert_eq!((status, shown.matches(" ok ").count()), (1, passed), "{shown}");
        assert!(shown.contains(words) && !shown.contains("FAIL"), "{shown}");
        assert!(shown.contains("could not be run on this machine."), "{shown}");
    }
}
