//! Calls: limits.
//! Idea: try again, and know what was answered.
//! Usual mistake: a limit for each receive instead of each try.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use crate::clock::Moment;
use crate::contents;
use crate::exercise::{Check, advice};
use crate::grading::Grading;
use crate::program::{ending, the_line};
use crate::stop_and_wait::{
    EMPTY, ENDED_BY_A_DATAGRAM, NEW_SOCKET, NOTHING_CAME, Opponent, Pace, Stray, TRY, first_of,
    least,
};
use crate::words::{Words, text};
use crate::wrong::{Explain as _, How, Outcome, Wrong, plural, show};

/// What an answer is: all of it is said where any of it is wrong.
macro_rules! rule {
    ($words:literal) => {
        concat!(
            $words,
            " All of the rule: an answer is exactly the bytes \"pong N\", compared as bytes, and \
             in their number as well, from the address that was pinged. After anything else \
             receive again, with what is left of the 100 ms since the send."
        )
    };
}

pub const CHECKS: &[Check] = &[
    Check {
        title: "four pings get four answers",
        usually: advice! {
            Silent => "No ping came. Create a UDP socket and send the first one to the address \
                that was given, right after \"ready\"; nobody speaks before you do. After an \
                answer the next one follows at once.",
            Other | More => "Another datagram came than the one whose turn it was. Each is exactly \
                \"ping \" and the number as text, from 1 to 4: no line ending, no zero byte, no \
                padding.",
            Printed => "The pings were right, and each was answered at once: so each is \"answered \
                at try 1\". Compare your lines with those in the task, letter by letter, and count \
                the tries from 1. If it says \"no answer\", the bytes that came were not taken for \
                an answer: print them.",
            _ => "The program ended before all four pings were there, or with another exit status \
                than 0. It sends and waits four times; if all are answered, the status is 0.",
        },
        run: |grading| {
            let mut pace = Pace::default();
            let played = Play::start(grading)?.through(|play, ping| {
                pace.a_try_begins(play.opponent.now());
                play.answer(ping)
            });
            let is_later = |it: &Wrong| {
                !it.expected.english().contains("\"1: ")
                    && it.got.english().contains(": answered at try ")
            };
            let is_last = |it: &Wrong| it.expected.english().contains(" of 4 answered");
            played.advice_if(is_later, ANEW).advice_if(is_last, LAST_LINE)?;
            let Some(time) = pace.too_long() else { return Ok(()) };
            let got = text!("nothing for {time} ms and more, each time", time);
            let wrong = Wrong::new(How::Silent, "the next ping at once", got);
            Err(wrong.after("the answer to each ping, at once").advice(
                "The pings came, with a pause between them. Nothing is to be waited for after an \
                 answer: go on with the next number at once.",
            ))
        },
    },
    Check {
        title: "a ping that was lost is sent again",
        usually: advice! {
            Silent => "A ping got no answer, and nothing more came: the program waits forever, or \
                for much longer than 100 ms. A datagram can be lost, and no call reports that. \
                Give the receive a limit of 100 ms {Rust: (a read timeout)}{C: (SO_RCVTIMEO: a \
                timeval of 0 seconds and 100000 microseconds)}{Python: (settimeout(0.1): it counts \
                in seconds)}{Java: (setSoTimeout(100): it counts in milliseconds)}{Node: \
                (setTimeout, which counts in milliseconds)}, and when it is over, send again.",
            Other | Exit => "A ping got no answer within 100 ms, and was not sent again. That the \
                time is up is no error here (it is called \"would block\", \"timed out\" or \
                EAGAIN): send the same ping again, three tries for each number.",
            Printed => "The pings were right, and the line is not. Print at which try the answer \
                came: how often this ping was sent. The count begins again with each number.",
            _ => "A ping came once more than it should. After the answer go on with the next \
                number, and begin to count anew.",
        },
        run: |grading| {
            // From now on two runs go on by themselves, for later checks.
            let mut twice = Play::start(grading)?;
            let mut tries_of_2 = 0;
            twice.opponent.go_on_apart(move |ping| {
                tries_of_2 += u32::from(ping == b"ping 2");
                match ping {
                    b"ping 1" => vec![b"pong 1".to_vec(); 2],
                    b"ping 2" if tries_of_2 < 2 => vec![],
                    _ => vec![pong(ping)],
                }
            })?;
            grading.set_apart(twice.opponent);
            let mut late = Play::start(grading)?;
            let mut tries_of_2 = 0;
            late.opponent.go_on_apart(move |ping| {
                tries_of_2 += u32::from(ping == b"ping 2");
                match ping {
                    b"ping 1" => vec![],
                    b"ping 2" if tries_of_2 < 2 => vec![b"pong 1".to_vec(); 3],
                    _ => vec![pong(ping)],
                }
            })?;
            grading.set_apart(late.opponent);
            // It may count a try that was answered too late: a machine
            // can be busy. What it prints is compared with what came.
            let (mut first, mut waits) = (None, Vec::new());
            let played =
                Play::start(grading)?.through(|play, ping| match (ping.number, ping.attempt) {
                    (1 | 3, 1) => {
                        first = Some((Moment::now(), Instant::now()));
                        Ok(())
                    }
                    _ => {
                        let times = first.take();
                        waits.extend(times.map(|(it, began)| (it.elapsed(), began.elapsed())));
                        play.answer(ping)
                    }
                });
            let is_none =
                |it: &Wrong| it.how == How::Printed && it.got.english().contains("no answer");
            played.advice_if(is_none, A_LIMIT_EACH)?;
            // (What is longer by less is seen where more of them tell.)
            let (shortest, shown) = waits.into_iter().min().unwrap_or_default();
            if shortest < 4 * TRY {
                return Ok(());
            }
            let got = text!("it came {time} ms after try 1", time = shown.as_millis());
            let wrong = Wrong::new(How::Silent, "try 2 of a ping, 100 ms after try 1", got);
            Err(wrong.after("no answer to ping 1, try 1").advice(UNIT))
        },
    },
    Check {
        title: "without any answer: three tries each, and it says so",
        usually: advice! {
            Silent => "The pings stop, or come far too late (is the unit of your limit right?). It \
                must give up at each number after the third try of 100 ms.",
            More => "More than three tries for one number. The first one counts as well: three in \
                all.",
            Other => "Fewer than three tries for one number. The first one counts, too: then two \
                more, each with its own 100 ms. The last one is waited for as well.",
            Printed => "The pings were right, and the lines are not. Nobody answered: \"no \
                answer\" for each number, then the line that counts those that were answered, here \
                0.",
            _ => "Nobody answered, and the end has to show that. Print all five lines, and end \
                with an exit status other than 0, so that a script can see it{Rust: : exit(1), or \
                an error from main}{Python: : sys.exit(1)}{C: : return 1 from main}{else: : \
                exit(1)}.",
        },
        run: |grading| {
            // Two runs at a time: one without any answer, and one with a single one.
            let single = grading.chance().u32(1..=NUMBERS);
            let mut plays = [Play::start(grading)?, Play::start(grading)?];
            let mut pace = Pace::default();
            while let Some((run, ping)) = Play::first_of(&mut plays)? {
                match run {
                    0 => pace.a_try_begins(Instant::now()),
                    _ if ping.number == single => plays[run].answer(&ping)?,
                    _ => {}
                }
            }
            let [none, one] = plays;
            let is_well = |it: &Wrong| it.how == How::Exit && it.got == "exit status 0";
            let is_early =
                |it: &Wrong| it.how == How::Exit && it.expected.english().contains("ping ");
            none.finish().advice_if(is_well, ALL_IS_WELL).advice_if(is_early, GOES_ON)?;
            pace.is_right()?;
            one.finish().advice_if(|wrong| wrong.how == How::Exit, ONE_IS_ENOUGH)
        },
    },
    Check {
        title: "an answer that is late counts in the next try",
        usually: advice! {
            Silent => "An answer to the first try came during the second one, and no more pings \
                came after it.",
            _ => "An answer to the first try came during the second one: it is the answer to this \
                ping, and was not taken for it. Which try an answer belongs to, it does not say: \
                the one that is on has it.",
        },
        run: |grading| {
            let mut first = None;
            Play::start(grading)?.through(|play, ping| {
                let first = *first.get_or_insert(ping.from);
                match (ping.number, ping.attempt) {
                    (1, 1) => Ok(()),
                    (1, 2) => play.answer(&Ping { from: first, ..*ping }),
                    (1, 3) if ping.from != first => {
                        let expected = "ping 2, or a third try from the same port";
                        let got = text!(
                            "ping 1 again, from {from}, and no more {first}",
                            from = ping.from,
                            first
                        );
                        Err(play.opponent.wrong(How::Other, expected, got).advice(NEW_SOCKET))
                    }
                    _ => play.answer(ping),
                }
            })
        },
    },
    Check {
        title: "an answer that comes twice counts once",
        usually: advice! {
            _ => TWICE,
        },
        run: |grading| {
            let play = Play::taken_down(grading)?.where_a_try_is_ended_by(ENDED_BY_A_DATAGRAM);
            play.through(|play, ping| match (ping.number, ping.attempt) {
                (1, _) => {
                    play.answer(ping)?;
                    play.send(ping, b"pong 1")
                }
                (2, 1) => {
                    play.opponent.call_it("pong 1, twice");
                    Ok(())
                }
                _ => play.answer(ping),
            })
        },
    },
    Check {
        title: "a late answer counts for no other number",
        usually: advice! {
            Silent => "After the late answer no more pings came. What is not the answer to this \
                ping is thrown away, and the try goes on until its 100 ms are over.",
            _ => GIVEN_UP,
        },
        run: |grading| {
            let play = Play::taken_down(grading)?.where_a_try_is_ended_by(ENDED_BY_A_DATAGRAM);
            play.through(|play, ping| match (ping.number, ping.attempt) {
                (1, _) => Ok(()),
                (2, 1) => {
                    for _ in 0..3 {
                        play.send(ping, b"pong 1")?;
                    }
                    play.opponent.call_it("pong 1, three times, to ping 2");
                    Ok(())
                }
                _ => play.answer(ping),
            })
        },
    },
    Check {
        title: "what a stranger says is no answer",
        usually: advice! {
            Silent => "A datagram came from another address, and the program went on waiting for \
                longer than its 100 ms, or stopped for good. Throw it away, and let the same try \
                go on.",
            _ => STRANGER,
        },
        run: |grading| {
            let mut play = Play::start(grading)?;
            play.opponent.invite_strangers(grading)?;
            let strangers = play.opponent.strangers();
            let right = |number: u32| {
                let pong = || Stray::new(format!("pong {number}"), STRANGER);
                (0..strangers).map(|it| Stray { stranger: Some(it), ..pong() }).collect()
            };
            play.with_strays(right)
        },
    },
    Check {
        title: "other words are thrown away, however long",
        usually: advice! {
            Silent => "Datagrams that are no answer came, and no ping after them. Throw away what \
                is not the answer, and let the same try go on.",
            Exit => "The program ended on a datagram that is no answer. It can hold any bytes, or \
                none: bytes that are no text, a word without a number. Compare the bytes as they \
                are with the ones that you wait for; then nothing needs to be decoded or taken \
                apart.",
            _ => "A datagram that is not exactly \"pong N\" was taken for the answer, or for the \
                end of the try, or the right answer was not recognised after it {C: (is something \
                of it left in the buffer?)}. Compare all of its bytes and its length.",
        },
        run: |grading| {
            let chance = &mut grading.chance().fork();
            Play::start(grading)?.with_strays(|number| other_words(&mut chance.clone(), number))
        },
    },
    Check {
        title: "nor do they make a try any longer",
        usually: advice! {
            Silent => "Wrong datagrams kept coming, one every few milliseconds, and the try did \
                not end. A timeout counts from the beginning of each receive, so each datagram \
                starts it again. Note when the try must end, and before each receive set what is \
                left until then. At 0 the try is over: do not set that {Rust: (0 is \
                refused)}{Python: (settimeout(0) is no limit of 0 seconds: it makes the socket \
                non-blocking)}{C: (a timeval of 0 means no limit)}{Java: (0 means no limit)}.",
            Exit => "Wrong datagrams kept coming, and the program ended. When nothing is left of \
                the 100 ms, the try is over: receive no more then. A timeout of 0 or less {Rust: \
                is refused}{Python: raises an exception, or makes the socket non-blocking}{C: \
                is refused, or means no limit}{else: is refused, or means something else}.",
            _ => "Wrong datagrams kept coming, one every few milliseconds. They neither end a try \
                nor count as one: it lasts its 100 ms, whatever comes.",
        },
        run: |grading| {
            let mut is_done = false;
            let play = Play::start(grading)?.where_a_try_is_ended_by(ENDED_BY_A_DATAGRAM);
            play.through(|play, ping| {
                is_done = is_done || !play.opponent.make_noise(ping.from, b"pong 0", "pong 0");
                if is_done { play.answer(ping) } else { Ok(()) }
            })
        },
    },
    Check {
        title: "a port that is closed is no reason to end",
        usually: advice! {
            Exit => "Nobody was at the port any more, and the program ended with an error. A \
                connected UDP socket reports that as \"connection refused\" (on Windows any UDP \
                socket does, as \"connection reset\"), at the receive or at the next send. Here it \
                means no more than an answer that did not come: receive again until the 100 ms are \
                over.",
            _ => "Nobody was at the port any more. The kernel may report that (\"connection \
                refused\"), or may not. In both cases there are three tries of 100 ms, then the \
                line \"4: no answer\", and the summary.",
        },
        run: |grading| {
            Play::start(grading)?.where_a_try_is_ended_by(REFUSED).through(|play, ping| {
                if ping.number < 4 {
                    return play.answer(ping);
                }
                // Two more tries, which the kernel refuses.
                play.close();
                Ok(())
            })
        },
    },
    Check {
        title: "stopped and continued (Ctrl-Z, fg), it goes on",
        usually: advice! {
            "The program was stopped and continued while it waited. A receive with a limit may end \
             then, with the error \"interrupted\" (EINTR). It is no answer, no end and no try that \
             is over: receive again, with what is left of the 100 ms."
        },
        run: |grading| {
            Play::start(grading)?.where_a_try_is_ended_by(INTERRUPTED).through(|play, ping| {
                if ping.number < 4 && ping.attempt == 1 {
                    for _ in 0..2 {
                        play.opponent.program.stop_and_continue();
                    }
                    play.opponent.call_it("nothing; the program was stopped and continued");
                    if ping.number == 1 {
                        // The try goes on.
                        return Ok(());
                    }
                }
                play.answer(ping)
            })
        },
    },
];

pub const HINTS: &[&str] = &[
    "Three loops: the numbers, the tries, and the receives of one try. Make the innermost one a \
     function: \"is there an answer to this number within 100 ms?\" Around it: send, ask, up to \
     three times.",
    "A limit for the receive {Rust: (set_read_timeout) }{Python: (settimeout) }{C: (SO_RCVTIMEO, \
     or poll) }{Java: (setSoTimeout) }{Perl: (select) }makes it give up. {Rust: The error then is \
     WouldBlock on Linux and macOS, TimedOut on Windows.}{Python: That is an exception, \
     TimeoutError.}{C: The error of recvfrom then is EAGAIN.}{Java: That is an exception, \
     SocketTimeoutException.}",
    "A try has one end, noted right after the send: now and 100 ms. Before each receive, set the \
     limit to what is left until then. Nothing left: the try is over.",
    "What a receive gives is the answer if both are right: the address is the one that was \
     pinged, and the bytes, all of them, are \"pong N\". Everything else: round again.",
    "An error of a receive need not be the end of a try: time is up, interrupted, connection \
     refused or reset. None of them needs more than another look at the clock, and perhaps another \
     receive.",
];

const TRIES: u32 = 3;
const NUMBERS: u32 = 4;

/// A ping that has come.
struct Ping {
    number: u32,
    attempt: u32,
    from: SocketAddr,
}

/// What became of a number, as seen from here.
#[derive(Clone, Copy, Default)]
struct Seen {
    tries: u32,
    /// At which try it was answered first.
    answered: Option<u32>,
    /// The answer was perhaps too late.
    is_late: bool,
    /// So long after the first try the second one came.
    second: Duration,
}

impl Seen {
    fn is_over(self) -> bool {
        self.tries >= TRIES || self.answered.is_some()
    }
}

/// The other end of the pings: it notes which came, and which it answered.
struct Play {
    opponent: Opponent,
    /// The number that came last, and those before.
    seen: [Seen; NUMBERS as usize + 1],
}

impl Play {
    fn start(grading: &mut Grading) -> Outcome<Self> {
        let wire = grading.datagrams()?;
        let play = Self { opponent: Opponent::start(grading, wire)?, seen: Default::default() };
        Ok(play.where_a_try_is_ended_by(NOTHING_CAME))
    }

    /// If a try is over too soon, that is the advice.
    fn where_a_try_is_ended_by(mut self, advice: &'static str) -> Self {
        self.opponent.may_end_a_try(advice);
        self
    }

    /// The program has ended ahead of this.
    fn too_early(&self, awaited: Words, status: ExitStatus) -> Wrong {
        let said = self.opponent.program.complaints().join("\n").to_lowercase();
        let is_text = ["unicodedecodeerror", "utf-8", "utf8"].iter().any(|it| said.contains(it));
        self.opponent.too_early(awaited, status).advice_if(|_| is_text, NOT_TEXT)
    }

    /// A run that was set apart.
    fn taken_down(grading: &mut Grading) -> Outcome<Self> {
        Ok(Self { opponent: grading.take_apart()?, seen: Default::default() })
    }

    fn number(&self) -> u32 {
        self.opponent.number
    }

    fn current(&mut self) -> &mut Seen {
        &mut self.seen[self.opponent.number as usize]
    }

    /// Does this with each ping, up to the end of the program.
    fn through(mut self, mut each: impl FnMut(&mut Self, &Ping) -> Outcome) -> Outcome {
        while let Some(ping) = self.next()? {
            each(&mut self, &ping)?;
        }
        self.finish()
    }

    /// The same, while these come at the first tries of the numbers; the last one is answered.
    fn with_strays(self, strays: impl Fn(u32) -> VecDeque<Stray>) -> Outcome {
        let all = strays(1).len();
        let mut have_come = 0;
        self.where_a_try_is_ended_by(ENDED_BY_A_DATAGRAM).through(|play, ping| {
            if ping.attempt == 1 {
                let mut strays = strays(ping.number);
                strays.drain(..have_come);
                play.opponent.let_strays_come(ping.from, strays);
            } else {
                have_come = all - play.opponent.strays_left();
            }
            if ping.attempt < TRIES && play.opponent.strays_left() > 0 {
                return Ok(());
            }
            have_come = all - play.opponent.no_more_strays();
            play.answer(ping)
        })
    }

    /// The next ping; `None`: the program has ended.
    fn next(&mut self) -> Outcome<Option<Ping>> {
        let awaited = self.awaited();
        match self.opponent.receive(&awaited)? {
            Some((bytes, from)) => self.came(&bytes, from, awaited).map(Some),
            None => Ok(None),
        }
    }

    /// The next ping of some that run at the same time, and which of them it is from.
    fn first_of(plays: &mut [Self]) -> Outcome<Option<(usize, Ping)>> {
        let awaited: Vec<_> = plays.iter().map(Self::awaited).collect();
        let opponents = plays.iter_mut().map(|play| &mut play.opponent);
        let mut opponents: Vec<_> = opponents.zip(awaited).collect();
        let Some((run, bytes, from)) = first_of(&mut opponents)? else { return Ok(None) };
        let awaited = plays[run].awaited();
        Ok(Some((run, plays[run].came(&bytes, from, awaited)?)))
    }

    /// This has come from there.
    fn came(&mut self, bytes: &[u8], from: SocketAddr, awaited: Words) -> Outcome<Ping> {
        let now = self.opponent.now();
        let is_ping = |number: u32| bytes == format!("ping {number}").as_bytes();
        let (number, seen) = (self.number(), *self.current());
        let got = show(bytes);
        if number > 0 && is_ping(number) {
            if seen.tries == TRIES {
                let got = text!("the same for the fourth time: {got}", got);
                return Err(self.opponent.wrong(How::More, awaited, got));
            }
            // If it is answered, the answer was too late. It still counts.
            if seen.answered.is_none() {
                self.opponent.not_too_soon(seen.tries, now, &awaited)?;
            }
            if seen.tries == 1 {
                self.current().second = self.opponent.took();
            }
        } else if is_ping(number + 1) && number < NUMBERS && (number == 0 || seen.is_over()) {
            self.opponent.not_too_soon(0, now, &awaited)?;
            self.opponent.number += 1;
        } else {
            return Err(self.opponent.wrong(How::Other, awaited, got));
        }
        let seen = self.current();
        seen.tries += 1;
        let (attempt, answered) = (seen.tries, seen.answered);
        if attempt == TRIES && answered.is_none() {
            self.opponent.since += least(TRIES);
        }
        let number = self.number();
        self.opponent.call_it(text!("no answer to ping {number}, try {attempt}", number, attempt));
        Ok(Ping { number, attempt, from })
    }

    /// What must come next.
    fn awaited(&self) -> Words {
        let seen = self.seen[self.number() as usize];
        let next = match self.number() {
            0 => 1,
            number if !seen.is_over() => {
                let attempt = seen.tries + 1;
                return text!("ping {number} again, as try {attempt}", number, attempt);
            }
            NUMBERS => return text!("the end of the program"),
            number => number + 1,
        };
        show(format!("ping {next}").as_bytes())
    }

    /// The answer that this ping is waiting for.
    fn answer(&mut self, ping: &Ping) -> Outcome {
        let is_late = self.opponent.may_be_late();
        let seen = &mut self.seen[ping.number as usize];
        seen.is_late |= is_late;
        let answered = &mut seen.answered;
        if answered.is_some() {
            // It is there twice now, and one of the two is for nobody.
            self.opponent.may_end_a_try(ENDED_BY_A_DATAGRAM);
        } else {
            *answered = Some(ping.attempt);
            match ping.attempt {
                // Too late, perhaps: then this is no reason for the next.
                TRIES => self.opponent.since -= least(1),
                _ => self.opponent.since = self.opponent.now(),
            }
        }
        self.send(ping, format!("pong {}", ping.number).as_bytes())
    }

    /// Any bytes, to where the ping came from.
    fn send(&mut self, ping: &Ping, bytes: &[u8]) -> Outcome {
        let Ping { number, attempt, from } = ping;
        let words = text!(
            "{bytes}, to try {attempt} of ping {number}",
            bytes = show(bytes),
            attempt,
            number
        );
        self.opponent.send(*from, bytes, words)
    }

    /// From now on nobody is at the port. All that comes now are the tries of the current number.
    fn close(&mut self) {
        self.opponent.close();
        self.current().tries = TRIES;
        self.opponent.since += least(TRIES);
        let words =
            text!("nothing, to ping {number}, and the port was closed", number = self.number());
        self.opponent.call_it(words);
    }

    /// The program must have printed what was seen from here.
    fn finish(mut self) -> Outcome {
        let last = *self.current();
        let Self { opponent, .. } = &self;
        let (status, lines) = opponent.expect_end()?;
        let end = opponent.end();
        if !(opponent.number == NUMBERS && last.is_over()) {
            return Err(self.too_early(self.awaited(), status));
        }
        let compared = self.compare(&lines);
        if last.answered.is_none() {
            // Its last try has its time as well.
            opponent.not_too_soon(0, end, &self.awaited()).map_err(|wrong| {
                let line = "the line \"4: no answer\", after the third try";
                match &compared {
                    Ok(_) => Wrong {
                        got: text!("the end, too early: {status}", status = ending(status)),
                        ..wrong
                    },
                    // It broke off.
                    Err(_) => self.too_early(line.into(), status),
                }
            })?;
        }
        let (right, expected) = match compared? {
            0 => (status.code().is_some_and(|code| code != 0), "an exit status other than 0"),
            _ => (status.success(), "exit status 0"),
        };
        match right {
            true => Ok(()),
            false => Err(opponent.wrong(How::Exit, expected, ending(status))),
        }
    }

    /// This ping was answered, and another try of it came all the same.
    fn sent_again(&self, number: u32) -> Wrong {
        let seen = self.seen[number as usize];
        let answered = seen.answered.unwrap_or_default();
        let expected = text!(
            "no try of ping {number} after try {answered}, which was answered",
            number,
            answered
        );
        let after =
            text!("\"pong {number}\", to try {answered} of ping {number}", number, answered);
        let (got, advice) = match answered {
            1 if seen.second < TRY / 2 => {
                let time = seen.second.as_millis();
                (
                    text!("{tries} tries, the second after {time} ms", tries = seen.tries, time),
                    AT_ONCE,
                )
            }
            _ => (text!("{tries} tries", tries = seen.tries), ALL_THE_SAME),
        };
        self.opponent.wrong(How::More, expected, got).after(after).advice(advice)
    }

    /// The lines for the numbers, in this order; others may be between them.
    /// Gives how many were answered.
    fn compare(&self, lines: &[String]) -> Outcome<u32> {
        let results = lines.iter().filter(|line| is_result(line.trim())).count();
        let mut lines = lines.iter().map(|line| line.trim());
        // Goes on to this line, if there is one.
        let mut find = |wanted: &str| {
            let is_in = lines.clone().any(|line| line == wanted);
            is_in && lines.any(|line| line == wanted)
        };
        let mut answered = 0;
        let missing = (1..=NUMBERS).find_map(|number| {
            let seen = self.seen[number as usize];
            let none = format!("{number}: no answer");
            let at = |attempt| format!("{number}: answered at try {attempt}");
            match seen.answered {
                None if find(&none) => None,
                None => Some(none),
                Some(_) if find(&at(seen.tries)) => {
                    answered += 1;
                    None
                }
                // It was the last chance: perhaps it came too late.
                Some(TRIES) if find(&none) => None,
                Some(_) if seen.is_late && find(&none) => None,
                Some(attempt) => Some(at(attempt)),
            }
        });
        let summary = format!("{answered} of {NUMBERS} answered");
        if missing.is_none() && find(&summary) {
            let expected = "5 lines: one for each number, and one at the end";
            let got = text!("{number} of that kind", number = plural(results, "line"));
            return match results {
                5 => Ok(answered),
                _ => Err(self.opponent.wrong(How::Printed, expected, got).advice(MORE_LINES)),
            };
        }
        let expected = the_line(&missing.unwrap_or(summary));
        let got = lines.next().map_or(text!("no more lines"), the_line);
        // One that was sent again, though it was answered, has a line that says something else.
        let again = (1..=NUMBERS).find(|number| {
            let seen = &self.seen[*number as usize];
            expected.english().contains(&format!("\"{number}: "))
                && seen.answered.is_some_and(|attempt| attempt < seen.tries)
                && (seen.answered == Some(1) || got == expected)
        });
        if let Some(number) = again {
            return Err(self.sent_again(number));
        }
        Err(self.opponent.wrong(How::Printed, expected, got))
    }
}

/// The answer to it.
fn pong(ping: &[u8]) -> Vec<u8> {
    [b"pong", ping.strip_prefix(b"ping").unwrap_or_default()].concat()
}

/// One of the lines of the task, whatever it says.
fn is_result(line: &str) -> bool {
    let is_number = |text: &str| text.parse::<u32>().is_ok();
    let of_a_number = line.split_once(": ").is_some_and(|(number, text)| {
        is_number(number) && (text == "no answer" || text.starts_with("answered at try "))
    });
    of_a_number || line.strip_suffix(" of 4 answered").is_some_and(is_number)
}

/// Datagrams that are no answer to this number: in another order for each seed.
fn other_words(chance: &mut fastrand::Rng, number: u32) -> VecDeque<Stray> {
    let next = number % NUMBERS + 1;
    let wide = char::from_u32(0xff10 + number).unwrap_or_default();
    let pong = format!("pong {number}");
    let of = |advice: &'static str, words: &[String]| {
        words.iter().map(|it| Stray::new(it.as_bytes(), advice)).collect::<Vec<_>>()
    };
    let not_text = |words: &[&[u8]]| Stray::new(words.concat(), NOT_TEXT);
    let mut strays = Vec::new();
    strays.extend(of(PART, &["pong".into(), "pong ".into(), "p".into(), number.to_string()]));
    strays.extend(of(
        ALIKE,
        &[
            format!(" {pong}"),
            format!("pong  {number}"),
            format!("pong\t{number}"),
            format!("PONG {number}"),
            format!("Pong {number}"),
            format!("pong 0{number}"),
            format!("pong +{number}"),
            format!("pong {number}.0"),
            format!("pong {wide}"),
            format!("ping {number}"),
            "pong one".to_owned(),
        ],
    ));
    strays.extend(of(AFTER, &["\n", "\r\n", " ", "\t"].map(|end| format!("{pong}{end}"))));
    strays.extend(of(
        NUMBER,
        &[format!("pong {next}"), format!("pong -{number}"), format!("pong {}", number + 256)],
    ));
    let more = |end: &str| format!("{pong}{end}");
    strays.extend(of(
        LONGER,
        &[
            more("\0"),
            more(&number.to_string()),
            more(&format!("\0{pong}")),
            more(&pong),
            more(" and more"),
            more(&" ".repeat(994)),
            more(&"\0".repeat(8994)),
        ],
    ));
    strays.push(Stray::new([pong.as_bytes(), b"\xc3"].concat(), LONGER));
    strays.extend([
        not_text(&[b"\xff", pong.as_bytes()]),
        not_text(&[b"pong \xff", number.to_string().as_bytes()]),
        not_text(&[&contents::bytes(chance, 40)]),
    ]);
    let lines = contents::lines(chance);
    strays.extend(lines.iter().take(4).map(|line| Stray::new(line.as_bytes(), ALIKE)));
    chance.shuffle(&mut strays);
    strays.insert(0, Stray::new("", EMPTY));
    strays.into()
}

const PART: &str = rule!(
    "A datagram that has only a part of the answer was taken for it, or for the end of the try, or \
     ended the program. Compare as many bytes as the answer has, and not only those that came."
);

const ALIKE: &str = rule!(
    "A datagram that is only like the answer was taken for it, or for the end of the try, or ended \
     the program. Cut nothing off what came, and make no number of it."
);

const AFTER: &str = "The answer with a blank or a line ending after it is another datagram, and \
     was taken for the answer, or for the end of the try. Cut nothing off what came (strip, trim), \
     and compare its length as well, not only how it begins. And give the buffer more room than \
     the answer needs: what does not fit is cut off.";

const NUMBER: &str = rule!(
    "An answer to another number was taken for the one that is waited for, or for the end of the \
     try."
);

const LONGER: &str = "A longer datagram that begins like the answer was taken for it, or for the \
     end of the try. Compare its length as well, not only how it begins {C: (strcmp stops at a \
     zero byte)}. And give the buffer more room than the answer needs: what does not fit is cut \
     off, and a longer datagram then looks like the right one (step 5).";

const NOT_TEXT: &str = rule!(
    "A datagram can be any bytes, and need not be text. Decode nothing: compare the bytes as they \
     came{Python: : data == b\"pong 1\"}."
);

const TWICE: &str = rule!(
    "The answer to ping 1 came twice. The second one is still in your socket when ping 2 is sent, \
     and it was taken for its answer, or for the end of the try."
);

const GIVEN_UP: &str = rule!(
    "Ping 1 was given up, and then its three answers came all at once, during ping 2. They were \
     taken for answers to ping 2, or ended its try. The number in the answer tells which ping it \
     belongs to; and several datagrams can be there at once: look at all of them."
);

const STRANGER: &str = rule!(
    "The right words came from another address than the one that was pinged. Anybody can send to \
     your socket. Compare the address that {Rust: recv_from}{C|Python: recvfrom}{else: the \
     receive} gives, host and port, or connect the socket before the first ping: then the kernel \
     lets only this one peer through."
);

const REFUSED: &str = "A try was over before its 100 ms were: \"connection refused\" has ended it. \
     Nobody is at the port, and that is no more than an answer that does not come: receive again, \
     with what is left of the 100 ms.";

const INTERRUPTED: &str = "A try was over before its 100 ms were: the receive was interrupted \
     (EINTR), as the program was stopped and continued. Call it again, with the time that is left.";

const ALL_IS_WELL: &str = "Nobody answered, but exit status 0 says that all is well. Print all \
     five lines, and end with an exit status other than 0, so that a script can see it{Rust: : \
     exit(1), or an error from main}{Python: : sys.exit(1)}{C: : return 1 from main}{else: : \
     exit(1)}.";

const ANEW: &str = "Each ping was answered at its first try, and the line of a later one says \
     another: count the tries of each number anew, from 1.";

const AT_ONCE: &str = "The answer came at once, and the same ping had been sent again before it. A \
     try is one send and then a wait, for an answer or for 100 ms: send again only when they are \
     over. Do not send all three first. And look at the unit of your limit {Python: (seconds: \
     0.1)}{C: (a timeval has seconds and microseconds: 0 and 100000)}{Node|Java: (milliseconds: \
     100)}{else: (100 ms are 0.1 seconds, 100000 microseconds, 100000000 nanoseconds)}.";

const ALL_THE_SAME: &str = "A ping was answered, and it was sent again all the same. Receive in \
     each try, print which try it was that the answer came in, and go on with the next number at \
     once. The line says what has happened: it cannot be known before.";

const LAST_LINE: &str = "The lines of the four numbers are right. After them comes one that counts \
     those that were answered: \"4 of 4 answered\".";

const A_LIMIT_EACH: &str = "The second try was answered at once, and the line says \"no answer\". \
     Each try has 100 ms of its own, from its send on, not all three together: and in that time it \
     receives.";

const UNIT: &str = "The second try came far too late: a try without an answer is over after 100 \
     ms. Look at the unit of the limit {Python: (settimeout counts in seconds: 0.1)}{C: (a timeval \
     has seconds and microseconds: 0 and 100000)}{Node|Java: (milliseconds: 100)}, and whether \
     something else waits ahead of the send.";

const GOES_ON: &str = "A number got no answer in three tries, and the program ended there. That is \
     no reason to end: print \"no answer\" for it, and go on with the next number, up to 4. After \
     the last one comes the line that counts, and an exit status other than 0 if nobody answered.";

const ONE_IS_ENOUGH: &str = "One of the four pings was answered, so the exit status is 0: another \
     one says that none was.";

const MORE_LINES: &str = "Each of the five lines is printed once: that of a number when it was \
     answered or given up, and the last one at the end. A try without an answer has no line.";
