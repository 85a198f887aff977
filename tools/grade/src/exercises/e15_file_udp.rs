//! Calls: `send_to`, `recv_from`.
//! Idea: numbers, answers, another try.
//! Usual mistake: any answer taken for this one.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use fastrand::Rng;

use crate::contents::{bytes, cut};
use crate::exercise::{Check, advice};
use crate::grading::{Grading, address_of, free_address};
use crate::program::{ending, expect_no_line, the_line};
use crate::stop_and_wait::{EMPTY, NEW_SOCKET, Opponent, Pace, STRANGER, Stray, TRY, first_of};
use crate::wire::pattern;
use crate::words::{Words, text};
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
                receive does: read and send in a loop, until a read gives {Java: -1. (available() \
                gives 0 as well while nothing is there yet.)}{else: 0 bytes.}",
            Exit => "The program ended in the middle. The file is not text: read bytes {Python: \
                (sys.stdin.buffer)}, and decode nothing.",
            Silent => "The datagrams stopped in the middle. The file is larger than one read, and \
                its bytes are not text: read and send until the input ends, and wait for the \
                answer to the number that was sent last.",
            _ => "A datagram is not the one whose turn it was. The number has 4 bytes: after 255 \
                comes \\0 \\0 \\1 \\0. The bytes of the file follow as they are, 1024 at most, \
                each once and in order.",
        },
        run: |grading| {
            // More than 255 datagrams: as many as are full, and a bit less, or more.
            let length = 270 * PIECE + [0, 1, 1023, 500][grading.chance().usize(..4)];
            let mut file = bytes(grading.chance(), length);
            // Line endings and blanks belong to it: those at its ends, and at the ends of a piece.
            for at in [0, PIECE - 1, PIECE, length - 1] {
                file[at] = if at % PIECE == 0 { b' ' } else { b'\n' };
            }
            Play::start(grading, &file)?.through(Play::answer)?;
            // What counts as nothing elsewhere: blanks, and a 0.
            let mut blanks = vec![b' '; PIECE];
            blanks.push(b'0');
            Play::start(grading, &blanks)?.through(Play::answer)?;
            Play::start(grading, b"0")?.through(Play::answer)
        },
    },
    Check {
        title: "one that comes in small bits arrives as well",
        usually: advice! {
            Short => "The file came in small bits, as from a pipe, and the end was told before \
                all of it had come. A read that gives fewer bytes than it could is not the last \
                one: only 0 bytes are the end of the file.",
            _ => "The file came in small bits, as from a pipe: each read gives what is there, \
                which may be fewer bytes than you ask for. Send as many as that, or read until \
                there are 1024; at 0 bytes comes the end.",
        },
        run: |grading| {
            let file = bytes(grading.chance(), 3000);
            let mut play = Play::waiting(grading, &file)?;
            let (start, rest) = file.split_at(2 * PIECE);
            let bits = cut(grading.chance(), rest, 10);
            play.opponent.type_in_pieces([start].into_iter().chain(bits));
            play.opponent.pause_after(2);
            play.through(Play::answer)
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
            // From now on two runs go on by themselves, for a later check.
            let mut is_first = true;
            for file in [SHORT, &three_pieces()] {
                let mut play = Play::start(grading, file)?;
                let answer_the_first = !std::mem::take(&mut is_first);
                let mut tries = 0;
                play.opponent.go_on_apart(move |datagram| {
                    let is_one = number_of(datagram) == Some(1);
                    tries += u32::from(is_one);
                    let has_answer = is_one && (answer_the_first || tries > 1);
                    has_answer.then(|| datagram[..4].to_vec()).into_iter().collect()
                })?;
                grading.set_apart(play.opponent);
            }
            let file = bytes(grading.chance(), 3000);
            let mut pace = Pace::default();
            Play::start(grading, &file)?.through(|play, part| {
                if part.number < 3 {
                    pace.a_try_begins(Instant::now());
                }
                match (part.number, part.attempt) {
                    (1 | 2, 1) => Ok(()),
                    _ => play.answer(part),
                }
            })?;
            pace.is_not_over(TRY * 5)
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
        title: "an answer that is late counts in the next try",
        usually: advice! {
            "An answer to the first try came during the second one. It is the answer to this \
             datagram, and was not taken for it: which try an answer belongs to, it does not say. \
             The receiver has the datagram, so the next one is sent."
        },
        run: |grading| {
            let mut first = None;
            let file = bytes(grading.chance(), 2000);
            Play::start(grading, &file)?.through(|play, part| {
                let first = *first.get_or_insert(part.from);
                match (part.number, part.attempt) {
                    (1, 1) => Ok(()),
                    (1, 2) => play.answer(&Part { from: first, ..*part }),
                    (1, 3) if part.from != first => {
                        let expected = "datagram 2, or a third try from the same port";
                        let from = part.from;
                        let got = text!(
                            "datagram 1 again, from {from}, and no more {first}",
                            from,
                            first
                        );
                        Err(play.opponent.wrong(How::Other, expected, got).advice(NEW_SOCKET))
                    }
                    _ => play.answer(part),
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
            let file = bytes(grading.chance(), 3000);
            Play::start(grading, &file)?.through(|play, part| match (part.number, part.attempt) {
                (1, _) => {
                    play.answer(part)?;
                    play.answer(part)
                }
                (2, 1) => {
                    play.opponent.call_it("the answer to datagram 1, twice; none to datagram 2");
                    Ok(())
                }
                _ => play.answer(part),
            })
        },
    },
    Check {
        title: "strange answers are thrown away",
        usually: advice! {
            Silent => "Datagrams that are no answer kept coming, one every few milliseconds, and \
                the try did not end. A timeout counts from the beginning of each receive, so each \
                datagram starts it again. Note when the try must end, and set before each \
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
            let mut is_done = false;
            let file = bytes(grading.chance(), 4000);
            let mut play = Play::start(grading, &file)?;
            play.opponent.invite_strangers(grading)?;
            let strangers = play.opponent.strangers();
            let chosen = grading.chance().u32(1..=2);
            let chance = &mut grading.chance().fork();
            play.through(|play, part| match (part.number, part.attempt) {
                (number, 1) if number == chosen => {
                    let strays = others(chance, number, strangers);
                    play.opponent.let_strays_come(part.from, strays);
                    Ok(())
                }
                (number, ..TRIES) if number == chosen && play.opponent.strays_left() > 0 => Ok(()),
                (3, ..9) if !is_done => {
                    let words = "\\0 \\0 \\0 \\0";
                    is_done = !play.opponent.make_noise(part.from, b"\0\0\0\0", words);
                    if is_done { play.answer(part) } else { Ok(()) }
                }
                _ => {
                    play.opponent.no_more_strays();
                    play.opponent.end_noise();
                    play.answer(part)
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
            const MOST: u32 = 6;
            let fates: Vec<_> = (0..1000).map(|_| grading.chance().u32(..8)).collect();
            let mut fates = fates.into_iter().cycle();
            let mut lost = 0;
            let file = bytes(grading.chance(), 24_000);
            Play::start(grading, &file)?.through(|play, part| {
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
        title: "a file that is larger than the memory is read as it is sent",
        usually: advice! {
            Exit | Short => "A file of many MB was not sent to its end.",
            Other => "In a file of many MB, a datagram is not the one whose turn it was.",
            _ => READS_AHEAD,
        },
        run: many_megabytes,
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
            // Two runs at a time. In one the first datagram is lost once, so that its end has
            // tries of its own; in the other, the second of three gets no answer.
            let one = Play::taken_down(grading, SHORT)?;
            let mut plays = [one, Play::taken_down(grading, &three_pieces())?];
            let mut paces = [plays[0].opponent.pace(), plays[1].opponent.pace()];
            let grows = |paces: &[Pace]| paces.iter().any(Pace::seems_to_grow);
            while let Some((run, part)) =
                Play::first_of(&mut plays).advice_if(|_| grows(&paces), LONGER_AND_LONGER)?
            {
                match (part.number, part.attempt, run) {
                    (1, 1, 0) => {}
                    (1, ..) => plays[run].answer(&part)?,
                    _ => {
                        paces[run].a_try_begins(plays[run].opponent.now());
                        paces[run].does_not_grow().advice(LONGER_AND_LONGER)?;
                    }
                }
            }
            let [one, other] = plays;
            other.must_give_up()?;
            let too_few = one.must_give_up();
            too_few.advice_if(|wrong| wrong.how == How::Exit, IN_ALL)?;
            paces.iter().try_for_each(Pace::is_right)
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
            let file = bytes(grading.chance(), 3000);
            Play::start(grading, &file)?.through(|play, part| match (part.number, part.attempt) {
                (2, 1) => {
                    play.opponent.close();
                    thread::sleep(TRY * 5 / 2);
                    play.come_back(grading)
                }
                _ => play.answer(part),
            })
        },
    },
    Check {
        title: "stopped and continued (Ctrl-Z, fg), it goes on",
        usually: advice! {
            "The program was stopped and continued while it waited. A receive with a limit may end \
             then, with the error \"interrupted\" (EINTR). It is no answer, no end and no try that \
             is over: receive again, with what is left of the 100 ms (step 13)."
        },
        run: |grading| {
            let file = bytes(grading.chance(), 2000);
            Play::start(grading, &file)?.through(|play, part| {
                if part.number < 3 && part.attempt == 1 {
                    for _ in 0..2 {
                        play.opponent.program.stop_and_continue();
                    }
                    play.opponent.call_it("nothing; the program was stopped and continued");
                    if part.number == 1 {
                        // The try goes on.
                        return Ok(());
                    }
                }
                play.answer(part)
            })
        },
    },
];

pub const HINTS: &[&str] = &[
    "Three functions, one inside the other: read a piece and build its datagram; deliver it (send \
     it, 20 times at most); wait for one answer, with a limit. The innermost is that of \
     13_ping_udp.",
    "Build the datagram once, before the first try: the number {Rust: (number.to_be_bytes())\
     }{Python: (number.to_bytes(4, \"big\"))}{C: (htonl)}{Node: (writeUInt32BE)}{Java: (putInt of \
     a ByteBuffer)}{Perl: (pack(\"N\", $number))}, then the bytes that were read. For another try \
     send the same again.",
    "The end needs no code of its own: a read at the end of the file gives 0 bytes, and a datagram \
     with 0 bytes of the file is the end. Leave the loop after that one was answered.",
    "A try has one end, noted right after the send. Before each receive, set the timeout to what \
     is left until then. What comes is the answer if its sender is the receiver, and all of it \
     equals the first 4 bytes of the datagram. Otherwise receive again.",
    "Time is up, interrupted, connection refused or reset: none of these errors needs more than \
     another look at the clock.",
];

const TRIES: u32 = 20;

const SHORT: &[u8] = b"hello";

/// Two that are full, and the end.
fn three_pieces() -> Vec<u8> {
    pattern(2 * PIECE)
}

/// So much of the file fits a datagram.
const PIECE: usize = 1024;

/// A program may have so much of the file, and not have sent it: 1 MB, and what is in its pipe.
const AHEAD: usize = (1 << 20) + (1 << 16);
/// The long file repeats itself after so many bytes.
const PERIOD: usize = 1 << 20;
const LONG: usize = 32 * PERIOD;

const READS_AHEAD: &str = "The program reads much more of the file than it has sent: all of it at \
     once, perhaps. It may be larger than the memory. Read a piece, send it until it is answered, \
     and only then read the next one.";

const IN_ALL: &str = "Each datagram has 20 tries of its own: the try of the one before was counted \
     as well. Begin to count anew with each datagram.";

const TOO_MUCH: &str = "A datagram has more of the file than 1024 bytes. Read no more than that at \
     a time, or cut what was read.";

const PADDED: &str = "After the bytes of the file come others, which are not of it. A datagram has \
     as many bytes of the file as were read, and no more: not the whole buffer.";

const READ_ANEW: &str = "Bytes of the file were left out: these come later in it. They are lost \
     where another try reads the next piece. Read once for each number, and keep the datagram \
     until it is answered: each try sends the same.";

const NO_WAIT: &str = "A datagram came that is further on, and those between did not. The program \
     does not wait for the answers: it sends on, faster than anybody can receive. Send one \
     datagram, wait until it is answered, and only then send the next one.";

const LONGER_AND_LONGER: &str = "Nobody answered, and each try was longer than the one before. \
     Each has its 100 ms, the last one as well as the first: the limit does not grow.";

const BYTES: &str = "The number is right, and the bytes after it are not those of the file. They \
     can be any, also those that end a line or a string in text: read bytes, take as many as the \
     read says, and cut nothing off.";

const NUMBERS: &str = "The number is not the one whose turn it is. It has 4 bytes, the highest \
     first: after 255 comes \\0 \\0 \\1 \\0.";

const TOTAL: &str = "The file has arrived, and the line that says so has another number, or is \
     missing. It counts the bytes of the file that were sent.";

/// Some GB would do as well, but nobody waits for that: what is read shows early how much the
/// program keeps.
fn many_megabytes(grading: &mut Grading) -> Outcome {
    let file = bytes(grading.chance(), PERIOD);
    let mut play = Play::waiting(grading, &[])?;
    let taken = play.opponent.program.type_endlessly(file.clone(), LONG);
    (play.file, play.length) = (file, LONG);
    while let Some(part) = play.next()? {
        let ahead = taken.load(Ordering::Relaxed).saturating_sub(play.arrived);
        if ahead > AHEAD {
            let expected = "that it reads on when the datagram before is answered";
            let got = text!("{ahead} MB read, and not sent", ahead = ahead >> 20);
            let wrong = play.opponent.wrong(How::More, expected, got);
            return Err(wrong.after(text!("a file of {size} MB", size = LONG >> 20)));
        }
        match (part.number, part.attempt) {
            // Meanwhile it must not read on.
            (50, 1) => play.opponent.call_it("nothing, to datagram 50 of a file of many MB"),
            (51.., _) => return Ok(()),
            _ => play.answer(&part)?,
        }
    }
    play.finish()
}

/// Datagrams that are no answer to this one: in another order for each seed.
fn others(chance: &mut Rng, number: u32, strangers: usize) -> VecDeque<Stray> {
    let right = number.to_be_bytes();
    let long = |end: &[u8]| Stray::new([&right[..], end].concat(), LONGER);
    let mut strays = vec![
        Stray::new("", EMPTY),
        Stray::new(&right[..1], SHORTER),
        Stray::new(&right[..3], SHORTER),
        Stray::new(&right[3..], SHORTER),
        Stray::new(number.to_le_bytes(), ANOTHER),
        Stray::new(number.to_string(), ANOTHER),
        long(b"\0"),
        long(b"\n"),
        long(&right),
        long(b" and more"),
        long(&[0; 1024]),
        Stray::new([&[0; 4], &right[..]].concat(), LONGER),
    ];
    let numbers = [0, 1, 256, 257, 65_536, 1 << 24, u32::MAX, chance.u32(3..)];
    let others = numbers.into_iter().map(|more| number.wrapping_add(more).max(number - 1));
    let others = others.chain([number - 1]).filter(|other| *other != number);
    strays.extend(others.map(|other| Stray::new(other.to_be_bytes(), ANOTHER)));
    strays.extend(
        (0..strangers)
            .map(|stranger| Stray { stranger: Some(stranger), ..Stray::new(right, STRANGER) }),
    );
    chance.shuffle(&mut strays);
    strays.into()
}

const SHORTER: &str = "A datagram of fewer than 4 bytes was taken for the answer, or for the end \
     of the try, or ended the program. Look at the length before you take a number out of it, or \
     compare all of it with the 4 bytes that you wait for.";

const LONGER: &str = "A longer datagram that has the right number in it was taken for the answer, \
     or for the end of the try. An answer is exactly 4 bytes: compare the length as well, and give \
     the buffer more room than that. What does not fit is cut off, and a longer datagram then \
     looks like the right one (step 5).";

const ANOTHER: &str = "Another number was taken for the answer, or for the end of the try. Only \
     the number that you wait for counts, all four bytes of it: not a higher one, not an earlier \
     one.";

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
    /// The file, or the first of its periods.
    file: Vec<u8>,
    length: usize,
    /// So much of it has come.
    arrived: usize,
    /// The datagram that came last, how often, and whether it was answered.
    datagram: Vec<u8>,
    tries: u32,
    is_answered: bool,
    /// All that has come, with each try: the bytes, and how many datagrams.
    total: usize,
    datagrams: usize,
}

impl Play {
    /// A program that has the file on its standard input.
    fn start(grading: &mut Grading, file: &[u8]) -> Outcome<Self> {
        let play = Self::waiting(grading, file)?;
        play.opponent.program.type_all(file);
        Ok(play)
    }

    /// A program whose standard input has nothing of the file yet.
    fn waiting(grading: &mut Grading, file: &[u8]) -> Outcome<Self> {
        let at = free_address()?;
        let wire = grading.datagrams_at(&at.to_string())?;
        let opponent = Opponent::start(grading, wire)?;
        Ok(Self::with(opponent, at, file))
    }

    /// A run that was set apart.
    fn taken_down(grading: &mut Grading, file: &[u8]) -> Outcome<Self> {
        let opponent = grading.take_apart()?;
        let at = address_of(&opponent.program);
        Ok(Self::with(opponent, at, file))
    }

    fn with(opponent: Opponent, at: SocketAddr, file: &[u8]) -> Self {
        Self {
            opponent,
            at,
            file: file.to_vec(),
            length: file.len(),
            arrived: 0,
            datagram: Vec::new(),
            tries: 0,
            is_answered: true,
            total: 0,
            datagrams: 0,
        }
    }

    /// The file has not arrived yet, so it must not say that it has.
    fn says_nothing_yet(&self) -> Outcome {
        let printed = self.opponent.program.printed_up_to_now();
        let said = self.said();
        let line = printed.iter().find(|line| line.trim() == said);
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
        match self.opponent.receive(&awaited)? {
            Some((bytes, from)) => self.came(bytes, from, awaited).map(Some),
            None => Ok(None),
        }
    }

    /// The next datagram of some runs at the same time, and which of them it is from.
    fn first_of(plays: &mut [Self]) -> Outcome<Option<(usize, Part)>> {
        let awaited: Vec<_> = plays.iter().map(Self::awaited).collect();
        let opponents = plays.iter_mut().map(|play| &mut play.opponent);
        let mut opponents: Vec<_> = opponents.zip(awaited).collect();
        let Some((run, bytes, from)) = first_of(&mut opponents)? else { return Ok(None) };
        let awaited = plays[run].awaited();
        Ok(Some((run, plays[run].came(bytes, from, awaited)?)))
    }

    /// This has come from there.
    fn came(&mut self, bytes: Vec<u8>, from: SocketAddr, awaited: Words) -> Outcome<Part> {
        let now = self.opponent.now();
        self.total += bytes.len();
        self.datagrams += 1;
        match number_of(&bytes) {
            Some(number) if number == self.opponent.number && number > 0 => {
                self.repeat(&bytes, now, &awaited)?;
            }
            Some(number) if number == self.opponent.number + 1 => self.go_on(bytes, awaited)?,
            _ => {
                let wrong = self.opponent.wrong(How::Other, awaited, words(&bytes));
                let number = self.opponent.number;
                let is_large = number > 100;
                let is_ahead = number_of(&bytes)
                    .is_some_and(|it| (2..2000).contains(&(it.wrapping_sub(number))));
                return Err(wrong
                    .advice_if(|_| is_large, NUMBERS)
                    .advice_if(|_| is_ahead && number > 0, NO_WAIT));
            }
        }
        let (number, attempt) = (self.opponent.number, self.tries);
        self.opponent.call_it(match attempt {
            1 => text!("nothing, to datagram {number}", number),
            _ => text!("nothing, to datagram {number}, try {attempt}", number, attempt),
        });
        Ok(Part { number, attempt, is_end: self.is_end(), from })
    }

    /// The same datagram again.
    fn repeat(&mut self, bytes: &[u8], now: Instant, awaited: &Words) -> Outcome {
        if bytes != self.datagram {
            let expected = text!("{awaited}, the same", awaited);
            let got = text!("other bytes: {bytes}", bytes = words(bytes));
            return Err(self.opponent.wrong(How::Other, expected, got));
        }
        if self.tries == TRIES {
            let got = text!("datagram {number} for the 21st time", number = self.opponent.number);
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
    fn go_on(&mut self, bytes: Vec<u8>, expected: Words) -> Outcome {
        let got = words(&bytes);
        let (piece, rest) = (&bytes[4..], self.rest());
        if !self.is_answered || self.is_end() {
            let is_again = self.is_end() && self.is_answered && piece.is_empty();
            let wrong = self.opponent.wrong(How::Other, expected, got);
            return Err(wrong.advice_if(|_| is_again, END_TWICE));
        }
        if piece.len() > PIECE {
            return Err(self.opponent.wrong(How::Other, expected, got).advice(TOO_MUCH));
        }
        if piece.is_empty() && !rest.is_empty() {
            let expected = match self.length - self.arrived {
                all if all == self.length => expected,
                left => text!("{expected} ({left} are missing)", expected, left),
            };
            let got = text!("the end: {got}", got);
            let wrong = self.opponent.wrong(How::Short, expected, got);
            let has_paused = self.opponent.has_paused();
            // All full pieces are there.
            let is_last = self.arrived % PIECE == 0 && rest.len() < PIECE;
            return Err(wrong
                .advice_if(|_| is_last, LAST_PIECE)
                .advice_if(|_| rest == b"0", ZERO)
                .advice_if(|_| has_paused, PAUSE)
                .advice_if(|_| rest[0] == 0xff && !self.datagram.is_empty(), LAST_255));
        }
        if !rest.starts_with(piece) {
            let same = piece.iter().zip(rest).take_while(|(a, b)| a == b).count();
            let got = text!(
                "{got}, of which byte {number} does not belong there",
                got,
                number = same + 5
            );
            let is_padded = piece.starts_with(rest);
            let wrong = self.opponent.wrong(How::Other, expected, got);
            let later = self.file.windows(piece.len()).any(|part| part == piece);
            let was_repeated = self.datagrams > self.opponent.number as usize + 1;
            return Err(wrong.advice(match () {
                () if is_padded => PADDED,
                () if rest.trim_ascii().is_empty() => BLANKS,
                () if later && was_repeated => READ_ANEW,
                () => BYTES,
            }));
        }
        self.arrived += piece.len();
        self.opponent.number += 1;
        self.tries = 1;
        self.is_answered = false;
        self.datagram = bytes;
        Ok(())
    }

    /// What comes next of the file: not more than a datagram has.
    fn rest(&self) -> &[u8] {
        let from = self.arrived % PERIOD;
        &self.file[from..from + PIECE.min(self.length - self.arrived)]
    }

    /// The last datagram was the end.
    fn is_end(&self) -> bool {
        self.datagram.len() == 4
    }

    /// What must come next.
    fn awaited(&self) -> Words {
        let number = self.opponent.number;
        if !self.is_answered && self.tries < TRIES {
            let attempt = self.tries + 1;
            return text!("datagram {number} again, as try {attempt}", number, attempt);
        }
        if !self.is_answered || self.is_end() {
            return text!("the end of the program");
        }
        let mut datagram = (number + 1).to_be_bytes().to_vec();
        datagram.extend(self.rest());
        words(&datagram)
    }

    /// The answer that this datagram is waiting for.
    fn answer(&mut self, part: &Part) -> Outcome {
        if !self.is_answered {
            self.is_answered = true;
            self.opponent.since = self.opponent.now();
        }
        self.send(part.from, &part.number.to_be_bytes())
    }

    /// Any bytes, to the program.
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> Outcome {
        let current = self.opponent.number;
        let words = match number_of(bytes) {
            Some(number) if number == current => text!("the answer to datagram {number}", number),
            Some(number) => {
                text!(
                    "the answer to datagram {number}, while {current} is on its way",
                    number,
                    current
                )
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
        let words =
            text!("nothing, to datagram {number}; then the port was closed for a moment", number);
        self.opponent.call_it(words);
        Ok(())
    }

    /// The program must say that the file has arrived, and it must be right.
    fn finish(self) -> Outcome {
        let (status, lines) = self.opponent.expect_end()?;
        if !(self.is_end() && self.is_answered) {
            let wrong = self.opponent.too_early(self.awaited(), status);
            let has_tried = !self.is_answered && (3..TRIES).contains(&self.tries);
            return Err(match has_tried && wrong.advice.is_none() {
                true => wrong.advice(text!(
                    "It ended after {tries} tries of a datagram, and each has 20. If it gave up: \
                     count to 20. If something else has ended it: nothing that comes, and no \
                     error of send or receive, is a reason to end.",
                    tries = self.tries
                )),
                false => wrong,
            });
        }
        if !status.success() {
            return Err(self.opponent.wrong(How::Exit, "exit status 0", ending(status)));
        }
        let said = self.said();
        if lines.iter().any(|line| line.trim() == said) {
            return Ok(());
        }
        let got = lines.last().map_or(text!("no line"), |line| the_line(line));
        let wrong = self.opponent.wrong(How::Printed, the_line(&said), got);
        Err(wrong.advice(self.about_the_total(&lines)))
    }

    /// What the program says at the end.
    fn said(&self) -> String {
        format!("{} bytes sent", self.length)
    }

    /// Which number it is that it says instead.
    fn about_the_total(&self, lines: &[String]) -> Words {
        let number = |line: &String| line.trim().strip_suffix(" bytes sent")?.parse::<usize>().ok();
        let Some(total) = lines.iter().rev().find_map(number) else { return TOTAL.into() };
        let datagrams = self.opponent.number as usize;
        let last = self.length % PIECE;
        // What came in all, without the numbers.
        let again = self.total - 4 * self.datagrams;
        // So many numbers are in it, if the rest is that.
        let numbers = |rest: usize| total.saturating_sub(rest) / 4;
        let why = match total {
            _ if [datagrams, datagrams - 1].contains(&numbers(self.length)) => {
                "the four bytes of each number are counted as well, and they are not of the file"
            }
            _ if total == again
                || [self.datagrams, self.datagrams - 1].contains(&numbers(again)) =>
            {
                "what was sent again is counted again. Count each piece once, when it was answered"
            }
            _ if total == datagrams || total + 1 == datagrams => {
                "datagrams are counted, and not bytes"
            }
            _ if total > self.length && total % PIECE == 0 => {
                "each piece counts as 1024 bytes, and the last one has fewer"
            }
            _ if total == last => "only the last piece is counted",
            _ => return TOTAL.into(),
        };
        text!("The file has arrived, and the number in the line is another one: {why}.", why)
    }

    /// The program must say that the file has not arrived.
    fn must_give_up(self) -> Outcome {
        let (status, lines) = self.opponent.expect_end()?;
        let now = self.opponent.end();
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

const END_TWICE: &str = "The end was sent and answered, and then it came once more, with the next \
     number. A read of 0 bytes was sent as a piece, and the end again after the loop. End the loop \
     when a read gives 0 bytes, and send the end once. (What tells whether the input has ended, \
     such as feof, says yes only after a read that has found the end: ask the read itself.)";

const LAST_PIECE: &str = "The end came, and the last piece of the file is missing: it has fewer \
     than 1024 bytes. A read that gives fewer than you asked for is none that has failed: send as \
     many bytes as it gave, and take only 0 bytes for the end. (What reads a full buffer or fails \
     has read some all the same: ask it for their number{C: : gcount}{Go: : io.ReadFull gives it, \
     with ErrUnexpectedEOF}.)";

const ZERO: &str = "The end came where the file goes on with the one byte \"0\": in some languages \
     a text of that kind is false, as one of 0 bytes is. Ask for its length.";

const PAUSE: &str = "The end came while the input made a pause: that nothing is there yet was \
     taken for the end of the file. Who types, or a pipe, may be slow. Do not ask whether there is \
     something {Java: (available())}, and set no limit: read, which waits, until it gives \
     {Java: -1}{else: 0 bytes}.";

const BLANKS: &str = "A piece of the file is missing in which there are only blanks. They are \
     bytes as any others: look at how many bytes the read gave, and at nothing else (no strip, \
     no trim).";

const LAST_255: &str = "The end came where the file goes on with a byte of 255: it was taken for \
     the end. {C: getchar gives an int, so that EOF is another number than each byte; in a char it \
     is the same as 255. }A file can have any bytes, and only a read that gives none is its end.";

/// The number that it begins with.
fn number_of(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().copied().map(u32::from_be_bytes)
}

/// A datagram, for a line.
fn words(bytes: &[u8]) -> Words {
    match number_of(bytes) {
        Some(number) if number < 10_000 => match &bytes[4..] {
            [] => text!("datagram {number} with nothing after it", number),
            piece => text!("datagram {number} with {bytes}", number, bytes = show(piece)),
        },
        _ => text!("a datagram of {bytes}", bytes = show(bytes)),
    }
}
