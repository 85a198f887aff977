//! Calls: threads, a queue for each member.
//! Idea: nobody waits for the slowest.
//! Usual mistake: one who doesn't read stops all.

use std::io::ErrorKind;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use self::crowds::{TOO_SLOW, burst, pause, talk_all_at_once};
use self::flood::Flood;
use self::members::{Member, all_hear, both, chat, join, say, welcome};
use crate::clock::{LIMIT, Moment, PATIENCE};
use crate::contents::{cut, lines, sentence, word};
use crate::exercise::{Check, advice};
use crate::grading::{Grading, NO_ROOM, restarts, starts_again};
use crate::machine;
use crate::memory::Memory;
use crate::program::Program;
use crate::wire::{Peer, put_all};
use crate::words::text;
use crate::wrong::{Explain as _, How, Outcome, Wrong, seconds, show};

pub mod crowds;
mod flood;
pub mod members;

pub const CHECKS: &[Check] = &[
    Check {
        title: "who says a name is welcomed",
        usually: advice! {
            Silent | Short => "The welcome is missing, or its end. A line is complete as soon as \
                its \"\\n\" has come: receive until then, do not wait for more, and answer with a \
                line that ends in \"\\n\" as well.",
            _ => "Something else came. The answer to the line \"anna\\n\" is \"* welcome \
                anna\\n\", byte for byte, and nothing goes before it.",
        },
        run: |grading| chat(grading, &["anna"]).map(drop),
    },
    Check {
        title: "a second one as well, and the first is told",
        usually: advice! {
            Silent => "The first member was not told that a second one is there. Keep a list of \
                all members' sockets that every conversation can reach, and send the line to each \
                that was on it before.",
            _ => "Each got one line too many, or another one. A name is the line without its \
                \"\\n\". A member gets its own welcome first, does not hear that it joins itself, \
                and then hears \"* NAME joins\" of each who comes later.",
        },
        run: |grading| chat(grading, &["anna", "ben"]).map(drop),
    },
    Check {
        title: "what one says goes to the others, and not back",
        usually: advice! {
            Silent => "A line did not get to another member. After the name go on reading lines, \
                in a loop, and send each to everybody on the list but the one who said it.",
            Other => "Another line came first. A line goes to all but the one who said it, as \
                \"NAME: TEXT\", and a member hears only what is said after its welcome. To know \
                yourself on the list compare sockets or numbers, not names.",
            _ => MORE_LINES,
        },
        run: |grading| {
            let (_, mut members) = chat(grading, &["anna", "ben", "carl"])?;
            for (speaker, text) in
                [(0, "hello"), (1, "hello, anna"), (2, "你好, 世界 🌍"), (0, "how are you?")]
            {
                say(&mut members, speaker, text)
                    .advice_if(|it| it.got.english().contains(" leaves"), MORE_LINES)?;
            }
            Ok(())
        },
    },
    Check {
        title: "lines are whole, however they were cut or glued",
        usually: advice! {
            Silent | Short => "A line is missing. One receive can bring two lines, or one and a \
                half: use all of it. Keep what is left after a \"\\n\" for the next line, and one \
                buffered reader for the whole conversation, from the name on (step 9).",
            _ => ANYWHERE,
        },
        run: |grading| {
            let (program, mut members) = chat(grading, &["anna"])?;
            let peer = grading.connect(&program)?;
            members.push(Member { name: "ben".to_owned(), peer });
            let (anna, ben) = both(&mut members);
            // Two sends, with the welcome in between: else it is a matter of luck which bytes of
            // the line come with the name. Carl sends both together.
            ben.peer.send_in_pieces(b"ben\n", 2)?;
            let after = "by ben, in pieces of 2 bytes: \"ben\\n\"";
            ben.hears("* welcome ben", after)?;
            anna.hears("* ben joins", after)?;
            ben.peer.send_in_pieces("你好, 世界\n".as_bytes(), 4)?;
            let after = "by ben, in pieces of 4 bytes: \"你好, 世界\\n\"";
            anna.hears("ben: 你好, 世界", after).advice(ANYWHERE)?;

            ben.peer.send(b"one\ntwo\nthr")?;
            let after = "by ben, in one piece: \"one\\ntwo\\nthr\"";
            anna.hears("ben: one", after)?;
            anna.hears("ben: two", after)?;
            ben.peer.send(b"ee\n")?;
            anna.hears("ben: three", "by ben: \"thr\", then \"ee\\n\"")?;

            let mut carl = grading.connect(&program)?;
            carl.send(b"carl\nhi\n")?;
            carl.expect_line("* welcome carl")?;
            let after = "by carl, in one piece: \"carl\\nhi\\n\"";
            all_hear(&mut members, "* carl joins", after)
                .advice_if(|it| it.got.english().contains("\"carl: hi\""), OVERTAKES)?;
            all_hear(&mut members, "carl: hi", after)?;

            let (_, ben) = both(&mut members);
            let chance = grading.chance();
            let texts: Vec<_> = (0..4).map(|_| sentence(chance)).collect();
            let bytes: String = texts.iter().map(|text| format!("{text}\n")).collect();
            for piece in cut(chance, bytes.as_bytes(), 12) {
                ben.peer.send_alone(piece)?;
            }
            let after = text!("by ben, in 12 pieces: {bytes}", bytes = show(bytes.as_bytes()));
            carl.call_it(&after);
            for text in &texts {
                members[0].hears(&format!("ben: {text}"), &after)?;
                carl.expect_line(&format!("ben: {text}"))?;
            }
            Ok(())
        },
    },
    Check {
        title: "when one leaves, the others are told",
        usually: advice! {
            Silent => "A member ended its direction, and the others were not told. Where its lines \
                are read, 0 bytes are its end: take it off the list, and send \"* NAME leaves\" to \
                those who are left.",
            More => "A member has left, and its connection is still open. A socket is closed when \
                the last copy of it is: take it off the list, too. {C: (And close it.)}",
            _ => "One member has left, and that is all: the others stay, get the line \"* NAME \
                leaves\", and talk on.",
        },
        run: |grading| {
            let (program, mut members) = chat(grading, &["anna", "ben", "carl"])?;
            let mut ben = members.remove(1);
            ben.peer.finish();
            all_hear(&mut members, "* ben leaves", "ben's end")?;
            ben.peer.expect_end()?;
            say(&mut members, 0, "only two of us now")?;
            say(&mut members, 1, "right")?;
            join(grading, &program, &mut members, "ben")?;
            // What has no end is no line.
            let mut ben = members.remove(2);
            ben.peer.send("I am")?;
            ben.peer.finish();
            let after = "by ben, \"I am\" without a line ending, and then the end";
            all_hear(&mut members, "* ben leaves", after)
                .advice_if(|it| it.got.english().contains("I am"), NO_LINE)?;
            ben.peer.expect_end()?;
            // What was said to it before its end comes before its end.
            let mut eva = grading.connect(&program)?;
            eva.send("eva\n")?;
            eva.finish();
            let after = "by eva, her name, and then the end";
            all_hear(&mut members, "* eva joins", after)
                .advice_if(|it| it.got.english().contains("eva leaves"), LAST_WORDS)?;
            all_hear(&mut members, "* eva leaves", after)?;
            eva.expect_line("* welcome eva").advice(WHAT_WAITS)?;
            eva.expect_end()?;
            say(&mut members, 1, "still two of us")
        },
    },
    Check {
        title: "any name and any text goes out as it came",
        usually: advice! {
            _ => AS_IT_CAME,
        },
        run: |grading| {
            let chance = grading.chance();
            let (one, other) = names(chance);
            let mut texts = lines(chance);
            texts.extend(OTHERS.iter().map(|&text| text.to_owned()));
            chance.shuffle(&mut texts);

            let (program, mut members) = (grading.start()?, Vec::new());
            join(grading, &program, &mut members, &one).advice(NAMES)?;
            join(grading, &program, &mut members, &other).advice(NAMES)?;
            for (number, text) in texts.iter().enumerate() {
                let speaker = number % 2;
                say(&mut members, speaker, text).map_err(|wrong| {
                    let advice = why(&members[speaker].name, text, &wrong);
                    wrong.advice(advice)
                })?;
            }
            second_of_its_name(grading, &program, &mut members).advice(SAME_NAME)?;
            longest(grading, &program, &mut members).advice(WHOLE)
        },
    },
    Check {
        title: "who has said no name hears nothing, and is not heard of",
        usually: advice! {
            Other | More => "A client that is only connected is no member. It goes on the list \
                when its name is complete, and it is welcomed: not already after accept. And if it \
                ends before, there is nobody who leaves.",
            Silent => "Somebody was connected and had not said a name yet, and the others could \
                not go on. Read the name in the client's own thread: whoever calls accept must not \
                wait for it.",
            _ => NAMELESS,
        },
        run: |grading| {
            let (program, mut members) = chat(grading, &["anna"])?;
            let mut david = grading.connect(&program)?;
            david.send(b"dav")?;
            let mut nobody = grading.connect(&program)?;
            // Who comes later is accepted later: those two are there.
            join(grading, &program, &mut members, "eva")?;
            say(&mut members, 0, "who else is there?")?;
            david.send(b"id\n")?;
            let name = "david".to_owned();
            let mut david = Member { name, peer: david };
            let after = "by david: \"dav\", then \"id\\n\"";
            david.hears("* welcome david", after)?;
            all_hear(&mut members, "* david joins", after)?;
            members.push(david);
            nobody.finish();
            nobody
                .expect_end()
                .advice_if(|it| it.got.english().starts_with("neither"), NAMELESS)?;
            let mut half = grading.connect(&program)?;
            half.send("frida")?;
            half.finish();
            half.expect_end().advice_if(|it| it.got.english().contains("frida"), NO_LINE)?;
            say(&mut members, 2, "I am").advice_if(|it| it.got.english().contains("frida"), NO_LINE)
        },
    },
    Check {
        title: "one that breaks off leaves like any other",
        usually: advice! {
            Silent => "A member was reset, and the others were not told. recv fails with \
                \"connection reset\" then, and whatever that error skips, its goodbye must not be \
                skipped: off the list, and \"* NAME leaves\", as after 0 bytes.",
            _ => "A member was reset, and that did harm to others. An error of one connection \
                ends that conversation alone (step 12): not the server, and not the conversation \
                that was just sending to it.",
        },
        run: |grading| {
            let is_told_again = |it: &Wrong| {
                let other = ["joins", "what was that"]
                    .iter()
                    .any(|word| it.expected.english().contains(word));
                other && it.got.english().contains("carl leaves")
            };
            break_off(grading).advice_if(is_told_again, TWICE)
        },
    },
    Check {
        title: "20 talk at once, and nobody misses a line",
        usually: advice! {
            Other => "Lines were mixed up. Two threads that send to the same socket can come in \
                between each other: make the line, with name and line ending, and put it as a \
                whole into the member's queue, from which one thread sends.",
            End | Reset => "A member that reads all the time was put out. It may be behind by some \
                hundred lines when many talk, and a lock that another thread has is no failure of \
                the member.",
            _ => "Lines are missing. Each must go to everybody who is on the list at that moment, \
                however many send at once: no thread may take the list away from the others, or \
                give up because it is locked. (In a loop over many sockets: see to every one that \
                is ready.)",
        },
        run: |grading| {
            machine::allow_files(96)?;
            machine::allow_processes(96)?;
            machine::allow_queue(50)?;
            grading.bench().clock.allow(LIMIT / 2);
            unless_busy(grading, |grading| {
                let (program, mut members) = (grading.start()?, Vec::new());
                wait_in_the_queue(grading, &program).advice(NO_ROOM)?;
                for number in 1..=20 {
                    let name = format!("m{number}");
                    join(grading, &program, &mut members, &name).advice(PLACES)?;
                }
                let result = talk_all_at_once(&mut members, 15);
                result.advice_if(|it| it.got.english().contains(TOO_SLOW), SLOWLY).map(|()| true)
            })
        },
    },
    Check {
        title: "a member may be silent, and may pause before it reads on",
        usually: advice! {
            "A member read nothing for 0.7 seconds, and 900 lines later it read all. It was put \
             out, or misses some of them. One second is its time, from the moment when it takes \
             nothing more: a send that would wait is no failure yet (so no non-blocking send, or \
             one that is tried again). A line may wait for a second. And a send can take a part: \
             send the rest."
        },
        run: |grading| {
            grading.bench().clock.allow(LIMIT);
            let (_silent_run, mut silent) = chat(grading, &["anna", "ben"])?;
            let since = Instant::now();
            let after_a_pause = pauses(grading);
            thread::sleep(SILENCE.saturating_sub(since.elapsed()));
            let still_here = say(&mut silent, 1, "I am still here");
            still_here.and_then(|()| say(&mut silent, 0, "so am I")).advice(SILENT)?;
            after_a_pause
        },
    },
    Check {
        title: "a burst of lines reaches all who read",
        usually: advice! {
            Silent => "Somebody said some thousand lines at once, and those who read heard only \
                the first of them. When the queues are full, go on as soon as there is room.",
            Other => "Somebody said some thousand lines at once, and one of those who read heard \
                another line than the next. Leave none out, and keep their order.",
            _ => TOO_FAST,
        },
        run: |grading| {
            unless_busy(grading, |grading| {
                let (_, mut members) = chat(grading, &["anna", "ben", "carl", "dora", "emil"])?;
                burst(&mut members, 5000)
                    .advice_if(|it| it.got.english().contains(" leaves"), TOO_FAST)
                    .advice_if(|it| it.got.english().contains("* anna leaves"), LAST_WORDS)
                    .advice_if(|it| it.expected.english().contains("* anna leaves"), LAST_WORDS)
                    .map(|()| true)
            })
        },
    },
    Check {
        title: "who takes nothing is put out, and holds up nobody",
        usually: advice! {
            Silent => HELD_UP,
            Short => "Members read nothing, and were still there when more than two seconds were \
                over. A send that waits for a second has failed ({Rust: set_write_timeout}{else: \
                SO_SNDTIMEO}: step 13), however much it has sent before; then shut that connection \
                down.",
            More => KEPT,
            _ => "17 members read nothing, and that did harm to others. A send that \
                fails is the failure of the member that it goes to. The one who has said the \
                line, and all others, stay, and hear all that is said, in order.",
        },
        run: |grading| {
            machine::allow_files(128)?;
            machine::allow_processes(96)?;
            grading.bench().clock.allow(LIMIT / 2);
            unless_busy(grading, take_nothing)
        },
    },
    Check {
        title: "who sends more than 1000 bytes for a line is put out",
        usually: advice! {
            _ => TOO_LONG,
        },
        run: |grading| {
            let (program, mut members) = chat(grading, &["anna", "ben"])?;
            let longer = "x".repeat(1100) + "\nis there more?\n";
            join(grading, &program, &mut members, "carl")?;
            let Some(mut carl) = members.pop() else { return Ok(()) };
            carl.peer.send(&longer)?;
            let after = "by carl, a line of 1100 bytes, and another line";
            all_hear(&mut members, "* carl leaves", after)?;
            carl.peer.expect_close()?;
            join(grading, &program, &mut members, "eva")?;
            let Some(mut eva) = members.pop() else { return Ok(()) };
            eva.peer.send(format!("{}\n", "y".repeat(1001)))?;
            let after = "by eva, in one piece: a line of 1001 bytes, and \"\\n\"";
            let is_line = |it: &Wrong| it.how == How::Silent || it.got.english().contains("yyy");
            all_hear(&mut members, "* eva leaves", after).advice_if(is_line, ONE_MORE)?;
            eva.peer.expect_close()?;
            let mut nobody = grading.connect(&program)?;
            nobody.send(&longer)?;
            nobody.call_it("by one without a name, a line of 1100 bytes, and another line");
            nobody.expect_close()?;

            join(grading, &program, &mut members, "dora")?;
            let Some(dora) = members.pop() else { return Ok(()) };
            push_without_end(&dora.peer, &program).after(WITHOUT_END).advice(ENDLESS)?;
            all_hear(&mut members, "* dora leaves", WITHOUT_END)?;
            say(&mut members, 0, "too long")
        },
    },
    starts_again(|grading| {
        restarts(grading, |peer| {
            peer.send(b"anna\n")?;
            peer.expect(b"* welcome anna\n")
        })
    }),
];

pub const HINTS: &[&str] = &[
    "A thread for each client, started right after accept. It reads the name, puts the client on a \
     list that all threads share, reads lines in a loop, and takes it off the list in the end.",
    "Nobody may wait for a send to somebody else. So each member has a queue, and a second thread \
     that sends what comes out of it. {Rust: `channel()` is one: its `send` never waits.}{Python: \
     `queue.Queue()` is one: its `put` never waits.}{Java: A LinkedBlockingQueue is one: its `add` \
     never waits.}",
    "One lock for the list. Hold it while you put a line into everybody's queue: then nobody comes \
     or goes in between. Do not hold it over a call that can wait: neither a receive nor a send.",
    "One thread reads from a socket, and another one sends to it{Rust: : it must be there twice. \
     `Arc<Socket>`, and `&*` of it is read and written; `BufReader` with `by_ref().take(1001)` and \
     `read_until(b'\\n', ...)` gives lines, and no more than 1001 bytes}{Python: ; \
     `makefile(\"rb\").readline(1001)` gives lines, and no more than 1001 bytes}{else: . Who reads \
     gathers bytes until there is a line ending, and no more than 1001}.",
    "A limit for send: {Rust: `client.set_write_timeout(Some(second))`}{else: the option \
     SO_SNDTIMEO}. If a send fails, shut that member's connection down, in both directions: the \
     thread that reads from it then receives the end, takes it off the list, and tells the others. \
     Put with each line into the queue when that was: one that has waited for more than a second \
     is a send that failed.",
    "Whoever talks faster than it can be sent fills the queues. So count its lines there: one more \
     for each that is put in, one less for each that is taken out and sent, or cannot be sent. \
     {Rust: An `Arc<AtomicUsize>` of its own goes with each line.} While there are 1000, its \
     thread sleeps for a millisecond and looks again, without the lock; then it reads on.",
    "With the lock held: welcome, then `* NAME joins` to the list, then onto the list. In the end: \
     off the list, then `* NAME leaves` to those who are left, whether the reading ended with 0 \
     bytes or an error.",
];

const MORE_LINES: &str = "A conversation ended too early. After its name a member says any number \
     of lines: read them in a loop, until its end.";

const NAMELESS: &str = "A client can end without a name: close its connection, and go on with the \
     others.";

const PLACES: &str = "With this many members at once one did not get in, or another was not told. \
     There must be room for 20: look for a fixed number of places, of threads, or of entries in \
     the list.";

const TOO_FAST: &str = "Somebody said some thousand lines at once, and a member was put out that \
     had read all it could get. Who talks faster than it can be sent has to wait: count how many \
     of its lines wait in the queues, and receive no more from it while they are too many. Do not \
     hold the lock meanwhile, so that the others can talk on; and put nobody out for less than a \
     second.";

pub const KEPT: &str = "Members read nothing, and another one could say as much as it liked. Either \
     all of it is kept for them, more and more; or they miss lines, and are told nothing. When \
     1000 lines of one member wait in the queues, receive no more from it. And set a limit of one \
     second for the send to a member (step 13), and one for how long a line waits for it. When one \
     of them is reached, close its connection and tell the others that it leaves.";

pub const MISSED: &str = "Somebody said 100 lines at once, and another one who reads did not hear all \
     of them. Leave none out: when there is no room in a queue, wait until there is, and receive \
     no more from the one who speaks.";

pub const STILL_OPEN: &str = "A member reads nothing, it was said to leave, and its connection is \
     still open: it waits for more, and nothing comes. To put it out is to close its connection. \
     (While another thread uses it: shut it down, in both directions.)";

pub const SLOWLY: &str = "Each line gets to everybody, but one after the other, with pauses. Those who \
     read hear at once what is said: wait for nothing between two sends, and do not look for new \
     lines from time to time, but sleep until there is one.";

const OUT_OF_ORDER: &str = "A line of one member came too early, or one is missing. Leave none \
     out, and keep their order: one thread reads from a member and puts its lines into the queues, \
     and one sends what is in a queue.";

pub const HELD_UP: &str = "Some read nothing, and one who reads heard nothing either, as if everybody \
     waited for them. Nobody may wait for a send to somebody else. Give each member a queue, and a \
     thread of its own that sends what is in it (or a non-blocking socket, with what it has not \
     taken yet beside it). Hold the lock of the list only while you put a line into the queues: \
     never while you send, and never while a member has to wait until there is room. It has to \
     when 1000 lines wait that it has said itself; the others talk on.";

const HELD_UP_BY_A_PAUSE: &str = "One read nothing for a moment, and one who reads heard nothing \
     either, though fewer than 1000 lines waited. Nobody may wait for a send to somebody else: \
     each member has a queue, and a thread of its own that sends what is in it, without the lock \
     of the list. Or the one who speaks had to wait too early: it has to when 1000 of its lines \
     wait in the queues, and not before.";

const COUNTED_FOR_EVER: &str = "Members were put out, and after that nothing more was received \
     from the one who had spoken. What waited in their queues waits no more: count these lines \
     down as well, when a queue is thrown away.";

pub const LAST_WORDS: &str = "Somebody spoke, and left. All that it has said goes out first, and then \
     the line that it leaves: read to its end, leave in the queues what waits there, and put that \
     line behind it, not ahead of it and not in its place. And nobody has to leave who talks fast.";

pub const TWICE: &str = "A member left, and the others were told twice. Two may find that it has gone: \
     who receives from it, and who sends to it. With the lock held, take it off the list; only who \
     has found it there tells the others.";

pub const WHAT_WAITS: &str = "A client ended its direction, and did not get what was already said to \
     it. It can still receive: send what is in its queue, and close then.";

const SLOW: &str = "A member read some 300 lines a second, and another one said more. Each send \
     succeeds then, and yet what is sent is older and older, and whoever speaks has to wait for \
     this member. Put with each line into the queue when that was. A line that has waited for more \
     than a second is a send that failed: put the member out.";

pub const SILENT: &str = "A member said nothing for more than a second, and nobody else did; then it \
     was not heard, or gone. A member may be silent for as long as it likes. A limit for send must \
     not be one for receive as well: {Rust: set_write_timeout}{else: SO_SNDTIMEO} is for sends \
     alone. {Python: (settimeout is for both.)}";

pub const ANYWHERE: &str = "One receive is not one line: it can end anywhere, even inside a character. \
     Gather bytes until there is a \"\\n\", and only then take them for text (steps 9 and 11).";

const OVERTAKES: &str = "What carl says came ahead of the line that carl joins. What one member \
     gets goes out in order: put all of it into its queue, and let one thread send what is in \
     there. What is sent past the queue overtakes what waits in it.";

const FORMAT: &str = "The text was taken for a format: in a function that fills in values, a \
     % has a meaning. Give it the text as a value {C: (printf(\"%s\", text))}{Go: (Fprintf(w, \
     \"%s\", text))}, or join the two parts without such a function.";

const AS_IT_CAME: &str = "A text is bytes between two line endings, and goes out as it came. Do \
     not take it for a pattern{C: (printf(text))}, and change nothing in it.";

const NAMES: &str = "The name is the whole first line, blanks and colons included, in any letters. \
     Do not split it, and strip nothing off but the \"\\n\" at its end.";

const SAME_NAME: &str = "Two members have the same name, and that is fine: both are there, and \
     hear each other. Know members by their sockets or by numbers, not by names: in a map by name \
     one takes the place of the other.";

const EMPTY: &str = "This line is empty, or has only blanks in it, and it goes to the others like \
     any other. Take off its \"\\n\" and nothing else {Python: (no strip())}{else: (no trim)}. A \
     connection has ended when recv gives 0 bytes, not when a line is empty.";

const STRIPPED: &str = "Blanks at the start and at the end of a line belong to it: take off its \
     \"\\n\" and nothing else. (What strips or trims a line takes the blanks as well, and what \
     splits it all of them.)";

const COLON: &str = "A text may have colons in it. What it was before it came is the name that you \
     know: do not find out by splitting a line.";

const WORD: &str = "No word is a command here. A line with \"quit\" in it is a text like any \
     other, and so is one that starts with \"/\" or \"*\".";

const ONLY_N: &str = "A line ends with \"\\n\", and with nothing else. What else ends a line in \
     some languages (\"\\r\", U+2028) is a part of the text here: gather bytes, and look for the \
     byte 10. {Python: (No strip(), no splitlines(), no text mode.)}{Java: (No readLine(), no \
     trim().)}{Rust: (No lines(), no trim().)}";

const ZERO: &str = "In this text there is a character 0, which has no meaning either. {C: \
     Functions for strings (strlen, strchr, printf) take it for the end: use the number of bytes \
     that recv gave, memchr and memcpy.}{else: It goes out as any other.}";

pub const NO_LINE: &str = "A client has ended its direction in the middle of a line. What has no \
     \"\\n\" at its end is no line, and no name: it goes to nobody. (A loop over the lines of a \
     file gives the rest as a last one: look whether it ends in \"\\n\".)";

const WHOLE: &str = "A line, and a name, can have 1000 bytes and \"\\n\". What goes out has both \
     of them in it, so it is longer: is a buffer too small, or does one receive have to bring it?";

pub const TOO_LONG: &str = "A client sent 1100 bytes without \"\\n\". That is no line: close its \
     connection. If it was a member, it leaves. Nothing of it goes to anybody, and nothing that \
     comes after it.";

pub const ONE_MORE: &str = "A line has at most 1000 bytes, and this one had 1001, with its \"\\n\" in \
     the same piece. Its number of bytes counts, not only what waits for a \"\\n\": with that one \
     it has 1001 bytes at most. Whoever sends more is put out.";

pub const ENDLESS: &str = "A client sends and sends, and no \"\\n\" is in it. Whoever waits for that \
     one gathers it all: one client is enough to fill the memory. After 1001 bytes without \"\\n\" \
     close its connection. ({Rust: read_until has}{Python: readline has}{else: What reads lines \
     has} no limit of its own: give it one.)";

pub const WITHOUT_END: &str = "by dora, bytes without end, and no line ending";

/// These mean something elsewhere.
const OTHERS: &[&str] = &[
    "\r",
    "over and out\r",
    "\r\rto the left",
    "one\u{2028}two\u{85}three",
    "a\u{b}b\u{c}c",
    "a\0b",
    "/quit",
    "/nick me",
    "* nobody leaves",
    "#1",
];

/// Longer than a limit of a second.
const SILENCE: Duration = Duration::from_millis(1200);

/// Two that hardly anybody has. None is empty.
fn names(chance: &mut fastrand::Rng) -> (String, String) {
    let one = format!(" {}: {} ", word(chance), word(chance));
    let other = format!("{} * {}", word(chance), word(chance));
    (one, other)
}

/// What may be wrong where this text did not get to the others.
fn why(name: &str, text: &str, wrong: &Wrong) -> &'static str {
    let stripped = format!("{name}: {}", text.trim());
    let is_word = text.to_lowercase().contains("quit") || text.starts_with(['/', '*', '#']);
    let is_format =
        ["%!", "(null)"].iter().any(|it| wrong.got.english().contains(it) && !text.contains(it));
    if text.contains('\0') {
        ZERO
    } else if is_format {
        FORMAT
    } else if text.contains(['\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}']) {
        ONLY_N
    } else if wrong.got == show(stripped.as_bytes()) {
        STRIPPED
    } else if text.trim().is_empty() {
        EMPTY
    } else if is_word {
        WORD
    } else if text.contains(':') {
        COLON
    } else if text.trim() != text || text.contains("  ") {
        STRIPPED
    } else {
        AS_IT_CAME
    }
}

/// A third one has the name of the first; they are two, all the same.
fn second_of_its_name(grading: &Grading, program: &Program, members: &mut Vec<Member>) -> Outcome {
    let name = members[0].name.clone();
    join(grading, program, members, &name)?;
    say(members, 2, "I have this name as well")?;
    say(members, 0, "so you have")?;
    let first = members.remove(0);
    first.peer.close();
    all_hear(members, &format!("* {name} leaves"), "the end of the first of this name")?;
    say(members, 0, "there was another one")?;
    say(members, 1, "it is still me")
}

/// Where a line may wait for a second because the machine is busy, nothing is certain: then it is
/// done again. `false`: it was not certain, either.
pub fn unless_busy(grading: &mut Grading, run: impl Fn(&mut Grading) -> Outcome<bool>) -> Outcome {
    const MUCH: Duration = Duration::from_millis(500);

    for _ in 0..3 {
        let since = Moment::now();
        let result = run(grading);
        let is_out = |it: &Wrong| {
            matches!(it.how, How::End | How::Reset) || it.got.english().contains(" leaves")
        };
        match result {
            Ok(true) => return Ok(()),
            Err(wrong) if !is_out(&wrong) || since.lost() < MUCH => return Err(wrong),
            _ => {}
        }
    }
    Err(grading.too_busy())
}

/// 17 do. `false`: it is not certain that nobody had to wait for them.
fn take_nothing(grading: &mut Grading) -> Outcome<bool> {
    let (program, mut members) = chat(grading, &["anna", "dora"])?;
    for number in 1..=17 {
        let idle = grading.connect_narrowest(&program)?;
        welcome(idle, &mut members, &format!("idle{number}"))?;
    }
    // The last on the list, behind all of them.
    join(grading, &program, &mut members, "ben")?;
    let [anna, dora, idle @ .., ben] = &members[..] else { return Ok(true) };
    let flood = Flood::among_idle(anna, dora, idle, ben)?;

    let (slow_program, mut slow) = chat(grading, &["anna", "ben"])?;
    welcome(grading.connect_narrowest(&slow_program)?, &mut slow, "carl")?;
    let slow_flood = Flood::with_slow(&slow[0], &slow[2], &slow[1])?;

    let memory = Memory::of(&program);
    let by_slow = thread::scope(|scope| {
        let by_slow = scope.spawn(|| slow_flood.run());
        let by_idle = flood.run().inspect_err(|_| slow_flood.stop());
        let is_stuck = |it: &Wrong| {
            it.how == How::Silent
                && it.expected.english().contains("anna")
                && !it.expected.english().contains("leaves")
        };
        let by_idle = by_idle.advice_if(is_stuck, COUNTED_FOR_EVER);
        by_idle.advice_if(|it| it.got.english().contains("\"anna: "), OUT_OF_ORDER)?;
        by_slow.join().unwrap_or(Ok(()))
    });
    by_slow.advice_if(|it| it.sent.english().contains("carl") && it.how == How::Short, SLOW)?;
    let after = "by anna, long lines; 17 members read none of them";
    takes_little(&memory).after(after).advice(KEPT)?;
    let put_out = members.drain(2..=18).chain(slow.pop());
    for mut idle in put_out.collect::<Vec<_>>() {
        idle.peer.call_it(after);
        idle.peer.expect_close().advice(STILL_OPEN)?;
    }
    say(&mut members, 1, "only three of us now")?;
    Ok(!flood.is_in_doubt() && !slow_flood.is_in_doubt())
}

/// They do, again and again, and the others talk on.
fn break_off(grading: &mut Grading) -> Outcome {
    let (program, mut members) = chat(grading, &["anna", "ben"])?;
    for _ in 0..10 {
        join(grading, &program, &mut members, "carl")?;
        say(&mut members, 2, "I must g")?;
        if let Some(carl) = members.pop() {
            carl.peer.reset();
        }
        all_hear(&mut members, "* carl leaves", "a reset by carl")?;
        say(&mut members, 0, "what was that?")?;
        // And one who has not even said a name.
        grading.connect(&program)?.reset();
    }
    for end in [Peer::reset, Peer::close].repeat(4) {
        breaks_off_while_one_talks(grading, &program, &mut members, end)?;
    }
    say(&mut members, 1, "I do not know")
}

/// A third one breaks off, and the first one has said much, before the program can know either.
fn breaks_off_while_one_talks(
    grading: &Grading,
    program: &Program,
    members: &mut Vec<Member>,
    end: fn(Peer),
) -> Outcome {
    const LINES: usize = 100;

    join(grading, program, members, "carl")?;
    let carl = members.pop();
    let all: String = (1..=LINES).map(|line| format!("line {line}\n")).collect();
    program.while_stopped(|| {
        carl.into_iter().for_each(|carl| end(carl.peer));
        members[0].peer.send(&all)
    })?;
    let after = "by anna, 100 lines, just when carl has gone";
    members[0].hears("* carl leaves", after)?;
    let (mut next, mut has_left, since) = (1, false, Moment::now());
    while next <= LINES || !has_left {
        let expected = format!("anna: line {next}");
        let peer = &mut members[1].peer;
        peer.call_it(after);
        let is_silent = |it: &Wrong| it.how == How::Silent && has_left && next > 1;
        let line = peer.receive_line(&expected).advice_if(is_silent, MISSED)?;
        let (how, got, advice) = if since.elapsed() > PATIENCE {
            (
                How::Short,
                text!("line {next}, after {time}", next, time = seconds(since.elapsed())),
                Some(SLOWLY),
            )
        } else if line == expected {
            next += 1;
            continue;
        } else if line == "* carl leaves" && !has_left {
            has_left = true;
            continue;
        } else {
            let is_hers = line.starts_with("anna: line");
            (How::Other, show(line.as_bytes()), is_hers.then_some(OUT_OF_ORDER))
        };
        let wrong =
            Wrong::new(how, text!("by ben, {bytes}", bytes = show(expected.as_bytes())), got);
        let wrong = wrong.after(after);
        return Err(match advice {
            Some(advice) => wrong.advice(advice),
            None => wrong,
        });
    }
    Ok(())
}

/// A text and a name of 1000 bytes.
fn longest(grading: &Grading, program: &Program, members: &mut Vec<Member>) -> Outcome {
    // 10 bytes.
    let long = "é你🌍.".repeat(100);
    say(members, 1, &long)?;
    join(grading, program, members, &long)?;
    say(members, 2, &long)
}

/// A program that needs more than this keeps what it should not.
const MOST_MEMORY: u64 = 64 << 20;

/// Whether it did not. That is known on Linux only.
pub fn takes_little(memory: &Memory) -> Outcome {
    let grown = memory.grown();
    if grown <= MOST_MEMORY {
        return Ok(());
    }
    let [most, grown] = [MOST_MEMORY, grown].map(|bytes| bytes >> 20);
    let got = text!("{grown} MB more than before", grown);
    Err(Wrong::new(How::More, text!("a program that needs less than {most} MB for it", most), got))
}

/// A line that does not end: the connection must be closed, after a little of it.
pub fn push_without_end(peer: &Peer, program: &Rc<Program>) -> Outcome {
    const PIECE: usize = 1 << 20;
    const PIECES: usize = 256;

    let (memory, piece, since) = (Memory::of(program), vec![b'x'; PIECE], Moment::now());
    let is_over = |_| since.elapsed() > PATIENCE;
    for taken in 0..=PIECES {
        let (how, got) = match put_all(peer.stream(), &piece, is_over) {
            Err(error) if error.kind() == ErrorKind::TimedOut => (
                How::Silent,
                text!(
                    "it is still open after {taken} MB and {time}",
                    taken,
                    time = seconds(PATIENCE)
                ),
            ),
            // As it should be.
            Err(_) => break,
            Ok(()) if taken < PIECES => {
                takes_little(&memory)?;
                continue;
            }
            Ok(()) => (How::More, text!("it takes more than {taken} MB", taken)),
        };
        return Err(Wrong::new(how, "the end of dora's connection", got));
    }
    takes_little(&memory)
}

/// The program accepts nobody for a moment, and 50 wait.
fn wait_in_the_queue(grading: &Grading, program: &Program) -> Outcome {
    let waiting = program.while_stopped(|| -> Outcome<Vec<_>> {
        let connect = |number| {
            let after =
                text!("{number} connections at once, while the program does not run", number);
            grading.connect(program).after(after)
        };
        (1..=50).map(connect).collect()
    })?;
    waiting.into_iter().for_each(Peer::close);
    Ok(())
}

/// The first one talks, and one that reads pauses, and must get all.
pub fn pauses(grading: &mut Grading) -> Outcome {
    for _ in 0..5 {
        let (program, mut members) = chat(grading, &["anna", "ben"])?;
        welcome(grading.connect_narrowest(&program)?, &mut members, "carl")?;
        // Its second does not start when it joins: that one is over in the middle of the pause.
        thread::sleep(Duration::from_millis(450));
        // If not, the machine has made a longer pause of it.
        if pause(&mut members, HELD_UP_BY_A_PAUSE)? {
            return Ok(());
        }
    }
    Err(grading.too_busy())
}
