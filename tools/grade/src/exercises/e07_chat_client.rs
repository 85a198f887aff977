//! Calls: all of them.
//! Idea: a protocol without lengths.
//! Usual mistake: one receive taken for one answer.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::thread::sleep;
use std::time::Duration;

use fastrand::Rng;
use socket2::{Domain, Socket, Type};

use crate::complaint::is_uncaught;
use crate::contents;
use crate::exercise::{Check, advice};
use crate::grading::Grading;
use crate::patience::Silent;
use crate::program::{Program, expect_no_line, the_line};
use crate::wire::Peer;
use crate::words::{Words, text};
use crate::wrong::{Explain as _, How, Outcome, Wrong, show};

pub const CHECKS: &[Check] = &[
    Check {
        title: "the greetings go both ways, and are printed",
        usually: advice! {
            Silent | Short => "Your greeting did not come. The server speaks first, and no line \
                ending is behind its 14 bytes: who waits for a line, or for the end of the stream, \
                waits forever. Receive these 14 bytes, and send yours then.",
            Other => "The first message is another one. It is the text \"Hello, server!\", 14 \
                bytes, and it is sent without anything ahead of it.",
            More => LINE_ENDING,
            Printed => "The line on standard output is missing, or another one. An answer has no \
                line ending: it is as long as \"Server received: \" and your message together. \
                Receive so many bytes, print \"server: \" and them as one line, and flush it.",
            _ => "It ended too early. After the greetings it reads lines and talks on, with the \
                same connection, until \"quit\" or the end of its input.",
        },
        run: |grading| {
            let (program, mut peer) = accept(grading)?;
            // Who speaks first does so at once.
            sleep(Duration::from_millis(100));
            peer.call_it("nothing yet, not even the greeting");
            peer.expect_nothing().advice(
                "The server speaks first. Receive its greeting, and print it; send yours after \
                 that.",
            )?;
            greet(&program, &mut peer)?;
            program.wait_until_ready()
        },
    },
    Check {
        title: "a line is sent as it is typed, and its answer printed",
        usually: advice! {
            Silent => "A line was typed, and no message came. Read one line from standard input \
                and send it at once: who reads the input to its end first, or waits for the server \
                to speak again, waits forever.",
            Other | Short => "The message is not the line. Take away the line ending and nothing \
                else: spaces belong to the text, and so does every word of it.",
            More => LINE_ENDING,
            Printed => "The answer's line is missing, or another one. An answer is as long as \
                \"Server received: \" and your message together, in bytes, not in characters. \
                Receive so many, print them as one line, and flush it.",
            _ => "It ended after the first line. Reading a line, sending it, receiving its answer: \
                that goes in a loop, until \"quit\" or the end of the input.",
        },
        run: |grading| {
            let (program, mut peer) = accept_and_greet(grading)?;
            for line in ["hi", "  more than one word ", "你好, 世界", "0"] {
                program.type_line(line)?;
                let is_not_sent = |it: &Wrong| line == "0" && it.how == How::Silent;
                exchange(&program, &mut peer, line).advice_if(is_not_sent, ZERO)?;
            }
            Ok(())
        },
    },
    Check {
        title: "the next line waits until the answer is there",
        usually: advice! {
            More => "It sent the next line before the answer to this one had come. Nothing marks \
                where a message ends, so the server would take both for one. Send one, receive its \
                answer, and only then read the next line: a thread for each direction does not \
                help here.",
            _ => "Three lines were typed at once. Each of them is a message of its own, with its \
                own answer: none may get lost, and each is sent after the answer to the one \
                before.",
        },
        run: |grading| {
            let (program, mut peer) = accept_and_greet(grading)?;
            program.type_all(b"one\ntwo\nthree\n");
            peer.expect(b"one")?;
            sleep(Duration::from_millis(100));
            peer.expect_nothing()?;
            reply(&program, &mut peer, "one")?;
            for line in ["two", "three"] {
                exchange(&program, &mut peer, line)?;
            }
            Ok(())
        },
    },
    Check {
        title: "\"quit\" is sent, answered, and ends it",
        usually: advice! {
            Printed => "The answer to \"quit\" is missing on standard output. It is a message as \
                any other: send it, receive its answer, print that, and close then.",
            Exit => "After the answer to \"quit\" the program ends by itself, with exit status 0: \
                leave the loop for the lines, without another receive. {Node: (end ends one \
                direction only, and the program waits for the other: destroy ends both.)}",
            More => "It goes on after the answer to \"quit\". Say \"quit\" once, and then close \
                the connection: do not wait for the server to close first, for it may wait for \
                you.",
            _ => "The server must hear \"quit\", or it takes you for one who broke off. Send it as \
                the last message, before you close.",
        },
        run: |grading| {
            let (program, mut peer) = accept_and_greet(grading)?;
            for line in ["QUIT", "quit now", " quit", "quit ", "\"quit\"", "quitquit", "exit"] {
                program.type_line(line)?;
                exchange(&program, &mut peer, line).advice(ONLY_QUIT)?;
            }
            program.type_line("quit\nnothing more")?;
            exchange(&program, &mut peer, "quit")?;
            let is_held = |it: &Wrong| it.how == How::More && program.ended_soon().is_some();
            peer.expect_end().advice_if(is_held, HELD)?;
            program.expect_success()?;
            prints_no_more(&program).advice(NO_MORE)
        },
    },
    Check {
        title: "so does the end of the input",
        usually: advice! {
            Exit => "The input has ended, and the answer to \"quit\" has come: now the program \
                ends, with exit status 0. The end of the input is no failure.",
            Silent | Short | More => "The input has ended, and it goes on reading it, or sends \
                something else. Where a line is read, the end of the input is told as well (0 \
                bytes, None, an empty text without a line ending): leave the loop there, and say \
                \"quit\".",
            _ => "The last line of a file may have no line ending: it is a message all the same. \
                Then, at the end of the input, say \"quit\" for the user, and wait for its answer \
                as after a \"quit\" that was typed.",
        },
        run: |grading| {
            let inputs: [(&str, &[&str]); 4] = [
                ("one\nand two", &["one", "and two", "quit"]),
                ("one\n0", &["one", "0", "quit"]),
                ("", &["quit"]),
                ("one\nquit", &["one", "quit"]),
            ];
            for (input, messages) in inputs {
                let (program, mut peer) = accept_and_greet(grading)?;
                program.type_all(input.as_bytes());
                let result = messages.iter().try_for_each(|it| exchange(&program, &mut peer, it));
                let words = match input {
                    "" => text!("nothing, and the end of the input"),
                    input => {
                        text!("{bytes}, and the end of the input", bytes = show(input.as_bytes()))
                    }
                };
                let is_twice = |it: &Wrong| it.how == How::More && input.ends_with("quit");
                let is_zero =
                    |it: &Wrong| input.ends_with('0') && it.expected.english().ends_with("\"0\"");
                result
                    .and_then(|()| peer.expect_end())
                    .and_then(|()| program.expect_success())
                    .after(words)
                    .advice_if(is_zero, ZERO_LAST)
                    .advice_if(is_twice, TWICE)?;
            }
            Ok(())
        },
    },
    Check {
        title: "a line without bytes is not sent, and none that is too long",
        usually: advice! {
            Silent | Short => "After an empty line nothing came any more. To send 0 bytes is to \
                send nothing: the server sees no message, and answers none. Do not wait for an \
                answer then: read the next line.",
            _ => "Something was sent that should not be. An empty line is no message, and no end \
                either. A line of more than 1024 bytes is left out whole, and the next one is \
                read; none of its parts is a line. Count bytes, not characters: one can have up to \
                four.",
        },
        run: |grading| {
            let (program, mut peer) = accept_and_greet(grading)?;
            let mut long = vec![String::new(), "x".repeat(1025), "你".repeat(342)];
            // Whoever reads such a line in parts has a short one at its end, with most buffers.
            // (And some functions have a longest line.)
            long.extend([1100, 2100, 4200, 8300, 70_000].map(|length| "x".repeat(length)));
            for line in long {
                // (It may end while it is typed: what comes tells.)
                let _ = program.type_line(&line).and_then(|()| program.type_line("short"));
                let is_longest = |_: &Wrong| line.len() > 65_536;
                exchange(&program, &mut peer, "short").advice_if(is_longest, LONGEST)?;
            }
            Ok(())
        },
    },
    Check {
        title: "a line of 1024 bytes is, and its answer has 1041",
        usually: advice! {
            Silent => "A line of 1024 bytes may still be sent, its line ending not counted: only longer \
                ones are left out.",
            _ => "The line has 1024 bytes and its answer 17 more: a buffer of 1024 is too small \
                for that. Give the buffer the length of the answer, which you know. (A receive \
                into a buffer that is full gives 0 bytes, and that looks like the end.)",
        },
        run: |grading| {
            let (program, mut peer) = accept_and_greet(grading)?;
            let line = "你".repeat(341) + "!";
            program.type_line(&line)?;
            exchange(&program, &mut peer, &line)
        },
    },
    Check {
        title: "what comes in pieces is printed when it is whole",
        usually: advice! {
            Printed => "One receive is not one message: a message can come in any pieces, even \
                byte by byte, and cut inside a character. You know how long it must be: receive in \
                a loop until so many bytes are there. Only then make text of them, compare, and \
                print.",
            _ => "It went on before the whole message had come. One receive is not one message: \
                receive in a loop until as many bytes are there as it must have.",
        },
        run: |grading| {
            let (program, mut peer) = accept(grading)?;
            drip(&mut peer, GREETING.as_bytes());
            prints(&program, GREETING)?;
            for line in ["Hello, server!", "你好"] {
                hears(&mut peer, line)?;
                let whole = answer(line);
                let (first, last) = whole.as_bytes().split_at(whole.len() - 1);
                drip(&mut peer, first);
                // Who prints what it expects, and not what came.
                sleep(Duration::from_millis(50));
                expect_no_line(program.other_lines().first(), "no line: the last byte is missing")
                    .after(show(first))?;
                let _ = peer.send(last);
                prints(&program, &answer(line))?;
                program.type_line("你好")?;
            }
            Ok(())
        },
    },
    Check {
        title: "whatever a line says is sent just so",
        usually: advice! {
            Silent | Short => "Another line was typed, and it was not sent, or only a part of it. \
                Each line of 1 to 1024 bytes is a message, whatever it says: blanks alone, or \
                \"0\", are no empty line. Only \"\\n\" ends a line; other characters, such as U+0085 \
                or a form feed, are a part of it (some functions split there), and so is a byte of \
                0{C: : take the length from getline, and not from strlen}.",
            More => LINE_ENDING,
            Printed => "The answer was not printed just as it is. Each of its bytes counts: \
                blanks at its ends, signs such as % and \\, tabs. Take nothing away, and do not \
                print the text as a format.",
            _ => "The message is not the line that was typed. Take away the line ending (\"\\n\") \
                and nothing else. Only \"\\n\" ends a line; other characters, such as U+0085 or a \
                form feed, are a part of it (some functions split there). Words such as \"exit\" \
                mean nothing.",
        },
        run: |grading| {
            let (program, mut peer) = accept_and_greet(grading)?;
            // Its beginning ends with the message as well.
            program.type_line("r")?;
            hears(&mut peer, "r")?;
            let whole = answer("r");
            let (beginning, rest) = whole.split_at("Server r".len());
            peer.send_alone(beginning.as_bytes())?;
            peer.send(rest)?;
            prints(&program, &whole).advice_if(is_beginning, NOT_WHOLE)?;
            for line in lines(grading.chance()) {
                program.type_line(&line)?;
                peer.call_it(text!("{bytes} (typed)", bytes = show(line.as_bytes())));
                hears(&mut peer, &line)?;
                let answer = answer(&line);
                for piece in contents::cut(grading.chance(), answer.as_bytes(), 2) {
                    peer.send_alone(piece)?;
                }
                prints(&program, &answer).advice_if(is_beginning, NOT_WHOLE)?;
            }
            Ok(())
        },
    },
    Check {
        title: "it waits for a server that is slow to answer, and for a user",
        usually: advice! {
            "The server was silent for more than a second, and then it answered. It may take its \
             time: the receive has no limit (no timeout{Python: , no settimeout}{Rust: , no \
             set_read_timeout}{C: , no SO_RCVTIMEO})."
        },
        run: |grading| {
            // Three runs, so that they wait at the same time: for the greeting, for a user, and
            // for the second half of an answer.
            let (greeted_late, mut first) = accept(grading)?;
            let first = Silent::new(&mut first);
            let (typed_late, mut second) = accept_and_greet(grading)?;
            let second = Silent::new(&mut second);
            let (answered_late, mut third) = accept_and_greet(grading)?;
            answered_late.type_line("hi")?;
            hears(&mut third, "hi")?;
            let whole = answer("hi");
            let (half, rest) = whole.split_at(9);
            third.send_alone(half.as_bytes())?;
            let third = Silent::new(&mut third);
            first.then(|peer| greet(&greeted_late, peer))?;
            second
                .then(|peer| {
                    typed_late.type_line("hi")?;
                    exchange(&typed_late, peer, "hi")
                })
                .advice(SLOW_USER)?;
            third.then(|peer| {
                peer.send(rest)?;
                peer.call_it(text!(
                    "{bytes} (after {half})",
                    bytes = show(rest.as_bytes()),
                    half = format!("{:?}", half)
                ));
                answered_late.expect_line(&format!("server: {whole}")).after(show(rest.as_bytes()))
            })
        },
    },
    Check {
        title: "without a server it says so, and ends",
        usually: advice! {
            "Nobody listens there, and connect fails (\"connection refused\"). Say on standard \
             error what it was, and end with an exit status other than 0: a script that starts \
             your program must be able to see it."
        },
        run: |grading| {
            // Bound, and not listening: nobody else can be there.
            let held = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            held.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
            let address = held.local_addr()?.as_socket().expect("the address that it was bound to");
            let program = grading.start_unready(&address.to_string())?;
            let after = "nothing (nobody is at the address)";
            fails(&program).after(after)?;
            program.expect_not_ready().after(after).advice(READY)
        },
    },
    Check {
        title: "a server that leaves in the middle is an error",
        usually: advice! {
            Printed => "Half a message was printed. When the stream ends, the rest does not come \
                any more: print a message only when it is whole.",
            Exit => "The server ended the connection before its message was whole. A receive gives \
                0 bytes then, every time: test for it, or the loop never ends. Say what happened \
                on standard error, and end with an exit status other than 0. A reset is an error \
                of the receive: the same.",
            _ => "So far all was as in the checks above; look there what changed.",
        },
        run: |grading| {
            let questions = ["Hello, server!", "hi", "quit"];
            // All that the server says before it leaves.
            let [to_hello, to_hi, to_quit] = questions.map(answer);
            let whole = [GREETING.to_owned(), to_hello, to_hi, to_quit];
            // One of each is enough.
            for (number, cut, end) in [
                (0, 9, "the end of the stream"),
                (2, 18, "a reset"),
                (3, 0, "the end of the stream"),
            ] {
                let (program, mut peer) = accept(grading)?;
                program.type_all(b"hi\nquit\n");
                for before in 0..number {
                    peer.send(&whole[before])?;
                    prints(&program, &whole[before])?;
                    hears(&mut peer, questions[before])?;
                }
                let part = &whole[number].as_bytes()[..cut];
                peer.send(part)?;
                match end {
                    "a reset" => peer.reset(),
                    _ => peer.close(),
                }
                let after = match part {
                    [] => text!(end),
                    _ => text!("{bytes}, then {end}", bytes = show(part), end),
                };
                fails(&program).and_then(|()| prints_no_more(&program)).after(after)?;
            }
            // It leaves while the user thinks: then send fails, with "broken pipe".
            let (program, mut peer) = accept_and_greet(grading)?;
            peer.finish();
            peer.reset();
            program.type_line("hi")?;
            fails(&program).after("the end of the stream and a reset; then \"hi\" was typed")
        },
    },
    Check {
        title: "so is one that says something else",
        usually: advice! {
            "What came is another text than the one that must come: there is some other server. \
             Compare all of it, the greeting as well, byte by byte, with what you know it must be; \
             and bytes that are too many are the beginning of the next answer, which differs then. \
             If it differs, say so on standard error, and end with an exit status other than 0."
        },
        run: |grading| {
            // All at the same time: each starts a program of its own.
            let mut programs = Vec::new();
            for greeting in ["HTTP/1.1 400 Bad Request\r\n\r\n", "Hello, friend!", "Hi!"] {
                let (program, mut peer) = accept(grading)?;
                peer.send(greeting)?;
                let words = text!("another greeting: {bytes}", bytes = show(greeting.as_bytes()));
                programs.push((program, peer, words));
            }
            let answers: [&[u8]; 6] = [
                b"Server received: tee",
                b"Server recieved: tea",
                b"server received: tea",
                b"Who?",
                b"Server received: \xff\xff\xff",
                b"Server received: tea, milk",
            ];
            for text in answers {
                let (program, mut peer) = accept_and_greet(grading)?;
                program.type_line("tea")?;
                hears(&mut peer, "tea")?;
                peer.send_alone(text)?;
                // What is too much shows in the next answer.
                let _ = program.type_line("sugar");
                let words = text!("{bytes}, as the answer to \"tea\"", bytes = show(text));
                programs.push((program, peer, words));
            }
            // (The short ones at the end: who compares what is whole waits for more.)
            let is_short =
                |words: &Words| ["Hi!", "Who?"].iter().any(|it| words.english().contains(it));
            programs.sort_by_key(|(_, _, words)| is_short(words));
            for (program, mut peer, words) in programs {
                if words.english().contains("milk") {
                    let _ = hears(&mut peer, "sugar").and_then(|()| peer.send(answer("sugar")));
                }
                let runs_on = |_: &Wrong| is_short(&words) && program.ended().is_none();
                fails(&program).advice_if(runs_on, SHORTER).after(&words)?;
            }
            Ok(())
        },
    },
];

pub const HINTS: &[&str] = &[
    "Two calls until you can talk: {Rust: Socket::new}{else: socket}, connect. Then receive the greeting, send yours, \
     receive its answer; and so on with each line of the input.",
    "A function that receives one message is worth having. It is given the text that must come, so \
     it knows the length{Rust: : `expected.len()` is in bytes}{Python: : that of \
     `expected.encode()`, in bytes}{else: , in bytes}.",
    "{Rust: std's `Read` has `read_exact(&mut bytes)`: it receives until the slice is full, and \
     fails (`UnexpectedEof`) if the stream ends before. But a wrong message can be shorter than \
     that: better is `read` into the rest of the slice, in a loop, and after each one compare what \
     has come with the beginning of `expected.as_bytes()`.}{else: Receive in a loop what is still \
     missing of that length. A wrong message can be shorter: after each receive compare what has \
     come with the beginning of what must come, as bytes.}",
    "A second function: send a message{Rust: with `write_all`}{Python: with `sendall`}, then \
     receive \"Server received: \" and the same text with the first one. The greeting, each line \
     and \"quit\" all go through it.",
    "{Rust: `std::io::stdin().lines()` gives the lines without their endings, and stops at the end \
     of the input.}{Python: `for line in sys.stdin.buffer` gives the lines with their endings, and \
     stops at the end of the input.}{else: Read lines until there are no more.} \"quit\" breaks \
     the loop; send it once, behind the loop, and both cases are done. {Rust: If `main` returns an \
     error, it is printed, and the exit status is 1.}",
];

const GREETING: &str = "Hello, client!";

const LINE_ENDING: &str = "Behind the message comes more: most often the line ending. Only the \
     text is sent, without \"\\n\": the server would answer that, too, and the answer would be \
     longer than you wait for.";

const ZERO: &str = "The line \"0\" was typed, and no message came. It has one byte, so it is not \
     empty, and is sent as any other{Perl: : \"0\" is false, so ask for the length of the \
     line}{Python|Node: : ask for its length, and not what it is as a number}.";

const ZERO_BYTE: &str = "Behind the message comes a byte of 0. Only the text is sent: the server would \
     answer that byte, too. {C: strlen gives the length of a text; sizeof counts the 0 at its end \
     as well.}";

const NOT_WHOLE: &str = "What was printed is only the beginning of the answer: your program took it \
     for whole too early. It is whole when it has as many bytes as \"Server received: \" and your \
     message together, and not when it ends like your message.";

const ON_OUTPUT: &str = "What went wrong stands on standard output. It belongs on standard error, so \
     that nobody takes it for what the server said{Rust: : eprintln!}{Python: : print(..., \
     file=sys.stderr)}{C: : fprintf(stderr, ...)}{Perl: : print STDERR}{Node: : \
     console.error}{Java: : System.err}.";

/// It printed less than it should, and nothing else.
fn is_beginning(wrong: &Wrong) -> bool {
    let (expected, got) = (wrong.expected.english(), wrong.got.english());
    let got = got.strip_suffix('"').unwrap_or(got);
    wrong.how == How::Printed && got.len() < expected.len() && expected.starts_with(got)
}

fn answer(message: &str) -> String {
    format!("Server received: {message}")
}

/// The program, started, and the grader's end of its connection.
fn accept(grading: &mut Grading) -> Outcome<(Rc<Program>, Peer)> {
    let listener = grading.listen()?;
    let address = listener.local_addr()?.to_string();
    let program = grading.start_unready(&address)?;
    let peer = grading.accept(&listener).advice(
        "Nobody connected. Create a TCP socket and connect it to the address that is the program's \
         last argument, before you read any input.",
    )?;
    Ok((program, peer))
}

/// The same, after the greetings.
fn accept_and_greet(grading: &mut Grading) -> Outcome<(Rc<Program>, Peer)> {
    let (program, mut peer) = accept(grading)?;
    greet(&program, &mut peer)?;
    Ok((program, peer))
}

fn greet(program: &Program, peer: &mut Peer) -> Outcome {
    peer.send(GREETING)?;
    hears(peer, "Hello, server!")?;
    prints(program, GREETING)?;
    reply(program, peer, "Hello, server!")
}

/// This message comes, and no more up to now.
fn hears(peer: &mut Peer, message: &str) -> Outcome {
    peer.expect(message)?;
    peer.expect_nothing().advice_if(|it| it.got.english().ends_with("\"\\x00\""), ZERO_BYTE)
}

/// The answer, and its line.
fn reply(program: &Program, peer: &mut Peer, message: &str) -> Outcome {
    peer.send(answer(message))?;
    prints(program, &answer(message))
}

fn exchange(program: &Program, peer: &mut Peer, message: &str) -> Outcome {
    peer.call_it(text!("{bytes} (typed)", bytes = show(message.as_bytes())));
    hears(peer, message)?;
    reply(program, peer, message)
}

/// The line for what the server has sent.
fn prints(program: &Program, text: &str) -> Outcome {
    let is_another = |it: &Wrong| {
        it.got.english().starts_with("the line \"")
            && !it.got.english().starts_with("the line \"server: ")
    };
    let result = program.expect_line(&format!("server: {text}"));
    let result = result.map_err(|wrong| match wrong.how {
        How::Silent | How::Exit => Wrong { how: How::Printed, ..wrong },
        _ => wrong,
    });
    result.after(show(text.as_bytes())).advice_if(is_another, NO_MORE)
}

/// It ends, and tells that something is wrong, and what.
fn fails(program: &Program) -> Outcome {
    let result = program.expect_failure();
    // (What ends with a signal, as C++ does, has none.)
    let failed = program.ended().is_some_and(|status| !status.success());
    if failed && is_uncaught(&program.complaints()) {
        let expected = "a line on standard error that says why";
        return Err(Wrong::new(How::Exit, expected, "an exception that nobody caught").advice(
            "The program ended with an exception that nobody caught: it lists its calls, and says \
             nothing to whoever typed. What a network can do is no mistake of the program: catch \
             the error, print a line on standard error that says what it was, and end with an \
             exit status other than 0.",
        ));
    }
    result?;
    if program.ended().and_then(|status| status.code()) == Some(101) {
        let expected = "an exit status of its own choice";
        return Err(Wrong::new(How::Exit, expected, "a panic").advice(
            "A panic says that the program has a mistake. What a network can do is none. \
             {Rust: No `unwrap` or `expect` there: return the error from main with `?`. It is \
             printed on standard error then, and the exit status is 1.}{else: Print a line on \
             standard error that says what it was, and end with an exit status other than 0.}",
        ));
    }
    let complaints = program.complaints();
    if complaints.iter().any(|line| !line.trim().is_empty()) {
        return Ok(());
    }
    let expected = "a line on standard error that says why";
    let printed = program.printed_up_to_now();
    if printed.last().is_some_and(|line| line != "ready" && !line.starts_with("server: ")) {
        let got = text!(
            "none, and on standard output {line}",
            line = the_line(&printed[printed.len() - 1])
        );
        return Err(Wrong::new(How::Printed, expected, got).advice(ON_OUTPUT));
    }
    Err(Wrong::new(How::Printed, expected, "none").advice(
        "The program ended with an exit status that says that something is wrong, and not a word \
         about what. Whoever typed is left alone with that: print a line on standard error.",
    ))
}

/// What people type, and what hardly anybody thinks of.
fn lines(chance: &mut Rng) -> Vec<String> {
    let mut lines = contents::lines(chance);
    lines.retain(|line| !line.is_empty() && line != "quit");
    let word = contents::word(chance);
    lines.extend(["0".to_owned(), "  ".to_owned()]);
    // (A carriage return by itself, or U+2028, is a line ending to what some languages offer.)
    let separators = "\u{b}\u{c}\u{1c}\u{85}\0".chars();
    lines.extend(separators.map(|it| format!("{word}{it}{word}")));
    lines
}

const ZERO_LAST: &str = "The last line of the input was \"0\", and had no line ending: it is a \
     message all the same, of one byte. {Perl: \"0\" is false: ask whether the line is \
     defined.}{Rust|Python|C|Node|Java: }\
     {else: (In PHP \"0\" is false: ask whether there is a line.)}";

const LONGEST: &str = "A line of 70000 bytes was typed, and then \"short\", which was not sent. A line \
     that is too long is left out, however long it is, and the next one is read. What reads \
     lines may have a longest one, and end there: it says so, or fails{else:  (Go's Scanner ends at \
     64 KB)}.";

const HELD: &str = "Your program has ended, and its connection is still open: another process has it. \
     A child process, or a program that was started, got a copy of the socket: close it there as \
     well, or start none.";

const TWICE: &str = "The last line of the input was \"quit\", and had no line ending: it is that \
     line all the same. So \"quit\" is sent once, and not again because the input has ended.";

const READY: &str = "\"ready\" says that the program is connected. Print it when connect was all \
     right, and not before.";

const SLOW_USER: &str = "Nothing was typed for more than a second, and then a line. A user may \
     think for as long as it takes: neither the input nor the connection has a limit.";

const SHORTER: &str = "What came is another text, and shorter than the one that must come; no more \
     followed, and the program waits for the rest. Compare what has come so far after each \
     receive: if it is not how the message must begin, say so on standard error, and end.";

const NO_MORE: &str = "Print nothing else on standard output: no prompt, not what is sent, and \
     nothing at the end. Each line is \"server: \" and what the server sent.";

const ONLY_QUIT: &str = "Only the line \"quit\", just so, is the last one. This one is a message \
     as any other: compare the whole line, and capitals as well.";

/// It has ended; it must have printed nothing that was not asked for.
fn prints_no_more(program: &Program) -> Outcome {
    expect_no_line(program.last_lines().first(), "no line for a message that is not whole")
}

/// Sends it in pieces of 6 bytes, with time to receive each: one of them ends
/// inside a character. (Byte by byte, a busy machine needs too long.)
fn drip(peer: &mut Peer, bytes: &[u8]) {
    // If the program has gone, its missing line tells.
    let _ = peer.send_in_pieces(bytes, 6);
}
