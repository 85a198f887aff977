use crate::exercise::Exercise;

pub const EXERCISE: Exercise = Exercise {
    name: "04_doorman",
    about: "a doorman who numbers the guests",
    chapter: "Step 4: accept and connect",
    checks: &[],
    hints: &[],
};
