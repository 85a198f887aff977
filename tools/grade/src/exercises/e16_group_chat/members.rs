//! Those who have said their names, and what they hear of each other.

use std::rc::Rc;

use crate::grading::Grading;
use crate::program::Program;
use crate::wire::Peer;
use crate::words::{Words, text};
use crate::wrong::{Explain as _, How, Outcome, show};

const ONE_AT_A_TIME: &str = "Others are there, and this one was not welcomed. Each client needs a \
     thread of its own (or a loop over all sockets that are ready): whoever calls accept must go \
     back to it at once, and must not wait for what a client says.";

/// A client who has said its name.
pub struct Member {
    pub name: String,
    pub peer: Peer,
}

impl Member {
    fn say(&mut self, text: &str) -> Outcome {
        self.peer.send(format!("{text}\n"))
    }

    /// The next line that it gets must be this one.
    pub fn hears(&mut self, line: &str, after: impl Into<Words>) -> Outcome {
        self.peer.expect_line(line).map_err(|mut wrong| {
            wrong.expected =
                text!("by {name}, {expected}", name = short(&self.name), expected = wrong.expected);
            wrong.after(after)
        })
    }
}

/// A name for a line of the report: no more than a part of it.
fn short(name: &str) -> String {
    const MOST: usize = 12;
    match name.chars().count() > MOST || name.contains(char::is_control) {
        true => name.chars().filter(|c| !c.is_control()).take(MOST).chain("...".chars()).collect(),
        false => name.to_owned(),
    }
}

pub fn both(members: &mut [Member]) -> (&mut Member, &mut Member) {
    let (first, others) = members.split_at_mut(1);
    (&mut first[0], &mut others[0])
}

pub fn all_hear(members: &mut [Member], line: &str, after: impl Into<Words>) -> Outcome {
    let after = after.into();
    members.iter_mut().try_for_each(|member| member.hears(line, &after))
}

/// The program, and members who have joined one after the other.
pub fn chat(grading: &mut Grading, names: &[&str]) -> Outcome<(Rc<Program>, Vec<Member>)> {
    let (program, mut members) = (grading.start()?, Vec::new());
    for name in names {
        join(grading, &program, &mut members, name)?;
    }
    Ok((program, members))
}

/// A new one connects, says its name, is welcomed, and the others are told.
pub fn join(
    grading: &Grading,
    program: &Program,
    members: &mut Vec<Member>,
    name: &str,
) -> Outcome {
    welcome(grading.connect(program)?, members, name)
}

/// The same, with a connection that is there already.
pub fn welcome(peer: Peer, members: &mut Vec<Member>, name: &str) -> Outcome {
    let mut new = Member { name: name.to_owned(), peer };
    new.say(name)?;
    let after = text!(
        "by {name}, {bytes}",
        name = short(name),
        bytes = show(format!("{name}\n").as_bytes())
    );
    let is_alone = members.is_empty();
    new.hears(&format!("* welcome {name}"), &after)
        .advice_if(|it| !is_alone && it.how == How::Silent, ONE_AT_A_TIME)?;
    all_hear(members, &format!("* {name} joins"), &after)?;
    members.push(new);
    Ok(())
}

/// One says it, and all others hear it.
pub fn say(members: &mut [Member], speaker: usize, text: &str) -> Outcome {
    members[speaker].say(text)?;
    let name = &members[speaker].name;
    let line = format!("{name}: {text}");
    let after = text!(
        "by {name}, {bytes}",
        name = short(name),
        bytes = show(format!("{text}\n").as_bytes())
    );
    for (number, member) in members.iter_mut().enumerate() {
        if number != speaker {
            member.hears(&line, &after)?;
        }
    }
    Ok(())
}
