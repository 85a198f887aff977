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
    // Each server goes on, and serves the next client, or the same.
    Case {
        row: "accept, recv: ended from this side",
        number: Errno::CONNABORTED,
        fault: "accept=ECONNABORTED",
        programs: &[&["07_first_server", AT], &["04_connect", AT]],
        prints: expect![[r#"
            server    accept      waits for you. In another terminal, type
                                  nc 127.0.0.1 8090
            server    serve       connection aborted
        "#]],
    },
    Case {
        row: "accept, recv: ended from this side",
        number: Errno::CONNABORTED,
        fault: "accept=ECONNABORTED",
        programs: &[&["07_chat_server"], &["07_chat_client"]],
        prints: expect![[r#"
            listening on 127.0.0.1:8090: in another terminal, nc 127.0.0.1 8090
            or: cargo run --example 07_chat_client -- 127.0.0.1:8090
            accept: connection aborted (the server goes on)
            client connected 127.0.0.1:PORT1
            client: Hello, server!
            client: quit
            client disconnected 127.0.0.1:PORT1
        "#]],
    },
    Case {
        row: "accept, recv: ended from this side",
        number: Errno::CONNABORTED,
        fault: "accept=ECONNABORTED",
        programs: &[&["16_one_at_a_time", AT], &["07_chat_client", AT]],
        prints: expect![[r#"
            server    serve       8 at a time
            server    accept      waits for you. In another terminal, type
                                  nc 127.0.0.1 8090
                      or          cargo run --example 07_chat_client -- 127.0.0.1:8090
            server    accept      connection aborted
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
    // Who calls again: with a limit (16), and for as long as it takes (7).
    Case {
        row: "any call that waits: a signal",
        number: Errno::INTR,
        fault: "recv=EINTR",
        programs: &[&["16_one_at_a_time", AT], &["07_chat_client", AT]],
        prints: expect![[r#"
            server    serve       8 at a time
            server    accept      waits for you. In another terminal, type
                                  nc 127.0.0.1 8090
                      or          cargo run --example 07_chat_client -- 127.0.0.1:8090
        "#]],
    },
    Case {
        row: "any call that waits: a signal",
        number: Errno::INTR,
        fault: "recv=EINTR",
        programs: &[&["07_chat_server_udp"], &["07_chat_client_udp"]],
        prints: expect![[r#"
            receiving at 127.0.0.1:8090: in another terminal, nc -u 127.0.0.1 8090
            or: cargo run --example 07_chat_client_udp -- 127.0.0.1:8090
            client connected 127.0.0.1:PORT1
            client: Hello, server! (127.0.0.1:PORT1)
            client: quit (127.0.0.1:PORT1)
            client disconnected 127.0.0.1:PORT1
        "#]],
    },
    Case {
        row: "any call that waits: a signal",
        number: Errno::INTR,
        fault: "accept=EINTR",
        programs: &[&["07_chat_server"], &["07_chat_client"]],
        prints: expect![[r#"
            listening on 127.0.0.1:8090: in another terminal, nc 127.0.0.1 8090
            or: cargo run --example 07_chat_client -- 127.0.0.1:8090
            accept: interrupted (the server goes on)
            client connected 127.0.0.1:PORT1
            client: Hello, server!
            client: quit
            client disconnected 127.0.0.1:PORT1
        "#]],
    },
    // Who does not: the kernel would not interrupt it without a limit.
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
            listening on 127.0.0.1:8090: in another terminal, nc 127.0.0.1 8090
            or: cargo run --example 07_chat_client -- 127.0.0.1:8090
            accept: too many open files on this system (the server goes on)
            client connected 127.0.0.1:PORT1
            client: Hello, server!
            client: quit
            client disconnected 127.0.0.1:PORT1
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
        // (One entry is about two of them.)
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

        // ... the number is that of the name, as the kernel has it, ...
        let printed = printed(&timeline, case.programs[0][0]);
        if let Some((_, rest)) = printed.split_once("(os error ") {
            let number = format!("{})", case.number.raw_os_error());
            assert!(rest.starts_with(&number), "{printed}");
        }

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
    "#]].assert_eq(&printed(&timeline, "04_connect"));
}

/// What a program of the timeline prints, on standard output and error.
fn printed(timeline: &str, name: &str) -> String {
    let prefix = format!("{name}: ");
    let of_two = timeline.contains(&prefix);
    let lines = timeline.lines().filter_map(|line| match of_two {
        true => line.strip_prefix(&prefix),
        false => Some(line),
    });
    lines
        .filter(|line| {
            !line.starts_with("  call ") && !line.starts_with('(')
        })
        .map(|line| format!("{line}\n"))
        .collect()
}
