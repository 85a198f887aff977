//! The program is asked before it is advised: each general cause, with a small program that has it
//! and the words that it must get. Some have it in one exercise, and any other would do as well.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::command_line::{ECHO, judged};
use super::{grader, joined};
use crate::machine::{PYTHON, has, quiet, side_by_side, succeeds};

/// A program with a mistake.
struct Wrong {
    /// Its name, with the ending of its language.
    name: &'static str,
    exercise: &'static str,
    text: String,
    /// What the grader must say of it, and what it must not.
    says: &'static [&'static str],
    says_not: &'static [&'static str],
}

fn wrong(
    name: &'static str,
    exercise: &'static str,
    text: impl Into<String>,
    says: &'static [&'static str],
    says_not: &'static [&'static str],
) -> Wrong {
    Wrong { name, exercise, text: text.into(), says, says_not }
}

/// The echo server in Python, with something in the place of its conversation.
fn echo(conversation: &str) -> String {
    let (head, _) = ECHO.split_once("while True:").expect("it");
    let lines: String = conversation.lines().map(|line| format!("    {line}\n")).collect();
    format!("{head}while True:\n    client, _ = listener.accept()\n{lines}")
}

/// Python as it is without the grader's help.
const KEEPS_ITS_LINES: &str = "import os, socket, sys
if os.environ.pop('PYTHONUNBUFFERED', None):
    os.execv(sys.executable, ['python3', __file__, sys.argv[1]])";

/// A server in C, up to its loop.
const C: &str = r#"
#include <arpa/inet.h>
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
int main(int argc, char **argv) {
    char *colon = strrchr(argv[argc - 1], ':');
    struct sockaddr_in at = {0};
    at.sin_family = AF_INET;
    at.sin_port = htons(atoi(colon + 1));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int yes = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0) { perror("bind"); return 1; }
    if (listen(listener, 100) < 0) { perror("listen"); return 1; }
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        char bytes[1024];
        int client = accept(listener, 0, 0);
        ssize_t n;
        while ((n = recv(client, bytes, sizeof bytes, 0)) > 0) {
            send(client, bytes, n, MSG_NOSIGNAL);
        }
        close(client);
    }
}
"#;

fn said_by_itself() -> Vec<Wrong> {
    let panics = echo("data = client.recv(1024)\nclient.sendall(data[5000])");
    vec![
        wrong(
            "exception.py",
            "05_echo",
            panics,
            &["raised an exception at exception.py:12: IndexError: index out of range."],
            &[],
        ),
        wrong(
            "thread.py",
            "05_echo",
            echo(
                "def talk():\n    data = client.recv(1024)\n    client.sendall(data.decode())\n\
                 import threading\nthreading.Thread(target=talk).start()",
            ),
            &["raised an exception at thread.py:13: TypeError: "],
            &[],
        ),
        wrong(
            "throws.js",
            "05_echo",
            "const [host, port] = process.argv.at(-1).split(':');\n\
             require('net').createServer(client => {\n  client.on('data', it => it.none.more);\n\
             }).listen(+port, host, () => console.log('ready'));\n",
            &["threw an error at throws.js:3: TypeError: "],
            &[],
        ),
        wrong(
            "dies.pl",
            "05_echo",
            "use IO::Socket::INET;\nmy $listener = IO::Socket::INET->new(LocalAddr => $ARGV[-1],\n\
             Listen => 100, ReuseAddr => 1);\n$| = 1; print \"ready\\n\";\n\
             my $client = $listener->accept;\ndie 'no more' if 1;\n",
            &["said at dies.pl:6: no more"],
            &[],
        ),
        wrong(
            "asserts.c",
            "05_echo",
            C.replace("send(client", "assert(n > 5000); send(client"),
            &["its assertion at asserts.c:27: `n > 5000' does not hold"],
            &[],
        ),
        wrong(
            "perror.c",
            "05_echo",
            C.replace("INADDR_LOOPBACK", "0xc0000201"),
            &["Your program said: bind: Cannot assign requested address."],
            &[],
        ),
        wrong(
            "nowhere.c",
            "05_echo",
            C.replace("send(client", "*(volatile int *)8 = 1; send(client"),
            &["ended by the signal SIGSEGV", "compile with -g"],
            &[],
        ),
    ]
}

fn somewhere_else() -> Vec<Wrong> {
    let at = |from: &str, to: &str| ECHO.replace(from, to);
    vec![
        wrong(
            "early.py",
            "05_echo",
            at("listener.listen(100)\nprint('ready')", "print('ready')").replace(
                "while True",
                "import time\ntime.sleep(0.4)\nlistener.listen(100)\nwhile True",
            ),
            &["\"ready\" came too early", "\"Step 3: listen\""],
            &["Nobody listens"],
        ),
        // When it is asked, it listens already.
        wrong(
            "a_moment_too_early.py",
            "05_echo",
            at("listener.listen(100)\nprint('ready')", "print('ready')").replace(
                "while True",
                "import time\ntime.sleep(0.03)\nlistener.listen(100)\nwhile True",
            ),
            &["\"ready\" came too early", "a moment later somebody does"],
            &["Nobody listens"],
        ),
        wrong(
            "hard.py",
            "05_echo",
            at("int(port)", "8090"),
            &["Your program listens at 127.0.0.1:8090, and was told 127.0.0.1:"],
            &["Nobody listens"],
        ),
        wrong(
            "other.py",
            "05_echo",
            at("(host, int(port))", "('127.0.0.2', int(port))"),
            &["another address of this machine"],
            &["Nobody listens"],
        ),
        wrong(
            "no_listen.py",
            "05_echo",
            at("listener.listen(100)\n", "")
                .replace("while True:", "import time\ntime.sleep(9)\nwhile 1:"),
            &["does not listen", "Call listen after bind"],
            &["Nobody listens"],
        ),
        wrong(
            "no_htons.c",
            "05_echo",
            C.replace("htons(atoi(colon + 1))", "atoi(colon + 1)"),
            &["with its two bytes swapped", "htons(port) puts"],
            &["Nobody listens"],
        ),
        wrong(
            "udp.py",
            "05_echo",
            "import socket, sys, time\nhost, port = sys.argv[-1].split(':')\n\
             s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind((host, int(port)))\n\
             print('ready')\ntime.sleep(100)\n",
            &["a UDP socket at 127.0.0.1:", "SOCK_STREAM"],
            &["Nobody listens"],
        ),
        wrong(
            "own_port_udp.py",
            "04_own_address_udp",
            "import socket, sys\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
             s.bind(('127.0.0.1', 8091))\nprint('ready')\ns.recvfrom(1024)\n",
            &["Your program is bound to 127.0.0.1:8091, and was told 127.0.0.1:"],
            &[],
        ),
        wrong(
            "client.py",
            "07_chat_client",
            "import socket, time\nl = socket.create_server(('127.0.0.1', 0))\n\
             s = socket.create_connection(l.getsockname())\nprint('ready')\ntime.sleep(100)\n",
            &["Your program connects to 127.0.0.1:", "and was told 127.0.0.1:"],
            &[],
        ),
    ]
}

fn kept_back() -> Vec<Wrong> {
    vec![
        wrong(
            "no_flush.c",
            "05_echo",
            C.replace("    fflush(stdout);\n", ""),
            &["On a terminal the program prints \"ready\"", "fflush(stdout)"],
            &["a call ahead of it waits", "flush=True"],
        ),
        wrong(
            "no_newline.py",
            "05_echo",
            ECHO.replace("print('ready')", "print('ready', end='', flush=True)"),
            &["It printed \"ready\", and no line ending"],
            &[],
        ),
        wrong(
            "no_flush.py",
            "12_unstoppable",
            ECHO.replace("import socket, sys", KEEPS_ITS_LINES),
            &["On a terminal the program prints \"ready\"", "flush=True"],
            &["fflush"],
        ),
    ]
}

fn not_answered() -> Vec<Wrong> {
    let reads = |how: &str| echo(&format!("file = client.makefile('rwb')\n{how}"));
    vec![
        wrong(
            "line.py",
            "05_echo",
            reads("for line in file:\n    client.sendall(line)"),
            &["when the grader sent a line ending", "makefile(), do"],
            &["fgets"],
        ),
        wrong(
            "full.py",
            "05_echo",
            reads("while data := file.read(1024): client.sendall(data)"),
            &["when the grader sent 65536 bytes more"],
            &[],
        ),
        wrong(
            "end.py",
            "05_echo",
            reads("client.sendall(file.read())\nfile.close()\nclient.close()"),
            &["when the grader ended its direction"],
            &[],
        ),
        wrong(
            "speak.py",
            "12_unstoppable",
            echo("client.recv(10)\nclient.sendall(b'hello\\n')\nclient.recv(10)"),
            &["waits until the other end speaks"],
            &[],
        ),
        wrong(
            "late.py",
            "12_unstoppable",
            echo("import time\ntime.sleep(3.7)\nclient.sendall(b'hello\\n')\nclient.recv(10)"),
            &["The answer did come, but only after 3."],
            &[],
        ),
        wrong(
            "kept.py",
            "04_doorman",
            format!(
                "kept = []\n{}",
                echo(
                    "kept.append(client)\nn = len(kept)\n\
                     client.sendall(f'You are guest {n}.\\n'.encode())",
                )
            ),
            &["still has this connection open"],
            &[],
        ),
        wrong(
            "forks.py",
            "05_echo",
            format!(
                "kept = []\n{}",
                echo(
                    "kept.append(client)\nimport os\nif os.fork() == 0:\n    \
                     while data := client.recv(100): \
                 client.sendall(data)\n    import time\n    time.sleep(100)",
                )
            ),
            &["2 processes have this connection open"],
            &[],
        ),
        wrong(
            "one.py",
            "05_echo",
            echo(
                "global_client = globals().setdefault('first', client)\n\
                  while True:\n    data = client.recv(100)\n    if data: client.sendall(data)",
            ),
            &["has received the client's end"],
            &[],
        ),
        wrong(
            "connected_udp.py",
            "04_own_address_udp",
            "import socket, sys\nhost, port = sys.argv[-1].split(':')\n\
             s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind((host, int(port)))\n\
             print('ready')\nwhile True:\n    _, at = s.recvfrom(1024)\n    s.connect(at)\n    \
             s.send(f'{at[0]}:{at[1]}'.encode())\n",
            &["socket is connected to 127.0.0.1:"],
            &[],
        ),
        wrong(
            "crlf.py",
            "04_doorman",
            format!(
                "n = 0\n{}",
                echo(
                    "n += 1\nclient.sendall(f'You are guest {n}.\\r\\n'.encode())\nclient.close()",
                )
            ),
            &["\\r\\n came (CR LF)", "guest 1.\\r\\n\""],
            &[],
        ),
    ]
}

fn behind_by_one() -> Vec<Wrong> {
    vec![
        wrong(
            "byte.py",
            "09_frames",
            echo(
                "take = lambda n: client.recv(n, socket.MSG_WAITALL)\nwhile head := take(4):\n    \
                 n = int.from_bytes(head, 'big')\n    \
                 client.sendall(head + take(n + 1)[:n].upper())",
            ),
            &["came when the grader sent one byte more"],
            &[],
        ),
        wrong(
            "next_client.py",
            "12_unstoppable",
            format!(
                "last = None\n{}",
                echo("if last: last.sendall(b'hello\\n')\nlast = client")
            ),
            &["came when another client connected"],
            &[],
        ),
        wrong(
            "full.c",
            "12_unstoppable",
            C.replace("close(client)", "(void)client").replace(
                "ssize_t n;",
                "ssize_t n; if (client < 0) { usleep(1000); continue; } send(client, \"hello\\n\", \
                 6, MSG_NOSIGNAL);",
            )
            .replace("while ((n = recv(client, bytes, sizeof bytes, 0)) > 0)", "while ((n = \
                 recv(client, bytes, sizeof bytes, 0)) > 0 || (shutdown(client, SHUT_WR), 0))"),
            &["has no descriptor left for another connection"],
            &[],
        ),
        wrong(
            "bound.c",
            "02_free_port",
            "#include <arpa/inet.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n\
             #include <unistd.h>\nint main(int argc, char **argv) {\n    \
             int port = atoi(strchr(argv[argc - 1], ':') + 1);\n    \
             int s = socket(AF_INET, SOCK_STREAM, 0);\n    \
             struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = port};\n    \
             at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);\n    \
             if (bind(s, (void *)&at, sizeof at)) return 1;\n    \
             printf(\"mine: 127.0.0.1:%d\\nready\\n\", port);\n    fflush(stdout);\n    \
             while (getchar() != EOF);\n}\n",
            &["with its two bytes swapped", "htons(port) puts"],
            &["Is there a socket bound to it"],
        ),
        wrong(
            "text.py",
            "05_echo",
            ECHO.replace("sendall(data)", "sendall(data.replace(b'\\r\\n', b'\\n'))"),
            &["right except for \\r, which is missing"],
            &[],
        ),
    ]
}

/// What students write who do it for the first time.
fn at_first() -> Vec<Wrong> {
    const PING: &str = "import socket, sys\nhost, port = sys.argv[-1].split(':')\n\
         s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.settimeout(0.1)\n\
         for n in range(1, 5):\n    s.sendto(f'ping {n}'.encode(), (host, int(port)))\n    \
         data, _ = s.recvfrom(100)\n    print(f'{n}: answered at try 1')\n\
         print('4 of 4 answered')\n";
    let ping = |from: &str, to: &str| PING.replace(from, to);
    let bound = "s.bind((host, int(port)))\ns.settimeout(0.1)";
    vec![
        wrong(
            "repr.py",
            "05_echo",
            ECHO.replace("sendall(data)", "sendall(str(data).encode())"),
            &["What came has b'...' in it", "Send the bytes themselves"],
            &[],
        ),
        wrong(
            "loud.py",
            "05_echo",
            ECHO.replace("print('ready')", "print('Ready!')"),
            &["It printed \"Ready!\". The line must be exactly \"ready\""],
            &[],
        ),
        wrong(
            "two_arguments.py",
            "05_echo",
            ECHO.replace("(host, int(port))", "(sys.argv[1], int(sys.argv[2]))"),
            &["IndexError", "The address is ONE argument"],
            &[],
        ),
        wrong(
            "text_port.py",
            "05_echo",
            ECHO.replace("(host, int(port))", "('localhost', sys.argv[1])"),
            &["TypeError", "split it at the colon"],
            &[],
        ),
        wrong(
            "binds.py",
            "13_ping_udp",
            ping("s.settimeout(0.1)", bound),
            &["somebody has it already", "it need not bind its socket"],
            &[],
        ),
        wrong(
            "stream.py",
            "13_ping_udp",
            ping("SOCK_DGRAM", "SOCK_STREAM"),
            &["BrokenPipeError", "yours is a TCP one"],
            &[],
        ),
        wrong(
            "stream_refused.py",
            "13_ping_udp",
            ping("SOCK_DGRAM)", "SOCK_STREAM)\ns.connect((host, int(port)))"),
            &["refused", "yours is a TCP one"],
            &[],
        ),
        wrong(
            "gives_up.py",
            "09_frames",
            echo(
                "def take(n):\n    data = b''\n    while len(data) < n:\n        \
                 part = client.recv(n - len(data))\n        if not part: return b''\n        \
                 data += part\n    return data\n\
                 while head := take(4):\n    n = int.from_bytes(head, 'little')\n    \
                 client.sendall(head + take(n).upper())",
            ),
            &["4 bytes came when the grader ended its direction, and that is not the answer"],
            &["makefile"],
        ),
    ]
}

/// What its program is started with.
fn command(folder: &Path, wrong: &Wrong) -> Option<Vec<String>> {
    let file = folder.join(wrong.name);
    let path = file.display().to_string();
    fs::write(&file, &wrong.text).expect("written");
    let (interpreter, is_compiled) = match file.extension()?.to_str()? {
        "py" => (PYTHON, false),
        "js" => ("node", false),
        "pl" => ("perl", false),
        _ => ("gcc", true),
    };
    if !has(&[interpreter]) {
        return None;
    }
    if !is_compiled {
        return Some(vec![interpreter.to_owned(), path]);
    }
    let program = file.with_extension("");
    succeeds(Command::new("gcc").args(["-w", "-g", "-o"]).arg(&program).arg(&file));
    Some(vec![program.display().to_string()])
}

#[test]
#[ignore = "with the other tests of the grader"]
fn grade_asks_before_it_advises() {
    let folder = tempfile::tempdir().expect("a folder");
    let all = [
        said_by_itself(),
        somewhere_else(),
        kept_back(),
        not_answered(),
        behind_by_one(),
        at_first(),
    ];
    let _quiet = quiet();
    let only = std::env::var("CAUSE").unwrap_or_default();
    let all: Vec<_> = all.into_iter().flatten().filter(|it| it.name.contains(&only)).collect();
    let all: Vec<_> =
        all.into_iter().filter_map(|it| Some((command(folder.path(), &it)?, it))).collect();
    let is_asked = |(command, wrong): &(Vec<String>, Wrong)| {
        let mut grade = grader(&folder.path().join(format!("{}.notes", wrong.name)));
        let (status, shown, _) = judged(grade.args([wrong.exercise, "--"]).args(command));
        let words = joined(&shown);
        let Wrong { name, says, says_not, .. } = wrong;
        assert_eq!(status, 1, "{name}:\n{shown}");
        for part in *says {
            assert!(words.contains(part), "{name}: {part}\n{shown}");
        }
        for part in *says_not {
            assert!(!words.contains(part), "{name}: not {part}\n{shown}");
        }
    };
    let failed = side_by_side(all, 4, is_asked);
    let failed = side_by_side(failed, 1, is_asked);
    let failed: Vec<_> = failed.iter().map(|(_, wrong)| wrong.name).collect();
    assert!(failed.is_empty(), "{failed:?}");
}
