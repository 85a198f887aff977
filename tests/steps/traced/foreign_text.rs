//! `cargo trace` of programs that are no lessons: what their sockets, processes and ends are called.

use std::fs;

use tempfile::tempdir;

use super::{connected, python};
use crate::beside::watched;
use crate::support::regex;
use crate::timelines::trace;

/// The last part of a path.
fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn who_waits_is_said_to_with_its_sockets_where_it_was_ended() {
    let Some(python) = python() else { return };
    let waits = |program: &str| {
        let program = connected(program);
        watched(&["--wait", "2", "--", python, "-c", &program]).map(|(_, timeline)| timeline)
    };
    let name = last(python);
    let Some(timeline) = waits("print('waits'); server.recv(9)") else { return };
    let end = format!(
        "\nwaits\n({name} still waited in recvfrom(FD3), and was ended by SIGTERM)\n  \
         call    (killed by SIGTERM)\n  packet "
    );
    assert!(timeline.contains(&end), "{end}\n{timeline}");

    // Two threads: each has its call, and there is one end.
    let two = "import threading\n\
               print('wait'); threading.Thread(target=lambda: client.recv(9)).start(); server.recv(9)";
    let Some(timeline) = waits(two) else { return };
    let said = regex(
        r"\n\(\S+ still waited in recvfrom\((FD[23])\) and recvfrom\((FD[23])\), and was ended by SIGTERM\)\n",
    );
    let said = said.captures(&timeline);
    assert!(said.is_some_and(|parts| parts[1] != parts[2]), "{timeline}");
    assert_eq!(timeline.matches("killed").count(), 1, "{timeline}");
    assert!(!timeline.contains("unfinished"), "{timeline}");
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn scripts_are_called_by_their_names() {
    let Some(python) = python() else { return };
    let folder = tempdir().expect("a folder");
    let script = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let server = script(
        "a_server.py",
        "import socket; s = socket.create_server(('127.0.0.1', 8090)); print('listens')\n\
         s.accept()[0].recv(9); s.accept()",
    );
    let client = script(
        "a_client.py",
        "import socket; c = socket.create_connection(('127.0.0.1', 8090)); c.send(b'x')",
    );
    let arguments = ["--", python, &server, "--with", "--", python, &client];
    let Some(timeline) = trace(&arguments, "") else { return };
    for words in [
        "  call    a_server.py: socket(",
        "\na_server.py: listens\n",
        "  call    a_client.py: connect(",
        "\n  call    (a_client.py: exited with 0)\n",
        "\n(a_server.py still waited in accept4(FD1), and was ended by SIGTERM)\n  \
         call    (a_server.py: killed by SIGTERM)\n",
    ] {
        assert!(timeline.contains(words), "{words}\n{timeline}");
    }
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_socket_whose_number_another_file_takes_is_closed() {
    let Some(python) = python() else { return };
    let program = connected(
        "null = os.open('/dev/null', os.O_RDWR)\n\
         print('takes'); os.dup2(null, client.fileno()); print('taken'); os.write(client.fileno(), b'x')",
    );
    let Some((_, timeline)) = watched(&["--", python, "-c", &program]) else { return };
    let (_, rest) = timeline.split_once("\ntakes\n").expect("a line");
    let (took, after) = rest.split_once("taken\n").expect("a line");
    let call = regex(
        r"^  call    dup[23]\(\d+, FD2(, \w+)?\) \.\.\.\n  packet    PORT2 -> PORT1  FIN ACK\n",
    );
    assert!(call.is_match(took), "{timeline}");
    assert!(took.contains("FD2, PORT2 to PORT1: ESTABLISHED -> FIN-WAIT-2, descriptor closed\n"));
    assert!(!after.contains("FD2"), "{timeline}");
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_child_has_its_name_from_its_first_call_on() {
    let Some(python) = python() else { return };
    // The parent uses sockets only when the child listens.
    let program = "import os, socket, time\n\
         at = ('127.0.0.1', 8090); r, w = os.pipe()\n\
         if os.fork() == 0:\n    \
             s = socket.create_server(at); os.write(w, b'x'); s.accept()[0].close(); os._exit(0)\n\
         os.read(r, 1); c = socket.create_connection(at); c.recv(1); os.wait(); c.close()";
    let Some((_, timeline)) = watched(&["--", python, "-c", program]) else { return };
    let calls = timeline.lines().filter(|line| line.starts_with("  call    "));
    let calls: Vec<&str> = calls.filter(|line| !line.contains("    (")).collect();
    let name = last(python);
    assert!(calls[0].contains(&format!("call    {name}: socket(")), "{timeline}");
    let is_named = |line: &&str| line[10..].starts_with(name);
    assert!(calls.iter().all(is_named), "{timeline}");
    assert!(timeline.contains(&format!("call    {name} [2]: connect(")), "{timeline}");
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn the_end_of_a_thread_or_of_a_helper_is_not_that_of_the_program() {
    let Some(python) = python() else { return };
    let program = connected(
        "import threading\n\
         def send():\n    \
             for _ in range(20): client.send(b'x')\n\
         for _ in range(3): threading.Thread(target=send).start()\n\
         got = 0\n\
         while got < 60: got += len(server.recv(9))\n\
         print('still here')",
    );
    let Some(timeline) = trace(&["--", python, "-c", &program], "") else { return };
    let (before, _) = timeline.split_once("\nstill here\n").expect("a line");
    assert!(!before.contains("exited"), "{timeline}");
    // A helper that has the last descriptor of a socket.
    let helper = connected(
        "os.set_inheritable(client.fileno(), True)\n\
         import subprocess\n\
         p = subprocess.Popen(['sh', '-c', 'read line'], stdin=subprocess.PIPE, close_fds=False)\n\
         client.close(); p.communicate(b'go\\n'); print(server.recv(9))",
    );
    let Some((_, timeline)) = watched(&["--", python, "-c", &helper]) else { return };
    let end = "\n  call    (a process ended)\n  packet    PORT2 -> PORT1  FIN ACK\n";
    assert!(timeline.contains(end), "{timeline}");
    assert!(
        timeline.contains("FD2, PORT2 to PORT1: ESTABLISHED -> FIN-WAIT-2, descriptor closed\n"),
        "{timeline}"
    );
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_process_is_called_by_what_it_runs_now() {
    let Some(python) = python() else { return };
    let program = connected(
        "if os.fork() == 0:\n    \
             os.dup2(server.fileno(), 0); os.execvp('sh', ['sh', '-c', 'read line; exit'])\n\
         client.send(b'x\\n'); os.wait()",
    );
    let Some(timeline) = trace(&["--", python, "-c", &program], "") else { return };
    let before = regex(r"\n  call    \S+ \[2\]: dup[23]\(FD3, 0");
    assert!(before.is_match(&timeline), "{timeline}");
    assert!(timeline.contains("\n  call    sh: read("), "{timeline}");
    assert!(!timeline.contains("[2]: exited"), "{timeline}");
}
