use crate::exercise::Exercise;

pub const EXERCISE: Exercise = Exercise {
    name: "08_only_one",
    about: "a program that runs only once",
    chapter: "Step 8: the address is already in use",
    checks: &[],
    hints: &[],
};
