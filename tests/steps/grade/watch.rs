//! `cargo grade --watch` in a terminal, and the page of a class.

use std::fs;
use std::path::Path;

use super::command_line::{ECHO, outcome};
use super::grader;
use crate::machine::{has, launch, quiet, tool};
use crate::support::{Terminal, within_limit};

/// Puts a new file in the place of the old one, as many editors do.
fn save(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).expect("written");
    fs::rename(&new, file).expect("renamed");
}

#[test]
#[ignore = "with the other tests of the grader"]
fn grade_watches_the_file_of_a_program() {
    if !has(&["python3", "script"]) {
        return;
    }
    let _quiet = quiet();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("echo.py");
    save(&file, &ECHO.replace("sendall(data)", "sendall(b'x')"));
    let command = format!("{} 05_echo --watch -- python3 echo.py", tool("grade").display());
    let mut script = launch("script");
    script.current_dir(&folder).env("GRADE_PROGRESS", folder.path().join("notes"));
    let mut terminal = Terminal::open(script.args(["-qefc", &command, "/dev/null"]));
    terminal.wait_for("FAIL");
    terminal.wait_for("Or press: h a hint ");
    terminal.type_line("h");
    terminal.wait_for("Hint 1 of 4:");
    terminal.type_line("t");
    terminal.wait_for("Your turn, step 5: an echo server.");
    save(&file, &ECHO.replace("sendall(data)", "sendall(b'y')"));
    terminal.wait_for("1 byte: \"y\"");
    save(&file, ECHO);
    terminal.wait_for("All 8 checks pass.");
    let status = within_limit(|| terminal.status()).expect("it ends");
    assert!(status.success(), "{}", terminal.stop());
}

/// The documented way: a file of JSON for each student, and one page of all of them.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_makes_a_page_of_a_class() {
    if !has(&["python3"]) {
        return;
    }
    let _quiet = quiet();
    let class = tempfile::tempdir().expect("a folder");
    let notes = class.path().join("notes");
    let mut files = Vec::new();
    for (name, program) in [
        ("ada", ECHO.to_owned()),
        ("bob", ECHO.replace("sendall(data)", "sendall(b'<x>'); raise ValueError('<b>')")),
    ] {
        let folder = class.path().join(name);
        fs::create_dir(&folder).expect("a folder");
        fs::write(folder.join("echo.py"), program).expect("written");
        let mut grade = grader(&notes);
        grade.args(["05_echo", "--json", "--", "python3"]).arg(folder.join("echo.py"));
        let (status, record, _) = outcome(grade.output());
        assert_eq!(status, i32::from(name == "bob"), "{record}");
        files.push(folder.join("grade.json"));
        fs::write(files.last().expect("one"), record).expect("written");
    }
    let page = class.path().join("class.html");
    let report = |page: &Path| {
        let mut grade = grader(&notes);
        outcome(grade.arg("--report").arg(page).args(&files).output())
    };
    assert_eq!(report(&page), (0, String::new(), String::new()));
    let page = fs::read_to_string(page).expect("a page");
    for part in [
        ">ada<",
        "✓ 8/8",
        ">0/8</a>",
        "what a client sends comes back",
        "&lt;x&gt;",
        "ValueError: &lt;b&gt;",
        "--seed",
    ] {
        assert!(page.contains(part), "{part}:\n{page}");
    }
    assert!(!page.contains("<x>") && !page.contains("<b>") && !page.contains("http"), "{page}");

    let (status, shown, errors) = report(&class.path().join("nowhere/class.html"));
    assert_eq!((status, shown.as_str()), (2, ""));
    assert!(errors.starts_with("cannot write ") && errors.contains("nowhere"), "{errors}");
    fs::write(&files[0], "no JSON").expect("written");
    let (status, _, errors) = report(&class.path().join("class.html"));
    assert!(status == 2 && errors.contains("ada/grade.json: line 1 is none that "), "{errors}");
}
