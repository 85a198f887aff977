//! Clients that take their time. A program that waits for them has no limit for a call, and sends
//! the rest when a send has taken a part.

use std::thread;
use std::time::{Duration, Instant};

use crate::grading::Grading;
use crate::wire::Peer;
use crate::wrong::{Explain as _, Outcome};

/// Longer than a limit of a second.
const SILENCE: Duration = Duration::from_millis(1200);

const SLOW: &str = "The client received nothing for a second, and then all that came: \
     not everything came. When there is no room, send waits; one that does not wait, or not for \
     long, takes a part, says how many bytes those were, or fails. Send the rest as well, \
     {Rust: with write_all}{Python: with sendall}{else: in a loop, until all is taken}, and set no \
     limit: a client may be slow.";

const SILENT: &str = "The client said nothing for more than a second, and then went on: it was not \
     served any more. It may be silent for as long as it likes, so the receive has no \
     limit. {Python: (settimeout is one for every call, sendall as well.)}{C: (SO_RCVTIMEO is one.)}\
     {Java: (setSoTimeout is one.)}{Node: (setTimeout of a socket is one.)}";

/// A client that has said nothing since then.
pub struct Silent<'a> {
    peer: &'a mut Peer,
    since: Instant,
}

impl<'a> Silent<'a> {
    pub fn new(peer: &'a mut Peer) -> Self {
        Self { peer, since: Instant::now() }
    }

    /// It goes on, when it has said nothing for longer than a second.
    pub fn then(self, go_on: impl FnOnce(&mut Peer) -> Outcome) -> Outcome {
        thread::sleep(SILENCE.saturating_sub(self.since.elapsed()));
        go_on(self.peer).map_err(|wrong| {
            let sent =
                format!("nothing for {} seconds; then {}", SILENCE.as_secs_f32(), wrong.sent);
            wrong.after(sent)
        })
    }
}

/// A client that is silent for a while; and meanwhile, at another run of the program, one that
/// receives nothing for a while. `talk` sends something and gets its answer, the first time after
/// a greeting. To all of `pieces` the `answer` must come.
pub fn waits_for_the_slow(
    grading: &mut Grading,
    greeting: &[u8],
    talk: fn(&mut Peer) -> Outcome,
    pieces: &[Vec<u8>],
    answer: &[u8],
) -> Outcome {
    let (_silent_run, mut silent) = grading.start_and_connect()?;
    silent.expect(greeting)?;
    talk(&mut silent)?;
    let silent = Silent::new(&mut silent);

    let program = grading.start()?;
    let mut slow = grading.connect_narrow(&program)?;
    slow.expect(greeting)?;
    let bytes: usize = pieces.iter().map(Vec::len).sum();
    slow.call_it(format!("{bytes} bytes, by a client that receives nothing for a second"));
    slow.trade_late(pieces.iter().map(Vec::as_slice), answer).advice(SLOW)?;

    silent.then(talk).advice(SILENT)
}

/// Enough to fill the connection of a slow client some times.
pub fn much() -> Vec<Vec<u8>> {
    crate::wire::pattern(3_000_000).chunks(10_000).map(<[u8]>::to_vec).collect()
}
