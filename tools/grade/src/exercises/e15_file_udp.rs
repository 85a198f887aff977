//! Calls: `send_to`, `recv_from`.
//! Idea: numbers, answers, another try.
//! Usual mistake: any answer taken for this one.

use std::net::SocketAddr;
use std::thread;
use std::time::Instant;

use crate::exercise::{Check, advice};
use crate::grading::{Grading, free_address};
use crate::program::{ending, expect_no_line, the_line};
use crate::stop_and_wait::{Opponent, Pace, TRY};
use crate::wrong::{Explain as _, How, Outcome, show};

pub const CHECKS: &[Check] = &[
    Check {
        title: "a short file arrives, and its end",
        usually: advice! {
            Silent => "Nothing more came, and the program still runs. Does it read its standard \
                input to the end, and send to the address that was given? After the answer to the \
                last piece comes the end: a number with nothing after it.",
            Other | More | Short => "A datagram is not the one whose turn it was. It begins with \
                its number in 4 bytes, the highest byte first: \\0 \\0 \\0 \\1 for the first one. \
                Then come as many bytes of the file as were read, and no others.",
            Printed => "The file has arrived, and the line that says so is missing, or another. It \
                counts the bytes of the file, not those of the numbers.",
            _ => "The program ended, and the receiver does not have all: each piece, and then a \
                datagram with the next number and nothing after it. How else would it know that \
                the file is complete? (If all did arrive: exit status 0.)",
        },
        run: |grading| Play::start(grading, b"hello")?.through(Play::answer),
    },
    Check {
        title: "of an empty file, the end",
        usually: advice! {
            "The file is empty, and the end is still to be told: datagram 1, of 4 bytes, with \
             nothing after the number. Then the line \"0 bytes sent\". Send the end after the loop \
             that reads, however often that went round."
        },
        run: |grading| Play::start(grading, b"")?.through(Play::answer),
    },
    Check {
        title: "a large one arrives whole, whatever its bytes",
        usually: advice! {
            Short => "The end came before all of the file. One read gives a part of it, as a \
                receive does: read and send in a loop, until a read gives 0 bytes.",
            Exit => "The program ended in the middle. The file is not text: read bytes (Python: \
                sys.stdin.buffer), and decode nothing.",
            Silent => "The datagrams stopped in the middle. The file is larger than one read, and \
                its bytes are not text: read and send until the input ends, and wait for the \
                answer to the number that was sent last.",
            _ => "A datagram is not the one whose turn it was. The number has 4 bytes: after 255 \
                comes \\0 \\0 \\1 \\0. The bytes of the file follow as they are, 1024 at most, \
                each once and in order.",
        },
        run: |grading| {
            // More than 255 datagrams.
            Play::start(grading, &all_sorts(270 * PIECE))?.through(Play::answer)
        },
    },
    Check {
        title: "what is not answered is sent again, the same",
        usually: advice! {
            Silent => "A datagram got no answer, and nothing more came: the program waits forever. \
                It, or its answer, was lost, and no call reports that. Give the receive a limit of \
                100 ms (step 13), and send the same again when it is over.",
            Exit => "A datagram got no answer, and the program ended. That the time is up is no \
                error here (it is called \"would block\", \"timed out\" or EAGAIN): send the same \
                datagram again, 20 times at most.",
            _ => "A datagram got no answer, and something else came than the same once more. \
                Number and bytes must be those of the first try: keep the datagram until it is \
                answered. Only then read on, and count on.",
        },
        run: |grading| {
            Play::start(grading, &all_sorts(3000))?.through(|play, part| {
                match (part.number, part.attempt) {
                    (1 | 2, 1) => Ok(()),
                    _ => play.answer(part),
                }
            })
        },
    },
    Check {
        title: "so is the end",
        usually: advice! {
            Exit => "The end was lost, and the program had ended: so the receiver waits forever \
                for the rest of the file. The end is a datagram like any other: wait for its \
                answer, and send it again if none comes.",
            _ => "The end was lost. It is a datagram like any other, with a number of its own and \
                nothing after it: send the same again until it is answered, 20 times at most.",
        },
        run: |grading| {
            Play::start(grading, b"hello")?.through(|play, part| {
                match (part.is_end, part.attempt) {
                    (true, 1) => Ok(()),
                    _ => {
                        play.says_nothing_yet()?;
                        play.answer(part)
                    }
                }
            })
        },
    },
    Check {
        title: "an answer that comes twice counts once",
        usually: advice! {
            "The answer to a datagram came twice, and the next datagram was lost. The second \
             answer was taken for its answer: so a part of the file is lost, and nobody knows. \
             Compare the number in the answer with the one that you wait for. If it is another, \
             throw it away and receive again, in the same try."
        },
        run: |grading| {
            Play::start(grading, &all_sorts(3000))?.through(|play, part| {
                match (part.number, part.attempt) {
                    (1, _) => {
                        play.answer(part)?;
                        play.answer(part)
                    }
                    (2, 1) => {
                        play.opponent
                            .call_it("the answer to datagram 1, twice; none to datagram 2");
                        Ok(())
                    }
                    _ => play.answer(part),
                }
            })
        },
    },
    Check {
        title: "strange answers are thrown away",
        usually: advice! {
            Silent => "Datagrams that are no answer kept coming, one every few milliseconds, and \
                the try did not end. A timeout counts from the beginning of each receive, so each \
                datagram winds it up again. Note when the try must end, and set before each \
                receive what is left until then (step 13).",
            Exit => "The program ended on a datagram that is no answer. It can have any length, 0 \
                as well: look at the length before you take a number out of it, or compare all of \
                it with the 4 bytes that you wait for.",
            _ => "Something was taken for an answer that is none. An answer is exactly the 4 bytes \
                of the number that you wait for: not its beginning, not a higher number, not a \
                longer datagram that your buffer has cut to 4 bytes, and not from another address \
                than the receiver's (compare it, or connect the socket).",
        },
        run: |grading| {
            let mut stranger = grading.datagrams()?;
            let mut is_done = false;
            Play::start(grading, &all_sorts(3000))?.through(|play, part| {
                match (part.number, part.attempt) {
                    (1, 1) => {
                        let others: [&[u8]; 9] = [
                            b"",
                            b"\0",
                            b"\0\0\0",
                            b"\x01\0\0\0",
                            b"\0\0\0\x02",
                            b"\0\0\x01\x01",
                            b"\xff\xff\xff\xff",
                            b"\0\0\0\x01\0",
                            b"\0\0\0\x01 and more",
                        ];
                        for other in others {
                            play.send(part.from, other)?;
                        }
                        stranger.send(part.from, b"\0\0\0\x01")?;
                        play.opponent.call_it(
                            "9 datagrams that are not \\0 \\0 \\0 \\1 (none, 1, 3, 4, 5 and 13 \
                             bytes), and one that is, from another address",
                        );
                        Ok(())
                    }
                    (2, ..TRIES) if !is_done => {
                        let words = "\\0 \\0 \\0 \\0";
                        is_done = !play.opponent.make_noise(part.from, b"\0\0\0\0", words);
                        if is_done { play.answer(part) } else { Ok(()) }
                    }
                    _ => {
                        play.opponent.end_noise();
                        play.answer(part)
                    }
                }
            })
        },
    },
    Check {
        title: "a bad network loses nothing of the file",
        usually: advice! {
            Exit => "The program ended before all was answered. On this network one datagram in \
                four is lost, others come twice or late: each datagram has 20 tries of its own, \
                and none of what comes is an error.",
            _ => "On this network one datagram in four is lost, others come twice or late: also \
                the answer to a datagram that was sent long before. Whatever comes, only the \
                answer with the current number counts; without it the same datagram is sent again.",
        },
        run: |grading| {
            const MOST: u32 = 12;
            let fates: Vec<_> = (0..1000).map(|_| grading.chance().u32(..8)).collect();
            let mut fates = fates.into_iter().cycle();
            let mut lost = 0;
            Play::start(grading, &all_sorts(24_000))?.through(|play, part| {
                match fates.next().unwrap_or_default() {
                    // It is lost, or its answer. One that was on its way
                    // for a long time comes instead.
                    0 | 1 if lost < MOST => {
                        lost += 1;
                        if let Some(old @ 1..) = part.number.checked_sub(2) {
                            play.send(part.from, &old.to_be_bytes())?;
                        }
                        Ok(())
                    }
                    // It comes twice, and so does its answer.
                    2 => {
                        play.answer(part)?;
                        play.answer(part)
                    }
                    // The answer before comes once more, ahead of this.
                    3 => {
                        let before = part.number - 1;
                        play.send(part.from, &before.to_be_bytes())?;
                        play.answer(part)
                    }
                    _ => play.answer(part),
                }
            })
        },
    },
    Check {
        title: "without any answer it gives up after 20 tries",
        usually: advice! {
            Silent => "The tries stopped, and the program still runs. After the 20th try and its \
                100 ms it ends by itself.",
            More => "More than 20 tries for one datagram. The first one counts, too. Somebody must \
                notice some day that nobody is there.",
            Other => "Without an answer the next datagram was sent all the same. After 20 tries it \
                is over: the receiver does not have this one, so the rest is of no use to it.",
            Printed => "Nothing was answered, and the program says how much it has sent. That line \
                is for a file that has arrived.",
            _ => "20 tries for each datagram, 100 ms for each try: then end, with an exit status \
                other than 0, so that a script can see that the file has not arrived. Fewer tries \
                are too few: networks have bad moments.",
        },
        run: |grading| {
            let mut play = Play::start(grading, b"hello")?;
            let mut pace = Pace::default();
            while play.next()?.is_some() {
                pace.a_try_begins();
            }
            play.must_give_up()?;
            pace.is_right()
        },
    },
    Check {
        title: "a receiver that is away for a moment is no reason to end",
        usually: advice! {
            Exit => "For a moment nobody was at the port, and the program ended. A connected UDP \
                socket reports that as \"connection refused\" (on Windows any UDP socket does, as \
                \"connection reset\"), at the receive or at the next send. It means no more than \
                an answer that did not come: receive again until the 100 ms are over, and then try \
                again.",
            _ => "For a moment nobody was at the port; then the receiver was there again. The \
                tries go on meanwhile, each with its 100 ms, and then the file goes on where it \
                was.",
        },
        run: |grading| {
            Play::start(grading, &all_sorts(3000))?.through(|play, part| {
                match (part.number, part.attempt) {
                    (2, 1) => {
                        play.opponent.close();
                        thread::sleep(TRY * 5 / 2);
                        play.come_back(grading)
                    }
                    _ => play.answer(part),
                }
            })
        },
    },
];

pub const HINTS: &[&str] = &[
    "Three functions, one inside the other: read a piece and build its datagram; deliver it (send \
     it, 20 times at most); wait for one answer, with a limit. The innermost is that of \
     13_ping_udp.",
    "Build the datagram once, before the first try: `number.to_be_bytes()` (Python: \
     number.to_bytes(4, \"big\"), C: htonl), then the bytes that were read. For another try send \
     the same again.",
    "The end needs no code of its own: a read at the end of the file gives 0 bytes, and a datagram \
     with 0 bytes of the file is the end. Leave the loop after that one was answered.",
    "A try has one end, noted right after the send. Before each receive, set the timeout to what \
     is left until then. What comes is the answer if its sender is the receiver, and all of it \
     equals the first 4 bytes of the datagram. Otherwise: round again.",
    "Time is up, interrupted, connection refused or reset: none of these errors needs more than \
     another look at the clock.",
];

const TRIES: u32 = 20;
/// So much of the file fits a datagram.
const PIECE: usize = 1024;

/// Bytes of all values, each KB another one.
fn all_sorts(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 + at / PIECE).to_le_bytes()[0]).collect()
}

/// A datagram that has come.
struct Part {
    number: u32,
    attempt: u32,
    is_end: bool,
    from: SocketAddr,
}

/// The receiver, and the network ahead of it.
struct Play {
    opponent: Opponent,
    at: SocketAddr,
    file: Vec<u8>,
    /// So much of it has come.
    arrived: usize,
    /// The datagram that came last, how often, and whether it was answered.
    datagram: Vec<u8>,
    tries: u32,
    is_answered: bool,
}

impl Play {
    fn start(grading: &mut Grading, file: &[u8]) -> Outcome<Self> {
        let at = free_address()?;
        let wire = grading.datagrams_at(&at.to_string())?;
        let opponent = Opponent::start(grading, wire)?;
        opponent.program.type_all(file);
        Ok(Self {
            opponent,
            at,
            file: file.to_vec(),
            arrived: 0,
            datagram: Vec::new(),
            tries: 0,
            is_answered: true,
        })
    }

    /// The file has not arrived yet, so it must not say that it has.
    fn says_nothing_yet(&self) -> Outcome {
        let printed = self.opponent.program.printed_up_to_now();
        let line = printed.iter().find(|line| line.contains("sent"));
        expect_no_line(line, "no such line: the end has no answer yet")
            .after(&self.opponent.sent)
            .advice(
                "It said that all was sent, and the receiver had not answered all of it. Print \
                 that line when the end was answered, too.",
            )
    }

    /// Does this with each datagram, up to the end of the program.
    fn through(mut self, mut each: impl FnMut(&mut Self, &Part) -> Outcome) -> Outcome {
        while let Some(part) = self.next()? {
            each(&mut self, &part)?;
        }
        self.finish()
    }

    /// The next datagram; `None`: the program has ended.
    fn next(&mut self) -> Outcome<Option<Part>> {
        let awaited = self.awaited();
        let Some((bytes, from)) = self.opponent.receive(&awaited)? else { return Ok(None) };
        let now = Instant::now();
        match number_of(&bytes) {
            Some(number) if number == self.opponent.number && number > 0 => {
                self.repeat(&bytes, now, &awaited)?;
            }
            Some(number) if number == self.opponent.number + 1 => self.go_on(bytes, awaited)?,
            _ => return Err(self.opponent.wrong(How::Other, awaited, words(&bytes))),
        }
        let (number, attempt) = (self.opponent.number, self.tries);
        self.opponent.call_it(match attempt {
            1 => format!("nothing, to datagram {number}"),
            _ => format!("nothing, to datagram {number}, try {attempt}"),
        });
        Ok(Some(Part { number, attempt, is_end: self.is_end(), from }))
    }

    /// The same datagram again.
    fn repeat(&mut self, bytes: &[u8], now: Instant, awaited: &str) -> Outcome {
        if bytes != self.datagram {
            let expected = format!("{awaited}, the same");
            let got = format!("other bytes: {}", words(bytes));
            return Err(self.opponent.wrong(How::Other, expected, got));
        }
        if self.tries == TRIES {
            let got = format!("datagram {} for the 21st time", self.opponent.number);
            return Err(self.opponent.wrong(How::More, awaited, got));
        }
        // If it is answered, the answer was too late. It still counts.
        if !self.is_answered {
            self.opponent.not_too_soon(self.tries, now, awaited)?;
        }
        self.tries += 1;
        Ok(())
    }

    /// The next one: of the file what comes next, or the end.
    fn go_on(&mut self, bytes: Vec<u8>, expected: String) -> Outcome {
        let got = words(&bytes);
        let (piece, rest) = (&bytes[4..], &self.file[self.arrived..]);
        if !self.is_answered || self.is_end() || piece.len() > PIECE {
            return Err(self.opponent.wrong(How::Other, expected, got));
        }
        if piece.is_empty() && !rest.is_empty() {
            let expected = match rest.len() {
                all if all == self.file.len() => expected,
                left => format!("{expected} ({left} are missing)"),
            };
            let got = format!("the end: {got}");
            return Err(self.opponent.wrong(How::Short, expected, got));
        }
        if !rest.starts_with(piece) {
            let same = piece.iter().zip(rest).take_while(|(a, b)| a == b).count();
            let got = format!("{got}, of which byte {} does not belong there", same + 5);
            return Err(self.opponent.wrong(How::Other, expected, got));
        }
        self.arrived += piece.len();
        self.opponent.number += 1;
        self.tries = 1;
        self.is_answered = false;
        self.datagram = bytes;
        Ok(())
    }

    /// The last datagram was the end.
    fn is_end(&self) -> bool {
        self.datagram.len() == 4
    }

    /// What must come next.
    fn awaited(&self) -> String {
        let number = self.opponent.number;
        if !self.is_answered && self.tries < TRIES {
            let attempt = self.tries + 1;
            return format!("datagram {number} again, as try {attempt}");
        }
        if !self.is_answered || self.is_end() {
            return "the end of the program".to_owned();
        }
        let mut datagram = (number + 1).to_be_bytes().to_vec();
        let rest = &self.file[self.arrived..];
        datagram.extend(&rest[..rest.len().min(PIECE)]);
        words(&datagram)
    }

    /// The answer that this datagram is waiting for.
    fn answer(&mut self, part: &Part) -> Outcome {
        if !self.is_answered {
            self.is_answered = true;
            self.opponent.since = Instant::now();
        }
        self.send(part.from, &part.number.to_be_bytes())
    }

    /// Any bytes, to the program.
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> Outcome {
        let current = self.opponent.number;
        let words = match number_of(bytes) {
            Some(number) if number == current => format!("the answer to datagram {number}"),
            Some(number) => {
                format!("the answer to datagram {number}, while {current} is on its way")
            }
            None => show(bytes),
        };
        self.opponent.send(to, bytes, words)
    }

    /// The receiver was away, and is there again. What was sent meanwhile is lost; how often,
    /// nobody knows.
    fn come_back(&mut self, grading: &Grading) -> Outcome {
        self.opponent.open(grading.datagrams_at(&self.at.to_string())?);
        let number = self.opponent.number;
        let words = format!("nothing, to datagram {number}; then the port was closed for a moment");
        self.opponent.call_it(words);
        Ok(())
    }

    /// The program must say that the file has arrived, and it must be right.
    fn finish(self) -> Outcome {
        let (status, lines) = self.opponent.expect_end()?;
        if !(self.is_end() && self.is_answered) {
            return Err(self.opponent.too_early(self.awaited(), status));
        }
        if !status.success() {
            return Err(self.opponent.wrong(How::Exit, "exit status 0", ending(status)));
        }
        let line = format!("{} bytes sent", self.file.len());
        if lines.iter().any(|printed| printed.trim() == line) {
            return Ok(());
        }
        let got = lines.last().map_or("no line".to_owned(), |line| the_line(line));
        Err(self.opponent.wrong(How::Printed, the_line(&line), got))
    }

    /// The program must say that the file has not arrived.
    fn must_give_up(self) -> Outcome {
        let (status, lines) = self.opponent.expect_end()?;
        let now = Instant::now();
        if self.opponent.number == 0 || self.tries < TRIES {
            return Err(self.opponent.too_early(self.awaited(), status));
        }
        self.opponent.not_too_soon(self.tries, now, &self.awaited())?;
        let line = lines.iter().find(|line| line.contains("bytes sent"));
        expect_no_line(line, "no line that says that all was sent").after(&self.opponent.sent)?;
        if status.code().is_none_or(|code| code == 0) {
            let expected = "an exit status other than 0";
            return Err(self.opponent.wrong(How::Exit, expected, ending(status)));
        }
        Ok(())
    }
}

/// The number that it begins with.
fn number_of(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().copied().map(u32::from_be_bytes)
}

/// A datagram, for a line.
fn words(bytes: &[u8]) -> String {
    match number_of(bytes) {
        Some(number) if number < 10_000 => match &bytes[4..] {
            [] => format!("datagram {number} with nothing after it"),
            piece => format!("datagram {number} with {}", show(piece)),
        },
        _ => format!("a datagram of {}", show(bytes)),
    }
}
