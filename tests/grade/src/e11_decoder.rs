use crate::exercise::Exercise;

pub const EXERCISE: Exercise = Exercise {
    name: "11_decoder",
    about: "characters, however the text is cut",
    chapter: "Step 11: a split character",
    checks: &[],
    hints: &[],
};
