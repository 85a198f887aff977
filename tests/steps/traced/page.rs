//! `cargo trace --page`: one file with the player, the run and its code, in which what a program
//! printed can do nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::tempdir;

use super::{connected, python};
use crate::machine::{has, succeeds};
use crate::timelines::trace;

/// The page of a run, its record, and what was printed meanwhile.
fn page_of(file: &Path, arguments: &[&str]) -> Option<(String, Value, String)> {
    let file_name = file.to_str().expect("UTF-8");
    let timeline = trace(&[&["--page", file_name], arguments].concat(), "")?;
    let page = fs::read_to_string(file).expect("the page");
    assert_eq!(page.matches("<script").count(), 2, "{page}");
    assert_eq!(page.matches("</script").count(), 2, "{page}");
    assert!(page.ends_with("</html>\n"), "{page}");
    let (_, record) = page.rsplit_once("\nsocketSteps.record(").expect("a record");
    let (record, _) = record.split_once(");\n</script>").expect("its end");
    let (name, record) = record.split_once(", ").expect("a name");
    let record: Value = serde_json::from_str(record).expect("JSON");
    assert_eq!(record["name"].to_string(), name);
    let shown = format!("<section class=\"player\" data-name={name}></section>");
    assert!(page.contains(&shown), "{page}");
    Some((page, record, timeline))
}

/// What the page has as text.
fn text_of(page: &str) -> String {
    let (_, text) = page.split_once("<pre>\n").expect("the text");
    let (text, _) = text.split_once("</pre>").expect("its end");
    let signs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    signs.iter().fold(text.to_owned(), |text, (escaped, sign)| text.replace(escaped, sign))
}

fn steps(record: &Value) -> &Vec<Value> {
    record["steps"].as_array().expect("steps")
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_page_shows_a_server_and_its_client() {
    let Some(python) = python() else { return };
    let folder = tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let [server, client] = ["server.py", "client.py"].map(path);
    fs::write(
        &server,
        "import socket\n\
         listener = socket.create_server(('127.0.0.1', 6041))\n\
         server, _ = listener.accept()\n\
         print('  got', server.recv(9))\n\
         server.close(); listener.close()\n",
    )
    .expect("a file");
    fs::write(
        &client,
        "import socket\n\
         client = socket.create_connection(('127.0.0.1', 6041))\n\
         client.send(b'<b>'); client.recv(9)\n",
    )
    .expect("a file");
    let (file, json) = (path("page.html"), path("record.json"));
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let (server, client, json) = (text(&server), text(&client), text(&json));
    let run = ["--json", &json, "--", python, &server, "--with", "--", python, &client];
    let Some((page, record, timeline)) = page_of(&file, &run) else { return };
    assert_eq!(text_of(&page), timeline);
    assert_eq!(record["programs"], serde_json::json!(["server.py", "client.py"]));
    assert_eq!(record["both"], true);
    let said = |kind: &str, text: &str| {
        let is_it = |step: &&Value| step["kind"] == kind && step["text"][0] == *text;
        assert_eq!(steps(&record).iter().filter(is_it).count(), 1, "{kind} {text}: {timeline}");
    };
    said("line", "  got b'<b>'");
    said("packet", "PORT1 -> 6041  SYN");
    let last = |fd: &str| {
        let all = steps(&record).iter().flat_map(|step| step["sockets"].as_array());
        all.flatten().rfind(|one| one["fd"] == *fd).cloned().expect(fd)
    };
    assert_eq!(last("FD1")["gone"], true, "{timeline}");
    assert_eq!(last("FD3")["closed"], true, "{timeline}");

    // What is in the record is in the page: also later, and with times, and only then.
    let (again, ..) = page_of(&path("again.html"), &["--from", &json]).expect("as before");
    assert_eq!(again, page);
    let (page, record, timeline) =
        page_of(&file, &["--from", &json, "--time", "--calls"]).expect("as before");
    assert!(!timeline.contains("  packet "), "{timeline}");
    assert!(text_of(&page).contains("  packet "), "{page}");
    assert!(steps(&record)[0]["time"].as_str().expect("a time").starts_with("at 0."), "{record}");
}

/// Each call has its line, whatever its file is called.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_page_has_the_code_of_a_program_with_debug_information() {
    if !has(&["cc"]) {
        return;
    }
    let folder = tempdir().expect("a folder");
    let name = "<img src=x onerror=alert(1)>' \".c";
    let [source, program, file] = [name, "program", "page.html"].map(|it| folder.path().join(it));
    let code = "#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void) {
    int one = socket(AF_INET, SOCK_STREAM, 0);
    /* </script><script>alert(1)</script> */
    struct sockaddr_in any = { .sin_family = AF_INET };
    bind(one, (struct sockaddr *) &any, sizeof any);
    listen(one, 5);
    puts(\"listens\");
    fflush(stdout);
    close(one);
    return 0;
}
";
    fs::write(&source, code).expect("a file");
    let mut compiler = Command::new("cc");
    compiler.args(["-g", "-O0", "-fno-omit-frame-pointer", "-o"]).arg(&program).arg(&source);
    succeeds(&mut compiler);
    let program = program.to_str().expect("UTF-8");
    let Some((page, record, timeline)) = page_of(&file, &["--", program]) else { return };
    assert!(!timeline.contains(name), "{timeline}");
    assert_eq!(text_of(&page), timeline);
    assert!(!page.contains("<img"), "{page}");
    assert_eq!(record["files"], serde_json::json!([{"name": name, "text": code}]));
    let lines: Vec<&str> = code.lines().collect();
    let mut calls = vec![];
    for step in steps(&record).iter().filter(|step| step["kind"] == "call") {
        let call = step["text"][0].as_str().expect("a call").split('(').next().expect("a name");
        let line = usize::try_from(step["at"][1].as_u64().expect("a line")).expect("a line");
        assert!(lines[line - 1].contains(&format!("{call}(")), "{step}");
        calls.push(call);
    }
    assert_eq!(calls, ["socket", "bind", "listen", "close"], "{timeline}");

    // Whose code is gone has its lines still.
    fs::remove_file(&source).expect("it is there");
    let (_, record, _) = page_of(&file, &["--", program]).expect("as before");
    assert!(!record["files"].to_string().contains("text"), "{}", record["files"]);
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn what_a_program_prints_can_do_nothing_in_a_page() {
    let Some(python) = python() else { return };
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("page.html");
    let hostile = "</script><script>alert(1)</script>";
    let program = connected(&format!(
        "print('{hostile}</pre></style><!--'); print('  call    accept(FD9) = 0')
print('(exited with 7)'); print('\\u2028\\u2029 \\r \\0 & \\x1b[1m')
sys.stdout.flush(); sys.stdout.buffer.write(b'\\xff\\xfe\\n')
client.send(b'{hostile}')"
    ));
    let Some((page, record, _)) = page_of(&file, &["--", python, "-c", &program]) else { return };
    for end in ["</pre", "</style"] {
        assert_eq!(page.matches(end).count(), 1, "{page}");
    }
    assert!(!page.contains("<!--") && !page.contains('\0'), "{page}");
    let printed = steps(&record).iter().filter(|step| step["kind"] == "line");
    let printed: Vec<&str> = printed.map(|step| step["text"][0].as_str().expect("text")).collect();
    assert!(printed[0].starts_with(hostile), "{printed:?}");
    assert_eq!(printed[1..3], ["  call    accept(FD9) = 0", "(exited with 7)"]);
    assert!(printed[3].starts_with("\u{2028}\u{2029} \r \0 & "), "{printed:?}");
    assert!(printed[4].contains('\u{fffd}') || printed[4].contains("xff"), "{printed:?}");
    let sent = steps(&record).iter().filter_map(|step| step["packet"]["data"].as_str());
    assert_eq!(sent.collect::<Vec<_>>(), ["\"</script><script>alert(1\"..."]);
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_page_of_a_long_run_says_what_it_leaves_out() {
    let Some(python) = python() else { return };
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("page.html");
    let program = connected("for at in range(30000): print(at)\nprint('x' * 100000)");
    let Some((page, record, timeline)) = page_of(&file, &["--", python, "-c", &program]) else {
        return;
    };
    assert!(timeline.contains("\n29999\n"));
    let last = steps(&record).last().expect("a step");
    let more = timeline.lines().count() - 5_000;
    assert_eq!(last["text"][0], format!("(not shown: {more} more lines)"));
    assert!(text_of(&page).ends_with(&format!("(not shown: {more} more lines)\n")));
    assert!(page.contains("<p>This is the beginning of a long run"), "{page}");
    assert!(page.len() < 2_000_000, "{}", page.len());
}
