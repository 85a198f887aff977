//! The rows of the atlas in which no call fails, and which no example shows: each is made to
//! happen. (On Linux.)

use std::io::{self, BufRead as _, BufReader, BufWriter, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::atlas::{Row, pair, rows};
use crate::chat::python;
use crate::machine::{PYTHON, command, has, launch, missing, program, side_by_side, skip, spawn};
use crate::reported;
use crate::support::{
    Terminal, accept, closed_tcp_port, connect, datagrams, expect, families, receive, regex, rest,
    top, wait_for_bytes, within_limit,
};
use crate::time_wait::number_in;

#[test]
fn it_happens_as_the_atlas_says() {
    let is_unseen =
        |row: &Row| row.linux == "no error" && row.kind.is_empty() && row.example.is_empty();
    let calls: Vec<_> = rows().into_iter().filter(is_unseen).map(|row| row.call).collect();
    assert!(calls.len() >= 13, "{calls:?}");
    // They wait more than they do.
    let failed = side_by_side(calls, 6, |call| make(call));
    assert!(failed.is_empty(), "not as the atlas says: {failed:?}");
}

/// Makes happen what the row with this call tells.
fn make(call: &str) {
    match call {
        "send: text, where bytes are wanted" => text_is_no_bytes(),
        "send: twice, and then recv" => two_small_sends_wait_for_an_acknowledgement(),
        "send_to: to where nobody receives" => a_datagram_to_nobody_is_sent_all_the_same(),
        "close: forgotten, after 0 bytes" => who_does_not_close_is_in_close_wait(),
        "recv: decoded as another encoding" => bytes_do_not_say_their_encoding(),
        "recv: the other end waits for your end" => each_waits_for_the_other_one(),
        "recv: a copy of the socket is open" => a_copy_keeps_the_connection_open(),
        "recv: another thread has closed it" => close_wakes_nobody(),
        "accept: an IPv4 client of an IPv6 socket" => an_ipv4_client_of_ipv6(),
        "recv: a message that fills the buffer" => a_full_buffer_is_no_end(),
        "recv: the other machine is gone" => reported::a_machine_that_is_gone(),
        "recv: the answer is from another address" => the_answer_comes_from_elsewhere(),
        "recv: a line that has no end yet" => a_line_has_an_end(),
        "recv: the sender's buffer is not flushed" => a_buffer_is_sent_when_it_is_flushed(),
        "read: into a buffer of length 0" => no_room_no_bytes(),
        "recv: the whole buffer is used" => only_the_beginning_is_new(),
        "recv: long messages, and a link that takes only small packets" => {
            reported::an_mtu_too_large();
        }
        "bind: two programs at one port" => reported::two_at_one_port(),
        "accept: a name is looked up for the client" => reported::a_name_that_nobody_knows(),
        "connect: its own port was the target" => a_client_meets_itself(),
        _ => unreachable!("no way to make {call:?} happen, and no example"),
    }
}

/// The error that a Python program gets.
pub fn used_after_close() -> Option<io::Error> {
    if !has(&[PYTHON]) {
        return None;
    }
    let shown = Terminal::open(&mut python("after_close.py", &["used"])).finish();
    assert!(shown.ends_with("\nthe next one has its number: True\n"), "{shown}");
    Some(errno(&shown))
}

/// The number in what Python says: "[Errno 9] ...".
pub fn errno(said: &str) -> io::Error {
    let number = regex(r"\[Errno (\d+)\] ").captures(said).expect(said)[1].parse();
    io::Error::from_raw_os_error(number.expect("a small number"))
}

/// What this line of Python prints, and the error that ends it.
fn python_line(line: &str) -> (String, String) {
    let mut python = command(PYTHON);
    let output = python.env("PYTHONIOENCODING", "utf-8").args(["-c", line]).output();
    let output = output.expect("it starts");
    let [shown, errors] = [output.stdout, output.stderr].map(String::from_utf8);
    (shown.expect("UTF-8"), errors.expect("UTF-8"))
}

fn text_is_no_bytes() {
    if has(&[PYTHON]) {
        let (_, errors) = python_line("import socket; socket.socket().send('hi')");
        assert!(errors.contains("a bytes-like object is required, not 'str'"), "{errors}");
        let (_, errors) = python_line("b'hi' + 'hi'");
        assert!(errors.contains("can't concat str to bytes"), "{errors}");
    }
    if has(&["rustc"]) {
        let program = "use std::io::Write;\n\
            pub fn f(mut s: std::net::TcpStream) { let _ = s.write(\"hi\"); }\n";
        let mut rustc = command("rustc");
        // Nothing is written: it does not get that far.
        rustc.args(["--crate-type", "lib", "--emit", "metadata", "-"]).write_stdin(program);
        let errors = rustc.output().expect("it starts").stderr;
        let errors = String::from_utf8_lossy(&errors);
        for words in ["E0308", "mismatched types", "expected `&[u8]`, found `&str`"] {
            assert!(errors.contains(words), "{words}: {errors}");
        }
    }
}

/// How long a question takes that is sent in these parts: the median of 20.
fn round(parts: &[&[u8]], no_delay: bool) -> Duration {
    let (mut this, mut other) = pair();
    this.set_nodelay(no_delay).expect("an option");
    let length = parts.iter().map(|part| part.len()).sum();
    let answers = thread::spawn(move || {
        let mut question = vec![0; length];
        while other.read_exact(&mut question).is_ok() {
            other.write_all(b"ok").expect("room");
        }
    });
    let mut times = [(); 20].map(|()| {
        let begin = Instant::now();
        for part in parts {
            this.write_all(part).expect("room");
        }
        this.read_exact(&mut [0; 2]).expect("an answer");
        begin.elapsed()
    });
    drop(this);
    answers.join().expect("it has answered all");
    times.sort();
    times[times.len() / 2]
}

fn two_small_sends_wait_for_an_acknowledgement() {
    let two: &[&[u8]] = &[b"\0\0\0\x05", b"hello"];
    let slow = round(two, false);
    assert!(slow >= Duration::from_millis(35), "{slow:?}");
    for (parts, no_delay) in [(two, true), (&[b"\0\0\0\x05hello"], false)] {
        let quick = round(parts, no_delay);
        assert!(quick < slow / 2, "{quick:?}, and {slow:?}");
    }
}

fn a_datagram_to_nobody_is_sent_all_the_same() {
    let receiver = datagrams("127.0.0.1:0");
    let here = receiver.local_addr().expect("an address");
    let sender = datagrams("127.0.0.1:0");
    let elsewhere = SocketAddr::from(([127, 0, 0, 5], here.port()));
    assert_eq!(sender.send_to(b"lost", elsewhere).expect("it says so"), 4);
    sender.send_to(b"right", here).expect("room");
    let mut buffer = [0; 16];
    let (length, _) = receive(&receiver, &mut buffer);
    assert_eq!(&buffer[..length], b"right", "and nothing before it");

    // Who is connected is told.
    sender.connect(elsewhere).expect("an address");
    sender.send(b"lost").expect("it says so");
    let error = sender.recv(&mut buffer).expect_err("nobody is there");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);

    // A broadcast (loopback's) does not reach who has an address of his own.
    let everywhere = datagrams("0.0.0.0:0");
    let sender = datagrams("127.0.0.1:0");
    sender.set_broadcast(true).expect("an option");
    let everybody = datagrams("127.255.255.255:0");
    for (receiver, first) in
        [(&receiver, &b"right"[..]), (&everywhere, b"to all"), (&everybody, b"to all")]
    {
        let port = receiver.local_addr().expect("an address").port();
        sender.send_to(b"to all", SocketAddr::from(([127, 255, 255, 255], port))).expect("room");
        sender.send_to(b"right", SocketAddr::from(([127, 0, 0, 1], port))).expect("room");
        let (length, _) = receive(receiver, &mut buffer);
        assert_eq!(&buffer[..length], first);
    }

    // The other family is another place.
    if families().len() == 2 {
        let sender = datagrams("[::1]:0");
        let elsewhere = SocketAddr::from((Ipv6Addr::LOCALHOST, here.port()));
        sender.send_to(b"lost", elsewhere).expect("it says so");
        sender.connect(elsewhere).expect("an address");
        sender.send(b"lost").expect("it says so");
        let error = sender.recv(&mut buffer).expect_err("nobody is there");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
}

fn who_does_not_close_is_in_close_wait() {
    // On an address of its own, as in time_wait.rs.
    let listener = TcpListener::bind("127.0.0.6:0").expect("a port");
    let here = listener.local_addr().expect("an address");
    let mut kept = Vec::new();
    for _ in 0..3 {
        drop(connect(here));
        let (mut conversation, _) = accept(&listener);
        assert_eq!(conversation.read(&mut [0; 16]).expect("an end"), 0);
        kept.push(conversation);
    }
    const CLOSE_WAIT: &str = "08";
    // (Read while other sockets come and go, the table may show one twice.)
    let count = |wanted| within_limit(|| (number_in(CLOSE_WAIT, here) == wanted).then_some(()));
    count(3).expect("three are kept");
    // Nobody has accepted this one: it has no descriptor.
    drop(connect(here));
    count(4).expect("in the queue");
    drop(kept);
    count(1).expect("three are closed");
    drop(accept(&listener));
    count(0).expect("they are closed");
}

fn bytes_do_not_say_their_encoding() {
    const IN_GBK: [u8; 4] = [0xc4, 0xe3, 0xba, 0xc3];
    assert_eq!(String::from_utf8_lossy(&IN_GBK), "\u{fffd}\u{fffd}\u{fffd}");
    let words = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect_err("no text").to_string();
    assert!(words(&IN_GBK).starts_with("invalid utf-8 sequence of "));
    let split = &"你好".as_bytes()[..4];
    assert!(words(split).starts_with("incomplete utf-8 byte sequence from index "));
    if has(&[PYTHON]) {
        let (shown, _) = python_line("print('你好'.encode().decode('gbk'), '你好'.encode('gbk'))");
        assert_eq!(shown, "浣犲ソ b'\\xc4\\xe3\\xba\\xc3'\n");
        let (_, errors) = python_line("'你好'.encode('gbk').decode()");
        assert!(errors.contains("'utf-8' codec can't decode byte 0xc4"), "{errors}");
        // Both pieces of a character that is split.
        for (piece, words) in [("[:4]", "unexpected end of data"), ("[4:]", "invalid start byte")] {
            let (_, errors) = python_line(&format!("'你好'.encode(){piece}.decode()"));
            assert!(errors.ends_with(&format!("{words}\n")), "{piece}: {errors}");
        }
    }
}

/// A receive that gets nothing for as long as this takes: it would wait on.
pub fn waits(mut socket: &TcpStream) {
    socket.set_read_timeout(Some(Duration::from_millis(200))).expect("an option");
    let error = socket.read(&mut [0; 16]).expect_err("neither bytes nor an end");
    // A receive with a limit may be interrupted.
    assert!([ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()), "{error}");
    socket.set_read_timeout(Some(crate::support::HANG_LIMIT)).expect("an option");
}

fn each_waits_for_the_other_one() {
    let (this, mut other) = pair();
    let server = thread::spawn(move || {
        let mut question = Vec::new();
        other.read_to_end(&mut question).expect("an end");
        other.write_all(&question).expect("room");
    });
    (&this).write_all(b"echo").expect("room");
    waits(&this);
    this.shutdown(Shutdown::Write).expect("connected");
    assert_eq!(rest(&this), "echo");
    server.join().expect("it is served");
}

fn an_ipv4_client_of_ipv6() {
    let listener = Socket::new(Domain::IPV6, Type::STREAM, None).expect("a socket");
    listener.set_only_v6(false).expect("an option");
    let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    if listener.bind(&any.into()).is_err() {
        return skip("no IPv6 here");
    }
    listener.listen(1).expect("a listener");
    let listener = TcpListener::from(listener);
    let port = listener.local_addr().expect("an address").port();
    let _client = connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let peer = accept(&listener).1.ip();
    assert_eq!(peer.to_string(), "::ffff:127.0.0.1");
    assert_eq!(peer.to_canonical(), Ipv4Addr::LOCALHOST);
}

fn a_full_buffer_is_no_end() {
    let (mut this, mut other) = pair();
    other.write_all(&[b'x'; 16]).expect("room");
    assert_eq!(this.read(&mut [0; 16]).expect("all of it"), 16);
    waits(&this);
}

/// Two addresses of one machine: both are loopback's.
fn the_answer_comes_from_elsewhere() {
    let server = datagrams("0.0.0.0:0");
    let port = server.local_addr().expect("an address").port();
    let client = datagrams("127.0.0.1:0");
    client.send_to(b"hi", ("127.0.0.2", port)).expect("sent");
    let (_, sender) = receive(&server, &mut [0; 16]);
    server.send_to(b"hello", sender).expect("sent");
    let (_, from) = receive(&client, &mut [0; 16]);
    assert_eq!(from.ip(), Ipv4Addr::LOCALHOST);

    // Connected to the one that it asks, it gets nothing; from a server at that address, it does.
    client.connect(("127.0.0.2", port)).expect("no error");
    server.send_to(b"hello", sender).expect("sent");
    drop(server);
    let server = datagrams(&format!("127.0.0.2:{port}"));
    server.send_to(b"it is me", sender).expect("sent");
    let mut buffer = [0; 16];
    let (length, _) = receive(&client, &mut buffer);
    assert_eq!(&buffer[..length], b"it is me");
}

fn a_copy_keeps_the_connection_open() {
    let (this, other) = pair();
    let copy = this.try_clone().expect("a descriptor");
    drop(this);
    waits(&other);
    drop(copy);
    assert_eq!(rest(&other), "");

    // `shutdown` ends it for all copies.
    let (this, other) = pair();
    let _copy = this.try_clone().expect("a descriptor");
    this.shutdown(Shutdown::Write).expect("connected");
    assert_eq!(rest(&other), "");

    // The copy may belong to another program.
    let (this, other) = pair();
    let mut child = launch("sleep");
    child.arg("100").stdin(Stdio::from(OwnedFd::from(this)));
    let mut running = spawn(&mut child);
    drop(child);
    waits(&other);
    running.kill().expect("it runs");
    running.wait().expect("a status");
    assert_eq!(rest(&other), "");
}

fn a_line_has_an_end() {
    let (this, mut other) = pair();
    other.write_all(b"no end").expect("room");
    this.set_read_timeout(Some(Duration::from_millis(200))).expect("an option");
    let mut line = String::new();
    BufReader::new(&this).read_line(&mut line).expect_err("time is up");
    assert_eq!(line, "no end", "it came, and was not given out");
}

fn a_buffer_is_sent_when_it_is_flushed() {
    let (this, other) = pair();
    let mut buffer = BufWriter::new(&other);
    buffer.write_all(b"hello").expect("room");
    waits(&this);
    buffer.flush().expect("room");
    expect(&this, "hello");
}

fn no_room_no_bytes() {
    let (mut this, mut other) = pair();
    other.write_all(b"hello").expect("room");
    wait_for_bytes(&this);
    for mut buffer in [Vec::new(), Vec::with_capacity(1024)] {
        assert_eq!(this.read(&mut buffer).expect("no error"), 0);
        this.read_exact(&mut buffer).expect("no error");
    }
    expect(&this, "hello");
}

fn only_the_beginning_is_new() {
    let (mut this, mut other) = pair();
    let mut buffer = [0; 8];
    other.write_all(b"hello").expect("room");
    this.read_exact(&mut buffer[..5]).expect("five bytes");
    other.write_all(b"hi").expect("room");
    let length = this.read(&mut buffer).expect("two bytes");
    assert_eq!((length, &buffer), (2, b"hillo\0\0\0"));
    assert_ne!(String::from_utf8_lossy(&buffer), "hi");
}

/// In Rust this cannot be written: a socket that a thread uses is not closed.
fn close_wakes_nobody() {
    if has(&[PYTHON]) {
        let shown = Terminal::open(&mut python("after_close.py", &["elsewhere"])).finish();
        let wanted = "close: the other end is told timed out\n\
            the receive goes on, and gets b'late'\n\
            shutdown: the other end is told b'' and the receive b''\n";
        assert_eq!(shown, wanted);
    }
}

fn a_client_meets_itself() {
    let client = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    client.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a port");
    client.connect(&client.local_addr().expect("an address")).expect("nobody listens there");
    let mut client = TcpStream::from(client);
    assert_eq!(client.local_addr().expect("its own"), client.peer_addr().expect("the same"));
    client.write_all(b"hello").expect("room");
    client.shutdown(Shutdown::Write).expect("connected");
    assert_eq!(rest(&client), "hello", "it reads what it has written");

    // The server cannot be started.
    let here = client.local_addr().expect("its own");
    let error = TcpListener::bind(here).expect_err("the port is the client's");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

/// What stands above **Means** of Python's and Rust's own words.
#[test]
fn the_words_of_two_languages() {
    let serde = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect_err("no JSON");
    assert!(serde("{}{}").to_string().starts_with("trailing characters"));
    assert!(serde("{").to_string().starts_with("EOF while parsing"));
    let mut text = String::new();
    let error = (&b"\xc4"[..]).read_to_string(&mut text).expect_err("no text");
    assert_eq!(error.to_string(), "stream did not contain valid UTF-8");
    if has(&[PYTHON]) {
        for (line, words) in [
            ("import json; json.loads('{}{}')", "Extra data: line 1 column 3 (char 2)"),
            ("import struct; struct.unpack('>I', b'')", "unpack requires a buffer of 4 bytes"),
            ("b'\\xff'.decode()", "byte 0xff in position 0: invalid start byte"),
            ("b'\\xc4\\xe3'.decode()", "byte 0xc4 in position 0: invalid continuation byte"),
        ] {
            let (_, errors) = python_line(line);
            assert!(errors.ends_with(&format!("{words}\n")), "{line}: {errors}");
        }
    }
}

/// Python reads the translations without the language being installed.
#[test]
fn what_a_chinese_linux_says() {
    let here = "/usr/share/locale/zh_CN/LC_MESSAGES/libc.mo";
    if !std::path::Path::new(here).exists() {
        return skip("the translations of glibc are not installed (libc-l10n)");
    }
    if has(&[PYTHON]) {
        let line = format!(
            "import gettext, json\n\
             chinese = gettext.GNUTranslations(open({here:?}, 'rb'))\n\
             errors = json.load(open({:?}, encoding='utf-8'))\n\
             for _, english, words in (row['Linux'] for row in errors.values()):\n    \
                 assert chinese.gettext(english) == words, english\n\
             print(len(errors), chinese.gettext('Name or service not known'), \
                 chinese.gettext('Temporary failure in name resolution'))",
            top().join("book/errors.json"),
        );
        let (shown, errors) = python_line(&line);
        assert!(shown.ends_with(" 未知的名称或服务 域名解析暂时失败\n"), "{shown}{errors}");
    }
}

/// A server has ended, and a program that it started has its listener still.
#[test]
fn a_listener_outlives_its_server() {
    // std sets SO_REUSEADDR. On an address of its own, as in time_wait.rs.
    let listener = TcpListener::bind("127.0.0.7:0").expect("a port");
    let here = listener.local_addr().expect("an address");
    let mut child = launch("sleep");
    child.arg("100").stdin(Stdio::from(OwnedFd::from(listener)));
    let mut running = spawn(&mut child);
    drop(child);
    let error = TcpListener::bind(here).expect_err("the port is the child's");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    connect(here);
    running.kill().expect("it runs");
    running.wait().expect("a status");
    within_limit(|| TcpListener::bind(here).ok()).expect("the port is free");

    // Python's forked processes have it without being told. (create_server sets SO_REUSEADDR.)
    if has(&[PYTHON]) {
        let (shown, errors) = python_line(
            "import multiprocessing, os, socket\n\
             server = socket.create_server(('127.0.0.7', 0))\n\
             address = server.getsockname()\n\
             ends, end = os.pipe()\n\
             fork = multiprocessing.get_context('fork')\n\
             worker = fork.Process(target=os.read, args=(ends, 1))\n\
             worker.start()\n\
             server.close()\n\
             try: socket.create_server(address)\n\
             except OSError as error: print(error.errno)\n\
             os.write(end, b'.')\n\
             worker.join()\n\
             socket.create_server(address)\n\
             print('free')",
        );
        assert_eq!(shown, "98\nfree\n", "{errors}");
    }
}

/// Its own limit is an error without a number, and the connection goes on.
#[test]
fn a_limit_of_python_has_no_number() {
    if has(&[PYTHON]) {
        let (shown, errors) = python_line(
            "import socket\n\
             this, other = socket.socketpair()\n\
             this.settimeout(0.1)\n\
             try: this.recv(16)\n\
             except TimeoutError as error: print(error, error.errno)\n\
             other.send(b'late')\n\
             print(this.recv(16))",
        );
        assert_eq!(shown, "timed out None\nb'late'\n", "{errors}");
    }
}

/// Who listens, with one flag; who has a connection, with another; who is only bound, with neither.
#[test]
fn ss_does_not_show_who_is_only_bound() {
    if !has(&["ss"]) {
        return;
    }
    let shows = |flags: &str, at: SocketAddr| {
        let filter = format!("src {at}");
        let shown = command("ss").args([flags, &filter]).output().expect("it starts").stdout;
        !shown.is_empty()
    };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let listening = listener.local_addr().expect("an address");
    let client = connect(listening);
    let outgoing = client.local_addr().expect("its own");
    let (_plain, bound) = closed_tcp_port();
    for (at, ltn, tan) in [(listening, true, true), (outgoing, false, true), (bound, false, false)]
    {
        assert_eq!((shows("-Hltn", at), shows("-Htan", at)), (ltn, tan), "{at}");
    }
}

/// What a lookup says where no name server can be reached.
#[test]
fn a_name_without_a_network() {
    if has(&["unshare", PYTHON]) {
        let mut run = command("unshare");
        let line = "import socket; socket.getaddrinfo('example.com', 80)";
        let errors = run.args(["-Urn", PYTHON, "-c", line]).output().expect("it starts").stderr;
        let errors = String::from_utf8_lossy(&errors);
        if errors.starts_with("unshare: ") {
            return missing(&errors);
        }
        assert!(errors.ends_with("[Errno -3] Temporary failure in name resolution\n"), "{errors}");
    }
}

/// A network that has one port to give: a listener has it, and a client gets none; or a client
/// gets it, which is on its way to that very port.
#[test]
fn a_network_with_one_port() {
    if !has(&["unshare", "ip"]) {
        return;
    }
    let in_it = |address: &str| {
        let script = "ip link set lo up \
            && echo 40000 40000 >/proc/sys/net/ipv4/ip_local_port_range && exec \"$0\" $1";
        let mut run = command("unshare");
        run.args(["-Urn", "sh", "-c", script, program("04_connect"), address]);
        let output = run.output().expect("it starts");
        let [shown, errors] = [output.stdout, output.stderr].map(String::from_utf8);
        (shown.expect("UTF-8"), errors.expect("UTF-8"))
    };
    let (_, errors) = in_it("");
    if errors.starts_with("unshare: ") {
        return missing(&errors);
    }
    let words = "error: connect 127.0.0.1:40000: the address is not available (os error 99)\n";
    assert!(errors.starts_with(words), "{errors}");
    assert!(errors.ends_with("end programs that have many connections\n"), "{errors}");

    // Nobody listens there.
    let (shown, errors) = in_it("127.0.0.1:40000");
    let words = "local_addr  127.0.0.1:40000\nclient    peer_addr   127.0.0.1:40000\n";
    assert!(shown.contains(words), "{shown}{errors}");
}
