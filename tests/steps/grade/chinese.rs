//! `cargo grade` in Chinese.

use std::fs;
use std::path::Path;

use super::command_line::{ECHO, judged, outcome};
use super::{grader, text};
use crate::machine::{PYTHON, has, quiet};

/// A program that fails at its first check.
fn wrong_echo(folder: &Path) {
    let program = ECHO.replace("sendall(data)", "sendall(data.upper())");
    fs::write(folder.join("my_echo.py"), program).expect("written");
}

/// What is wrong with a program, and a hint.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_speaks_chinese() {
    let folder = tempfile::tempdir().expect("a folder");
    if !has(&[PYTHON]) {
        return;
    }
    let _quiet = quiet();
    wrong_echo(folder.path());
    let grade = |arguments: &[&str]| {
        let mut grade = grader(&folder.path().join("notes"));
        grade.current_dir(&folder).env("LANG", "zh_CN.UTF-8").args(arguments);
        grade.args(["--", "python3", "my_echo.py"]);
        grade
    };
    let (status, shown, _) = judged(&mut grade(&["05_echo"]));
    // (Only where there is a tracer.)
    let shown: Vec<_> = shown.lines().filter(|line| !line.starts_with("  逐步查看：")).collect();
    assert_eq!(status, 1);
    assert_eq!(
        shown.join("\n"),
        "\
05_echo: 回显服务端

  失败  客户端发送什么，就回显什么

  发送       5 字节：\"hello\"
  期望       5 字节：\"hello\"
  收到       5 字节：\"HELLO\"

  回来的是别的内容。把收到的字节发送回去，收到多少发多少：recv 说了有多少。

  程序的情况：
    标准输出的最后几行：
      ready

  请重读书中的“第 5 步：发送与接收”。
  要提示：grade 05_echo --hint -- python3 my_echo.py"
    );
    for number in ["1", "2"] {
        let (status, shown, errors) = outcome(grade(&["05_echo", "--hint"]).output());
        assert_eq!((status, errors.as_str()), (0, ""), "{shown}");
        let (first, hint) = shown.split_once("\n\n").expect("two parts");
        assert_eq!(first, format!("提示 {number}（共 4 条）："));
        let words =
            if number == "1" { "外层接受客户端" } else { "`data = client.recv(1024)`" };
        // (A line may end anywhere.)
        assert!(hint.replace("\n  ", "").contains(words), "{hint}");
    }
    // Who reads JSON finds the same names in it.
    let (_, shown, _) = judged(&mut grade(&["05_echo", "--json"]));
    for words in [
        r#""failed":"what a client sends comes back""#,
        r#""sent":"5 字节：\"hello\"""#,
        r#""advice":"回来的是别的内容。"#,
    ] {
        assert!(shown.contains(words), "{shown}");
    }
}

/// What this machine is set to counts, unless an option says something else.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_speaks_the_language_that_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let grade = |set: &str, arguments: &[&str]| {
        let mut grade = grader(&folder.path().join("notes"));
        grade.args(arguments).envs(set.split(' ').filter_map(|s| s.split_once('=')));
        grade.output().expect("it starts")
    };
    let help = |set, options: &[&str]| text(&grade(set, &[options, &["--help"]].concat()));
    let [english, chinese] = [&["--lang", "en"], &["--lang", "zh"]].map(|it| help("", it));
    assert!(english.contains("How a program is graded"), "{english}");
    assert!(chinese.contains("退出状态"), "{chinese}");
    for (set, options, wanted) in [
        ("", &[][..], &english),
        ("LANG=zh_CN.UTF-8", &[], &chinese),
        ("LANG=en_US.UTF-8 LC_ALL=zh_CN.UTF-8", &[], &chinese),
        ("LANG=zh_CN.UTF-8 LC_MESSAGES=C", &[], &english),
        ("LANG=zh_CN.UTF-8", &["--lang", "en"], &english),
        ("LANG=C", &["--lang=zh"], &chinese),
    ] {
        assert_eq!(&help(set, options), wanted, "{set} {options:?}");
    }
    // Also what is wrong ahead of the option.
    for (arguments, words) in [
        (&["05_ecko", "--lang", "zh"][..], "没有练习 05_ecko。是不是 05_echo？\n\n"),
        (&["--lang", "zh", "4"], "4：是 04_doorman 还是 04_own_address_udp？\n"),
        (&["--fast", "--lang=zh"], "没有选项“--fast”"),
        (&["05_echo", "--lang=zh", "--seed", "x"], "--seed 后面要有一个数"),
        (&["--lang", "de"], "--lang is en or zh, not de\n"),
        (&["05_echo", "--lang"], "missing argument for option '--lang'"),
    ] {
        let output = grade("", arguments);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(errors.starts_with(words), "{arguments:?}: {errors}");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    let list = text(&grade("LC_MESSAGES=zh_TW", &[]));
    assert!(list.starts_with("轮到你了：完成了 0 个，共 "), "{list}");
    assert!(
        list.contains("\n  待做  02_free_port         一段端口里第一个空闲的（第 2 步）\n"),
        "{list}"
    );
}

/// Not even where it is one of the grader's own words.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_does_not_translate_what_was_typed() {
    let folder = tempfile::tempdir().expect("a folder");
    for arguments in [&["05_echo", "--", "check"][..], &["student"], &["--lang", "nothing"]] {
        let mut grade = grader(&folder.path().join("notes"));
        grade.current_dir(&folder).env("LANG", "zh_CN.UTF-8").args(arguments);
        let (status, _, errors) = outcome(grade.output());
        let typed = arguments.last().expect("one");
        assert!(status == 2 && errors.contains(typed), "{typed}: {errors}");
    }
}
