//! The rows of the error atlas that nothing provokes politely: the calls of
//! an example are made to fail in that way, under `cargo trace --fault`. It
//! either puts the error into the course's words, or goes on.

#![cfg(target_os = "linux")]

use std::io;

use expect_test::{Expect, expect};
use rustix::io::Errno;

use crate::atlas;
use crate::support::program;
use crate::timelines::trace;

/// One call of an example that is made to fail.
pub struct Case {
    /// The atlas' "Call, and when".
    pub row: &'static str,
    number: Errno,
    /// As `--fault` takes it.
    fault: &'static str,
    /// The example and its arguments; perhaps a client with its own.
    programs: &'static [&'static [&'static str]],
    /// All that the example prints.
    prints: Expect,
}

const AT: &str = "127.0.0.1:8090";

pub const CASES: &[Case] = &[
    Case {
        row: "bind: a port below 1024",
        number: Errno::ACCESS,
        fault: "bind=EACCES",
        programs: &[&["02_bind", "127.0.0.1:80"]],
        prints: expect![[r#"
            error: bind 127.0.0.1:80: permission denied (os error 13)
              line 38: socket.bind(&address.into())?;
              why: this system keeps the ports below 1024 for privileged programs
              try: a port from 1024 on, such as 8090
        "#]],
    },
    Case {
        row: "connect: no answer for two minutes",
        number: Errno::TIMEDOUT,
        fault: "connect=ETIMEDOUT",
        programs: &[&["04_connect"]],
        prints: expect![[r#"
            server    listen      127.0.0.1:PORT1
            client    socket      descriptor FD1
            client    connect     to 127.0.0.1:PORT1 ...
            error: connect 127.0.0.1:PORT1: timed out (os error 110)
              line 54: socket.connect(&server.into()).at(server)?;
              why: no answer came in time: nobody is at that address, a firewall drops what is sent there, or the other end is busy
              try: the address 127.0.0.1 and a program that listens there, and has time for you
        "#]],
    },
    // Each server says so, and accepts again: the client is served.
    Case {
        row: "accept, recv: ended from this side",
        number: Errno::CONNABORTED,
        fault: "accept=ECONNABORTED",
        programs: &[&["07_first_server", AT], &["07_chat_client", AT]],
        prints: expect![[r#"
            07_first_server: server    accept      waits for you. In another terminal, type
            07_first_server:                       nc 127.0.0.1 8090
            07_first_server: server    serve       connection aborted
            07_chat_client: connecting to 127.0.0.1:8090; the server greets first
            07_chat_client: server: Hello, client!
            07_chat_client: client sends: Hello, server!
            07_chat_client: server: Server received: Hello, server!
            07_chat_client: client sends: quit
            07_chat_client: client closed
        "#]],
    },
    Case {
        row: "accept, recv: ended from this side",
        number: Errno::CONNABORTED,
        fault: "accept=ECONNABORTED",
        programs: &[&["07_chat_server"], &["07_chat_client"]],
        prints: expect![[r#"
            07_chat_server: listening on 127.0.0.1:8090: in another terminal, nc 127.0.0.1 8090
            07_chat_server: or: cargo run --example 07_chat_client -- 127.0.0.1:8090
            07_chat_server: (one client at a time; Ctrl-C ends the server)
            07_chat_server: accept: connection aborted (the server goes on)
            07_chat_server: client connected 127.0.0.1:PORT1
            07_chat_server: client: Hello, server!
            07_chat_server: client: quit
            07_chat_server: client disconnected 127.0.0.1:PORT1
            07_chat_client: connecting to 127.0.0.1:8090; the server greets first
            07_chat_client: server: Hello, client!
            07_chat_client: client sends: Hello, server!
            07_chat_client: server: Server received: Hello, server!
            07_chat_client: client sends: quit
            07_chat_client: client closed
        "#]],
    },
    Case {
        row: "accept, recv: ended from this side",
        number: Errno::CONNABORTED,
        fault: "accept=ECONNABORTED",
        programs: &[&["16_one_at_a_time", AT], &["07_chat_client", AT]],
        prints: expect![[r#"
            16_one_at_a_time: server    serve       8 at a time
            16_one_at_a_time: server    accept      waits for you. In another terminal, type
            16_one_at_a_time:                       nc 127.0.0.1 8090
            16_one_at_a_time:           or          cargo run --example 07_chat_client -- 127.0.0.1:8090
            16_one_at_a_time: server    accept      connection aborted
            07_chat_client: connecting to 127.0.0.1:8090; the server greets first
            07_chat_client: server: Hello, client!
            07_chat_client: client sends: Hello, server!
            07_chat_client: server: Server received: Hello, server!
            07_chat_client: client sends: quit
            07_chat_client: client closed
        "#]],
    },
    Case {
        row: "accept, recv: ended from this side",
        number: Errno::CONNABORTED,
        fault: "recv=ECONNABORTED",
        programs: &[&["05_send_recv"]],
        prints: expect![[r#"
            server    send        10 characters, 14 bytes
            error: read: connection aborted (os error 103)
              line 54: let length = client.read(&mut buffer[..room])?;
              why: the connection was ended at once: most often the other end left while bytes were on their way to it
              try: look at the other end: did it stop, or crash?
        "#]],
    },
    // These call again, and nobody notices.
    Case {
        row: "any call that waits: a signal",
        number: Errno::INTR,
        fault: "recv=EINTR",
        programs: &[&["16_one_at_a_time", AT], &["07_chat_client", AT]],
        prints: expect![[r#"
            16_one_at_a_time: server    serve       8 at a time
            16_one_at_a_time: server    accept      waits for you. In another terminal, type
            16_one_at_a_time:                       nc 127.0.0.1 8090
            16_one_at_a_time:           or          cargo run --example 07_chat_client -- 127.0.0.1:8090
            07_chat_client: connecting to 127.0.0.1:8090; the server greets first
            07_chat_client: server: Hello, client!
            07_chat_client: client sends: Hello, server!
            07_chat_client: server: Server received: Hello, server!
            07_chat_client: client sends: quit
            07_chat_client: client closed
        "#]],
    },
    Case {
        row: "any call that waits: a signal",
        number: Errno::INTR,
        fault: "recv=EINTR",
        programs: &[&["07_chat_server_udp"], &["07_chat_client_udp"]],
        prints: expect![[r#"
            07_chat_server_udp: receiving at 127.0.0.1:8090: in another terminal, nc -u 127.0.0.1 8090
            07_chat_server_udp: or: cargo run --example 07_chat_client_udp -- 127.0.0.1:8090
            07_chat_server_udp: (any number of clients; Ctrl-C ends the server)
            07_chat_server_udp: client connected 127.0.0.1:PORT1
            07_chat_server_udp: client: Hello, server! (127.0.0.1:PORT1)
            07_chat_server_udp: client: quit (127.0.0.1:PORT1)
            07_chat_server_udp: client disconnected 127.0.0.1:PORT1
            07_chat_client_udp: client sends: Hello, server!
            07_chat_client_udp: server: Hello, client!
            07_chat_client_udp: server: Server received: Hello, server!
            07_chat_client_udp: client sends: quit
            07_chat_client_udp: client closed
        "#]],
    },
    Case {
        row: "any call that waits: a signal",
        number: Errno::INTR,
        fault: "accept=EINTR",
        programs: &[&["07_chat_server"], &["07_chat_client"]],
        prints: expect![[r#"
            07_chat_server: listening on 127.0.0.1:8090: in another terminal, nc 127.0.0.1 8090
            07_chat_server: or: cargo run --example 07_chat_client -- 127.0.0.1:8090
            07_chat_server: (one client at a time; Ctrl-C ends the server)
            07_chat_server: accept: interrupted (the server goes on)
            07_chat_server: client connected 127.0.0.1:PORT1
            07_chat_server: client: Hello, server!
            07_chat_server: client: quit
            07_chat_server: client disconnected 127.0.0.1:PORT1
            07_chat_client: connecting to 127.0.0.1:8090; the server greets first
            07_chat_client: server: Hello, client!
            07_chat_client: client sends: Hello, server!
            07_chat_client: server: Server received: Hello, server!
            07_chat_client: client sends: quit
            07_chat_client: client closed
        "#]],
    },
    // This one does not. (It has no limit, so nothing interrupts it but a
    // signal that the program itself has a handler for, and it has none.)
    Case {
        row: "any call that waits: a signal",
        number: Errno::INTR,
        fault: "recv=EINTR",
        programs: &[&["05_send_recv"]],
        prints: expect![[r#"
            server    send        10 characters, 14 bytes
            error: read: interrupted (os error 4)
              line 54: let length = client.read(&mut buffer[..room])?;
              why: a signal came while the call waited; nothing is broken
              try: the same call again: here, start the example again
        "#]],
    },
    Case {
        row: "connect, send_to: no way there",
        number: Errno::NETUNREACH,
        fault: "connect=ENETUNREACH",
        programs: &[&["04_connect_udp"]],
        prints: expect![[r#"
            server    bind        127.0.0.1:PORT1
            error: connect 127.0.0.1:PORT1: network unreachable (os error 101)
              line 43: socket.connect(&there.into()).at(there)?;
              why: this machine knows no way to that address
              try: 127.0.0.1, or an address on a network that it is on
        "#]],
    },
    Case {
        row: "connect, send_to: no way there",
        number: Errno::NETUNREACH,
        fault: "send=ENETUNREACH",
        programs: &[&["04_accept_udp"]],
        prints: expect![[r#"
            server    bind        127.0.0.1:PORT1
            server    accept      operation not supported
            error: send_to: network unreachable (os error 101)
              line 44: let sent = client.send_to(name.as_bytes(), here)?;
              why: this machine knows no way to that address
              try: 127.0.0.1, or an address on a network that it is on
        "#]],
    },
    Case {
        row: "connect: nobody has that address",
        number: Errno::HOSTUNREACH,
        fault: "connect=EHOSTUNREACH",
        programs: &[&["04_connect"]],
        prints: expect![[r#"
            server    listen      127.0.0.1:PORT1
            client    socket      descriptor FD1
            client    connect     to 127.0.0.1:PORT1 ...
            error: connect 127.0.0.1:PORT1: host unreachable (os error 113)
              line 54: socket.connect(&server.into()).at(server)?;
              why: this machine knows no way to that address
              try: 127.0.0.1, or an address on a network that it is on
        "#]],
    },
    Case {
        row: "any call: the kernel is out of room",
        number: Errno::NOBUFS,
        fault: "socket=ENOBUFS",
        programs: &[&["01_create"]],
        prints: expect![[r#"
            error: socket: no buffer space (os error 105)
              line 33: let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
              why: the kernel has no room left for sockets, or for what is to be sent
              try: again in a moment, with fewer sockets, or more slowly
        "#]],
    },
    Case {
        row: "any call: the kernel is out of room",
        number: Errno::NOBUFS,
        fault: "send=ENOBUFS",
        programs: &[&["05_send_recv_udp"]],
        prints: expect![[r#"
            error: send_to: no buffer space (os error 105)
              line 41: let sent = client.send_to(text.as_bytes(), here)?;
              why: the kernel has no room left for sockets, or for what is to be sent
              try: again in a moment, with fewer sockets, or more slowly
        "#]],
    },
    Case {
        row: "socket, accept: at the whole system's limit",
        number: Errno::NFILE,
        fault: "socket=ENFILE",
        programs: &[&["01_create"]],
        prints: expect![[r#"
            error: socket: too many open files on this system (os error 23)
              line 33: let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
              why: all programs together have as many descriptors as this system allows
              try: end programs that have many files or sockets open
        "#]],
    },
    Case {
        row: "socket, accept: at the whole system's limit",
        number: Errno::NFILE,
        fault: "accept=ENFILE",
        programs: &[&["07_chat_server"], &["07_chat_client"]],
        prints: expect![[r#"
            07_chat_server: listening on 127.0.0.1:8090: in another terminal, nc 127.0.0.1 8090
            07_chat_server: or: cargo run --example 07_chat_client -- 127.0.0.1:8090
            07_chat_server: (one client at a time; Ctrl-C ends the server)
            07_chat_server: accept: too many open files on this system (the server goes on)
            07_chat_server: client connected 127.0.0.1:PORT1
            07_chat_server: client: Hello, server!
            07_chat_server: client: quit
            07_chat_server: client disconnected 127.0.0.1:PORT1
            07_chat_client: connecting to 127.0.0.1:8090; the server greets first
            07_chat_client: server: Hello, client!
            07_chat_client: client sends: Hello, server!
            07_chat_client: server: Server received: Hello, server!
            07_chat_client: client sends: quit
            07_chat_client: client closed
        "#]],
    },
];

/// The cells of each row: number and name, the kind, and the examples' words.
#[test]
fn the_atlas_knows_the_errors_that_are_injected() {
    let rows = atlas::rows();
    for Case { row, number, fault, .. } in CASES {
        let found = rows.iter().find(|found| found.call == *row);
        let found = found.expect(row);
        let (_, name) = fault.split_once('=').expect("an error");
        let number = number.raw_os_error();
        assert_eq!(found.linux, format!("{number} {name}"), "{row}");
        let error = io::Error::from_raw_os_error(number);
        let kind = error.kind();
        assert!(atlas::same_kind(&found.kind, kind), "{row}: {kind:?}");
        let words = socket_steps::in_words(&error);
        assert_eq!(words, found.title, "{row}");
    }
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn an_example_tells_of_an_injected_error_or_goes_on() {
    for case in CASES {
        let (call, name) = case.fault.split_once('=').expect("an error");
        let mut arguments = vec!["--calls", "--fault", case.fault];
        for (number, words) in case.programs.iter().enumerate() {
            arguments.extend(["--with"].iter().take(number));
            arguments.extend(["--", program(words[0])]);
            arguments.extend(&words[1..]);
        }
        let Some(timeline) = trace(&arguments, "") else { return };

        // It was this call that failed, ...
        let begin = format!("  call    {call}");
        let end = format!(" = {name} (injected)");
        let failed = timeline
            .lines()
            .any(|line| line.starts_with(&begin) && line.ends_with(&end));
        assert!(failed, "{}: no {end:?} in:\n{timeline}", case.fault);

        // ... the number is that of the name, as the kernel has it, and all
        // is said in words, ...
        let names = case.programs.iter().map(|words| words[0]);
        let printed = printed(&timeline, names);
        if let Some((_, rest)) = printed.split_once("(os error ") {
            let number = format!("{})", case.number.raw_os_error());
            assert!(rest.starts_with(&number), "{printed}");
            for word in ["\n  why: ", "\n  try: "] {
                assert!(rest.contains(word), "{printed}");
            }
        }
        assert!(!printed.contains("Os {"), "{printed}");

        // ... and this is all that came of it.
        case.prints.assert_eq(&printed);
    }
}

/// A network that is really out of reach says the same as an injected one.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn in_a_network_with_loopback_alone_others_are_unreachable() {
    let arguments = ["--calls", "--", program("04_connect"), "192.0.2.1:9"];
    let Some(timeline) = trace(&arguments, "") else { return };
    assert!(
        timeline.contains("192.0.2.1:9) = ENETUNREACH\n"),
        "{timeline}"
    );
    expect![[r#"
        client    socket      descriptor FD1
        client    connect     to 192.0.2.1:9 ...
        error: connect 192.0.2.1:9: network unreachable (os error 101)
          line 54: socket.connect(&server.into()).at(server)?;
          why: this machine knows no way to that address
          try: 127.0.0.1, or an address on a network that it is on
    "#]]
    .assert_eq(&printed(&timeline, ["04_connect"].into_iter()));
}

/// What the programs print, on standard output and error: first all of the
/// first one.
fn printed<'a>(
    timeline: &str,
    programs: impl ExactSizeIterator<Item = &'a str>,
) -> String {
    let of_several = programs.len() > 1;
    let mut printed = String::new();
    for program in programs {
        let prefix = format!("{program}: ");
        for line in timeline.lines() {
            let is_its = !of_several || line.starts_with(&prefix);
            if is_its
                && !line.starts_with("  call ")
                && !line.starts_with('(')
            {
                printed += line;
                printed.push('\n');
            }
        }
    }
    printed
}
