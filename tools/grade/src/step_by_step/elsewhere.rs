//! On other systems there is no such page: `cargo trace` needs Linux.

use std::path::Path;

use crate::course::Course;
use crate::one_check::Again;
use crate::words::Words;

const WHY: &str = "--page needs Linux, as cargo trace does (in a virtual machine or a container it \
                   works, too).";

pub fn is_possible(_: Option<&Course>) -> bool {
    false
}

pub fn can_be_shown(_: &str, _: &str) -> bool {
    false
}

pub fn try_to_write(_: &Path, _: Option<&Course>) -> Result<(), Words> {
    Err(WHY.into())
}

#[expect(dead_code, reason = "it is for Linux")]
pub struct Shown<'a> {
    pub again: &'a Again,
    pub title: &'a str,
    pub expected: &'a str,
    pub command: &'a [String],
    pub course: Option<&'a Course>,
}

impl Shown<'_> {
    #[expect(clippy::unused_self, reason = "it is for Linux")]
    pub fn write(&self, _: &Path) -> Result<Words, Words> {
        Err(WHY.into())
    }
}
