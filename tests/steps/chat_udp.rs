//! The chat of part 2 over UDP.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::thread;

use socket_steps::chat::{Lang, Refusal};
use socket_steps::in_words;

use crate::chat::{LANGS, Pair, in_lang};
use crate::hostile::{talk_in, talk_udp, udp_client};
use crate::support::{Terminal, closed_udp_port, compare, datagrams, receive, run_with};

const UDP: Pair = Pair {
    server: "07_chat_server_udp",
    client: "07_chat_client_udp",
    server_in_python: "udp_server.py",
    client_in_python: "udp_client.py",
};

fn serve(lang: &str) -> (Terminal, SocketAddr) {
    UDP.serve("127.0.0.1:0", lang)
}

/// Runs our client in this language.
fn run_in(lang: &str, server: &str, input: &str) -> (i32, String, String) {
    let arguments = [server, "--lang", lang];
    run_with("07_chat_client_udp", &arguments, input)
}

#[test]
fn our_client_with_a_server_in_python() {
    UDP.our_client_with_a_server_in_python();
}

#[test]
fn our_server_with_a_client_in_python() {
    UDP.our_server_with_a_client_in_python();
}

#[test]
fn our_client_with_our_server() {
    UDP.our_client_with_our_server("\n");
}

#[test]
fn two_clients_interleave_and_quit_forgets_one_of_them() {
    for (lang, words) in LANGS {
        let (mut server, address) = serve(lang);
        let (anna, ben) = (udp_client(address), udp_client(address));
        for (peer, text, new) in [
            (&anna, words.client_greeting(), true),
            (&ben, words.client_greeting(), true),
            (&anna, "one", false),
            (&ben, "two", false),
            (&anna, "quit\n", false),
            (&ben, "three", false),
            (&anna, "again", true),
        ] {
            talk_in(words, peer, text, new);
        }
        server.wait_for("again");
        let name = in_lang("07_chat_server_udp@two_clients", lang);
        compare(&name, &server.stop());
    }
}

#[test]
fn what_is_no_text_or_too_long_is_not_answered() {
    let (mut server, address) = serve("en");
    let bad = udp_client(address);
    bad.send(b"\xff").expect("sent");
    let local = bad.local_addr().expect("an address");
    server.wait_for(&Lang::En.ignored(local, &Refusal::NotText).to_string());
    for length in [1025, 2000, 60_000] {
        bad.send(&vec![b'x'; length]).expect("sent");
        let refusal = Refusal::TooLong(length);
        server.wait_for(&Lang::En.ignored(local, &refusal).to_string());
    }
    // Nothing came back, and the sender is as unknown as before.
    talk_udp(&bad, "hi", true);
    let good = udp_client(address);
    talk_udp(&good, "", true);
    talk_udp(&good, "\x1b[2J", false);
    let local = good.local_addr().expect("an address");
    let line = server.wait_for("[2J");
    assert_eq!(line, Lang::En.sender_says(local, "\x1b[2J").to_string());
    assert!(line.contains(r" \u{1b}[2J"), "{line}");
}

/// Plays a server to our client: what it answers to each datagram.
fn client_of(
    lang: &str,
    input: &str,
    answers: impl Fn(usize, &str) -> Vec<String> + Send + 'static,
) -> (i32, String, String, SocketAddr) {
    let server = datagrams("127.0.0.1:0");
    let here = server.local_addr().expect("an address");
    let playing = thread::spawn(move || {
        let mut buffer = [0; 2048];
        for number in 1.. {
            let (length, peer) = receive(&server, &mut buffer);
            let text = String::from_utf8_lossy(&buffer[..length]);
            for answer in answers(number, &text) {
                server.send_to(answer.as_bytes(), peer).expect("sent");
            }
            if text == "quit" || text == "silence" && number == 4 {
                break;
            }
        }
        server
    });
    let (status, shown, errors) = run_in(lang, &here.to_string(), input);
    drop(playing.join().expect("the server's part"));
    (status, shown, errors, here)
}

#[test]
fn a_lost_reply_is_asked_for_again() {
    for (lang, words) in LANGS {
        let (status, shown, errors, _) =
            client_of(lang, "hi\nquit\n", move |number, text| match number {
                2 => vec![],
                _ => vec![words.reply(text)],
            });
        assert_eq!((status, errors.as_str()), (0, ""));
        compare(&in_lang("07_chat_client_udp@lost", lang), &shown);
    }
}

#[test]
fn a_doubled_reply_is_not_taken_for_the_next_answer() {
    for (lang, words) in LANGS {
        let (status, shown, errors, _) =
            client_of(lang, "one\ntwo\nquit\n", move |_, text| match text {
                "one" => vec![words.reply("one"); 2],
                _ => vec![words.reply(text)],
            });
        assert_eq!((status, errors.as_str()), (0, ""));
        compare(&in_lang("07_chat_client_udp@doubled", lang), &shown);
    }
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let (status, shown, errors, here) = client_of("en", "silence\n", |_, text| match text {
        "silence" => vec![],
        _ => vec![Lang::En.reply(text)],
    });
    assert_eq!(status, 1);
    let again = [2, 3].map(|number| format!("{}\n", Lang::En.trying_again(number, 3)));
    assert!(shown.ends_with(&again.concat()), "{shown}");
    let begin = format!("error: exchange {here}: {}", in_words(&ErrorKind::TimedOut.into()));
    assert!(errors.starts_with(&begin), "{errors}");
    assert!(errors.contains("try: "), "{errors}");
}

/// On Linux a refusal comes back at once; elsewhere the client may have to
/// give up after three times.
#[test]
fn no_server_at_all_is_told() {
    let (_closed, here) = closed_udp_port();
    let here = here.to_string();
    let refused = in_words(&ErrorKind::ConnectionRefused.into());
    let gives_up = |(lang, words): (&str, Lang), ended| {
        let (status, shown, errors) = run_in(lang, &here, "");
        assert_eq!(status, 1);
        assert!(shown.ends_with(&format!("{}\n", words.trying_again(3, 3))), "{shown}");
        for part in [&here, &words.text("why"), &words.text("try")] {
            assert!(errors.contains(part), "{errors}");
        }
        if cfg!(target_os = "linux") {
            assert!(errors.contains(&words.text(&refused)), "{errors}");
            let all = format!("{shown}{errors}({ended} {status})\n");
            compare(&in_lang("07_chat_client_udp@no_server", lang), &all);
        }
    };
    thread::scope(|scope| {
        for (lang, ended) in LANGS.into_iter().zip(["exit status", "退出状态"]) {
            let gives_up = &gives_up;
            scope.spawn(move || gives_up(lang, ended));
        }
    });
}
